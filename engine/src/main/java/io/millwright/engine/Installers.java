package io.millwright.engine;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.images.Answers;
import io.millwright.images.Catalogue;
import io.millwright.images.InstallSpec;
import io.millwright.images.Installation;
import io.millwright.images.Preseed;
import io.millwright.images.Refusal;
import io.millwright.images.Renderer;
import io.millwright.images.Source;
import io.millwright.images.Storage;
import io.millwright.model.ImageSpec;
import io.millwright.model.Names;
import io.millwright.model.Violations;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/** What a machine's installer is told; pure. */
public final class Installers {
  /** Under which the system disk is seen, in the installer and for ever. */
  public static final String SYSTEM_SERIAL = "system";

  private Installers() {}

  /**
   * The answers for a machine's installer, by way of its kernel.
   *
   * @param reportTo where its first boot calls home
   * @throws DriverException REFUSED if its installer cannot do what is wanted
   */
  public static Answers.Way answers(ResolvedMachine machine, String disk, List<URI> reportTo)
      throws DriverException {
    ImageSpec image = machine.image().spec();
    ImageSpec.Installer medium = Objects.requireNonNull(image.installer());
    InstallSpec spec =
        InstallSpecs.of(machine, disk, reportTo)
            .withInstallation(
                Installation.on(new Storage.Disk.BySerial(SYSTEM_SERIAL))
                    .withFirmware(machine.machine().spec().firmware())
                    .withSource(medium.offline() ? Source.MEDIUM : Source.DISTRIBUTION)
                    .withEnd(Installation.End.POWEROFF));
    Renderer<Answers> renderer = renderer(image.os());
    List<Refusal> refusals = renderer.check(spec);
    if (!refusals.isEmpty()) {
      throw new DriverException(
          FaultKind.REFUSED, refusals.getFirst().field() + ": " + refusals.getFirst().reason());
    }
    Answers.Way way = renderer.render(spec).first(w -> w.suitsDirectBoot() && w.seed() == null);
    if (way == null) {
      throw new DriverException(
          FaultKind.UNSUPPORTED,
          "the installer of " + image.os() + " takes no answers by way of its kernel");
    }
    return way;
  }

  /**
   * What its kernel is told.
   *
   * <p>The installer shows itself on the serial port, where it is followed, as plain text; and what
   * stands behind the three hyphens Debian's passes on to the system that it installs.
   */
  public static List<String> kernelArguments(Answers.Way way) {
    List<String> out = new ArrayList<>(way.kernelArguments());
    out.add("DEBIAN_FRONTEND=text");
    out.add("---");
    out.add("console=ttyS0,115200n8");
    return List.copyOf(out);
  }

  /** Whether machines of this system are installed on hypervisors. */
  static boolean installs(String os) {
    return os.equals("debian");
  }

  /** A medium has to be of a system whose installer can be told something. */
  static void checkFamily(String os, Violations at) {
    Set<String> known = Catalogue.known().families().keySet();
    at.require(
        known.contains(os),
        "an installer of "
            + Names.quote(os)
            + " cannot be answered"
            + Names.hint(os, List.copyOf(known))
            + "; known are "
            + String.join(", ", known));
  }

  private static Renderer<Answers> renderer(String os) throws DriverException {
    return switch (os) {
      case "debian" -> new Preseed();
      default ->
          throw new DriverException(
              FaultKind.UNSUPPORTED, "the installer of " + os + " cannot be answered");
    };
  }
}
