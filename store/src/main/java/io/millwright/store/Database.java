package io.millwright.store;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.store.embedded.ServerVersion;
import io.millwright.store.embedded.UnsupportedServerVersionException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.MigrationState;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.transaction.support.TransactionTemplate;

/** An open PostgreSQL database with Millwright's tables in their present form. */
public final class Database implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Database.class);
  private static final int CONNECT_SECONDS = 5;

  /** How long work waits for a connection before it is told that the database is away. */
  private static final Duration WAIT = Duration.ofSeconds(5);

  /**
   * A node that is frozen within a transaction holds its locks. The server ends it soon enough for
   * another node to go on, and a statement that hangs does not hang for ever.
   */
  private static final String LIMITS =
      "SET idle_in_transaction_session_timeout = '8s'; SET lock_timeout = '10s';"
          + " SET statement_timeout = '60s';";

  private static final int LOOP_CONNECTIONS = 4;

  /** Nobody waits for what only reads: it may think for longer. */
  private static final String SNAPSHOT =
      " SET idle_in_transaction_session_timeout = '60s';"
          + " SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ;";

  private final HikariDataSource pool;
  private final HikariDataSource readPool;
  private final HikariDataSource loopPool;
  private final SqlStore store;
  private final DatabaseClock clock;

  /**
   * Where the database is.
   *
   * @param url as JDBC has it, for example {@code jdbc:postgresql://127.0.0.1:5432/millwright}
   * @param user null if the URL says it
   * @param password null if none is needed or the URL says it
   * @param connections how many requests and reconcilers may use at once to write, and as many to
   *     read; the work loop has four more of its own
   */
  public record Settings(
      String url, @Nullable String user, @Nullable String password, int connections) {
    public static final int DEFAULT_CONNECTIONS = 12;

    /** Without what must not be seen: the password, which may stand in the URL as well. */
    @Override
    public String toString() {
      return url.replaceFirst("\\?.*", "") + (user == null ? "" : " as " + user);
    }
  }

  private Database(HikariDataSource pool, HikariDataSource readPool, HikariDataSource loopPool) {
    this.pool = pool;
    this.readPool = readPool;
    this.loopPool = loopPool;
    this.store = new SqlStore(pool, readPool);
    this.clock = new DatabaseClock(JdbcClient.create(loopPool));
    clock.compare();
  }

  /**
   * Connects, checks the server's version and brings the tables up to date.
   *
   * @throws ProblemException UNAVAILABLE if it cannot be reached; INVALID if it can but cannot be
   *     used, with what to do about it
   */
  public static Database open(Settings settings) {
    return open(settings, WAIT);
  }

  static Database open(Settings settings, Duration wait) {
    DataSource plain = plain(settings);
    check(plain, settings);
    migrate(plain);
    begin(plain);
    HikariConfig pool = pool(settings, "database", settings.connections(), 4, LIMITS);
    pool.setConnectionTimeout(wait.toMillis());
    HikariConfig reads = pool(settings, "reads", settings.connections(), 2, LIMITS + SNAPSHOT);
    reads.setConnectionTimeout(wait.toMillis());
    HikariConfig loop =
        pool(settings, "work-loop", LOOP_CONNECTIONS, 1, LIMITS + " SET synchronous_commit = off;");
    return new Database(
        new HikariDataSource(pool), new HikariDataSource(reads), new HikariDataSource(loop));
  }

  public SqlStore store() {
    return store;
  }

  /** The time for all that several nodes decide: that of the database, by this node's clock. */
  public InstantSource clock() {
    return clock::now;
  }

  /** The same, for {@link WorkLoop}, which compares it with the database's now and then. */
  DatabaseClock databaseClock() {
    return clock;
  }

  /**
   * Connections for {@link WorkLoop} alone, so that heartbeats never queue behind other work.
   *
   * <p>Their commits do not wait for the disk: should a crash of the database undo that a row was
   * picked or done, then its resource is looked at once more, and that is all. A nudge is committed
   * with the work that made it, and waits.
   */
  public DataSource dataSource() {
    return loopPool;
  }

  /** What the store works on. */
  DataSource pool() {
    return pool;
  }

  @Override
  public void close() {
    loopPool.close();
    readPool.close();
    pool.close();
  }

  /**
   * One connection for each that is asked for. Its URL is as short as it was given: Flyway searches
   * it again and again for passwords, which with all settings in it was most of starting a server.
   */
  private static DataSource plain(Settings settings) {
    if (Driver.parseURL(settings.url(), null) == null) {
      throw wrong("the database URL looks like jdbc:postgresql://host:5432/name", null);
    }
    Properties more = new Properties();
    more.setProperty("connectTimeout", Integer.toString(CONNECT_SECONDS));
    more.setProperty("ApplicationName", "millwright");
    DriverManagerDataSource plain = new DriverManagerDataSource(settings.url(), more);
    plain.setUsername(settings.user());
    plain.setPassword(settings.password());
    return plain;
  }

  private static void check(DataSource plain, Settings settings) {
    try (Connection connection = plain.getConnection();
        Statement statement = connection.createStatement()) {
      ServerVersion.requireSupported(connection);
      ResultSet row =
          statement.executeQuery(
              """
              SELECT current_setting('server_encoding') AS encoding,
                     pg_is_in_recovery() AS standby
              """);
      row.next();
      if (!row.getString("encoding").equals("UTF8")) {
        throw wrong(
            "the database at %s is encoded as %s; create one with ENCODING 'UTF8'"
                .formatted(settings, row.getString("encoding")),
            null);
      }
      if (row.getBoolean("standby")) {
        throw wrong(
            "the server at %s is a standby and takes no writes; give the address of its primary"
                .formatted(settings),
            null);
      }
    } catch (UnsupportedServerVersionException e) {
      throw wrong(e.getMessage(), e);
    } catch (SQLException e) {
      String state = e.getSQLState() == null ? "" : e.getSQLState();
      if (state.startsWith("28") || state.equals("3D000") || state.equals("42501")) {
        throw wrong("the database at %s refuses: %s".formatted(settings, e.getMessage()), e);
      }
      ProblemException problem =
          ProblemException.of(
              Problem.Type.UNAVAILABLE,
              "the database at %s is not reachable: %s".formatted(settings, e.getMessage()));
      problem.initCause(e);
      throw problem;
    }
  }

  private static void migrate(DataSource plain) {
    Flyway flyway =
        Flyway.configure()
            .dataSource(plain)
            .locations("classpath:io/millwright/store/migration")
            .failOnMissingLocations(true)
            .cleanDisabled(true)
            .loggers("slf4j")
            .load();
    try {
      List<MigrationInfo> all = List.of(flyway.info().all());
      if (all.stream().anyMatch(m -> m.getState() == MigrationState.FUTURE_SUCCESS)) {
        throw wrong(
            "the database was made by a newer Millwright; start that one, or go back to a backup"
                + " from before",
            null);
      }
      // To find that nothing is to be done takes it as long as to find what there is.
      if (!all.stream()
          .allMatch(m -> m.getState() == MigrationState.SUCCESS && m.isChecksumMatching())) {
        flyway.migrate();
      }
    } catch (FlywayException e) {
      throw wrong("the tables could not be brought up to date: " + e.getMessage(), e);
    }
  }

  /**
   * What was copied here from another server has a journal numbered by that server's transactions,
   * which may be ahead of this one's by far: nothing in it would be read for a long time.
   */
  private static void begin(DataSource plain) {
    new TransactionTemplate(new DataSourceTransactionManager(plain))
        .executeWithoutResult(_ -> begin(JdbcClient.create(plain)));
  }

  private static void begin(JdbcClient jdbc) {
    int foreign =
        jdbc.sql("DELETE FROM journal WHERE xid > pg_snapshot_xmax(pg_current_snapshot())")
            .update();
    int floor =
        jdbc.sql(
                """
                UPDATE journal_floor SET xid = pg_snapshot_xmin(pg_current_snapshot()), seq = 0
                WHERE xid > pg_snapshot_xmax(pg_current_snapshot())
                """)
            .update();
    if (foreign + floor > 0) {
      LOG.info("The database comes from another server; its journal begins anew");
    }
  }

  private static HikariConfig pool(
      Settings settings, String name, int connections, int idle, String first) {
    HikariConfig pool = new HikariConfig();
    pool.setPoolName(name);
    pool.setJdbcUrl(settings.url());
    pool.setUsername(settings.user());
    pool.setPassword(settings.password());
    pool.setMaximumPoolSize(connections);
    pool.setMinimumIdle(Math.min(idle, connections));
    pool.setConnectionTimeout(WAIT.toMillis());
    pool.setIdleTimeout(TimeUnit.MINUTES.toMillis(2));
    pool.addDataSourceProperty("ApplicationName", "millwright");
    pool.addDataSourceProperty("connectTimeout", CONNECT_SECONDS);
    pool.addDataSourceProperty("socketTimeout", 65);
    pool.addDataSourceProperty("tcpKeepAlive", true);
    pool.setConnectionInitSql(first);
    return pool;
  }

  private static ProblemException wrong(@Nullable String detail, @Nullable Exception cause) {
    ProblemException problem = ProblemException.of(Problem.Type.INVALID, String.valueOf(detail));
    if (cause != null) {
      problem.initCause(cause);
    }
    return problem;
  }
}
