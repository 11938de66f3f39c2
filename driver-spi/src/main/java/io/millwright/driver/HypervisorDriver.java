package io.millwright.driver;

import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** One hypervisor: what is there, and by facets what can be done there. */
public interface HypervisorDriver extends AutoCloseable {
  /** Name of the facet {@link HotPlug}, which the planner asks for. */
  String HOT_PLUG = "hot-plug";

  /** Name of the facet that guests see their disks under the serials that they were given. */
  String DISK_SERIALS = "disk-serials";

  /** Name of the facet that machines boot a staged installation medium that they share. */
  String SHARED_MEDIA = "shared-media";

  /** Name of the facet {@link DiskCopy}, without which there are no snapshots. */
  String DISK_COPY = "disk-copy";

  /** Name of the facet {@link GuestCommands}, without which no health gate runs a command. */
  String GUEST_COMMANDS = "guest-commands";

  /** Name of the facet {@link Import}, without which no import is begun. */
  String IMPORT = "import";

  /**
   * What is there, dated, with its gaps admitted. One listing, whatever the number of machines.
   *
   * @throws DriverException if nothing at all could be seen
   */
  Observation observe(Scope scope) throws DriverException;

  default Optional<Compute> compute() {
    return Optional.empty();
  }

  default Optional<Disks> disks() {
    return Optional.empty();
  }

  default Optional<DiskCopy> diskCopy() {
    return Optional.empty();
  }

  default Optional<DiskTransfer> diskTransfer() {
    return Optional.empty();
  }

  default Optional<Media> media() {
    return Optional.empty();
  }

  default Optional<SerialConsole> serialConsole() {
    return Optional.empty();
  }

  default Optional<Screen> screen() {
    return Optional.empty();
  }

  default Optional<Vnc> vnc() {
    return Optional.empty();
  }

  default Optional<GuestAgent> guestAgent() {
    return Optional.empty();
  }

  default Optional<GuestCommands> guestCommands() {
    return Optional.empty();
  }

  default Optional<LifecycleEvents> lifecycleEvents() {
    return Optional.empty();
  }

  default Optional<Import> imports() {
    return Optional.empty();
  }

  default Optional<DirectBoot> directBoot() {
    return Optional.empty();
  }

  default Optional<SerialLog> serialLog() {
    return Optional.empty();
  }

  default Optional<HotPlug> hotPlug() {
    return Optional.empty();
  }

  default Optional<Metrics> metrics() {
    return Optional.empty();
  }

  /** False if guests do not see their disks under the serials that they were given. */
  default boolean showsSerials() {
    return true;
  }

  /**
   * True if a vendor's installation medium that is staged once can be in the second drives of many
   * machines, each of which boots it while its system disk does not.
   */
  default boolean sharesMedia() {
    return false;
  }

  /** Names of the facets that are present, for people. */
  default Set<String> facets() {
    Set<String> out = new TreeSet<>();
    compute().ifPresent(f -> out.add("compute"));
    disks().ifPresent(f -> out.add("disks"));
    diskCopy().ifPresent(f -> out.add(DISK_COPY));
    diskTransfer().ifPresent(f -> out.add("disk-transfer"));
    media().ifPresent(f -> out.add("media"));
    serialConsole().ifPresent(f -> out.add("serial-console"));
    screen().ifPresent(f -> out.add("screen"));
    vnc().ifPresent(f -> out.add("vnc"));
    guestAgent().ifPresent(f -> out.add("guest-agent"));
    guestCommands().ifPresent(f -> out.add(GUEST_COMMANDS));
    lifecycleEvents().ifPresent(f -> out.add("lifecycle-events"));
    imports().ifPresent(f -> out.add(IMPORT));
    directBoot().ifPresent(f -> out.add("direct-boot"));
    serialLog().ifPresent(f -> out.add("serial-log"));
    hotPlug().ifPresent(f -> out.add(HOT_PLUG));
    metrics().ifPresent(f -> out.add("metrics"));
    if (showsSerials()) {
      out.add(DISK_SERIALS);
    }
    if (sharesMedia()) {
      out.add(SHARED_MEDIA);
    }
    return out;
  }

  @Override
  void close();
}
