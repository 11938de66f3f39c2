package io.millwright.engine;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.images.Answers;
import io.millwright.images.Catalogue;
import io.millwright.images.InstallSpec;
import io.millwright.images.Installation;
import io.millwright.images.Refusal;
import io.millwright.images.Renderer;
import io.millwright.images.Renderers;
import io.millwright.images.Source;
import io.millwright.images.Storage;
import io.millwright.model.ByteSize;
import io.millwright.model.ImageSpec;
import io.millwright.model.Names;
import io.millwright.model.Violations;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a machine's installer is told; pure. */
public final class Installers {
  /** Under which the system disk is seen, in the installer and for ever. */
  public static final String SYSTEM_SERIAL = "system";

  private static final Storage.Disk BY_SERIAL = new Storage.Disk.BySerial(SYSTEM_SERIAL);
  private static final Catalogue CATALOGUE = Catalogue.known();

  /** What a hypervisor has to be able to for an installer that is started by its kernel. */
  static final List<String> FOR_KERNELS = List.of("direct-boot", "serial-log");

  private Installers() {}

  /** How an installer is started on a hypervisor; the first is the cheapest. */
  public enum Start {
    /** By its kernel, with the answers in its initial file system; it is followed by its log. */
    KERNEL,
    /** As that, with the answers on a small medium beside the vendor's. */
    KERNEL_AND_SEED,
    /** By a medium of the machine's own; nothing is seen of it until the system reports. */
    OWN_MEDIUM
  }

  /**
   * The cheapest way in which a hypervisor can start a system's installer.
   *
   * @param facets of the hypervisor; empty if they are not known yet
   * @return null if no machine is installed so
   */
  public static @Nullable Start start(ImageSpec image, Collection<String> facets) {
    Catalogue.Family family = CATALOGUE.families().get(image.os());
    if (family == null) {
      return null;
    }
    boolean kernels = facets.isEmpty() || facets.containsAll(FOR_KERNELS);
    return switch (family.installerOf(image.version())) {
      case PRESEED, KICKSTART, AUTOYAST, IGNITION -> kernels ? Start.KERNEL : Start.OWN_MEDIUM;
      case AUTOINSTALL, AGAMA, ALPINE -> kernels ? Start.KERNEL_AND_SEED : Start.OWN_MEDIUM;
      case BSDINSTALL, ESXI, PROXMOX -> Start.OWN_MEDIUM;
      case UNATTEND -> null;
    };
  }

  /** As {@link #start(ImageSpec, Collection)}, where the machine is. */
  public static @Nullable Start start(ResolvedMachine machine) {
    ImageSpec image = machine.image().spec();
    return image.installer() == null ? null : start(image, machine.hypervisor().status().facets());
  }

  /**
   * The answers for a machine's installer, in the way in which it is started where the machine is.
   *
   * @param reportTo where its first boot calls home
   * @throws DriverException REFUSED if its installer cannot do what is wanted
   */
  public static Answers.Way answers(ResolvedMachine machine, String disk, List<URI> reportTo)
      throws DriverException {
    ImageSpec image = machine.image().spec();
    ImageSpec.Installer medium = Objects.requireNonNull(image.installer());
    Start start = start(machine);
    Catalogue.Family family = CATALOGUE.families().get(image.os());
    if (start == null || family == null) {
      throw new DriverException(
          FaultKind.UNSUPPORTED, "no machine is installed by the installer of " + image.os());
    }
    ByteSize capacity = machine.size().disk();
    InstallSpec spec =
        InstallSpecs.of(machine, disk, reportTo)
            .withInstallation(
                Installation.on(new Storage.Disk.BySerial(SYSTEM_SERIAL))
                    .withFirmware(machine.machine().spec().firmware())
                    .withSource(medium.offline() ? Source.MEDIUM : Source.DISTRIBUTION));
    Renderer<Answers> renderer = renderer(family, image.version());
    Answers answers =
        switch (start) {
          case KERNEL, KERNEL_AND_SEED ->
              render(renderer, onto(spec, BY_SERIAL, capacity, Installation.End.POWEROFF));
          case OWN_MEDIUM -> {
            // It has no other disk, and not every hypervisor shows the guest a serial.
            InstallSpec bySize =
                onto(
                    spec,
                    new Storage.Disk.BySize(ByteSize.ofMib(1), capacity),
                    capacity,
                    Installation.End.REBOOT);
            yield renderer.check(bySize).isEmpty()
                ? render(renderer, bySize)
                : render(renderer, onto(spec, BY_SERIAL, capacity, Installation.End.REBOOT));
          }
        };
    Answers.Way way =
        switch (start) {
          case KERNEL -> answers.first(w -> w.suitsDirectBoot() && w.seed() == null);
          case KERNEL_AND_SEED -> answers.first(w -> w.suitsDirectBoot() && w.seed() != null);
          case OWN_MEDIUM -> answers.first(w -> w.seed() == null);
        };
    if (way == null) {
      throw new DriverException(
          FaultKind.UNSUPPORTED, "the installer of " + image.os() + " takes no answers so");
    }
    return way;
  }

  private static InstallSpec onto(
      InstallSpec spec, Storage.Disk disk, ByteSize capacity, Installation.End end) {
    return spec.withInstallation(
        Objects.requireNonNull(spec.installation())
            .withStorage(Storage.on(disk).withCapacity(capacity))
            .withEnd(end));
  }

  private static Answers render(Renderer<Answers> renderer, InstallSpec spec)
      throws DriverException {
    List<Refusal> refusals = renderer.check(spec);
    if (!refusals.isEmpty()) {
      throw new DriverException(
          FaultKind.REFUSED, refusals.getFirst().field() + ": " + refusals.getFirst().reason());
    }
    return renderer.render(spec);
  }

  private static Renderer<Answers> renderer(Catalogue.Family family, String version)
      throws DriverException {
    try {
      return Renderers.of(family, version);
    } catch (IllegalArgumentException e) {
      throw new DriverException(FaultKind.REFUSED, String.valueOf(e.getMessage()));
    }
  }

  /**
   * What a kernel is told that the hypervisor starts.
   *
   * <p>The installer shows itself on the serial port, where it is followed, as plain text; and what
   * stands behind the three hyphens Debian's passes on to the system that it installs.
   */
  public static List<String> kernelArguments(Answers.Way way, String os) {
    List<String> out = new ArrayList<>(way.kernelArguments());
    if (os.equals("debian")) {
      out.add("DEBIAN_FRONTEND=text");
      out.add("---");
    }
    out.add("console=ttyS0,115200n8");
    return List.copyOf(out);
  }

  /** A medium has to be of a system whose installer can be told something. */
  static void checkFamily(String os, Violations at) {
    Set<String> known = CATALOGUE.families().keySet();
    at.require(
        known.contains(os),
        "an installer of "
            + Names.quote(os)
            + " cannot be answered"
            + Names.hint(os, List.copyOf(known))
            + "; known are "
            + String.join(", ", known));
  }
}
