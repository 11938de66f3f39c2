package io.millwright.drivers.mmdebstrap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.ImageBuilder;
import io.millwright.model.Firmware;
import io.millwright.model.ImageSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** On small scripts that behave as the real one does, or worse. */
class MmdebstrapBuilderTest {
  @TempDir Path home;
  private Path work;
  private Path out;
  private final Heard heard = new Heard();
  private Duration grace = Duration.ofSeconds(20);

  private static final class Heard implements ImageBuilder.Progress {
    final List<String> progress = new CopyOnWriteArrayList<>();
    final List<String> log = new CopyOnWriteArrayList<>();

    @Override
    public void at(int percent, String what) {
      progress.add(percent + " " + what);
    }

    @Override
    public void log(String line) {
      log.add(line);
    }
  }

  @BeforeEach
  void directories() throws IOException {
    work = Files.createDirectory(home.resolve("work"));
    out = Files.createDirectory(home.resolve("images")).resolve("golden.qcow2");
  }

  private static ImageSpec image(String os, String version, String suite, String... packages) {
    return new ImageSpec(
        os,
        version,
        "x86_64",
        List.of(Firmware.BIOS),
        null,
        new ImageSpec.Build("mmdebstrap", suite, List.of(packages)),
        ImageSpec.FirstBoot.CLOUD_INIT,
        null,
        null);
  }

  private void build(String script, String... packages)
      throws DriverException, InterruptedException {
    new MmdebstrapBuilder(() -> script, tool -> true, grace)
        .build(image("debian", "12", "bookworm", packages), out, work, heard);
  }

  private DriverException failure(String script) {
    DriverException failed =
        assertThatExceptionOfType(DriverException.class).isThrownBy(() -> build(script)).actual();
    assertNothingIsLeft();
    return failed;
  }

  private void assertNothingIsLeft() {
    assertThat(work).isEmptyDirectory();
    assertThat(out.getParent()).isEmptyDirectory();
  }

  @Test
  void aBuildTellsItsProgressAndLeavesTheImageOnly() throws Exception {
    build(
        """
        echo PROGRESS 3 reading package lists
        echo an ordinary line
        echo to standard error >&2
        while [ $# -gt 0 ]; do
          echo "argument $1"
          [ "$1" = --out ] && OUT=$2
          [ "$1" = --work ] && WORK=$2
          shift
        done
        mkdir "$WORK"; echo x > "$WORK/left over"; ln -s / "$WORK/link"
        echo image > "$OUT"
        echo PROGRESS 250 done
        """,
        "vim",
        "less");
    assertThat(heard.progress).containsExactly("3 reading package lists", "100 done");
    assertThat(heard.log)
        .startsWith("an ordinary line", "to standard error")
        .containsSubsequence("argument --suite", "argument bookworm")
        .containsSubsequence("argument --package", "argument vim", "argument --package")
        .endsWith("argument --package", "argument less");
    assertThat(out).hasContent("image");
    assertThat(work).isEmptyDirectory();
    try (Stream<Path> images = Files.list(out.getParent())) {
      assertThat(images).containsExactly(out);
    }
  }

  @Test
  void theBuildGetsNoEnvironmentOfTheServer() throws Exception {
    build("env; touch \"${4}\"; [ \"$3\" = --out ] || exit 3");
    assertThat(heard.log)
        .extracting(l -> l.replaceAll("=.*", ""))
        .allMatch(name ->
            List.of("PATH", "LC_ALL", "HOME", "PWD", "SHLVL", "_").contains(name)
                || name.toLowerCase(java.util.Locale.ROOT).endsWith("_proxy"));
  }

  @Test
  void anImageThatIsThereIsNotTouched() throws Exception {
    Files.writeString(out, "precious");
    assertThatExceptionOfType(DriverException.class)
        .isThrownBy(() -> build("echo never"))
        .satisfies(e -> assertThat(e.kind()).isEqualTo(FaultKind.CONFLICT));
    assertThat(out).hasContent("precious");
    assertThat(heard.log).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "E: Unable to locate package nosuch | REFUSED | no package named nosuch",
        "E: Package 'gone' has no installation candidate | REFUSED | no package named gone",
        "cp: error writing 'x': No space left on device | CAPACITY | full",
        "W: GPG error: NO_PUBKEY 12 | REFUSED | debian-archive-keyring",
        "E: Failed to fetch http://x/y  Could not connect | UNREACHABLE | could not be reached",
        "ERROR mcopy is not installed | UNSUPPORTED | mcopy is not installed",
        "ERROR needs root, for the chroot | REFUSED | as root",
        "ERROR this machine's apt sources name no Debian archive of x | REFUSED | apt sources",
        "ERROR the root has no kernel | BUG | the root has no kernel",
        "ERROR line 7 failed: cp /secret/place | BUG | exit code 7",
        "anything | BUG | exit code 7",
      })
  void aFailureSaysWhyAndLeavesNothing(String line, FaultKind kind, String words) {
    DriverException failed =
        failure(
            """
            while [ "$1" != --out ]; do shift; done
            echo partial > "$2"; echo partial > "$2.part.$$"
            cat <<'EOF'
            %s
            EOF
            echo last words >&2
            exit 7
            """
                .formatted(line));
    assertThat(failed.kind()).isEqualTo(kind);
    assertThat(failed.forUser()).contains(words).doesNotContain("/secret");
    assertThat(failed.forOperator()).contains(line).endsWith("last words");
  }

  @Test
  void successWithoutAnImageIsAFailure() {
    assertThat(failure("exit 0").kind()).isEqualTo(FaultKind.BUG);
  }

  @Test
  void aProcessThatHoldsTheOutputOpenDoesNotHoldUpTheEnd() throws Exception {
    // Like a key agent that a package manager starts: a child of nobody, with our pipe.
    build(
        """
        mkfifo "$6.fifo"
        ( setsid sh -c 'echo "stray $$"; read -r _ < "$1"' sh "$6.fifo" & )
        touch "$4"
        """);
    long stray = Long.parseLong(heard.log.getFirst().substring(6));
    assertThat(out).exists();
    ProcessHandle.of(stray).ifPresent(ProcessHandle::destroyForcibly);
  }

  /** So a build is cancelled; and it must not go on, for nobody reads what it prints any more. */
  @Test
  void whoIsToldAndWantsItToStopIsHeardAtOnce() {
    grace = Duration.ofSeconds(1);
    IllegalArgumentException stop = new IllegalArgumentException("stop");
    ImageBuilder.Progress told =
        new ImageBuilder.Progress() {
          @Override
          public void at(int percent, String what) {
            throw stop;
          }

          @Override
          public void log(String line) {
            throw stop;
          }
        };
    long begun = System.nanoTime();
    assertThatThrownBy(() ->
            new MmdebstrapBuilder(
                    () -> "echo begun; while :; do echo line; sleep 0.1; done", tool -> true, grace)
                .build(image("debian", "12", "bookworm"), out, work, told))
        .isSameAs(stop);
    assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(60));
    assertNothingIsLeft();
  }

  @Test
  void interruptionEndsEveryProcessAndLeavesNothing() throws Exception {
    List<ProcessHandle> processes =
        interrupt(
            """
            trap 'exit 143' TERM
            touch "$4.part.$$"; mkdir -p "$6"; touch "$6/half"
            mkfifo "$6/never"
            bash -c 'echo "pid $$"; read -r _ < "$1"' child "$6/never" &
            echo "pid $$"
            wait
            """,
            2);
    assertThat(processes).hasSize(2).noneMatch(ProcessHandle::isAlive);
  }

  @Test
  void interruptionEndsProcessesThatWillNotHearToo() throws Exception {
    grace = Duration.ofMillis(200);
    List<ProcessHandle> processes =
        interrupt(
            """
            trap '' TERM
            touch "$4.part.$$"; mkdir -p "$6"
            mkfifo "$6/never"
            bash -c 'echo "pid $$"; while :; do read -r _ < "$1"; done' child "$6/never" &
            echo "pid $$"
            while :; do wait; done
            """,
            2);
    assertThat(processes).hasSize(2).noneMatch(ProcessHandle::isAlive);
  }

  /** Starts a build, interrupts it once so many processes have told their pid, returns them. */
  private List<ProcessHandle> interrupt(String script, int processes) throws Exception {
    CompletableFuture<Void> ended = new CompletableFuture<>();
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    Thread builder =
        Thread.ofVirtual()
            .start(() -> {
              try {
                build(script);
              } catch (Exception e) {
                thrown.set(e);
              } finally {
                ended.complete(null);
              }
            });
    await()
        .pollInterval(Duration.ofMillis(10))
        .until(() -> heard.log.stream().filter(l -> l.startsWith("pid ")).count() == processes);
    List<ProcessHandle> all = new ArrayList<>();
    for (String line : heard.log) {
      if (line.startsWith("pid ")) {
        all.add(ProcessHandle.of(Long.parseLong(line.substring(4))).orElseThrow());
      }
    }
    builder.interrupt();
    try {
      ended.get(20, java.util.concurrent.TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw new AssertionError(e);
    }
    assertThat(thrown.get()).isInstanceOf(InterruptedException.class);
    assertNothingIsLeft();
    return all;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "debian | 13 | bookworm | bookworm is Debian 12",
        "debian | 12 | bokworm | did you mean",
        "debian | 12 | sid | known are bookworm, trixie",
        "ubuntu | 12 | bookworm | debian only",
      })
  void whatCannotBeBuiltIsRefusedBeforeAnythingRuns(
      String os, String version, String suite, String words) {
    assertThatExceptionOfType(DriverException.class)
        .isThrownBy(() ->
            new MmdebstrapBuilder(() -> "echo never", tool -> true, grace)
                .build(image(os, version, suite), out, work, heard))
        .satisfies(e -> assertThat(e.kind()).isEqualTo(FaultKind.REFUSED))
        .withMessageContaining(words);
    assertThat(heard.log).isEmpty();
  }

  @Test
  void bothReleasesCanBeBuilt() throws Exception {
    for (String[] release : new String[][] {{"12", "bookworm"}, {"13", "trixie"}}) {
      new MmdebstrapBuilder(() -> "touch \"$4\"", tool -> true, grace)
          .build(image("debian", release[0], release[1]), out, work, heard);
      Files.delete(out);
    }
  }

  @Test
  void missingToolsAreNamedWithTheirPackages() {
    assertThatExceptionOfType(DriverException.class)
        .isThrownBy(() ->
            new MmdebstrapBuilder(
                    () -> "echo never",
                    tool -> !tool.startsWith("m") && !tool.contains("i386"),
                    grace)
                .build(image("debian", "12", "bookworm"), out, work, heard))
        .satisfies(e -> {
          assertThat(e.kind()).isEqualTo(FaultKind.UNSUPPORTED);
          assertThat(e.forOperator()).contains("mformat", "i386-pc/boot.img");
        })
        .withMessageContaining("apt-get install e2fsprogs grub-pc-bin mmdebstrap mtools");
    assertThat(heard.log).isEmpty();
  }

  @Test
  void thePackagedScriptTakesTheArgumentsThatItIsGiven() throws Exception {
    // It reads all of them before it looks at their values, and no package is called so.
    Path file = Files.writeString(home.resolve("build.sh"), MmdebstrapBuilder.packaged());
    Process script =
        new ProcessBuilder(
                "bash",
                file.toString(),
                "--suite",
                "bookworm",
                "--out",
                out.toString(),
                "--work",
                work.toString(),
                "--package",
                "NOT A PACKAGE")
            .redirectErrorStream(true)
            .start();
    assertThat(
            new String(
                    script.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8)
                .strip())
        .startsWith("ERROR --package: 'NOT A PACKAGE'");
    assertThat(script.waitFor()).isEqualTo(1);
    assertNothingIsLeft();
  }

  @Test
  void isFoundByItsName() {
    assertThat(ServiceLoader.load(ImageBuilder.class).stream().map(p -> p.get().name()))
        .contains("mmdebstrap");
  }
}
