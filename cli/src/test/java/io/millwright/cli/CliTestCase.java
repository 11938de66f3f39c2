package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Runs commands in this process against a server that plays the contract. */
abstract class CliTestCase {
  static final Instant NOW = Instant.parse("2026-11-21T12:00:00Z");

  @TempDir Path dir = Path.of("");
  final Map<String, String> environment = new HashMap<>();
  String input = "";

  /** What is typed, instead of {@code input}. */
  @Nullable InputStream keyboard;

  boolean terminal;
  FakeServer server = started();

  private static FakeServer started() {
    try {
      return new FakeServer();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @BeforeEach
  void surroundings() {
    environment.put("MILLWRIGHT_SERVER", server.address());
    environment.put("MILLWRIGHT_TOKEN", "mwt_test");
    environment.put("HOME", dir.toString());
    environment.put("PATH", "/usr/bin:/bin");
    environment.put("TZ", "UTC");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  /** How a command ended. */
  record Result(int code, String out, String err) {
    /** Nothing was said but this one line. */
    Result failed(int expected, String line) {
      assertThat(err).isEqualTo("millwright: " + line + "\n");
      assertThat(code).isEqualTo(expected);
      return this;
    }

    Result done() {
      assertThat(err).isEmpty();
      assertThat(code).isZero();
      return this;
    }
  }

  Result run(String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Shell shell =
        new Shell(
            environment,
            keyboard != null
                ? keyboard
                : new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
            new Output(out),
            new PrintStream(err, false, StandardCharsets.UTF_8),
            false,
            terminal,
            () -> NOW);
    int code = Cli.run(shell, args);
    return new Result(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  /** Has a shell run this, in which {@code millwright} is a process of its own. */
  Result shell(String line) throws IOException, InterruptedException {
    Path out = dir.resolve("out");
    Path err = dir.resolve("err");
    String java =
        "'%s/bin/java' --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xlog:disable -cp '%s' %s"
            .formatted(
                System.getProperty("java.home"),
                System.getProperty("java.class.path"),
                Main.class.getName());
    ProcessBuilder builder =
        new ProcessBuilder("bash", "-c", "millwright() { " + java + " \"$@\"; }; " + line)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    builder.environment().putAll(environment);
    builder.environment().remove("JAVA_TOOL_OPTIONS");
    Process process = builder.start();
    try {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("it ends: %s", line).isTrue();
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    return new Result(
        process.exitValue(),
        Files.readString(out, StandardCharsets.UTF_8),
        Files.readString(err, StandardCharsets.UTF_8));
  }

  Path file(String name, String content) throws IOException {
    Path file = dir.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, content);
  }

  static String resource(String name) {
    try (var in = CliTestCase.class.getResourceAsStream(name)) {
      return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** Compares with a file beside the tests; {@code -Dgolden.update=true} writes it. */
  static void golden(String name, String actual) throws IOException {
    if (Boolean.getBoolean("golden.update")) {
      Files.writeString(Path.of("src/test/resources/io/millwright/cli", name), actual);
      return;
    }
    assertThat(actual).isEqualTo(resource(name));
  }
}
