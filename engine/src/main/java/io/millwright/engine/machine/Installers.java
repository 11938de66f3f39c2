package io.millwright.engine.machine;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.engine.access.SecretBox;
import io.millwright.images.Answers;
import io.millwright.images.Catalogue;
import io.millwright.images.Generalisation;
import io.millwright.images.InstallSpec;
import io.millwright.images.Installation;
import io.millwright.images.Kickstart;
import io.millwright.images.Renderer;
import io.millwright.images.Renderers;
import io.millwright.images.Source;
import io.millwright.images.Storage;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Names;
import io.millwright.model.Resource;
import io.millwright.model.Violation;
import io.millwright.model.Violations;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a machine's installer is told; pure. */
public final class Installers {
  /** Under which the system disk is seen, in the installer and for ever. */
  public static final String SYSTEM_SERIAL = "system";

  private static final Storage.Disk BY_SERIAL = new Storage.Disk.BySerial(SYSTEM_SERIAL);

  /** Where an installer says that it cannot choose its disk as it is told to. */
  static final String CHOICE = "installation.storage.disk";

  /** Where an installer says what may not start it. */
  public static final String FIRMWARE = "installation.firmware";

  /** A disk is read out by it. */
  private static final String TRANSFER = "disk-transfer";

  /** What a hypervisor has to be able to for an installer that is started by its kernel. */
  public static final List<String> FOR_KERNELS = List.of("direct-boot", "serial-log");

  private Installers() {}

  /** How an installer is started on a hypervisor; the first is the cheapest. */
  public enum Start {
    /** By its kernel, with the answers in its initial file system; it is followed by its log. */
    KERNEL,
    /** As that, with the answers on a small medium beside the vendor's. */
    KERNEL_AND_SEED,
    /**
     * By the vendor's medium, untouched and shared, with the answers on a small one beside it;
     * nothing is seen of it until the system reports.
     */
    SEED_BESIDE,
    /** By a medium of the machine's own; nothing is seen of it until the system reports. */
    OWN_MEDIUM;

    /** True if it is followed by its log, and ends before the system boots. */
    public boolean byKernel() {
      return this == KERNEL || this == KERNEL_AND_SEED;
    }
  }

  /**
   * The cheapest way in which a hypervisor can start a system's installer.
   *
   * @param facets of the hypervisor; empty if they are not known yet
   * @return null if no machine is installed so
   */
  public static @Nullable Start start(ImageSpec image, Collection<String> facets) {
    Catalogue.Family family = Catalogue.inForce().families().get(image.os());
    if (family == null) {
      return null;
    }
    boolean kernels = facets.isEmpty() || facets.containsAll(FOR_KERNELS);
    // SUSE's menus boot the hard disk if nobody chooses, and Ubuntu's installer asks unless its
    // kernel is told not to: for them the medium has to be changed.
    Start beside =
        facets.contains(HypervisorDriver.SHARED_MEDIA) ? Start.SEED_BESIDE : Start.OWN_MEDIUM;
    return switch (family.installerOf(image.version())) {
      case PRESEED, AUTOYAST, IGNITION -> kernels ? Start.KERNEL : Start.OWN_MEDIUM;
      case KICKSTART -> kernels ? Start.KERNEL : beside;
      case AUTOINSTALL, AGAMA -> kernels ? Start.KERNEL_AND_SEED : Start.OWN_MEDIUM;
      case ALPINE -> kernels ? Start.KERNEL_AND_SEED : beside;
      case BSDINSTALL, ESXI, PROXMOX -> Start.OWN_MEDIUM;
      // Its media have a filesystem that is not changed here.
      case UNATTEND ->
          facets.isEmpty() || facets.contains(HypervisorDriver.SHARED_MEDIA)
              ? Start.SEED_BESIDE
              : null;
    };
  }

  /** As {@link #start(ImageSpec, Collection)}, where the machine is. */
  public static @Nullable Start start(ResolvedMachine machine) {
    ImageSpec image = machine.image().spec();
    return image.installer() == null ? null : start(image, machine.hypervisor().status().facets());
  }

  /**
   * True if its system is installed by a medium of which nothing is seen. Until it reports it has
   * no volumes; so its first boot is told of none.
   */
  static boolean alone(ResolvedMachine machine) {
    Start start = start(machine);
    return start != null && !start.byKernel() && machine.machine().status().source() == null;
  }

  /** Why a machine's installer is started as it is, in half a sentence. */
  static String why(ResolvedMachine machine) {
    ImageSpec image = machine.image().spec();
    String place = machine.hypervisor().title();
    List<String> facets = machine.hypervisor().status().facets();
    if (start(image, List.of()) == Start.OWN_MEDIUM) {
      return "the installer of " + image.os() + " is started by its own boot loader only";
    }
    if (start(image, List.of()) == Start.SEED_BESIDE) {
      return "the installer of "
          + image.os()
          + " is started by its own boot loader only, and looks there by itself";
    }
    List<String> lacks = FOR_KERNELS.stream().filter(f -> !facets.contains(f)).toList();
    return facets.isEmpty()
        ? "it is not known yet that " + place + " cannot start it"
        : lacks.isEmpty()
            ? place + " starts it itself, and the vendor's medium is shared untouched"
            : place
                + " does not start kernels (it lacks "
                + String.join(" and ", lacks)
                + ")"
                + (start(image, facets) == Start.SEED_BESIDE
                    ? ", and the installer looks there by itself"
                    : "");
  }

  /**
   * The answers for a machine's installer, in the way in which it is started where the machine is.
   *
   * @param reportTo where its first boot calls home
   * @throws DriverException REFUSED if its installer cannot do what is wanted
   */
  public static Answers.Way answers(
      ResolvedMachine machine, String disk, List<URI> reportTo, SecretBox secrets)
      throws DriverException {
    ImageSpec image = machine.image().spec();
    Start start = start(machine);
    Catalogue.Family family = Catalogue.inForce().families().get(image.os());
    if (start == null || family == null) {
      throw new DriverException(
          FaultKind.UNSUPPORTED, "no machine is installed by the installer of " + image.os());
    }
    Told told = told(machine, family, start, disk, reportTo, secrets);
    if (!told.objections().isEmpty()) {
      Violation first = told.objections().getFirst();
      throw new DriverException(FaultKind.REFUSED, first.field() + ": " + first.message());
    }
    Answers answers = told.renderer().render(told.spec());
    Answers.Way way =
        switch (start) {
          case KERNEL -> answers.first(w -> w.suitsDirectBoot() && w.seed() == null);
          case KERNEL_AND_SEED -> answers.first(w -> w.suitsDirectBoot() && w.seed() != null);
          case SEED_BESIDE -> answers.first(w -> w.leavesMediumUntouched() && w.seed() != null);
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
            .with(spec.profile())
            .withEnd(end));
  }

  /** What of a machine its installer would not do, by field of the {@link InstallSpec}. */
  public static List<Violation> objections(
      ResolvedMachine machine, String disk, List<URI> reportTo, SecretBox secrets) {
    Start start = start(machine);
    Catalogue.Family family = Catalogue.inForce().families().get(machine.image().spec().os());
    if (family == null) {
      return List.of(); // refused as such
    }
    if (start == null) {
      return List.of(
          new Violation(
              "installation",
              "its answers go beside the vendor's medium, which "
                  + machine.hypervisor().title()
                  + " cannot start a machine by; have it on a hypervisor with the facet "
                  + HypervisorDriver.SHARED_MEDIA));
    }
    List<Violation> out =
        new ArrayList<>(told(machine, family, start, disk, reportTo, secrets).objections());
    if (family.installerOf(machine.image().spec().version()) == Catalogue.Installer.UNATTEND
        && machine.machine().spec().firmware() == Firmware.UEFI) {
      out.add(
          new Violation(
              FIRMWARE,
              "the vendor's medium asks for a key before it starts by UEFI, and nobody is there to"
                  + " press one; give bios"));
    }
    return List.copyOf(out);
  }

  /**
   * Anaconda waits for ever for packages that are neither on its medium nor elsewhere.
   *
   * @param holdsPackages whether they are on the medium, or null if that is not known
   */
  static List<Violation> lacking(
      Catalogue.Family family, String version, Installation how, @Nullable Boolean holdsPackages) {
    return family.installerOf(version) == Catalogue.Installer.KICKSTART
            && how.source().mirror() == null
            && Boolean.FALSE.equals(holdsPackages)
        ? List.of(
            new Violation(
                "installation.source.mirror",
                "is needed, for the medium holds no packages, as a boot or netinst one, or has no "
                    + Kickstart.ALWAYS
                    + " among them"))
        : List.of();
  }

  /**
   * What an installer is to be told.
   *
   * @param objections for which it cannot be, by field
   */
  private record Told(Renderer<Answers> renderer, InstallSpec spec, List<Violation> objections) {
    static Told by(Renderer<Answers> renderer, InstallSpec spec, ResolvedMachine machine) {
      List<Violation> out = new ArrayList<>(renderer.objections(spec));
      Installation how = Objects.requireNonNull(spec.installation());
      Resource<ImageSpec, ImageStatus> image = machine.image();
      Catalogue.Family family = Catalogue.inForce().families().get(image.spec().os());
      if (family != null) {
        out.addAll(lacking(family, image.spec().version(), how, image.status().holdsPackages()));
      }
      if (how.storage().mirror() != null) {
        out.add(
            new Violation(
                "installation.storage.mirror",
                "a machine on a hypervisor has one system disk, and a volume is never overwritten;"
                    + " leave it out"));
      }
      if (spec.profile().end() != null) {
        out.add(
            new Violation(
                "installation.end",
                "a machine on a hypervisor ends its installation as this one waits for it; leave it"
                    + " out"));
      }
      return new Told(renderer, spec, List.copyOf(out));
    }
  }

  private static Told told(
      ResolvedMachine machine,
      Catalogue.Family family,
      Start start,
      String disk,
      List<URI> reportTo,
      SecretBox secrets) {
    ImageSpec image = machine.image().spec();
    ImageSpec.Installer medium = Objects.requireNonNull(image.installer());
    ByteSize capacity = machine.size().disk();
    InstallSpec asked = InstallSpecs.of(machine, disk, reportTo, secrets);
    InstallSpec spec =
        // What is installed for a build becomes the image, so nothing in it is one machine's own.
        (machine.machine().metadata().labels().containsKey(Names.TRIAL)
                ? Generalisation.of(asked, family.installerOf(image.version()))
                : asked)
            .withInstallation(
                Installation.on(BY_SERIAL)
                    .withFirmware(machine.machine().spec().firmware())
                    .withoutTpm()
                    .withSource(medium.offline() ? Source.MEDIUM : Source.DISTRIBUTION));
    Renderer<Answers> renderer = Renderers.of(family, image.version());
    if (start.byKernel()) {
      return Told.by(renderer, onto(spec, BY_SERIAL, capacity, Installation.End.POWEROFF), machine);
    }
    // It has no other disk, and not every hypervisor shows the guest a serial.
    Told bySize =
        Told.by(
            renderer,
            onto(
                spec,
                new Storage.Disk.BySize(ByteSize.ofMib(1), capacity),
                capacity,
                Installation.End.REBOOT),
            machine);
    if (bySize.objections().stream().noneMatch(v -> v.field().equals(CHOICE))) {
      return bySize;
    }
    Told bySerial =
        Told.by(renderer, onto(spec, BY_SERIAL, capacity, Installation.End.REBOOT), machine);
    List<String> facets = machine.hypervisor().status().facets();
    if (facets.isEmpty() || facets.contains(HypervisorDriver.DISK_SERIALS)) {
      return bySerial;
    }
    List<Violation> objections = new ArrayList<>(bySerial.objections());
    objections.add(
        new Violation(
            CHOICE,
            "its installer knows the disk by its serial only, which "
                + machine.hypervisor().title()
                + " does not show its guests; have it on a hypervisor with the facet "
                + HypervisorDriver.DISK_SERIALS));
    return new Told(renderer, bySerial.spec(), List.copyOf(objections));
  }

  /**
   * What a kernel is told that the hypervisor starts.
   *
   * <p>The installer shows itself on the serial port, where it is followed, as plain text; and what
   * stands behind the three hyphens Debian's passes on to the system that it installs, as do those
   * of the systems that are made of it.
   */
  public static List<String> kernelArguments(
      Answers.Way way, Catalogue.Family family, String version) {
    List<String> out = new ArrayList<>(way.kernelArguments());
    if (family.installerOf(version) == Catalogue.Installer.PRESEED) {
      out.add("DEBIAN_FRONTEND=text");
      out.add("---");
    }
    out.add("console=ttyS0,115200n8");
    return List.copyOf(out);
  }

  /**
   * Reports why no golden image can come of a medium on a hypervisor.
   *
   * @param golden the image that is to be
   */
  public static void checkGolden(
      ImageSpec golden,
      Resource<ImageSpec, ?> medium,
      Resource<HypervisorSpec, HypervisorStatus> host,
      Violations at) {
    ImageSpec from = medium.spec();
    Violations image = at.field("image");
    if (from.installer() == null) {
      image.add(medium.title() + " is no installation medium; name an Image that has an installer");
      return;
    }
    image.require(
        from.os().equals(golden.os()) && from.version().equals(golden.version()),
        medium.title()
            + " is "
            + from.os()
            + " "
            + from.version()
            + ", and this image says that it is "
            + golden.os()
            + " "
            + golden.version());
    Catalogue.Family family = Catalogue.inForce().families().get(from.os());
    if (family != null) {
      Catalogue.Installer by = family.installerOf(from.version());
      image.require(
          Generalisation.knows(by),
          "no golden image is made of "
              + from.os()
              + " by its installer: what is a machine's own is taken off systems only that "
              + Generalisation.known()
              + " installs");
    }
    List<String> facets = host.status().facets();
    at.field("hypervisor")
        .require(
            facets.isEmpty() || facets.contains(TRANSFER),
            host.title()
                + " cannot read disks out, of which the image is made; name one with the facet "
                + TRANSFER);
  }

  /**
   * Has a user's files laid over the catalogue, before anything asks for it.
   *
   * @param files YAML by name
   * @throws io.millwright.model.ProblemException with all that is wrong with one of them
   */
  public static void extend(Map<String, byte[]> files) {
    Catalogue.extend(files);
  }

  /** A medium has to be of a system whose installer can be told something. */
  public static void checkFamily(String os, Violations at) {
    Set<String> known = Catalogue.inForce().families().keySet();
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
