package io.millwright.store.embedded;

import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.SQLException;

/** Which PostgreSQL Millwright works with. */
public final class ServerVersion {
  /** What Debian 12 ships; nothing newer than its SQL is used. */
  public static final int OLDEST_MAJOR = 15;

  private ServerVersion() {}

  /**
   * Passes if the connection leads to a PostgreSQL that is new enough.
   *
   * @throws UnsupportedServerVersionException if it does not
   */
  public static void requireSupported(Connection connection) throws SQLException {
    DatabaseMetaData server = connection.getMetaData();
    if (!server.getDatabaseProductName().equals("PostgreSQL")
        || server.getDatabaseMajorVersion() < OLDEST_MAJOR) {
      throw new UnsupportedServerVersionException(
          "%s %s at %s: Millwright needs PostgreSQL %d or newer"
              .formatted(
                  server.getDatabaseProductName(),
                  firstWord(server.getDatabaseProductVersion()),
                  withoutParameters(server.getURL()),
                  OLDEST_MAJOR));
    }
  }

  /** "14.2 (Debian 14.2-1.pgdg110+1)" is 14.2 to who reads a sentence. */
  private static String firstWord(String version) {
    int space = version.indexOf(' ');
    return space < 0 ? version : version.substring(0, space);
  }

  /** The parameters of a URL may hold the password. */
  private static String withoutParameters(String url) {
    int question = url.indexOf('?');
    String place = question < 0 ? url : url.substring(0, question);
    return place.startsWith("jdbc:postgresql:")
        ? place.substring("jdbc:postgresql:".length())
        : place;
  }
}
