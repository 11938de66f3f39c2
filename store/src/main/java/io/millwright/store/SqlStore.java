package io.millwright.store;

import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Function;
import javax.sql.DataSource;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.transaction.TransactionException;
import org.springframework.transaction.TransactionSystemException;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

/** The database as the engine sees it. */
public final class SqlStore implements Store {
  private static final int ATTEMPTS = 10;

  /**
   * So many rows are taken from the database at once. What is made of ten thousand takes longer on
   * a busy machine than the database waits for word of a transaction: so it hears of it meanwhile.
   */
  private static final int FETCHED = 500;

  private final Way write;
  private final Way read;
  private final Candidates candidates = new Candidates();
  private final Parsed parsed = new Parsed();
  private final List<Consumer<Duration>> nudgeListeners = new CopyOnWriteArrayList<>();
  private final String installation;

  /**
   * On a database that has its tables.
   *
   * @param database connections that read what is committed
   * @param snapshots connections whose transactions see one snapshot: to ask for that in each
   *     transaction would be one more round trip
   */
  SqlStore(DataSource database, DataSource snapshots) {
    this.write = Way.to(database, false);
    this.read = Way.to(snapshots, true);
    this.installation = read.jdbc.sql("SELECT id FROM installation").query(String.class).single();
  }

  /** How a kind of transaction is run. */
  private record Way(JdbcClient jdbc, TransactionTemplate template) {
    // Not the JdbcTransactionManager: what it makes of a rollback that failed hides what went
    // before.
    static Way to(DataSource database, boolean readOnly) {
      TransactionTemplate template =
          new TransactionTemplate(new DataSourceTransactionManager(database));
      template.setReadOnly(readOnly);
      JdbcTemplate statements = new JdbcTemplate(database);
      statements.setFetchSize(FETCHED);
      return new Way(JdbcClient.create(statements), template);
    }
  }

  /**
   * Has the listener told, after each commit here that nudged something, in how long the first of
   * it is due. It must not block.
   */
  public void afterNudge(Consumer<Duration> listener) {
    nudgeListeners.add(listener);
  }

  @Override
  public <T> T inTransaction(Function<Tx, T> work) {
    return run(write, work, true);
  }

  @Override
  public <T> T read(Function<Tx, T> work) {
    return run(read, work, true);
  }

  @Override
  public <T> T dryRun(Function<Tx, T> work) {
    return run(write, work, false);
  }

  private <T> T run(Way how, Function<Tx, T> work, boolean keep) {
    if (TransactionSynchronizationManager.isActualTransactionActive()) {
      throw new IllegalStateException("a transaction inside a transaction");
    }
    for (int attempt = 1; ; attempt++) {
      SqlTx tx = new SqlTx(how.jdbc, candidates, parsed, installation);
      try {
        T result =
            how.template.execute(status -> {
              T made = work.apply(tx);
              if (keep) {
                tx.flush();
              } else {
                status.setRollbackOnly();
              }
              return made;
            });
        Duration due = tx.due();
        if (keep && due != null) {
          nudgeListeners.forEach(listener -> listener.accept(due));
        }
        return result;
      } catch (DataAccessException | TransactionException e) {
        RuntimeException first = first(e);
        Faults fault = Faults.of(first, how == read);
        if (fault != Faults.RETRY || attempt == ATTEMPTS) {
          throw fault.problem(first);
        }
        pause(attempt);
      } finally {
        tx.end();
      }
    }
  }

  /** Where a connection breaks, the rollback fails too, and hides what was thrown before. */
  private static RuntimeException first(RuntimeException thrown) {
    return thrown instanceof TransactionSystemException failed
            && failed.getApplicationException() instanceof RuntimeException before
        ? before
        : thrown;
  }

  /** Both losers of a conflict would meet again if they waited equally long. */
  private static void pause(int attempt) {
    long most = Math.min(250, 5L << attempt);
    LockSupport.parkNanos(ThreadLocalRandom.current().nextLong(1, most + 1) * 1_000_000);
  }
}
