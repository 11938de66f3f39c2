package io.millwright.store.embedded;

import static io.millwright.store.embedded.EmbeddedPostgresException.Reason.INTERRUPTED;
import static io.millwright.store.embedded.EmbeddedPostgresException.Reason.NOT_STARTED;
import static io.millwright.store.embedded.EmbeddedPostgresException.Reason.NO_BINARIES;
import static io.millwright.store.embedded.EmbeddedPostgresException.Reason.PASSWORD_REJECTED;
import static io.millwright.store.embedded.EmbeddedPostgresException.Reason.PORT_TAKEN;

import io.millwright.model.Sha256;
import java.io.File;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * A PostgreSQL server of our own in one directory, reached over the loopback interface with a
 * password.
 *
 * <p>The directory is Millwright's alone:
 *
 * <pre>
 * lock              held by the Millwright server that owns the directory
 * password          of the role millwright; readable by the owner only
 * port              the server's, kept from the first start on
 * postgres.log[.1]  what PostgreSQL printed, in this run and in the run before
 * postgres-18.6.0/  the programs
 * data/             the configuration, and below it the data
 * </pre>
 *
 * <p>PostgreSQL is a process of its own and outlives a JVM that is killed; the next start adopts it
 * if it is just what that start would have begun itself, and otherwise restarts it.
 */
public final class EmbeddedPostgres implements AutoCloseable {
  /**
   * Below the ports that the kernel hands out for outgoing connections, which could take it from
   * us.
   */
  private static final int FIRST_PORT = 15432;

  private static final int PORTS_TRIED = 200;
  private static final int PORT_RACES_LOST = 5;

  /**
   * Recovery after a crash replays at most max_wal_size; a slow disk gets the benefit of the doubt.
   */
  private static final Duration START_LIMIT = Duration.ofMinutes(5);

  /** How long what is left of a killed server may take to end. */
  private static final Duration ORPHANS_LIMIT = Duration.ofSeconds(20);

  /** How long a server that is found running may take to answer, or to end. */
  private static final Duration ADOPTION_LIMIT = Duration.ofSeconds(20);

  private static final Duration FAST_SHUTDOWN_LIMIT = Duration.ofSeconds(60);
  private static final Duration IMMEDIATE_SHUTDOWN_LIMIT = Duration.ofSeconds(5);

  private final Path dir;
  private final DirectoryLock lock;
  private final Cluster cluster;
  private final Binaries binaries;
  private final String password;
  private final String clusterName;
  private final ServerLog serverLog;
  private final Progress log;
  private final boolean settingsChanged;
  private int port;
  private boolean closed;

  private EmbeddedPostgres(
      Path dir,
      DirectoryLock lock,
      Binaries binaries,
      Cluster cluster,
      String password,
      Progress log)
      throws IOException {
    this.dir = dir;
    this.lock = lock;
    this.binaries = binaries;
    this.cluster = cluster;
    this.password = password;
    this.log = log;
    this.clusterName = clusterName(cluster.directory(), password);
    this.serverLog = new ServerLog(dir.resolve("postgres.log"));
    Path access = accessFile();
    boolean accessChanged = writeConfiguration(access, Settings.access(Cluster.ROLE));
    this.settingsChanged =
        writeConfiguration(settingsFile(), Settings.server(access, clusterName)) | accessChanged;
  }

  /**
   * Returns when the server in the directory accepts connections. The first start makes the
   * directory, unpacks the programs and initialises the data.
   *
   * @param log hears what takes long
   * @throws EmbeddedPostgresException if it cannot be had; nothing that it began is left running
   *     then
   */
  public static EmbeddedPostgres start(Path dir, Progress log) {
    try {
      Path home = makeHome(dir);
      DirectoryLock lock = DirectoryLock.acquire(home);
      try {
        Cluster.check(home);
        Binaries binaries = Binaries.in(home, log);
        String password = password(home);
        Cluster cluster = Cluster.in(home, binaries, password, log);
        EmbeddedPostgres postgres =
            new EmbeddedPostgres(home, lock, binaries, cluster, password, log);
        postgres.adoptOrLaunch();
        return postgres;
      } catch (IOException | RuntimeException e) {
        lock.close();
        throw e;
      }
    } catch (IOException e) {
      throw EmbeddedPostgresException.ofFiles("starting PostgreSQL", dir, e);
    }
  }

  /** The directory, as its real path. */
  public Path dir() {
    return dir;
  }

  /**
   * Where the database is; the same for the life of this object, and if it can be for that of the
   * directory.
   */
  public String jdbcUrl() {
    return url(port);
  }

  /** The role to connect as; it owns its database and is no superuser. */
  public String user() {
    return Cluster.ROLE;
  }

  /** The role's password. */
  public String password() {
    return password;
  }

  /** Whether the server process is there; costs one read of a small file or two. */
  public boolean isRunning() {
    try {
      return Postmaster.on(cluster.directory()).isPresent();
    } catch (IOException e) {
      throw EmbeddedPostgresException.ofFiles("looking for PostgreSQL", dir, e);
    }
  }

  /**
   * Starts the server again, on the same port, if it is gone. Cheap when it is not, so that a
   * watchdog can call it every second.
   *
   * @return whether it had to be started
   * @throws EmbeddedPostgresException if it cannot be; the next call tries again
   */
  public synchronized boolean ensureRunning() {
    if (closed) {
      throw new IllegalStateException("The database in " + dir + " is closed");
    }
    if (isRunning()) {
      return false;
    }
    try {
      launch();
      return true;
    } catch (IOException e) {
      throw EmbeddedPostgresException.ofFiles("restarting PostgreSQL", dir, e);
    }
  }

  /**
   * Stops the server, started or adopted, and returns when it has ended: connections are cut, open
   * transactions rolled back, all that was committed is on disk.
   */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    // Begun is done: a thread that nobody knows cannot be interrupted half way.
    FutureTask<Void> stopping =
        new FutureTask<>(() -> {
          stop();
          lock.close();
          return null;
        });
    Thread.ofPlatform().name("postgres-stop").start(stopping);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          stopping.get();
          return;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException files
          ? EmbeddedPostgresException.ofFiles("stopping PostgreSQL", dir, files)
          : new IllegalStateException(e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public String toString() {
    return "EmbeddedPostgres[" + dir + ", " + jdbcUrl() + "]";
  }

  // ---- starting

  private void adoptOrLaunch() throws IOException {
    if (adopt()) {
      return;
    }
    serverLog.rotate();
    KeptFile keptPort = new KeptFile(dir.resolve("port"));
    int wanted =
        keptPort
            .read()
            .filter(text -> text.matches("[0-9]{1,5}"))
            .map(Integer::valueOf)
            .orElse(FIRST_PORT);
    for (int tried = 1; ; tried++) {
      port = freePort(wanted);
      keptPort.write(Integer.toString(port));
      try {
        launch();
        break;
      } catch (EmbeddedPostgresException e) {
        // Two that start for the first time at once may find the same port free.
        if (e.reason() != PORT_TAKEN || tried == PORT_RACES_LOST) {
          throw e;
        }
      }
    }
    if (port != wanted) {
      log.say(
          "Port " + wanted + " is taken by another program; the database is on port " + port + ".");
    }
    try {
      binaries.removeOthers();
    } catch (IOException e) {
      log.say("What an older PostgreSQL left in " + dir + " could not be removed: " + e + ".");
    }
  }

  /**
   * Takes over the server that a killed Millwright left running; false if there is none to take
   * over.
   */
  private boolean adopt() throws IOException {
    long deadline = System.nanoTime() + ADOPTION_LIMIT.toNanos();
    long startDeadline = System.nanoTime() + START_LIMIT.toNanos();
    for (Optional<Postmaster> found = running(); found.isPresent(); found = running()) {
      Postmaster postmaster = found.get();
      if (settingsChanged
          || !postmaster.executable().equals(binaries.program("postgres").toString())) {
        log.say("The running PostgreSQL is from an earlier Millwright; restarting it.");
        stop();
        return false;
      }
      if (postmaster.ready() && answers(postmaster.port())) {
        port = postmaster.port();
        new KeptFile(dir.resolve("port")).write(Integer.toString(port));
        log.say(
            "Adopted the PostgreSQL that was still running (process " + postmaster.pid() + ").");
        return true;
      }
      if (System.nanoTime() > (postmaster.starting() ? startDeadline : deadline)) {
        log.say("The running PostgreSQL neither answers nor ends; restarting it.");
        stop();
        return false;
      }
      pause();
    }
    return false;
  }

  /**
   * Of one that was killed a process may be about to end, or have begun in that very moment: its
   * memory keeps another server out until it is gone.
   */
  private void launch() throws IOException {
    long begun = System.nanoTime();
    while (true) {
      try {
        launchOnce();
        return;
      } catch (EmbeddedPostgresException e) {
        boolean late = System.nanoTime() - begun > ORPHANS_LIMIT.toNanos();
        if (late || !String.valueOf(e.getMessage()).contains("pre-existing shared memory block")) {
          throw e;
        }
        pause();
      }
    }
  }

  private void launchOnce() throws IOException {
    endOrphans();
    // Nothing runs here. PostgreSQL would see that itself, unless the number in the file has been
    // given to another process since, or the power failed before the number was written. Should a
    // server run all the same, its shared memory, found by the directory's inode, still keeps a
    // second one out.
    Files.deleteIfExists(Postmaster.pidFile(cluster.directory()));
    if (!isFree(port)) {
      throw portTaken();
    }
    long start = serverLog.end();
    // A session of its own keeps an interrupt at our terminal away from it: we decide when it ends.
    List<String> command = new ArrayList<>(List.of("setsid"));
    command.addAll(
        cluster
            .owner()
            .command(
                List.of(
                    binaries.program("postgres").toString(),
                    "-D",
                    cluster.directory().toString(),
                    "-c",
                    "config_file=" + settingsFile(),
                    "-c",
                    "port=" + port)));
    Process process;
    try {
      process =
          Command.builder(command, Path.of("/"))
              .redirectInput(new File("/dev/null"))
              .redirectOutput(ProcessBuilder.Redirect.appendTo(serverLog.file().toFile()))
              .start();
    } catch (IOException e) {
      throw new EmbeddedPostgresException(
          NO_BINARIES,
          "PostgreSQL cannot be run: %s; install util-linux if setsid is missing."
              .formatted(e.getMessage()),
          e);
    }
    try {
      awaitReady(process, start);
    } catch (IOException | RuntimeException e) {
      // Gone with all its processes: a start with another password would not know them for ours.
      process.destroyForcibly().onExit().join();
      try {
        endOrphans();
      } catch (IOException | RuntimeException again) {
        e.addSuppressed(again);
      }
      throw e;
    }
  }

  private void awaitReady(Process process, long logStart) throws IOException {
    long begun = System.nanoTime();
    long told = 0;
    while (true) {
      Optional<Postmaster> postmaster = running();
      if (postmaster.isPresent() && postmaster.get().ready() && answers(port)) {
        return;
      }
      if (!process.isAlive()) {
        String said = serverLog.since(logStart);
        if (said.contains("could not bind")) {
          throw portTaken();
        }
        throw cluster.failure("PostgreSQL did not start in " + dir + " (see postgres.log)", said);
      }
      long seconds = Duration.ofNanos(System.nanoTime() - begun).toSeconds();
      if (seconds >= START_LIMIT.toSeconds()) {
        throw new EmbeddedPostgresException(
            NOT_STARTED,
            "PostgreSQL in %s does not accept connections after %d s: see postgres.log there."
                .formatted(dir, seconds));
      }
      if (seconds >= told + 5) {
        told = seconds;
        log.say("PostgreSQL is recovering (" + seconds + " s).");
      }
      pause();
    }
  }

  /** Whether what listens on the port lets our role in; false while it starts or ends. */
  private boolean answers(int port) {
    Properties properties = new Properties();
    properties.setProperty("user", Cluster.ROLE);
    properties.setProperty("password", password);
    properties.setProperty("connectTimeout", "2");
    properties.setProperty("socketTimeout", "5");
    try (Connection connection = DriverManager.getConnection(url(port), properties)) {
      ServerVersion.requireSupported(connection);
      return true;
    } catch (SQLException e) {
      // 28: invalid authorization specification. 3D: our database is not there.
      String state = String.valueOf(e.getSQLState());
      if (state.startsWith("28") || state.startsWith("3D")) {
        throw new EmbeddedPostgresException(
            PASSWORD_REJECTED,
            "PostgreSQL in %s does not let Millwright in (%s): put back the file password that belongs to this data."
                .formatted(dir, e.getMessage()),
            e);
      }
      return false;
    }
  }

  /**
   * Ends what a killed postmaster left behind. Each process notices and ends by itself, but only
   * when its present statement is done, and until then no new server may start. Nothing is lost:
   * without a postmaster they could not have committed for long, and recovery does not depend on
   * how they ended.
   */
  private void endOrphans() throws IOException {
    long grace = System.nanoTime() + Duration.ofMillis(300).toNanos();
    long deadline = System.nanoTime() + IMMEDIATE_SHUTDOWN_LIMIT.toNanos();
    while (System.nanoTime() < deadline) {
      List<ProcessHandle> orphans = Postmaster.children(clusterName);
      if (orphans.isEmpty()) {
        return;
      }
      if (System.nanoTime() > grace) {
        orphans.forEach(ProcessHandle::destroyForcibly);
      }
      pause();
    }
  }

  // ---- stopping

  private void stop() throws IOException {
    if (signalAndAwait("INT", FAST_SHUTDOWN_LIMIT)
        || signalAndAwait("QUIT", IMMEDIATE_SHUTDOWN_LIMIT)) {
      return;
    }
    running()
        .flatMap(postmaster -> ProcessHandle.of(postmaster.pid()))
        .ifPresent(ProcessHandle::destroyForcibly);
    endOrphans();
  }

  /** Java can send no other signal than TERM, which waits for the clients, and KILL. */
  private boolean signalAndAwait(String signal, Duration limit) throws IOException {
    Optional<Postmaster> postmaster = running();
    if (postmaster.isEmpty()) {
      return true;
    }
    long pid = postmaster.get().pid();
    cluster.command(
        List.of(binaries.program("pg_ctl").toString(), "kill", signal, Long.toString(pid)), "");
    long deadline = System.nanoTime() + limit.toNanos();
    while (Postmaster.alive(pid, cluster.directory())) {
      if (System.nanoTime() > deadline) {
        return false;
      }
      pause();
    }
    return true;
  }

  // ---- particulars

  private Optional<Postmaster> running() throws IOException {
    return Postmaster.on(cluster.directory());
  }

  private static Path makeHome(Path dir) throws IOException {
    if (!Files.isDirectory(dir)) {
      Files.createDirectories(dir);
      // Others may pass through, as the service user must, and read nothing.
      Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwx--x--x"));
    }
    return dir.toRealPath();
  }

  private static String password(Path home) throws IOException {
    KeptFile file = new KeptFile(home.resolve("password"));
    Optional<String> kept = file.read().filter(text -> !text.isEmpty());
    if (kept.isPresent()) {
      file.hide();
      return kept.get();
    }
    if (Files.isDirectory(Cluster.directory(home))) {
      throw new EmbeddedPostgresException(
          PASSWORD_REJECTED,
          "The file %s is gone: put it back from the backup that this data belongs to."
              .formatted(file.path()));
    }
    byte[] random = new byte[24];
    new SecureRandom().nextBytes(random);
    // Hexadecimal needs no quoting in SQL, URLs or files.
    String password = HexFormat.of().formatHex(random);
    file.write(password);
    return password;
  }

  /**
   * Marks the server's processes. A path alone would also fit the database of a container on this
   * machine, which has the same paths inside.
   */
  private static String clusterName(Path directory, String password) {
    byte[] digest = Sha256.of(directory + "\n" + password);
    return "millwright-" + HexFormat.of().formatHex(digest, 0, 6);
  }

  private Path settingsFile() {
    return cluster.directory().resolveSibling("postgresql.conf");
  }

  private Path accessFile() {
    return cluster.directory().resolveSibling("pg_hba.conf");
  }

  private boolean writeConfiguration(Path file, String text) throws IOException {
    KeptFile kept = new KeptFile(file);
    boolean changed = !kept.read().equals(Optional.of(text.strip()));
    if (changed) {
      kept.write(text);
    }
    cluster.owner().letRead(file);
    return changed;
  }

  /**
   * A stranger on our port must not get the password for the asking, so nothing but SCRAM will do.
   */
  private static String url(int port) {
    return "jdbc:postgresql://127.0.0.1:%d/%s?sslmode=disable&requireAuth=scram-sha-256"
        .formatted(port, Cluster.DATABASE);
  }

  private EmbeddedPostgresException portTaken() {
    return new EmbeddedPostgresException(
        PORT_TAKEN,
        "Port %d, which the database in %s has, is taken by another program: stop that program, or restart Millwright to have another port chosen."
            .formatted(port, dir));
  }

  private static int freePort(int wanted) throws IOException {
    if (isFree(wanted)) {
      return wanted;
    }
    for (int port = FIRST_PORT; port < FIRST_PORT + PORTS_TRIED; port++) {
      if (port != wanted && isFree(port)) {
        return port;
      }
    }
    throw new EmbeddedPostgresException(
        PORT_TAKEN,
        "No port from %d to %d is free on 127.0.0.1: stop what does not need its port."
            .formatted(FIRST_PORT, FIRST_PORT + PORTS_TRIED - 1));
  }

  private static boolean isFree(int port) throws IOException {
    try (ServerSocket probe =
        new ServerSocket(port, 1, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}))) {
      return probe.isBound();
    } catch (BindException e) {
      return false;
    }
  }

  private static void pause() {
    try {
      Thread.sleep(10);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new EmbeddedPostgresException(
          INTERRUPTED, "Interrupted while waiting for PostgreSQL.", e);
    }
  }
}
