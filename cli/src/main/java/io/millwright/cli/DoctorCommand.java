package io.millwright.cli;

import io.millwright.client.Answer;
import io.millwright.client.ApiException;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import io.millwright.client.UnreachableException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Looks for what is wrong, and says what to do about it. */
@Command(
    name = "doctor",
    description = "Look for what is wrong and say what to do about it; exit code 1 if anything is.")
final class DoctorCommand extends Part {
  private static final Duration SKEW = Duration.ofSeconds(5);

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      description = "table, json or yaml.")
  Format format = Format.TABLE;

  private final List<Finding> findings = new ArrayList<>();
  private final List<String> good = new ArrayList<>();

  private record Finding(String message, String next) {}

  @Override
  public Integer call() {
    if (server() && token()) {
      MillwrightApi api = api();
      hypervisors(api);
      ready(api, Kind.NETWORK);
      ready(api, Kind.IMAGE);
      built(api);
      served(api);
      ready(api, Kind.VOLUME);
      ready(api, Kind.MACHINE);
      ready(api, Kind.GROUP);
      ready(api, Kind.POOL);
      ready(api, Kind.SOURCE);
      invariants(api);
    }
    if (shell().program("ssh").isEmpty()) {
      find("there is no ssh on this computer", "install openssh-client");
    }
    report();
    return findings.isEmpty() ? 0 : 1;
  }

  private void find(String message, String next) {
    findings.add(new Finding(message, next));
  }

  private boolean server() {
    try {
      Answer health = new MillwrightApi(cli().anonymous()).getHealth();
      String version = Trees.text(health.body(), "version");
      good.add("server " + cli().server() + " answers, version " + version);
      if (!version.equals(Cli.Version.text())) {
        find(
            "this client is version " + Cli.Version.text() + ", the server " + version,
            "use the client of the server's version");
      }
      clock(health.date());
      return true;
    } catch (UnreachableException e) {
      find(
          String.valueOf(e.getMessage()),
          "start the server, or name another one with --server or MILLWRIGHT_SERVER");
    } catch (ApiException e) {
      find(
          "server " + cli().server() + " is not well: " + Complaint.of(e.problem()).line(),
          "look into the server's log");
    }
    return false;
  }

  private void clock(@Nullable Instant server) {
    if (server == null) {
      return;
    }
    // The header has whole seconds only.
    Duration off = Duration.between(server, shell().clock().instant()).minusMillis(500);
    if (off.abs().compareTo(SKEW) > 0) {
      find(
          "the clock of this computer is "
              + Durations.age(off.abs())
              + (off.isNegative() ? " behind" : " ahead of")
              + " the server's",
          "synchronise both clocks, for example with chrony");
    } else {
      good.add("clocks agree");
    }
  }

  private boolean token() {
    try {
      api().listProjects();
      good.add("token is valid");
    } catch (Failure e) {
      find(e.line(), "see: millwright --help");
      return false;
    } catch (ApiException e) {
      find(
          Complaint.of(e.problem()).line(),
          "take the admin token of the server, or one made by millwright token create");
      return false;
    }
    if (shell().variable("MILLWRIGHT_TOKEN").isEmpty() || cli().tokenFile != null) {
      permissions(cli().tokenPath());
    }
    return true;
  }

  private void permissions(Path file) {
    try {
      Set<PosixFilePermission> who = Files.getPosixFilePermissions(file);
      if (who.contains(PosixFilePermission.GROUP_READ)
          || who.contains(PosixFilePermission.OTHERS_READ)) {
        find("others can read the token in " + file, "chmod 600 " + file);
      }
    } catch (IOException | UnsupportedOperationException e) {
      find("the permissions of " + file + " are not known: " + e.getMessage(), "check them");
    }
  }

  private void hypervisors(MillwrightApi api) {
    if (ready(api, Kind.HYPERVISOR) == 0) {
      find(
          "there is no hypervisor, so no machine can run",
          "apply a manifest of kind Hypervisor; see: docs/manifest.md");
    }
  }

  /** Reports what is not ready. Returns how many there are at all. */
  private int ready(MillwrightApi api, Kind kind) {
    List<JsonNode> all = GetCommand.list(api, kind, "-", null, null);
    int bad = 0;
    for (JsonNode each : all) {
      View view = new View(each);
      // A machine that shall be off cannot be expected to report.
      boolean off = kind == Kind.MACHINE && view.spec("power").equals("off");
      if (view.ready() || off || view.condition("Ready").isMissingNode()) {
        continue;
      }
      bad++;
      String message = Trees.text(view.condition("Ready"), "message");
      find(
          view.reference()
              + " in project "
              + view.project()
              + " is not ready: "
              + view.state()
              + (message.isEmpty() ? "" : ", " + message),
          "see: millwright describe " + view.reference() + " -p " + view.project());
    }
    if (!all.isEmpty() && bad == 0) {
      good.add(all.size() + " " + (all.size() == 1 ? kind.word() : kind.plural()) + " ready");
    }
    return all.size();
  }

  /** Reports images that are ready, but of which the last build failed. */
  private void built(MillwrightApi api) {
    for (JsonNode each : GetCommand.list(api, Kind.IMAGE, "-", null, null)) {
      View view = new View(each);
      JsonNode built = view.condition("Built");
      if (view.ready() && Trees.text(built, "value").equals("false")) {
        find(
            view.reference()
                + " in project "
                + view.project()
                + " is kept as it was, for its last build failed: "
                + Trees.text(built, "message"),
            "see: millwright image list " + view.name() + " -p " + view.project());
      }
    }
  }

  /** Reports networks of which what is published is served to nobody. */
  private void served(MillwrightApi api) {
    for (JsonNode each : GetCommand.list(api, Kind.NETWORK, "-", null, null)) {
      View view = new View(each);
      JsonNode serving = view.condition("Serving");
      if (Trees.text(serving, "value").equals("false")) {
        find(
            view.reference()
                + " in project "
                + view.project()
                + " has no DHCP and DNS: "
                + Trees.text(serving, "message"),
            "see: millwright describe " + view.reference() + " -p " + view.project());
      }
    }
  }

  /** What must hold in any case, as the server itself finds it; only operators may ask for that. */
  private void invariants(MillwrightApi api) {
    JsonNode found;
    try {
      found = api.listInvariants().body();
    } catch (ApiException e) {
      if (e.status() != 403 && e.status() != 404) { // what one may not see is not there
        throw e;
      }
      good.add("invariants were not looked at: " + Complaint.of(e.problem()).line());
      return;
    }
    for (JsonNode each : found.path("broken")) {
      find(Trees.text(each, "message"), next(Trees.text(each, "rule")));
    }
    for (String each : View.texts(found.path("unseen"))) {
      find("invariants are not known of what could not be seen: " + each, "see that it answers");
    }
    if (found.path("broken").isEmpty()) {
      good.add("invariants hold of " + Trees.text(found, "machines") + " machines");
    }
  }

  private static String next(String rule) {
    return switch (rule) {
      case "as-declared" -> "see: millwright drift -A";
      case "owned" -> "see: millwright orphan list";
      case "kept" -> "do not delete anything; look for the disk on the hypervisor";
      case "sealed" ->
          "whoever could read that may know it: change it where it is used, and please report it";
      case "accounted" -> "see: millwright operation list -A, and the server's log";
      default -> "this must never be: please report it, with the server's log";
    };
  }

  private void report() {
    if (format == Format.JSON || format == Format.YAML) {
      ObjectNode out = Trees.object();
      out.put("well", findings.isEmpty());
      var list = out.putArray("findings");
      for (Finding each : findings) {
        list.addObject().put("message", each.message()).put("next", each.next());
      }
      Listing.one(shell(), format, out);
      return;
    }
    boolean coloured = shell().coloured();
    good.forEach(line -> print(Style.GREEN.apply("ok   ", coloured) + Safe.line(line)));
    for (Finding each : findings) {
      print(Style.RED.apply("BAD  ", coloured) + Safe.line(each.message()));
      print("     -> " + Safe.line(each.next()));
    }
  }
}
