package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.engine.Engine;
import io.millwright.engine.access.Access;
import io.millwright.engine.access.Audited;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.outside.Drivers;
import io.millwright.engine.outside.Reach;
import io.millwright.engine.outside.SourcePlaces;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Cidr;
import io.millwright.model.manifest.Json;
import io.millwright.store.Database;
import io.millwright.store.WorkLoop;
import io.millwright.store.embedded.EmbeddedPostgres;
import io.millwright.store.embedded.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Primary;
import tools.jackson.databind.JsonNode;

/** The API over real HTTP, on a real PostgreSQL and a simulated hypervisor; one for all tests. */
final class Rig {
  static final String WORLD = "api-tests";
  static final Duration KEEP_ALIVE = Duration.ofMillis(200);

  static {
    // A machine that is busy with much else is no failure.
    Awaitility.setDefaultTimeout(Duration.ofSeconds(60));
  }

  private static @Nullable Rig shared;

  final Store store;
  final Engine engine;
  final RunningApi api;
  final String token;

  final Path images;
  final HttpClient http = HttpClient.newHttpClient();
  private final Database database;

  @Configuration(proxyBeanMethods = false)
  @Import(ApiConfiguration.class)
  static class Impatient {
    @Bean
    @Primary
    LiveStreams impatientStreams(Backend backend) {
      return new LiveStreams(backend.engine().watch(), KEEP_ALIVE);
    }
  }

  /** An answer, with its body read. */
  record Reply(int status, HttpResponse<String> raw) {
    JsonNode json() {
      return Json.mapper().readTree(raw.body());
    }

    String header(String name) {
      return raw.headers().firstValue(name).orElse("");
    }
  }

  private Rig() throws IOException {
    Path data = directory("postgres");
    outlivesNoPowerCut(data);
    EmbeddedPostgres postgres = EmbeddedPostgres.start(data, Progress.silent());
    database =
        Database.open(
            new Database.Settings(postgres.jdbcUrl(), postgres.user(), postgres.password(), 12));
    store = new Audited(database.store());
    images = directory("images");
    engine =
        new Engine(
            store,
            Drivers.load(),
            new SecretBox(new byte[32]),
            new ImageFiles(
                images,
                ImageFiles.Limits.USUAL.reaching(new Reach(List.of(Cidr.parse("127.0.0.1/32"))))),
            InstantSource.system(),
            Engine.Settings.of(
                List.of(),
                new SourcePlaces(List.of(), new Reach(List.of(Cidr.parse("127.0.0.0/8"))))));
    token = engine.tokens().create("anna", null).secret();
    api = RunningApi.start(backend(engine.access()), Map.of(), Impatient.class);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(() -> {
              api.close();
              engine.close();
              database.close();
              postgres.close();
              // Not before: it would go on writing there.
              delete(data);
              delete(images);
              SimulatedHypervisor.forgetWorld(WORLD);
            }));
    apply(
        "shared",
        """
        apiVersion: millwright/v1
        kind: Hypervisor
        metadata: {name: sim}
        spec: {driver: simulated, settings: {world: %s, password: secret}}
        ---
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: small}
        spec: {cores: 1, memory: 256MiB, disk: 2GiB}
        ---
        apiVersion: millwright/v1
        kind: Image
        metadata: {name: img}
        spec: {os: debian, version: "12", build: {builder: simulated, suite: bookworm}}
        """
            .formatted(WORLD));
  }

  /** What an API is started with. */
  Backend backend(Access access) {
    return new Backend("test", store, engine, access);
  }

  static synchronized Rig shared() {
    Rig rig = shared;
    if (rig == null) {
      try {
        rig = new Rig();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      shared = rig;
    }
    return rig;
  }

  /** Has the work done that is otherwise only recorded. */
  WorkLoop work() {
    WorkLoop loop = new WorkLoop(database, engine.reconcilers(), WorkLoop.Settings.of("api-tests"));
    loop.start();
    return loop;
  }

  /** What only somebody with the database in their hands can do. */
  void sql(String statement) {
    try (Connection connection = database.dataSource().getConnection();
        Statement open = connection.createStatement()) {
      open.execute(statement);
      if (!connection.getAutoCommit()) {
        connection.commit();
      }
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Two at once: what {@code first} has changed is committed when {@code second} is done or waits
   * for it.
   */
  <T> T meanwhile(Consumer<Tx> first, Callable<T> second) {
    try (ExecutorService other = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<T> answer =
          store.inTransaction(tx -> {
            first.accept(tx);
            Future<T> begun = other.submit(second);
            Awaitility.await().until(() -> begun.isDone() || somebodyWaits());
            return begun;
          });
      return answer.get();
    } catch (InterruptedException | ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  private boolean somebodyWaits() throws SQLException {
    try (Connection connection = database.dataSource().getConnection();
        Statement asks = connection.createStatement();
        ResultSet waits = asks.executeQuery("SELECT count(*) FROM pg_locks WHERE NOT granted")) {
      waits.next();
      return waits.getInt(1) > 0;
    }
  }

  /**
   * Everything that the database holds, a line a value: every column of every table of ours as the
   * text that it is, so that nothing is quoted in one more way; and bytes as text, too.
   */
  String dump() {
    StringBuilder out = new StringBuilder();
    try (Connection connection = database.dataSource().getConnection();
        Statement columns = connection.createStatement();
        Statement values = connection.createStatement()) {
      ResultSet names =
          columns.executeQuery(
              """
              SELECT format('%I.%I', table_schema, table_name), format('%I', column_name), data_type
                FROM information_schema.columns JOIN information_schema.tables
                  USING (table_catalog, table_schema, table_name)
               WHERE table_type = 'BASE TABLE'
                 AND table_schema NOT IN ('pg_catalog', 'information_schema')
              """);
      while (names.next()) {
        String column = names.getString(2);
        List<String> forms =
            names.getString(3).equals("bytea")
                ? List.of("encode(" + column + ", 'hex')", "encode(" + column + ", 'escape')")
                : List.of(column + "::text");
        for (String form : forms) {
          ResultSet all =
              values.executeQuery(
                  "SELECT %s FROM %s WHERE %s IS NOT NULL"
                      .formatted(form, names.getString(1), column));
          while (all.next()) {
            out.append(all.getString(1)).append('\n');
          }
        }
      }
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
    return out.toString();
  }

  URI uri(String path) {
    return URI.create(api.url() + (path.startsWith("/") ? path : "/api/v1/" + path));
  }

  HttpRequest.Builder request(String path, String... headers) {
    HttpRequest.Builder out =
        HttpRequest.newBuilder(uri(path)).header("Authorization", "Bearer " + token);
    if (headers.length > 0) {
      out.headers(headers);
    }
    return out;
  }

  Reply send(HttpRequest request) {
    try {
      HttpResponse<String> raw = http.send(request, HttpResponse.BodyHandlers.ofString(UTF_8));
      return new Reply(raw.statusCode(), raw);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  Reply get(String path, String... headers) {
    return send(request(path, headers).build());
  }

  Reply delete(String path, String... headers) {
    return send(request(path, headers).DELETE().build());
  }

  Reply post(String path, String yaml, String... headers) {
    return send(
        request(path, headers)
            .header("Content-Type", "application/yaml")
            .POST(HttpRequest.BodyPublishers.ofString(yaml))
            .build());
  }

  Reply post(String path) {
    return send(request(path).POST(HttpRequest.BodyPublishers.noBody()).build());
  }

  Reply put(String path, String yaml, String... headers) {
    return send(
        request(path, headers)
            .header("Content-Type", "application/yaml")
            .PUT(HttpRequest.BodyPublishers.ofString(yaml))
            .build());
  }

  Reply apply(String project, String yaml) {
    Reply reply = post("apply?project=" + project, yaml);
    if (reply.status() > 202) {
      throw new IllegalStateException(reply.raw().body());
    }
    return reply;
  }

  static String size(String name, int cores, String metadata) {
    return """
    apiVersion: millwright/v1
    kind: Size
    metadata: {name: %s%s}
    spec: {cores: %d, memory: 1GiB, disk: 4GiB}
    """
        .formatted(name, metadata.isEmpty() ? "" : ", " + metadata, cores);
  }

  static String machine(String name) {
    return """
    apiVersion: millwright/v1
    kind: Machine
    metadata: {name: %s}
    spec: {image: img, size: small}
    """
        .formatted(name);
  }

  static String volume(String name, String size) {
    return """
    apiVersion: millwright/v1
    kind: Volume
    metadata: {name: %s}
    spec: {size: %s, hypervisor: sim, reclaim: delete}
    """
        .formatted(name, size);
  }

  /** Below a directory that PostgreSQL's own user can pass through. */
  static Path directory(String what) throws IOException {
    Path dir = Files.createTempDirectory("millwright-test-" + what);
    Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwx--x--x"));
    return dir;
  }

  /** What is in this PostgreSQL is not waited for until it is on a disk. */
  private static void outlivesNoPowerCut(Path postgres) throws IOException {
    Path data = Files.createDirectory(postgres.resolve("data"));
    Files.setPosixFilePermissions(data, Files.getPosixFilePermissions(postgres));
    Path conf =
        Files.write(data.resolve("local.conf"), List.of("fsync = off", "synchronous_commit = off"));
    Files.setPosixFilePermissions(conf, PosixFilePermissions.fromString("rw-r--r--"));
  }

  static void delete(Path dir) {
    try (Stream<Path> all = Files.walk(dir)) {
      all.sorted(Comparator.reverseOrder()).forEach(p -> p.toFile().delete());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
