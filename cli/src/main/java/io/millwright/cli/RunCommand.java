package io.millwright.cli;

import io.millwright.client.Answer;
import io.millwright.client.ApiException;
import io.millwright.client.Body;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import io.millwright.client.UnreachableException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Runs a command in a machine of its own.
 *
 * <p>The machine is on a leash from the moment in which it is declared: whatever becomes of this
 * program, the server deletes it once it hears no heartbeat any more.
 */
@Command(
    name = "run",
    description = {
      "Run a command in a fresh machine, which is destroyed afterwards.",
      "The working directory is copied into the machine, as ~/work of its user, and the command is"
          + " run there; nothing is copied back. Ends with the command's exit code. The machine is"
          + " destroyed in every case; should this program be killed, a minute later by itself.",
      "What is not given of image, size, profile and network is the only one that there is."
    })
final class RunCommand extends Part {
  private static final int LEASH_SECONDS = 60;
  private static final int BEAT_SECONDS = 15;
  private static final long MIB = 1L << 20;

  /** Who interrupts a command that does not end gets his shell back all the same. */
  private static final int GRACE_SECONDS = 10;

  @Parameters(
      arity = "1..*",
      paramLabel = "COMMAND",
      description = "The command; put -- before it.")
  List<String> command = new ArrayList<>();

  @Option(names = "--image", paramLabel = "IMAGE", description = "What the machine runs.")
  @Nullable String image;

  @Option(names = "--size", paramLabel = "SIZE", description = "Its shape.")
  @Nullable String size;

  @Option(
      names = "--profile",
      paramLabel = "PROFILE",
      description = "Its profile; may be given several times. One of them must let you log in.")
  List<String> profiles = new ArrayList<>();

  @Option(
      names = "--network",
      paramLabel = "NETWORK",
      description = "Where it has a card; may be given several times.")
  List<String> networks = new ArrayList<>();

  @Option(
      names = "--pool",
      paramLabel = "POOL",
      description =
          "Take a machine that is ready out of this pool, instead of making one; waits for one if"
              + " none is.")
  @Nullable String pool;

  @Option(
      names = "--name",
      paramLabel = "NAME",
      description = "Of the machine; run- and some letters by chance if not given.")
  @Nullable String name;

  @Option(
      names = {"-C", "--directory"},
      paramLabel = "DIRECTORY",
      description = "Copy this one instead of the working directory.")
  Path directory = Path.of("");

  @Option(
      names = "--exclude",
      paramLabel = "PATTERN",
      description = "Do not copy what tar matches by this; may be given several times.")
  List<String> excludes = new ArrayList<>();

  @Option(
      names = "--limit",
      paramLabel = "MIB",
      description = "Refuse to copy more than so many MiB; 512 if not given.")
  int limit = 512;

  @Option(names = "--keep", description = "Keep the machine, on no leash.")
  boolean keep;

  @Option(
      names = "--ttl",
      paramLabel = "TIME",
      description = "Destroy it after so long in any case, such as 2h.")
  @Nullable String ttl;

  @Mixin LoginOptions login = new LoginOptions();

  /** What runs just now, for whoever interrupts it. */
  private volatile @Nullable Process remote;

  private volatile @Nullable Login way;

  @Override
  public Integer call() throws IOException, InterruptedException {
    Login.program(shell());
    Path tar =
        shell()
            .program("tar")
            .orElseThrow(() -> Failure.failed("there is no tar on this computer; install tar"));
    long bytes = measure(tar);
    MillwrightApi api = api();
    // Only now that nothing of this computer stands in the way any more.
    String name;
    List<String> making;
    if (pool == null) {
      name = this.name != null ? this.name : "run-" + letters();
      JsonNode manifest = manifest(api, name);
      Answer answer = api.putMachine(cli().project(), name, null, "*", Body.json(manifest));
      making = List.of(new View(answer.body()).uid());
    } else {
      name = claimed(api, pool).name();
      making = List.of();
    }
    Thread interrupted = new Thread(() -> interrupt(api, name), "interrupted");
    Runtime.getRuntime().addShutdownHook(interrupted);
    Thread heart = beat(api, name);
    try {
      if (!making.isEmpty()) {
        say("machine/" + name + " is being made");
        new Follow(shell(), api, null, true).all(making);
      }
      View view = new View(Kind.MACHINE.get(api, cli().project(), name).body());
      try (Login open =
          Login.open(shell(), api, cli().project(), view, login.user, login.identity, login.port)) {
        way = open;
        copy(tar, open);
        say(
            "%.1f MiB of %s are in ~/work of %s"
                .formatted(
                    (double) bytes / MIB,
                    directory.toString().isEmpty() ? "the working directory" : directory,
                    name));
        int code = execute(open);
        way = null;
        return code;
      }
    } finally {
      heart.interrupt();
      destroy(api, name);
      remove(interrupted);
    }
  }

  /** Enough of them that no other run has the same; one that has is refused by the server. */
  private static String letters() {
    String more = Integer.toString(new SecureRandom().nextInt(Integer.MAX_VALUE), 36);
    return ("0000000" + more).substring(more.length());
  }

  private static void remove(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // it runs already, and does what is to be done
    }
  }

  // --- the machine -------------------------------------------------------------------------

  private JsonNode manifest(MillwrightApi api, String name) {
    ObjectNode out = Trees.object();
    out.put("apiVersion", "millwright/v1").put("kind", "Machine");
    ObjectNode metadata = out.putObject("metadata");
    metadata.put("name", name);
    metadata.putObject("labels").put("made-by", "run");
    ObjectNode spec = out.putObject("spec");
    spec.put("image", image != null ? image : only(api, Kind.IMAGE, "--image"));
    spec.put("size", size != null ? size : only(api, Kind.SIZE, "--size"));
    ArrayNode names = spec.putArray("profiles");
    (profiles.isEmpty() ? List.of(only(api, Kind.PROFILE, "--profile")) : profiles)
        .forEach(names::add);
    ArrayNode nics = spec.putArray("nics");
    (networks.isEmpty() ? List.of(only(api, Kind.NETWORK, "--network")) : networks)
        .forEach(n -> nics.addObject().put("network", n));
    if (!keep || ttl != null) {
      ObjectNode expiry = spec.putObject("expiry");
      if (!keep) {
        expiry.put("leash", LEASH_SECONDS + "s");
      }
      if (ttl != null) {
        expiry.put("ttl", ttl);
      }
    }
    return out;
  }

  private View claimed(MillwrightApi api, String from) throws InterruptedException {
    if (image != null
        || size != null
        || name != null
        || !profiles.isEmpty()
        || !networks.isEmpty()) {
      throw Failure.usage(
          "a machine of a pool is what the pool says: leave out --image, --size, --profile,"
              + " --network and --name");
    }
    View machine =
        PoolCommand.claim(
            shell(), api, cli().project(), from, ttl, keep ? null : LEASH_SECONDS + "s", null);
    say("machine/" + machine.name() + " was taken from pool/" + from);
    return machine;
  }

  /** The name of the only one of a kind in the project and the shared one. */
  private String only(MillwrightApi api, Kind kind, String option) {
    List<String> found = new ArrayList<>();
    for (String project : List.of(cli().project(), Kind.SHARED)) {
      for (JsonNode item : kind.list(api, project, null, null, null).body().path("items")) {
        String name = new View(item).name();
        if (!found.contains(name)) {
          found.add(name);
        }
      }
    }
    if (found.size() == 1) {
      return found.getFirst();
    }
    throw Failure.usage(
        found.isEmpty()
            ? "there is no " + kind.title() + " in project " + cli().project() + "; declare one"
            : "say which " + kind.word() + ": " + option + " " + String.join(", or ", found));
  }

  /** Tells the server again and again that this program is there. */
  private Thread beat(MillwrightApi api, String name) {
    return Thread.ofVirtual()
        .name("heartbeat")
        .start(() -> {
          try {
            while (!keep) {
              Thread.sleep(BEAT_SECONDS * 1000L);
              try {
                api.heartbeatMachine(cli().project(), name);
              } catch (ApiException | UnreachableException e) {
                // A server that is away is no reason to give up; the next one may be heard.
              }
            }
          } catch (InterruptedException e) {
            // the command has ended
          }
        });
  }

  private void destroy(MillwrightApi api, String name) {
    if (keep) {
      say("machine/" + name + " is kept; delete it with: millwright delete machine " + name);
      return;
    }
    try {
      api.deleteMachine(cli().project(), name, null);
      say("machine/" + name + " is being destroyed");
    } catch (ApiException e) {
      if (!Follow.notFound(e)) {
        say("machine/" + name + " goes by itself: " + Complaint.of(e.problem()).line());
      }
    } catch (UnreachableException e) {
      say("machine/" + name + " goes by itself within minutes: the server does not answer");
    }
  }

  private void say(String line) {
    shell().err().println("millwright: " + Safe.line(line));
    shell().err().flush();
  }

  // --- the working directory ---------------------------------------------------------------

  private List<String> pack(Path tar) {
    List<String> out = new ArrayList<>(List.of(tar.toString(), "--create", "--file=-"));
    excludes.forEach(e -> out.add("--exclude=" + e));
    out.addAll(List.of("-C", directory.toAbsolutePath().toString(), "."));
    return out;
  }

  /** How much would be copied; reading it all shows as well that it can be read. */
  private long measure(Path tar) throws IOException, InterruptedException {
    if (!Files.isDirectory(directory.toAbsolutePath())) {
      throw Failure.usage("--directory " + directory + " is no directory");
    }
    if (limit < 1) {
      throw Failure.usage("--limit must be at least 1");
    }
    Process packing =
        new ProcessBuilder(pack(tar)).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    long bytes = 0;
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = packing.getInputStream()) {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        bytes += n;
        if (bytes > limit * MIB) {
          throw Failure.usage(
              "the working directory is larger than "
                  + limit
                  + " MiB; go into a smaller one, leave out parts with --exclude, or raise"
                  + " --limit");
        }
      }
    } // should it go on writing, then it ends by a broken pipe
    if (packing.waitFor() != 0) {
      throw Failure.failed("the working directory cannot be read completely; see above");
    }
    return bytes;
  }

  private void copy(Path tar, Login open) throws IOException, InterruptedException {
    List<Process> line =
        ProcessBuilder.startPipeline(
            List.of(
                new ProcessBuilder(pack(tar)).redirectError(ProcessBuilder.Redirect.INHERIT),
                new ProcessBuilder(
                        open.command(
                            List.of("-T"),
                            List.of("mkdir -p work && exec tar --extract --file=- -C work")))
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)));
    int packed = line.get(0).waitFor();
    int unpacked = line.get(1).waitFor();
    if (packed != 0 || unpacked != 0) {
      throw Failure.failed("the working directory could not be copied; see above");
    }
  }

  // --- the command -------------------------------------------------------------------------

  private int execute(Login open) throws IOException, InterruptedException {
    shell().out().flush();
    // With a terminal at both ends Ctrl-C goes to the command as any other key does.
    String terminal = shell().inTerminal() && shell().outTerminal() ? "-t" : "-T";
    StringBuilder line = new StringBuilder("cd work && echo $$ >../.millwright-run && exec");
    command.forEach(word -> line.append(' ').append(quoted(word)));
    Process running =
        new ProcessBuilder(open.command(List.of(terminal), List.of(line.toString())))
            .inheritIO()
            .start();
    remote = running;
    int code = running.waitFor();
    remote = null;
    return code;
  }

  /** As one word for a POSIX shell. */
  static String quoted(String word) {
    return "'" + word.replace("'", "'\\''") + "'";
  }

  /** A signal ended this program: the command gets it, too, and the machine goes. */
  private void interrupt(MillwrightApi api, String name) {
    Process running = remote;
    Login open = way;
    if (running != null && open != null) {
      try {
        Process kill =
            new ProcessBuilder(
                    open.command(List.of("-T"), List.of("kill -TERM $(cat .millwright-run)")))
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        kill.getOutputStream().close();
        kill.waitFor(GRACE_SECONDS, TimeUnit.SECONDS);
        running.waitFor(GRACE_SECONDS, TimeUnit.SECONDS);
        running.destroy();
      } catch (IOException | InterruptedException e) {
        say("the command was not told: " + e.getMessage());
      }
    }
    destroy(api, name);
  }
}
