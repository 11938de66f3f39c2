package io.millwright.images;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;

/**
 * Time zones by the names that every system has. Debian from 13 on and Ubuntu from 24.04 on have
 * the older ones, such as US/Eastern, in a package that nobody installs by himself.
 */
final class Zones {
  private static final Properties LINKS = read("zone-links.properties");

  private Zones() {}

  /** Today's name of this zone. */
  static String today(String zone) {
    return LINKS.getProperty(zone, zone);
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
