package io.millwright.images;

import io.millwright.model.Names;
import io.millwright.model.Violations;
import java.net.URI;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How an installer puts the system onto the machine; a clone of a golden disk needs none of it.
 *
 * @param disk the one that is overwritten
 * @param untouched serials of disks that the installer must leave alone; they are named so that a
 *     disk which is chosen by a vague rule can never be one of them
 * @param layout of the system disk
 * @param keyboard layout in X11's words, for example {@code us} or {@code de}
 * @param mirror where packages come from, or null for the distribution's own
 * @param proxy for fetching packages, or null
 * @param offline true if the installer reaches no network and all comes from the medium
 * @param end what to do when it is done
 */
public record Installation(
    Disk disk,
    List<String> untouched,
    Layout layout,
    String keyboard,
    @Nullable URI mirror,
    @Nullable URI proxy,
    boolean offline,
    End end) {
  /** What every hypervisor and every disk maker keeps to, and no installer takes for a pattern. */
  private static final Pattern SERIAL = Pattern.compile("[A-Za-z0-9][-A-Za-z0-9_.]{0,63}");

  private static final Pattern PATH =
      Pattern.compile("/dev(/[A-Za-z0-9][-A-Za-z0-9_.:+]{0,127}){1,4}");
  private static final Pattern KEYBOARD = Pattern.compile("[a-z]{2,10}");

  public Installation {
    untouched = List.copyOf(untouched);
  }

  /** The disk to install on. */
  public sealed interface Disk {
    /** The one with this serial number, whatever the kernel calls it. */
    record BySerial(String serial) implements Disk {}

    /** The one at this path, for example {@code /dev/disk/by-path/pci-0000:00:04.0}. */
    record ByPath(String path) implements Disk {}
  }

  /** How the system disk is divided. */
  public enum Layout {
    /** One partition for all, beside what the firmware needs. */
    PLAIN,
    /** One volume group with one logical volume for all. */
    LVM
  }

  /** What follows an installation. */
  public enum End {
    REBOOT,
    POWEROFF
  }

  void check(Violations at) {
    switch (disk) {
      case Disk.BySerial by -> {
        at.field("disk")
            .require(
                SERIAL.matcher(by.serial()).matches(),
                Names.quote(by.serial()) + " is no serial number of 1 to 64 letters and digits");
        at.field("disk")
            .require(!untouched.contains(by.serial()), "is also one of those to leave alone");
      }
      case Disk.ByPath by ->
          at.field("disk")
              .require(
                  PATH.matcher(by.path()).matches(), Names.quote(by.path()) + " is no disk's path");
    }
    for (int i = 0; i < untouched.size(); i++) {
      at.field("untouched")
          .index(i)
          .require(
              SERIAL.matcher(untouched.get(i)).matches(),
              Names.quote(untouched.get(i)) + " is no serial number");
    }
    at.field("keyboard")
        .require(
            KEYBOARD.matcher(keyboard).matches(),
            Names.quote(keyboard) + " is no keyboard layout, such as us");
    checkUri(at.field("mirror"), mirror);
    checkUri(at.field("proxy"), proxy);
    at.field("mirror")
        .require(mirror == null || !offline, "cannot be reached by an installer without network");
  }

  private static void checkUri(Violations at, @Nullable URI uri) {
    at.require(
        uri == null
            || (("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))
                && uri.getHost() != null
                && uri.getRawUserInfo() == null),
        "must be an http or https URL without user; the medium carries no password");
  }
}
