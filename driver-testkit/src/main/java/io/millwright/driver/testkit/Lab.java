package io.millwright.driver.testkit;

import io.millwright.model.Sha256;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The real lab of {@code lab/lab}: libvirt with QEMU, and dnsmasq, in a network namespace of its
 * own. It is started when it is first asked for and taken down when the JVM ends; a test that
 * cannot have it fails.
 *
 * <p>System properties: {@code millwright.root} is the directory that holds {@code lab}, found by
 * walking up from the working directory if not given; {@code millwright.lab} is the directory of a
 * lab that runs already, which is used and left running; {@code millwright.micro} is a micro guest
 * image that is there already.
 */
public final class Lab {
  private static final String PREFIX = "millwright-lab-";
  private static @Nullable Lab shared;

  private final Path directory;
  private final Map<String, String> environment;

  private Lab(Path directory) throws IOException {
    this.directory = directory;
    this.environment = read(directory.resolve("lab.env"));
  }

  /** The lab of this JVM. */
  public static synchronized Lab shared() {
    if (shared == null) {
      try {
        String running = System.getProperty("millwright.lab");
        shared = running == null ? start() : new Lab(Path.of(running));
      } catch (IOException e) {
        throw new UncheckedIOException("the lab did not start", e);
      }
    }
    return shared;
  }

  private static Lab start() throws IOException {
    Path parent = Path.of(System.getProperty("java.io.tmpdir"));
    removeLeftOvers(parent);
    long pid = ProcessHandle.current().pid();
    Path directory = parent.resolve(PREFIX + pid);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> down(directory, pid)));
    // Subnets of 10.100 to 10.199: JVMs that run at once have different numbers as a rule.
    run(
        List.of(
            script("lab").toString(),
            "up",
            "--name",
            name(pid),
            "--dir",
            directory.toString(),
            "--index",
            Long.toString(100 + pid % 100)));
    return new Lab(directory);
  }

  private static String name(long pid) {
    return "mwt" + pid;
  }

  /** Of JVMs that were killed. */
  private static void removeLeftOvers(Path parent) throws IOException {
    List<Path> labs;
    try (Stream<Path> all = Files.list(parent)) {
      labs = all.filter(p -> p.getFileName().toString().matches(PREFIX + "[0-9]+")).toList();
    }
    for (Path lab : labs) {
      long pid = Long.parseLong(lab.getFileName().toString().substring(PREFIX.length()));
      if (ProcessHandle.of(pid).isEmpty()) {
        down(lab, pid);
      }
    }
  }

  private static void down(Path directory, long pid) {
    run(
        List.of(
            script("lab").toString(),
            "down",
            "--name",
            name(pid),
            "--dir",
            directory.toString(),
            "--purge"));
  }

  static Path script(String name) {
    return root().resolve("lab").resolve(name);
  }

  private static Path root() {
    String given = System.getProperty("millwright.root");
    if (given != null) {
      return Path.of(given);
    }
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      if (Files.isExecutable(at.resolve("lab/lab"))) {
        return at;
      }
    }
    throw new IllegalStateException("no lab/lab above the working directory");
  }

  /** Runs a program to its end and returns what it printed; fails if it fails. */
  public static String run(List<String> command) {
    try {
      Path output = Files.createTempFile("millwright-lab", ".out");
      try {
        Process process =
            new ProcessBuilder(command)
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectErrorStream(true)
                // a file and not a pipe, which daemons that it starts would keep open
                .redirectOutput(output.toFile())
                .start();
        if (!process.waitFor(10, TimeUnit.MINUTES)) {
          process.destroyForcibly();
          throw new IllegalStateException(command + " did not end");
        }
        String printed = Files.readString(output);
        if (process.exitValue() != 0) {
          throw new IllegalStateException(
              command + " failed with " + process.exitValue() + ": " + printed);
        }
        return printed;
      } finally {
        Files.delete(output);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(command + " was interrupted", e);
    }
  }

  static Map<String, String> read(Path file) throws IOException {
    Map<String, String> out = new HashMap<>();
    for (String line : Files.readAllLines(file)) {
      int at = line.indexOf('=');
      if (!line.startsWith("#") && at > 0) {
        String value = line.substring(at + 1);
        boolean quoted = value.length() >= 2 && value.startsWith("'") && value.endsWith("'");
        out.put(line.substring(0, at), quoted ? value.substring(1, value.length() - 1) : value);
      }
    }
    return Map.copyOf(out);
  }

  /** Starts again what of it does not run any more. */
  public void repair() {
    run(
        List.of(
            script("lab").toString(),
            "up",
            "--name",
            get("LAB_NAME"),
            "--dir",
            directory.toString()));
  }

  /** The libvirt daemon's process. */
  public ProcessHandle libvirtd() {
    try {
      String pid = Files.readString(directory.resolve("libvirt/run/libvirtd.pid")).strip();
      return ProcessHandle.of(Long.parseLong(pid))
          .orElseThrow(() -> new IllegalStateException("libvirtd does not run"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A variable of its {@code lab.env}, such as {@code LAB_GATEWAY4}. */
  public String get(String variable) {
    String value = environment.get(variable);
    if (value == null) {
      throw new IllegalArgumentException("the lab has no " + variable);
    }
    return value;
  }

  public Path directory() {
    return directory;
  }

  public String uri() {
    return get("LAB_URI");
  }

  public String bridge() {
    return get("LAB_BRIDGE");
  }

  /** What {@code virsh} prints for these arguments. */
  public String virsh(String... arguments) {
    return run(Stream.concat(Stream.of("virsh", "-q", "-c", uri()), Stream.of(arguments)).toList());
  }

  /**
   * The micro guest's disk image, built if it is not there yet: it boots in seconds, prints {@code
   * MICRO-READY} and a root shell on the serial line, and powers off when asked.
   */
  public static Path microImage() {
    String given = System.getProperty("millwright.micro");
    return given != null ? Path.of(given) : microImage("micro", List.of());
  }

  /** The same guest with drivers of real hardware alone: SATA disks and drives, e1000e cards. */
  public static Path hardwareImage() {
    return microImage("hardware", List.of("--hardware"));
  }

  private static Path microImage(String name, List<String> more) {
    try {
      Path script = script("micro-image");
      Path cache = Files.createDirectories(root().resolve("target/lab"));
      // By the script's content, so that a changed one makes another image.
      Path image = cache.resolve(name + "-" + sha256(script).substring(0, 12) + ".qcow2");
      try (FileChannel channel =
              FileChannel.open(
                  cache.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock lock = channel.lock()) {
        if (!Files.exists(image) && lock.isValid()) {
          run(
              Stream.concat(
                      Stream.of(
                          script.toString(),
                          "--out",
                          image.toString(),
                          "--work",
                          cache.resolve("work").toString()),
                      more.stream())
                  .toList());
        }
      }
      return image;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Checksum of a file, as 64 hex digits. */
  public static String sha256(Path file) {
    try {
      return Sha256.hex(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
