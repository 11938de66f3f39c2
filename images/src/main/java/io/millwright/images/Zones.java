package io.millwright.images;

import io.millwright.images.Catalogue.Installer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Time zones by the names that a system has. Debian from 13 on and Ubuntu from 24.04 on have the
 * older ones, such as US/Eastern, in a package that nobody installs by himself; every system knows
 * today's, but for a few that came lately.
 */
final class Zones {
  private static final Properties LINKS = read("zone-links.properties");

  /** Those whose successors systems of a few years ago do not know. */
  private static final Properties LATE = read("late-zone-links.properties");

  private static final Pattern MAJOR = Pattern.compile("(\\d{1,4})(\\D.*)?");

  private Zones() {}

  /** Today's name of this zone, if every system knows that; else the zone as it is called. */
  static String today(String zone) {
    return LINKS.getProperty(zone, zone);
  }

  /**
   * The name of this zone that this system has, whether it came lately or not.
   *
   * @param installer of this system, or null if it is not known
   */
  static String of(String zone, String os, String version, @Nullable Installer installer) {
    String today = today(zone);
    return hasOnlyTodays(os, version, installer) ? LATE.getProperty(today, today) : today;
  }

  private static boolean hasOnlyTodays(String os, String version, @Nullable Installer installer) {
    return switch (os) {
      case "debian" -> isSince(13, version);
      case "ubuntu" -> isSince(24, version);
      // Proxmox's installer chooses among zone.tab's, and Windows has a table here.
      case "proxmox-ve", "windows", "windows-server" -> true;
      // Which Debian another one is made of its version does not tell; it is taken for today's.
      default -> installer == Installer.PRESEED;
    };
  }

  /** A version that cannot be read is taken for today's. */
  private static boolean isSince(int major, String version) {
    Matcher found = MAJOR.matcher(version);
    return !found.matches() || Integer.parseInt(found.group(1)) >= major;
  }

  /** Values by zone, out of a file that stands beside this class. */
  static Properties read(String file) {
    try (InputStream in = Zones.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException(file + " is missing from the jar");
      }
      Properties out = new Properties();
      out.load(in);
      return out;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
