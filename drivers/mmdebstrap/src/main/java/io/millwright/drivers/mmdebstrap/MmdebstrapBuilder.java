package io.millwright.drivers.mmdebstrap;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.ImageBuilder;
import io.millwright.model.ImageSpec;
import io.millwright.model.Names;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * Builds Debian images by the script {@code build-debian.sh}, which does the work and cleans up
 * after itself; this class decides whether it can be done, follows it, and makes sure that it ends
 * when it is told to. Needs root.
 */
public final class MmdebstrapBuilder implements ImageBuilder {
  private static final String SCRIPT = "build-debian.sh";

  /** Long enough to remove the root of a build from a slow disk. */
  private static final Duration GRACE = Duration.ofSeconds(30);

  /** The releases that the script knows to make bootable. */
  private static final Map<String, String> VERSION_OF_SUITE =
      Map.of("bookworm", "12", "trixie", "13");

  /** What the script runs or copies, and the Debian package that brings it. */
  private static final Map<String, String> PACKAGE_OF_TOOL = new LinkedHashMap<>();

  static {
    PACKAGE_OF_TOOL.put("mmdebstrap", "mmdebstrap");
    PACKAGE_OF_TOOL.put("sfdisk", "fdisk");
    PACKAGE_OF_TOOL.put("mke2fs", "e2fsprogs");
    PACKAGE_OF_TOOL.put("mformat", "mtools");
    PACKAGE_OF_TOOL.put("mcopy", "mtools");
    PACKAGE_OF_TOOL.put("qemu-img", "qemu-utils");
    PACKAGE_OF_TOOL.put("grub-mkimage", "grub-common");
    PACKAGE_OF_TOOL.put("/usr/lib/grub/i386-pc/boot.img", "grub-pc-bin");
    PACKAGE_OF_TOOL.put("/usr/lib/grub/x86_64-efi/modinfo.sh", "grub-efi-amd64-bin");
  }

  private final Supplier<String> script;
  private final Predicate<String> installed;
  private final Duration grace;

  /** For {@link java.util.ServiceLoader}. */
  public MmdebstrapBuilder() {
    this(MmdebstrapBuilder::packaged, MmdebstrapBuilder::onThisMachine, GRACE);
  }

  /**
   * @param script text of the script to run
   * @param installed tells whether a tool, or a file by its absolute path, is there
   * @param grace how long an interrupted build may take to end by itself
   */
  MmdebstrapBuilder(Supplier<String> script, Predicate<String> installed, Duration grace) {
    this.script = script;
    this.installed = installed;
    this.grace = grace;
  }

  @Override
  public String name() {
    return "mmdebstrap";
  }

  @Override
  public void build(ImageSpec spec, Path out, Path work, Progress progress)
      throws DriverException, InterruptedException {
    ImageSpec.Build build = check(spec);
    String suite = String.valueOf(build.suite());
    requireTools();
    if (Files.exists(out)) {
      throw new DriverException(
          FaultKind.CONFLICT, "There is an image already where this one is to be built.");
    }
    Path file = work.resolve(SCRIPT);
    List<String> command =
        new ArrayList<>(
            List.of(
                // A build takes minutes of both cores; machines and the server come first.
                "nice",
                "-n",
                "10",
                "bash",
                file.toString(),
                "--suite",
                suite,
                "--out",
                out.toString(),
                "--work",
                work.resolve("build").toString()));
    for (String name : build.packages()) {
      command.add("--package");
      command.add(name);
    }
    BuildLog log = new BuildLog(progress);
    long pid = 0;
    boolean built = false;
    try {
      Files.writeString(file, script.get());
      try (ProcessTree tree = ProcessTree.start(command, work, grace)) {
        pid = tree.pid();
        int code = tree.follow(log);
        if (code != 0) {
          throw log.failure(suite, code);
        }
      }
      if (!Files.isRegularFile(out)) {
        throw new DriverException(
            FaultKind.BUG, "The build reported success and left no image.", log.tail(), null);
      }
      built = true;
    } catch (IOException e) {
      throw BuildLog.fault(e);
    } finally {
      clean(out, work, pid, built);
    }
  }

  private static ImageSpec.Build check(ImageSpec spec) throws DriverException {
    ImageSpec.Build build = spec.build();
    if (build == null) {
      throw refused("This image is not one to be built: its spec has no build.");
    }
    if (!spec.os().equals("debian")) {
      throw refused("mmdebstrap builds debian only, not " + Names.quote(spec.os()) + ".");
    }
    if (!spec.arch().equals("x86_64")) {
      throw refused("mmdebstrap builds for x86_64 only, not " + Names.quote(spec.arch()) + ".");
    }
    Set<String> suites = new TreeSet<>(VERSION_OF_SUITE.keySet());
    String suite = String.valueOf(build.suite());
    String version = VERSION_OF_SUITE.get(suite);
    if (version == null) {
      throw refused(
          "No release of Debian that can be built is called "
              + Names.quote(suite)
              + Names.hint(suite, suites)
              + "; known are "
              + String.join(", ", suites)
              + ".");
    }
    if (!version.equals(spec.version())) {
      throw refused(
          "The suite "
              + suite
              + " is Debian "
              + version
              + ", but the image says version "
              + Names.quote(spec.version())
              + "; change one of them.");
    }
    return build;
  }

  private void requireTools() throws DriverException {
    Set<String> packages = new TreeSet<>();
    List<String> tools = new ArrayList<>();
    PACKAGE_OF_TOOL.forEach((tool, in) -> {
      if (!installed.test(tool)) {
        packages.add(in);
        tools.add(tool);
      }
    });
    if (!packages.isEmpty()) {
      throw new DriverException(
          FaultKind.UNSUPPORTED,
          "The server lacks what it takes to build images; as root there: apt-get install "
              + String.join(" ", packages),
          "missing: " + String.join(", ", tools),
          null);
    }
  }

  /** The script removes its own traces; this is for the case that it was killed. */
  private static void clean(Path out, Path work, long pid, boolean built) {
    try {
      if (!built) {
        Files.deleteIfExists(out);
      }
      // The script's name for an image that is not whole yet.
      Files.deleteIfExists(out.resolveSibling(out.getFileName() + ".part." + pid));
      // By a tool that stays on one file system: a killed build may leave mounts in its root.
      Process find =
          new ProcessBuilder("find", work.toString(), "-xdev", "-mindepth", "1", "-delete")
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      // Without a limit and not to be interrupted: a half-removed root is worse than a late answer.
      find.onExit().join();
    } catch (IOException e) {
      // What was the matter before is the news; whoever sweeps the work directories finds the rest.
    }
  }

  private static DriverException refused(String forUser) {
    return new DriverException(FaultKind.REFUSED, forUser);
  }

  private static boolean onThisMachine(String tool) {
    if (tool.startsWith("/")) {
      return Files.exists(Path.of(tool));
    }
    for (String directory : ProcessTree.PATH.split(":", -1)) {
      if (Files.isExecutable(Path.of(directory, tool))) {
        return true;
      }
    }
    return false;
  }

  /** The text of the script that is delivered with this class. */
  static String packaged() {
    try (InputStream in = MmdebstrapBuilder.class.getResourceAsStream(SCRIPT)) {
      if (in == null) {
        throw new IllegalStateException(SCRIPT + " is not on the class path");
      }
      return new String(in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
