package io.millwright.store.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.store.embedded.EmbeddedPostgresException.Reason;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.Assumptions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
@Tag("slow")
class EmbeddedPostgresTest {
  private static Path root;
  private static Path programs;

  private final List<EmbeddedPostgres> started = new ArrayList<>();
  private final List<String> said = new ArrayList<>();
  private Path dir;

  @BeforeAll
  static void unpackOnce() throws IOException {
    // JUnit's own temporary directories let no other user pass, and as root we start PostgreSQL as
    // one.
    root = Files.createTempDirectory("millwright-postgres");
    Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwx--x--x"));
    programs = Binaries.in(root, Progress.silent()).directory();
  }

  @AfterAll
  static void removeAll() throws IOException {
    Binaries.deleteTree(root);
  }

  @BeforeEach
  void makeDirectory() throws IOException {
    dir = Files.createTempDirectory(root, "db");
    Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwx--x--x"));
    Files.createSymbolicLink(dir.resolve(programs.getFileName()), programs);
  }

  @AfterEach
  void stopAll() {
    started.forEach(EmbeddedPostgres::close);
  }

  @Test
  void aFreshStartGivesADurableServerThatOnlyThePasswordOpens() throws Exception {
    EmbeddedPostgres postgres = start();

    assertThat(value(postgres, "SHOW fsync")).isEqualTo("on");
    assertThat(value(postgres, "SHOW synchronous_commit")).isEqualTo("on");
    assertThat(value(postgres, "SHOW data_checksums")).isEqualTo("on");
    assertThat(value(postgres, "SHOW server_encoding")).isEqualTo("UTF8");
    assertThat(value(postgres, "SHOW listen_addresses")).isEqualTo("127.0.0.1");
    assertThat(value(postgres, "SHOW unix_socket_directories")).isEmpty();
    assertThat(value(postgres, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
        .isEqualTo("f");
    assertThatThrownBy(() -> value(postgres, "COPY (SELECT 1) TO PROGRAM 'true'"))
        .hasMessageContaining("permission denied");
    assertThat(
            value(
                postgres,
                "SELECT lower('ÄÖ') || (SELECT string_agg(x, '' ORDER BY x) FROM (VALUES ('b'),"
                    + " ('B'), ('a')) v (x))"))
        .isEqualTo("äöBab");
    assertThat(postgres.isRunning()).isTrue();
    assertThat(postgres.ensureRunning()).isFalse();
    assertThatThrownBy(
            () -> DriverManager.getConnection(postgres.jdbcUrl(), postgres.user(), "guess"))
        .isInstanceOf(SQLException.class)
        .hasMessageContaining("password authentication failed");
    assertThatThrownBy(() -> DriverManager.getConnection(postgres.jdbcUrl(), "postgres", ""))
        .isInstanceOf(SQLException.class);
  }

  @Test
  void thePasswordIsInNoFileOrArgumentThatOthersRead() throws Exception {
    EmbeddedPostgres postgres = start();

    assertThat(mode(dir.resolve("password"))).isEqualTo("rw-------");
    assertThat(mode(dir.resolve("postgres.log"))).isEqualTo("rw-------");
    assertThat(mode(dir.resolve("data/18"))).isEqualTo("rwx------");
    assertThat(mode(dir.resolve("data"))).isIn("rwx------", "rwx--x---");
    assertThat(said).noneMatch(sentence -> sentence.contains(postgres.password()));
    assertThat(postgres.toString()).doesNotContain(postgres.password());
    assertThat(Files.readString(dir.resolve("postgres.log"))).doesNotContain(postgres.password());
    String arguments = Files.readString(Path.of("/proc/" + postmaster() + "/cmdline"));
    String environment = Files.readString(Path.of("/proc/" + postmaster() + "/environ"));
    assertThat(arguments + environment).doesNotContain(postgres.password());

    postgres.close();
    Files.setPosixFilePermissions(
        dir.resolve("password"), PosixFilePermissions.fromString("rw-r--r--"));
    start();
    assertThat(mode(dir.resolve("password"))).isEqualTo("rw-------");
  }

  @Test
  void anotherProcessOfNobodyCannotReadTheData() throws Exception {
    Assumptions.assumeThat(Files.getAttribute(Path.of("/proc/self"), "unix:uid")).isEqualTo(0);
    start();
    int owner = (Integer) Files.getAttribute(dir.resolve("data/18"), "unix:uid");

    Command.Result outsider =
        Command.run(
            List.of(
                "setpriv",
                "--reuid=" + owner,
                "--regid=65534",
                "--clear-groups",
                "cat",
                dir + "/data/18/PG_VERSION"),
            root,
            "");

    assertThat(owner).isNotZero();
    assertThat(outsider.succeeded()).isFalse();
    assertThat(outsider.output()).contains("Permission denied");
  }

  @Test
  void aRestartKeepsDataPasswordPortAndTheLogBefore() throws Exception {
    EmbeddedPostgres first = start();
    execute(first, "CREATE TABLE t (x text); INSERT INTO t VALUES ('kept')");
    first.close();
    assertThat(first.isRunning()).isFalse();
    String log = Files.readString(dir.resolve("postgres.log"));

    EmbeddedPostgres second = start();

    assertThat(value(second, "SELECT x FROM t")).isEqualTo("kept");
    assertThat(second.jdbcUrl()).isEqualTo(first.jdbcUrl());
    assertThat(second.password()).isEqualTo(first.password());
    assertThat(Files.readString(dir.resolve("postgres.log.1")))
        .isEqualTo(log)
        .contains("shut down");
  }

  @Test
  void theServerOfAKilledJvmIsAdoptedAndStoppedByClose() throws Exception {
    killJvmThatStarts(dir);
    long orphan = postmaster();
    assertThat(alive(orphan)).isTrue();

    EmbeddedPostgres postgres = start();

    assertThat(said).anyMatch(sentence -> sentence.startsWith("Adopted"));
    assertThat(postmaster()).isEqualTo(orphan);
    assertThat(value(postgres, "SELECT 1")).isEqualTo("1");
    assertThat(postgres.isRunning()).isTrue();
    postgres.close();
    assertThat(alive(orphan)).isFalse();
  }

  @Test
  void theServerOfAnotherVersionIsRestartedNotAdopted() throws Exception {
    killJvmThatStarts(dir);
    long orphan = postmaster();
    // As after an upgrade of Millwright that brings other settings.
    Files.writeString(dir.resolve("data/postgresql.conf"), "port = 1");

    EmbeddedPostgres postgres = start();

    assertThat(alive(orphan)).isFalse();
    assertThat(postmaster()).isNotEqualTo(orphan);
    assertThat(value(postgres, "SELECT 1")).isEqualTo("1");
  }

  @Test
  void aKilledServerIsBackWithinFiveSecondsThoughAStatementStillRuns() throws Exception {
    EmbeddedPostgres postgres = start();
    execute(postgres, "CREATE TABLE t (x text); INSERT INTO t VALUES ('committed')");
    Connection busy = connect(postgres);
    // A statement that notices neither the end of the postmaster nor that of its client.
    Thread.ofVirtual().start(() -> endlessly(busy));
    awaitBusy(postgres);

    killPostmaster();
    assertThat(postgres.isRunning()).isFalse();
    long begun = System.nanoTime();
    boolean restarted = postgres.ensureRunning();

    assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(5));
    assertThat(restarted).isTrue();
    assertThat(postgres.isRunning()).isTrue();
    assertThat(value(postgres, "SELECT x FROM t")).isEqualTo("committed");
  }

  @Test
  void aPidFileThatThePowerCutLeftIsNoObstacle() throws Exception {
    EmbeddedPostgres first = start();
    List<String> lines = Files.readAllLines(Postmaster.pidFile(dir.resolve("data/18")));
    first.close();
    // The number belongs to another process now: this one.
    lines.set(0, Long.toString(ProcessHandle.current().pid()));
    Files.write(Postmaster.pidFile(dir.resolve("data/18")), lines);
    start().close();

    Files.writeString(Postmaster.pidFile(dir.resolve("data/18")), "");
    assertThat(value(start(), "SELECT 1")).isEqualTo("1");
  }

  @Test
  void aTakenPortMovesTheDatabaseAtAStartAndIsNamedByARestart() throws Exception {
    EmbeddedPostgres first = start();
    int port = port();
    first.close();

    try (ServerSocket stranger = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
      EmbeddedPostgres second = start();
      assertThat(port()).isNotEqualTo(stranger.getLocalPort());
      assertThat(second.jdbcUrl()).contains(":" + port() + "/");
      assertThat(said).anyMatch(sentence -> sentence.startsWith("Port " + port + " is taken"));

      killPostmaster();
      try (ServerSocket other = new ServerSocket(port(), 1, InetAddress.getLoopbackAddress())) {
        assertThat(refusal(second::ensureRunning).reason()).isEqualTo(Reason.PORT_TAKEN);
        assertThat(other.isBound()).isTrue();
      }
      assertThat(second.ensureRunning()).isTrue();
    }
  }

  @Test
  void aSecondOwnerIsRefusedInThisProcessAndInAnother() throws Exception {
    EmbeddedPostgres first = start();

    EmbeddedPostgresException here = refusal(this::start);
    assertThat(here.reason()).isEqualTo(Reason.ALREADY_IN_USE);
    Process other = jvmThatStarts(dir);
    String said = new String(other.getInputStream().readAllBytes());

    assertThat(said)
        .contains(
            "in use by another Millwright server (process " + ProcessHandle.current().pid() + ")");
    assertThat(first.isRunning()).isTrue();
    assertThat(value(first, "SELECT 1")).isEqualTo("1");
  }

  @Test
  void aDirectoryThatTheServiceUserCannotReachIsNamed() throws Exception {
    Assumptions.assumeThat(Files.getAttribute(Path.of("/proc/self"), "unix:uid")).isEqualTo(0);
    Path closed = Files.createDirectory(dir.resolve("closed"));
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("rwx------"));
    Path below = closed.resolve("db");
    Files.createDirectory(below);
    Files.createSymbolicLink(below.resolve(programs.getFileName()), programs);

    EmbeddedPostgresException refusal =
        refusal(() -> EmbeddedPostgres.start(below, Progress.silent()));

    assertThat(refusal.reason()).isEqualTo(Reason.NO_ACCESS);
    assertThat(refusal).hasMessageContaining("cannot pass through " + closed + ":");
    // Once it is reachable, what the failed start left is no obstacle.
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("rwx--x--x"));
    started.add(EmbeddedPostgres.start(below, Progress.silent()));
  }

  @Test
  void dataOfAnotherMajorVersionIsRefused() throws Exception {
    Files.createDirectories(dir.resolve("data/17"));

    EmbeddedPostgresException refusal = refusal(this::start);

    assertThat(refusal.reason()).isEqualTo(Reason.OTHER_MAJOR_VERSION);
    assertThat(refusal).hasMessageContaining("written by PostgreSQL 17");
    assertThat(dir.resolve("password")).doesNotExist();
  }

  @Test
  void aWrongOrLostPasswordIsNamed() throws Exception {
    start().close();
    Path file = dir.resolve("password");
    String password = Files.readString(file);

    Files.writeString(file, "another");
    assertThat(refusal(this::start).reason()).isEqualTo(Reason.PASSWORD_REJECTED);
    Files.delete(file);
    assertThat(refusal(this::start)).hasMessageContaining("password is gone");

    Files.writeString(file, password);
    assertThat(start().isRunning()).isTrue();
  }

  @Test
  void aServerThatCannotStartIsQuoted() throws Exception {
    start().close();
    Files.writeString(dir.resolve("data/local.conf"), "shared_buffers = 'much'\n");
    Files.setPosixFilePermissions(
        dir.resolve("data/local.conf"), PosixFilePermissions.fromString("rw-r--r--"));

    EmbeddedPostgresException refusal = refusal(this::start);

    assertThat(refusal.reason()).isEqualTo(Reason.NOT_STARTED);
    assertThat(refusal).hasMessageContaining("local.conf");
  }

  @Test
  void closingTwiceIsOnceAndAClosedOneIsNotRestarted() throws Exception {
    EmbeddedPostgres postgres = start();
    Thread.currentThread().interrupt();
    postgres.close();
    assertThat(Thread.interrupted()).isTrue();
    assertThat(postgres.isRunning()).isFalse();
    postgres.close();
    assertThatThrownBy(postgres::ensureRunning).isInstanceOf(IllegalStateException.class);
  }

  // ---- what the tests share

  private EmbeddedPostgres start() {
    EmbeddedPostgres postgres = EmbeddedPostgres.start(dir, said::add);
    started.add(postgres);
    return postgres;
  }

  private static EmbeddedPostgresException refusal(
      org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    return catchThrowableOfType(EmbeddedPostgresException.class, call);
  }

  private static Connection connect(EmbeddedPostgres postgres) throws SQLException {
    return DriverManager.getConnection(postgres.jdbcUrl(), postgres.user(), postgres.password());
  }

  private static void execute(EmbeddedPostgres postgres, String sql) throws SQLException {
    try (Connection connection = connect(postgres);
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static String value(EmbeddedPostgres postgres, String sql) throws SQLException {
    try (Connection connection = connect(postgres);
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      rows.next();
      return rows.getString(1);
    }
  }

  private static void endlessly(Connection connection) {
    try (Statement statement = connection.createStatement()) {
      statement.execute("DO $$ BEGIN LOOP END LOOP; END $$");
    } catch (SQLException e) {
      // The server was killed, as it was to be.
    }
  }

  private static void awaitBusy(EmbeddedPostgres postgres) throws SQLException {
    while (value(
            postgres,
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'")
        .equals("0")) {
      Thread.onSpinWait();
    }
  }

  private long postmaster() throws IOException {
    return Long.parseLong(
        Files.readAllLines(Postmaster.pidFile(dir.resolve("data/18"))).getFirst().strip());
  }

  private void killPostmaster() throws IOException {
    ProcessHandle postmaster = ProcessHandle.of(postmaster()).orElseThrow();
    postmaster.destroyForcibly();
    postmaster.onExit().join();
  }

  private boolean alive(long pid) {
    return Postmaster.alive(pid, dir.resolve("data/18"));
  }

  private int port() throws IOException {
    return Integer.parseInt(Files.readString(dir.resolve("port")));
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  private static Process jvmThatStarts(Path dir) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            StartAndWait.class.getName(),
            dir.toString())
        .redirectErrorStream(true)
        .start();
  }

  private static void killJvmThatStarts(Path dir) throws IOException {
    Process jvm = jvmThatStarts(dir);
    try (var output = jvm.inputReader()) {
      String line = output.readLine();
      while (line != null && !line.equals(StartAndWait.STARTED)) {
        line = output.readLine();
      }
      assertThat(line).isEqualTo(StartAndWait.STARTED);
      jvm.destroyForcibly().onExit().join();
    }
  }

  /** The other JVM. */
  static final class StartAndWait {
    static final String STARTED = "started";

    public static void main(String[] arguments) throws InterruptedException {
      EmbeddedPostgres.start(Path.of(arguments[0]), System.out::println);
      System.out.println(STARTED);
      Thread.sleep(Duration.ofMinutes(1));
    }
  }
}
