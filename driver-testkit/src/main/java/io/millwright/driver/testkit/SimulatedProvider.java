package io.millwright.driver.testkit;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.HypervisorProvider;
import io.millwright.driver.MachineDefinition;
import io.millwright.model.Violations;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Attaches to {@link SimulatedHypervisor#world} by name. */
public final class SimulatedProvider implements HypervisorProvider {
  /** As in a manifest. */
  public static final String NAME = "simulated";

  public SimulatedProvider() {}

  @Override
  public DriverDescription describe() {
    return new DriverDescription(
        NAME,
        List.of(
            new DriverDescription.Setting(
                "world", false, false, "name of the simulated hypervisor; default if not given"),
            new DriverDescription.Setting(
                "installSeconds",
                false,
                false,
                "how long installers take, which print as they go; for ever if not given"),
            new DriverDescription.Setting(
                "password", false, true, "taken and not used, as a secret of a real driver")));
  }

  @Override
  public HypervisorDriver open(Map<String, String> settings, String installation)
      throws DriverException {
    refuseUnknown(describe(), settings);
    SimulatedHypervisor world =
        SimulatedHypervisor.world(settings.getOrDefault("world", "default"));
    String seconds = settings.get("installSeconds");
    if (seconds != null) {
      world.guests(installing(world, duration(seconds)));
    }
    return world.attach(installation);
  }

  private static Duration duration(String seconds) throws DriverException {
    try {
      return Duration.ofSeconds(Integer.parseInt(seconds));
    } catch (NumberFormatException _) {
      throw new DriverException(
          FaultKind.REFUSED, "installSeconds is a whole number, not " + seconds + ".");
    }
  }

  /** What an installer prints, in parts of its time that are alike. */
  private static final List<String> INSTALLATION =
      List.of(
          "Loading additional components",
          "Partitioning disks",
          "Installing the base system",
          "Select and install software",
          "Installing GRUB boot loader",
          "Finishing the installation");

  /** Installers act on a thread of their own, as somebody would who looks at the world. */
  private static GuestBehaviour installing(SimulatedHypervisor world, Duration takes) {
    return guest -> {
      MachineDefinition.Installer installer = guest.definition().installer();
      if (installer == null || installer.kernel() == null) {
        return GuestBehaviour.wellBehaved().start(guest);
      }
      Thread.startVirtualThread(() -> install(world, guest.uid(), takes));
      return GuestBehaviour.installer("");
    };
  }

  private static void install(SimulatedHypervisor world, UUID machine, Duration takes) {
    try {
      for (String line : INSTALLATION) {
        world.print(machine, line + "\r\n");
        Thread.sleep(takes.dividedBy(INSTALLATION.size()));
      }
      world.print(machine, "[    1.000000] reboot: Power down\r\n");
      world.powerOff(machine);
    } catch (IllegalStateException _) {
      // Somebody else has stopped or removed it.
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  static void refuseUnknown(DriverDescription description, Map<String, String> settings)
      throws DriverException {
    Violations found = Violations.at("settings");
    description.check(settings, found);
    if (!found.list().isEmpty()) {
      throw new DriverException(FaultKind.REFUSED, "A setting makes no sense: " + found.list());
    }
  }
}
