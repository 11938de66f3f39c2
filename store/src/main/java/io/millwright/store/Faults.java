package io.millwright.store;

import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** What an exception of the database means to whoever asked. */
enum Faults {
  /** It lost against another transaction; the same work may go through now. */
  RETRY,
  /** It cannot be reached, or takes no work for now. */
  UNREACHABLE,
  /** All connections are in use; or nobody knows why there is none, which others were told. */
  CROWDED,
  FULL,
  BUSY,
  /** Anything else is a bug. */
  OTHER;

  static final String UNREACHABLE_DETAIL =
      "the database is not reachable, try again in a few seconds";

  static Faults of(Throwable thrown, boolean readOnly) {
    Throwable at = thrown;
    for (int depth = 0; at != null && depth < 20; depth++) {
      if (at instanceof SQLTransientConnectionException none) {
        return none.getCause() == null ? CROWDED : UNREACHABLE;
      }
      if (at instanceof SQLException sql && sql.getSQLState() != null) {
        Faults fault = ofState(sql, sql.getSQLState(), readOnly);
        if (fault != OTHER) {
          return fault;
        }
      }
      at = at.getCause();
    }
    return OTHER;
  }

  private static Faults ofState(SQLException e, String state, boolean readOnly) {
    return switch (state) {
      case "40001", "40P01" -> RETRY;
      // Two operations of one target at once: the second one finds the first when it runs again.
      case "23505" -> "operation_active".equals(constraint(e)) ? RETRY : OTHER;
      case "57P01", "57P02", "57P03", "53300", "25P03" -> UNREACHABLE;
      // A server that became a standby; within a read-only transaction it is our own mistake.
      case "25006" -> readOnly ? OTHER : UNREACHABLE;
      case "53100" -> FULL;
      case "55P03", "57014" -> BUSY;
      default -> state.startsWith("08") ? UNREACHABLE : OTHER;
    };
  }

  private static String constraint(SQLException e) {
    if (e instanceof PSQLException postgres) {
      ServerErrorMessage message = postgres.getServerErrorMessage();
      if (message != null && message.getConstraint() != null) {
        return message.getConstraint();
      }
    }
    return "";
  }

  /** What to tell, or the exception itself if there is nothing to tell users. */
  RuntimeException problem(RuntimeException thrown) {
    String detail =
        switch (this) {
          case UNREACHABLE -> UNREACHABLE_DETAIL;
          case CROWDED ->
              "no connection to the database was free in time, try again in a few seconds";
          case FULL -> "the disk of the database is full; nothing was changed";
          case RETRY, BUSY -> "the database is busy, try again in a few seconds";
          case OTHER -> null;
        };
    if (detail == null) {
      return thrown;
    }
    ProblemException problem = ProblemException.of(Problem.Type.UNAVAILABLE, detail);
    problem.initCause(thrown);
    return problem;
  }
}
