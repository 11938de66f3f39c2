package io.millwright.store.embedded;

/** The database is not a PostgreSQL that Millwright works with. */
public final class UnsupportedServerVersionException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  UnsupportedServerVersionException(String message) {
    super(message);
  }
}
