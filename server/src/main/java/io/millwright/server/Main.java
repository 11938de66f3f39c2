package io.millwright.server;

import io.millwright.api.Backend;
import io.millwright.engine.Engine;
import io.millwright.engine.access.Access;
import io.millwright.engine.access.Audited;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.access.SingleSignOn;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.machine.Installers;
import io.millwright.engine.outside.Drivers;
import io.millwright.engine.outside.Reach;
import io.millwright.engine.outside.SourcePlaces;
import io.millwright.engine.port.Store;
import io.millwright.engine.request.Joining;
import io.millwright.model.ProblemException;
import io.millwright.server.ServerSettings.Address;
import io.millwright.server.ServerSettings.ExternalDatabase;
import io.millwright.server.ServerSettings.UsageException;
import io.millwright.store.Database;
import io.millwright.store.Housekeeping;
import io.millwright.store.SqlStore;
import io.millwright.store.WorkLoop;
import io.millwright.store.embedded.EmbeddedPostgres;
import io.millwright.store.embedded.EmbeddedPostgresException;
import java.io.IOException;
import java.net.BindException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.bridge.SLF4JBridgeHandler;

/**
 * The server.
 *
 * <p>What it is made of stands in {@link #start}, in the order in which each part needs those
 * before it; it is taken apart in the opposite order.
 */
public final class Main implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Main.class);

  private static final int FAILED = 1;
  private static final int WRONG_USAGE = 2;

  private final ServerSettings settings;
  private final Deque<Part> parts = new ArrayDeque<>();

  private Main(ServerSettings settings) {
    this.settings = settings;
  }

  private record Part(String name, AutoCloseable part) {}

  /** Something stands in the way that whoever starts the server can remove. */
  static final class CannotStartException extends Exception {
    private static final long serialVersionUID = 1L;

    CannotStartException(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** Starts the server; it ends by SIGTERM. */
  public static void main(String[] arguments) {
    // Our logback.xml says it all; to have Boot read it again costs time.
    System.setProperty("org.springframework.boot.logging.LoggingSystem", "none");
    java.util.logging.Logger.getLogger("").setLevel(java.util.logging.Level.WARNING);
    SLF4JBridgeHandler.removeHandlersForRootLogger();
    SLF4JBridgeHandler.install();
    if (List.of(arguments).contains("--help")) {
      System.out.print(ServerSettings.HELP);
      return;
    }
    if (List.of(arguments).contains("--version")) {
      System.out.println(version());
      return;
    }
    ServerSettings settings;
    try {
      settings = ServerSettings.parse(Arrays.asList(arguments));
    } catch (UsageException e) {
      say(e);
      System.exit(WRONG_USAGE);
      return;
    }
    Main server = new Main(settings);
    CountDownLatch started = new CountDownLatch(1);
    Thread main = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> server.end(started, main), "shutdown"));
    try {
      String url = server.start();
      LOG.info("Millwright {} is ready at {} ({})", version(), url, sinceStart());
      started.countDown();
    } catch (CannotStartException | ProblemException | EmbeddedPostgresException e) {
      started.countDown();
      say(e);
      System.exit(FAILED);
    } catch (InterruptedException e) {
      started.countDown(); // the end was asked for before the beginning was done
    } catch (Exception e) {
      started.countDown();
      LOG.error("The server cannot start", e);
      System.exit(FAILED);
    }
  }

  /** Puts the server together and starts it. */
  private String start() throws Exception {
    Path data = makeDataDirectory();
    refuseTakenPort(settings.listen());
    ServerSettings.Tls tls = settings.tls();
    if (tls != null) {
      TlsFiles.check(tls);
    }
    Path more = settings.catalogue();
    if (more != null) {
      Installers.extend(catalogue(more));
    }
    Path key = data.resolve("key");
    SecretBox secrets = open(key);

    Database database = add("database", Database.open(database(data)));
    SqlStore store = database.store();
    ImageFiles images = join(store, secrets, key, data.resolve("images"));

    Store audited = new Audited(store);
    Reach reach = new Reach(settings.mayReach());
    Engine engine =
        add(
            "engine",
            new Engine(
                audited,
                Drivers.load(),
                secrets,
                images,
                database.clock(),
                Engine.Settings.of(
                    settings.doors().stream().map(door -> URI.create(door.url())).toList(),
                    new SourcePlaces(settings.sources(), reach))));

    WorkLoop work =
        add("work", new WorkLoop(database, engine.reconcilers(), WorkLoop.Settings.of(nodeName())));
    store.afterNudge(work::wake);
    work.start();
    Housekeeping housekeeping = new Housekeeping(database, Housekeeping.Kept.DEFAULT);
    // Soon, for servers that never live for an hour.
    add(
        "housekeeping",
        new Every("housekeeping", Duration.ofMinutes(1), Duration.ofHours(1), housekeeping::run));

    for (Address door : settings.doors()) {
      add("door", listen("--door", door, () -> Door.open(door.resolve(), engine.door()::post)));
    }

    new AdminToken(data.resolve("admin-token"), engine.tokens(), settings).provide();

    Backend backend =
        new Backend(version(), audited, engine, access(engine, audited, secrets, database.clock()));
    Web web =
        add(
            "web",
            listen(
                "--listen",
                settings.listen(),
                () -> Web.start(settings.listen(), tls, settings.proxies(), backend)));
    return settings.url(web.port());
  }

  private Access access(Engine engine, Store store, SecretBox secrets, InstantSource clock)
      throws CannotStartException {
    ServerSettings.Oidc oidc = settings.oidc();
    if (oidc == null) {
      return engine.access();
    }
    URI site = oidc.site();
    Path ca = oidc.ca();
    return engine
        .access()
        .with(
            new SingleSignOn(
                store,
                secrets,
                engine.access().signIn(),
                new SingleSignOn.Settings(
                    oidc.issuer(),
                    oidc.client(),
                    firstLine("--oidc-client-secret-file", oidc.secretFile()),
                    oidc.name(),
                    oidc.scopes(),
                    oidc.groupsClaim(),
                    site == null ? URI.create(settings.url(settings.listen().port())) : site,
                    ca == null ? null : TlsFiles.trusting("--oidc-ca", ca)),
                clock));
  }

  private ImageFiles join(SqlStore store, SecretBox secrets, Path key, Path dir)
      throws CannotStartException {
    try {
      ImageFiles images =
          new ImageFiles(dir, ImageFiles.Limits.USUAL.reaching(new Reach(settings.mayReach())));
      Joining.join(store, secrets, key, images, settings.replaceKey());
      return images;
    } catch (IOException e) {
      throw new CannotStartException("the image directory cannot be used: " + reason(e), e);
    }
  }

  /** PostgreSQL of our own, started and looked after, or that of somebody else. */
  private Database.Settings database(Path data) throws CannotStartException {
    ExternalDatabase external = settings.database();
    if (external == null) {
      EmbeddedPostgres postgres =
          add("PostgreSQL", EmbeddedPostgres.start(data.resolve("postgres"), LOG::info));
      add(
          "watchdog",
          new Every(
              "watchdog",
              Duration.ofMillis(500),
              () -> {
                if (postgres.ensureRunning()) {
                  LOG.warn("PostgreSQL had ended and was started again");
                }
              }));
      return new Database.Settings(
          postgres.jdbcUrl(),
          postgres.user(),
          postgres.password(),
          Database.Settings.DEFAULT_CONNECTIONS);
    }
    return new Database.Settings(
        external.url(),
        external.user(),
        firstLine("--database-password-file", external.passwordFile()),
        Database.Settings.DEFAULT_CONNECTIONS);
  }

  /** A secret that is in a file, because everybody on the machine can read a command line. */
  private static @Nullable String firstLine(String setting, @Nullable Path file)
      throws CannotStartException {
    if (file == null) {
      return null;
    }
    try {
      return Files.readString(file).lines().findFirst().orElse("");
    } catch (IOException e) {
      throw new CannotStartException(setting + " cannot be read: " + reason(e), e);
    }
  }

  /** The files of a catalogue, in the order of their names. */
  private static Map<String, byte[]> catalogue(Path dir) throws CannotStartException {
    Map<String, byte[]> files = new TreeMap<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(dir, "*.{yaml,yml}")) {
      for (Path file : all) {
        files.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    } catch (IOException e) {
      throw new CannotStartException("--catalogue cannot be read: " + reason(e), e);
    }
    if (files.isEmpty()) {
      throw new CannotStartException("--catalogue: there is no file *.yaml in " + dir, null);
    }
    return files;
  }

  private Path makeDataDirectory() throws CannotStartException {
    try {
      return Files.createDirectories(settings.data());
    } catch (IOException e) {
      throw new CannotStartException("the data directory cannot be made: " + reason(e), e);
    }
  }

  private static SecretBox open(Path key) throws CannotStartException {
    try {
      return SecretBox.open(key);
    } catch (IOException e) {
      throw new CannotStartException(
          e instanceof java.nio.file.FileSystemException
              ? "the key file cannot be used: " + reason(e)
              : String.valueOf(e.getMessage()),
          e);
    }
  }

  /** Sees early what would otherwise be seen last, after all the work of starting. */
  private static void refuseTakenPort(Address address) throws Exception {
    listen(
            "--listen",
            address,
            () -> {
              ServerSocket probe = new ServerSocket();
              probe.setReuseAddress(true);
              probe.bind(address.resolve());
              return probe;
            })
        .close();
  }

  private interface Opening<T> {
    T open() throws Exception;
  }

  /** Explains why it is not possible to listen somewhere. */
  private static <T> T listen(String setting, Address address, Opening<T> opening)
      throws Exception {
    try {
      return opening.open();
    } catch (Exception e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        if (cause instanceof BindException || cause instanceof UnknownHostException) {
          String message = String.valueOf(cause.getMessage()).toLowerCase(Locale.ROOT);
          throw new CannotStartException(
              message.contains("in use")
                  ? "another program listens at %s already; stop it, or give another %s"
                      .formatted(address, setting)
                  : "this machine has no address %s; give another %s".formatted(address, setting),
              e);
        }
      }
      throw e;
    }
  }

  private synchronized <T extends AutoCloseable> T add(String name, T part) {
    parts.push(new Part(name, part));
    return part;
  }

  private void end(CountDownLatch started, Thread main) {
    if (started.getCount() > 0) {
      main.interrupt();
    }
    close();
  }

  /** Takes everything apart; one part that does not end well keeps no other from ending. */
  @Override
  public synchronized void close() {
    while (!parts.isEmpty()) {
      Part part = parts.pop();
      try {
        part.part().close();
      } catch (Exception e) {
        LOG.warn("{} did not end well", part.name(), e);
      }
    }
  }

  /**
   * Names this process; two servers may share a machine. Asked is the kernel (proc(5)): Java would
   * look the name up, and on many a machine nothing knows it.
   */
  private static String nodeName() throws IOException {
    return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip()
        + "-"
        + ProcessHandle.current().pid();
  }

  private static String version() {
    String packaged = Main.class.getPackage().getImplementationVersion();
    return packaged == null ? "development" : packaged;
  }

  private static String sinceStart() {
    Instant begun = ProcessHandle.current().info().startInstant().orElse(Instant.now());
    return String.format(
        Locale.ROOT, "%.1f s", Duration.between(begun, Instant.now()).toMillis() / 1000.0);
  }

  private static String reason(IOException e) {
    return (e instanceof AccessDeniedException ? "permission denied: " : "") + e.getMessage();
  }

  private static void say(Exception e) {
    System.err.println("millwright-server: " + e.getMessage());
  }
}
