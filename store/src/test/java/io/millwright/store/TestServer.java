package io.millwright.store;

import io.millwright.store.embedded.EmbeddedPostgres;
import io.millwright.store.embedded.Progress;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;

/**
 * A PostgreSQL for tests, started when the first test of this JVM wants it.
 *
 * <p>{@code -Dmillwright.test.postgres} names the usual one: {@code embedded}, which is what it is
 * if nothing is said, or a JDBC URL with a user who may create databases.
 */
@NullUnmarked
final class TestServer {
  private static final Path DEBIAN_15 = Path.of("/usr/lib/postgresql/15/bin");
  private static final AtomicInteger DATABASES = new AtomicInteger();

  private static TestServer usual;
  private static TestServer fifteen;

  private final String url;
  private final String user;
  private final String password;

  private TestServer(String url, String user, String password) {
    this.url = url;
    this.user = user;
    this.password = password;
  }

  static synchronized TestServer usual() {
    if (usual == null) {
      String which = System.getProperty("millwright.test.postgres", "embedded");
      usual = which.equals("embedded") ? embedded() : new TestServer(which, null, null);
    }
    return usual;
  }

  /** The one that Debian 12 has; whoever asks for it must have it. */
  static synchronized TestServer fifteen() {
    if (fifteen == null) {
      fifteen = debian();
    }
    return fifteen;
  }

  /** A database of its own, empty. */
  Database.Settings create(int connections) {
    String name = "test_" + ProcessHandle.current().pid() + "_" + DATABASES.incrementAndGet();
    try (Connection connection = DriverManager.getConnection(url, user, password);
        Statement statement = connection.createStatement()) {
      statement.execute("CREATE DATABASE " + name + " ENCODING 'UTF8' TEMPLATE template0");
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
    return new Database.Settings(
        url.replaceFirst("/[^/?]*($|\\?)", "/" + name + "$1"), user, password, connections);
  }

  private static TestServer embedded() {
    try {
      Path dir = directory();
      outlivesNoPowerCut(dir);
      EmbeddedPostgres postgres = EmbeddedPostgres.start(dir, Progress.silent());
      atEnd(() -> {
        postgres.close();
        delete(dir);
      });
      return new TestServer(postgres.jdbcUrl(), postgres.user(), postgres.password());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static TestServer debian() {
    if (!Files.isExecutable(DEBIAN_15.resolve("postgres"))) {
      throw new IllegalStateException(
          "These tests need PostgreSQL 15: apt-get install postgresql-15");
    }
    try {
      Path dir = directory();
      List<String> as = new ArrayList<>();
      if ((Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid") == 0) {
        // PostgreSQL refuses to run as root; the package made this user.
        as.addAll(List.of("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"));
        run(List.of("chown", "postgres:postgres", dir.toString()));
      }
      Path data = dir.resolve("data");
      run(
          with(
              as,
              DEBIAN_15.resolve("initdb").toString(),
              "-D",
              data.toString(),
              "--username=test",
              "--auth=trust",
              "--encoding=UTF8",
              "--locale=C.UTF-8",
              "--no-sync"));
      int port = freePort();
      Process postgres =
          new ProcessBuilder(
                  with(
                      as,
                      DEBIAN_15.resolve("postgres").toString(),
                      "-D",
                      data.toString(),
                      "-p",
                      Integer.toString(port),
                      "-c",
                      "listen_addresses=127.0.0.1",
                      "-c",
                      "fsync=off",
                      "-c",
                      "synchronous_commit=off",
                      "-c",
                      "unix_socket_directories="))
              .redirectErrorStream(true)
              .redirectOutput(dir.resolve("log").toFile())
              .start();
      atEnd(() -> {
        try {
          run(List.of("kill", "-INT", Long.toString(postgres.pid())));
          postgres.waitFor(20, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        } finally {
          postgres.destroyForcibly();
          delete(dir);
        }
      });
      String url = "jdbc:postgresql://127.0.0.1:" + port + "/postgres";
      await(url, postgres, dir.resolve("log"));
      return new TestServer(url, "test", "");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void await(String url, Process postgres, Path log) throws IOException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (true) {
      try (Connection connection = DriverManager.getConnection(url, "test", "")) {
        return;
      } catch (SQLException e) {
        if (!postgres.isAlive() || System.nanoTime() > end) {
          throw new IllegalStateException(
              "PostgreSQL 15 did not start: " + Files.readString(log), e);
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
      }
    }
  }

  private static List<String> with(List<String> prefix, String... command) {
    List<String> out = new ArrayList<>(prefix);
    out.addAll(List.of(command));
    return out;
  }

  private static void run(List<String> command) {
    try {
      Process process =
          new ProcessBuilder(command).directory(new File("/")).redirectErrorStream(true).start();
      String said = new String(process.getInputStream().readAllBytes());
      if (process.waitFor() != 0) {
        throw new IllegalStateException(command + ": " + said);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Which another user can pass through, for the server does not run as root. */
  private static Path directory() throws IOException {
    Path dir = Files.createTempDirectory("millwright-store");
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

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private static void delete(Path dir) {
    try (Stream<Path> all = Files.walk(dir)) {
      all.sorted(Comparator.reverseOrder()).forEach(p -> p.toFile().delete());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void atEnd(Runnable action) {
    Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(action));
  }
}
