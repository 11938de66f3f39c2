package io.millwright.driver.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A simulated vCenter of {@code lab/vcenter}, on loopback and over real TLS. A test that cannot
 * have it fails; it ends with the JVM at the latest.
 */
public final class VcenterLab implements AutoCloseable {
  private static final Map<String, VcenterLab> SHARED = new HashMap<>();

  private final Path directory;
  private final Map<String, String> environment;

  private VcenterLab(Path directory, Map<String, String> environment) {
    this.directory = directory;
    this.environment = environment;
  }

  /** One of this JVM, started with these arguments when it is first asked for. */
  public static VcenterLab shared(String... arguments) {
    synchronized (SHARED) {
      return SHARED.computeIfAbsent(String.join(" ", arguments), key -> start(arguments));
    }
  }

  /** One of one's own. */
  public static VcenterLab start(String... arguments) {
    try {
      Path directory = Files.createTempDirectory("millwright-vcenter");
      Runtime.getRuntime().addShutdownHook(new Thread(() -> down(directory)));
      List<String> command =
          new ArrayList<>(
              List.of(Lab.script("vcenter").toString(), "up", "--dir", directory.toString()));
      command.addAll(List.of(arguments));
      Lab.run(command);
      return new VcenterLab(directory, Lab.read(directory.resolve("vcenter.env")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void down(Path directory) {
    if (Files.exists(directory)) {
      Lab.run(
          List.of(
              Lab.script("vcenter").toString(), "down", "--dir", directory.toString(), "--purge"));
    }
  }

  @Override
  public void close() {
    down(directory);
  }

  /** A variable of its {@code vcenter.env}. */
  public String get(String variable) {
    String value = environment.get(variable);
    if (value == null) {
      throw new IllegalArgumentException("the vCenter has no " + variable);
    }
    return value;
  }

  public String url() {
    return get("VCENTER_URL");
  }

  public String user() {
    return get("VCENTER_USER");
  }

  public String password() {
    return text("VCENTER_PASSWORD_FILE");
  }

  /** The certificate of its authority, as PEM. */
  public String ca() {
    return text("VCENTER_CA");
  }

  private String text(String variable) {
    try {
      return Files.readString(Path.of(get(variable)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
