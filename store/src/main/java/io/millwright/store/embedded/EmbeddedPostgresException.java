package io.millwright.store.embedded;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The embedded PostgreSQL cannot serve; the message says in one sentence why, and what to do next.
 */
public final class EmbeddedPostgresException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What is wrong, for callers that treat one cause differently from another. */
  public enum Reason {
    /** Another Millwright server owns the directory. */
    ALREADY_IN_USE,
    /** The file system with the directory has no room left. */
    DISK_FULL,
    /** Something else listens on the port that the database must have. */
    PORT_TAKEN,
    /** There are no PostgreSQL binaries for this machine, or they cannot be run here. */
    NO_BINARIES,
    /** The directory was written by another major version of PostgreSQL. */
    OTHER_MAJOR_VERSION,
    /** Files or directories are not accessible to whom they must be. */
    NO_ACCESS,
    /** The running PostgreSQL does not accept the password that is kept beside it. */
    PASSWORD_REJECTED,
    /** The thread was interrupted while it waited for PostgreSQL. */
    INTERRUPTED,
    /** PostgreSQL did not start, or not in time; the message quotes what it said. */
    NOT_STARTED
  }

  private final Reason reason;

  EmbeddedPostgresException(Reason reason, String message) {
    this(reason, message, null);
  }

  EmbeddedPostgresException(Reason reason, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /** What is wrong. */
  public Reason reason() {
    return reason;
  }

  /** Recognises the failures of the file system that a reader can do something about. */
  static EmbeddedPostgresException ofFiles(String doing, Path where, IOException e) {
    if (e instanceof AccessDeniedException denied) {
      return new EmbeddedPostgresException(
          Reason.NO_ACCESS,
          "%s is not accessible to this process while %s: change its owner or mode, or run Millwright as its owner."
              .formatted(denied.getFile(), doing),
          e);
    }
    if (speaksOfFullDisk(String.valueOf(e.getMessage()))) {
      return diskFull(where, e);
    }
    return new EmbeddedPostgresException(
        Reason.NOT_STARTED, "%s in %s failed: %s".formatted(capitalised(doing), where, e), e);
  }

  static EmbeddedPostgresException diskFull(Path where, @Nullable Throwable cause) {
    return new EmbeddedPostgresException(
        Reason.DISK_FULL,
        "The file system with %s has no room left: free some, then start again; nothing that was committed is lost."
            .formatted(where),
        cause);
  }

  static boolean speaksOfFullDisk(String text) {
    return text.contains("No space left on device") || text.contains("Disk quota exceeded");
  }

  private static String capitalised(String phrase) {
    return phrase.substring(0, 1).toUpperCase(Locale.ROOT) + phrase.substring(1);
  }
}
