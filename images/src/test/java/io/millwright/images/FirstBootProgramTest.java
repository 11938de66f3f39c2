package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import io.millwright.model.MachineStatus.ScriptResult;
import io.millwright.model.ProfileSpec;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** The program of the first boot, as it is rendered, run here instead of in a machine. */
class FirstBootProgramTest {
  private static final String PYTHON = "/usr/bin/python3";

  @TempDir Path system;
  private Path directory;
  private HttpServer door;
  private final List<byte[]> reports = Collections.synchronizedList(new ArrayList<>());

  /** What was told while it went on. */
  private final List<byte[]> told = Collections.synchronizedList(new ArrayList<>());

  private final Deque<Integer> answers = new ArrayDeque<>();

  @BeforeEach
  void open() throws IOException {
    directory = Files.createDirectory(system.resolve("first-boot"));
    door = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    door.createContext(
        "/door",
        exchange -> {
          byte[] body = exchange.getRequestBody().readAllBytes();
          boolean ended = FirstBootReport.parse(body).running() == null;
          (ended ? reports : told).add(body);
          Integer status = ended ? answers.poll() : null;
          exchange.sendResponseHeaders(status == null ? 204 : status, -1);
          exchange.close();
        });
    door.start();
  }

  @AfterEach
  void close() {
    door.stop(0);
  }

  private void install(ProfileSpec.Script... scripts) throws IOException {
    ProfileSpec profile =
        new ProfileSpec(List.of(), List.of(), List.of(), List.of(scripts), null, null, List.of());
    URI closed = URI.create("http://127.0.0.1:1/door");
    URI open = URI.create("http://127.0.0.1:" + door.getAddress().getPort() + "/door?t=secret");
    InstallSpec spec =
        new InstallSpec(Samples.identity(null), List.of(), profile, List.of(closed, open));
    var files =
        new YAMLMapper()
            .readTree(CloudInit.ofClone("debian").render(spec).userData())
            .get("write_files");
    files.forEach(f -> {
      Path path = Path.of(f.get("path").asString());
      if (path.startsWith("/var/lib/millwright/first-boot")) {
        try {
          String text =
              new String(
                  Base64.getDecoder().decode(f.get("content").asString()), StandardCharsets.UTF_8);
          // There is no cloud-init here that it could wait for.
          Files.writeString(
              directory.resolve(path.getFileName()),
              text.replace("\"late\":true", "\"late\":false"));
        } catch (IOException e) {
          throw new java.io.UncheckedIOException(e);
        }
      }
    });
  }

  private Process start() throws IOException {
    return new ProcessBuilder(PYTHON, "-IS", directory.resolve("run").toString())
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("console").toFile())
        .start();
  }

  private String run(int code) throws Exception {
    Process process = start();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    String said = Files.readString(directory.resolve("console"));
    assertThat(process.exitValue()).as(said).isEqualTo(code);
    return said;
  }

  @Test
  void tellsWhatWasFoundOnDataDisks() throws Exception {
    install();
    Path notes = Files.createDirectory(system.resolve("volumes"));
    Files.writeString(notes.resolve("mw-1"), "formatted\n");
    Files.writeString(notes.resolve("mw-2"), "kept\n");
    Files.writeString(notes.resolve("mw-3"), ""); // by an older program
    Files.writeString(notes.resolve(".lock"), "");
    run(0);
    assertThat(FirstBootReport.parse(reports.getFirst()).volumes())
        .containsExactly(
            new FirstBootReport.Volume("mw-1", true),
            new FirstBootReport.Volume("mw-2", false),
            new FirstBootReport.Volume("mw-3", false));
  }

  @Test
  void aReportIsNeverTooLarge() throws Exception {
    // A control character is written by six.
    String loud = "head -c 100000 /dev/zero | tr '\\0' '\\033'; printf end";
    ProfileSpec.Script[] scripts = new ProfileSpec.Script[40];
    for (int i = 0; i < scripts.length; i++) {
      scripts[i] = script("script-" + i, loud + (i == 7 ? "; exit 3" : ""));
    }
    install(scripts);
    run(0);
    assertThat(reports.getFirst()).hasSizeLessThanOrEqualTo(FirstBootReport.LARGEST);
    List<ScriptResult> results = FirstBootReport.parse(reports.getFirst()).scripts();
    assertThat(results).hasSize(40);
    assertThat(results.get(7).output()).as("of the one that failed").hasSizeGreaterThan(8000);
    assertThat(told).allSatisfy(t -> assertThat(t).hasSizeLessThan(FirstBootReport.LARGEST + 1));
  }

  private static ProfileSpec.Script script(String name, String body) {
    return new ProfileSpec.Script(name, "#!/bin/sh\n" + body);
  }

  @Test
  void runsAllInOrderAndReportsOnce() throws Exception {
    install(
        script("good", "echo fine; echo worse >&2"),
        script("bad", "exit 3"),
        new ProfileSpec.Script("nothing", "#!/nowhere\n"),
        script("killed", "kill -9 $$"),
        script("loud", "head -c 100000 /dev/zero | tr '\\0' 'x'; printf end"),
        script("odd", "head -c 20000 /dev/zero | tr '\\0' '\\377'"));
    String said = run(0);
    assertThat(reports).hasSize(1);
    FirstBootReport report = FirstBootReport.parse(reports.getFirst());
    List<ScriptResult> results = report.scripts();
    assertThat(results)
        .extracting(ScriptResult::name)
        .containsExactly("good", "bad", "nothing", "killed", "loud", "odd");
    assertThat(results).extracting(ScriptResult::exitCode).containsExactly(0, 3, 127, 137, 0, 0);
    assertThat(results.get(0).output()).isEqualTo("fine\nworse\n");
    assertThat(results.get(4).output()).hasSize(8192).endsWith("xend");
    assertThat(results.get(5).output()).matches("\ufffd{2000,2731}");
    assertThat(said).doesNotContain("secret").contains("script bad ended with 3", "reported");
    assertThat(directory.resolve("done")).exists();
    for (String gone : List.of("task.json", "results.json", "run", "script")) {
      assertThat(directory.resolve(gone)).doesNotExist();
    }
  }

  @Test
  void tellsWhatRunsAndWhatItPrintedLast() throws Exception {
    Path go = directory.resolve("go");
    install(
        script("first", "echo one; exit 3"),
        script("slow", "echo begun; until [ -e " + go + " ]; do sleep 0.1; done; echo over"));
    Process process = start();
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> lastTold().equals(new FirstBootReport.Running("slow", "begun\n")));
    assertThat(FirstBootReport.parse(told.getLast()).scripts())
        .containsExactly(new ScriptResult("first", 3, "one\n"));
    assertThat(reports).isEmpty();
    Files.createFile(go);
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(FirstBootReport.parse(reports.getFirst()).scripts())
        .containsExactly(
            new ScriptResult("first", 3, "one\n"), new ScriptResult("slow", 0, "begun\nover\n"));
  }

  private FirstBootReport.Running lastTold() {
    return told.isEmpty()
        ? new FirstBootReport.Running("", "")
        : Objects.requireNonNull(FirstBootReport.parse(told.getLast()).running());
  }

  @Test
  void aDaemonHoldsNothingUp() throws Exception {
    install(script("daemon", "sleep 20 & echo $!"));
    long begun = System.nanoTime();
    run(0);
    assertThat(System.nanoTime() - begun).isLessThan(TimeUnit.SECONDS.toNanos(15));
    String pid = FirstBootReport.parse(reports.getFirst()).scripts().getFirst().output().strip();
    ProcessHandle.of(Long.parseLong(pid)).ifPresent(ProcessHandle::destroy);
  }

  @Test
  void triesAgainUntilTaken() throws Exception {
    answers.addAll(List.of(503, 500));
    install(script("good", "true"));
    run(0);
    assertThat(reports).hasSize(3);
  }

  @Test
  void whoReportedAlreadyIsDone() throws Exception {
    answers.add(410);
    install(script("good", "true"));
    run(0);
    assertThat(reports).hasSize(1);
    assertThat(directory.resolve("done")).exists();
  }

  @Test
  void goesOnAfterTheMachineWentDown() throws Exception {
    Path mark = directory.resolve("mark");
    install(
        script("first", "echo >> " + mark),
        script("second", "echo >> " + mark + "; sleep 20"),
        script("third", "echo >> " + mark));
    Process process = start();
    while (!Files.exists(mark) || Files.size(mark) < 2) {
      assertThat(process.isAlive()).isTrue();
      Thread.onSpinWait();
    }
    List<ProcessHandle> scripts = process.descendants().toList();
    process.destroyForcibly().waitFor();
    scripts.forEach(ProcessHandle::destroyForcibly);
    run(0);
    assertThat(FirstBootReport.parse(reports.getFirst()).scripts())
        .extracting(ScriptResult::exitCode)
        .satisfies(codes -> {
          assertThat(codes.get(0)).isZero();
          assertThat(codes.get(1)).isNotZero();
          assertThat(codes.get(2)).isZero();
        });
    assertThat(Files.size(mark)).isEqualTo(3);
  }

  @Test
  void startsNothingNewWhenToldToStop() throws Exception {
    Path mark = directory.resolve("mark");
    install(
        script("first", "echo >> " + mark + "; sleep 1; echo one"),
        script("second", "echo >> " + mark));
    Process process = start();
    while (!Files.exists(mark)) {
      Thread.onSpinWait();
    }
    process.destroy();
    assertThat(process.waitFor()).isZero();
    assertThat(reports).isEmpty();
    assertThat(Files.size(mark)).isEqualTo(1);
    run(0);
    assertThat(FirstBootReport.parse(reports.getFirst()).scripts())
        .containsExactly(new ScriptResult("first", 0, "one\n"), new ScriptResult("second", 0, ""));
  }

  @Test
  void itsTextIsAscii() throws IOException {
    install(script("x", "# \u00fc \ud83d\ude00\n"));
    assertThat(
            StandardCharsets.US_ASCII
                .newEncoder()
                .canEncode(Files.readString(directory.resolve("task.json"))))
        .isTrue();
  }
}
