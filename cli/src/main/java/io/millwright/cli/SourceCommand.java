package io.millwright.cli;

import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** What can be done with sources besides declaring them. */
@Command(
    name = "source",
    description = "See what a repository would change in the project, and have it applied.",
    subcommands = {SourceCommand.Plan.class, SourceCommand.Approve.class, SourceCommand.Sync.class})
final class SourceCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright source plan, approve or sync");
  }

  /** Shows. */
  @Command(
      name = "plan",
      description = {
        "Show what applying the newest commit of a source would do.",
        "Exit code 2: there is something to do."
      })
  static final class Plan extends Part {
    @Parameters(paramLabel = "NAME", description = "The source.")
    String name = "";

    @Override
    public Integer call() {
      View view = new View(api().getSource(cli().project(), Kind.SOURCE.bare(name), null).body());
      print(Safe.line("source/" + view.name() + ": " + message(view)));
      JsonNode plan = view.tree().path("status").path("plan");
      if (!plan.isObject()) {
        return 0;
      }
      lines(plan).forEach(this::print);
      return 2;
    }

    private static String message(View view) {
      return Trees.text(view.condition("Ready"), "message");
    }

    private List<String> lines(JsonNode plan) {
      List<String> out = new ArrayList<>();
      boolean coloured = shell().coloured();
      for (JsonNode item : plan.path("items")) {
        String action = Trees.text(item, "action");
        String reference = io.millwright.cli.Plan.reference(item);
        String impact = Safe.line(Trees.text(item, "impact"));
        String how =
            (impact.isEmpty() || impact.equals("create") ? "" : " (" + impact + ")")
                + (item.path("destroys").asBoolean(false) ? " [destroys]" : "");
        String fields = Safe.line(String.join(", ", View.texts(item.path("changes"))));
        out.add(
            switch (action) {
                  case "created" -> Style.GREEN.apply("+ " + reference, coloured) + " is created";
                  case "changed" -> Style.YELLOW.apply("~ " + reference, coloured) + " is changed";
                  case "deleted" -> Style.RED.apply("- " + reference, coloured) + " is deleted";
                  case "released" -> "  " + reference + " stays, and is not the source's any more";
                  default -> Style.YELLOW.apply("~ " + reference, coloured) + " follows";
                }
                + how
                + (fields.isEmpty() ? "" : ": " + fields));
      }
      if (plan.path("more").asInt(0) > 0) {
        out.add("and " + plan.path("more").asInt(0) + " more");
      }
      return out;
    }
  }

  /** Approves. */
  @Command(
      name = "approve",
      description = {
        "Approve a commit, to have it applied.",
        "Only the newest one can be approved, of which source plan shows what it would do."
      })
  static final class Approve extends Part {
    @Parameters(index = "0", paramLabel = "NAME", description = "The source.")
    String name = "";

    @Parameters(
        index = "1",
        paramLabel = "COMMIT",
        description = "The commit, or the first seven digits of it or more.")
    String commit = "";

    @Override
    public Integer call() {
      String source = Kind.SOURCE.bare(name);
      View view =
          new View(
              api()
                  .approveSource(cli().project(), source, commit, UUID.randomUUID().toString())
                  .body());
      print(Safe.line("source/" + source + ": approved " + view.status("approved")));
      return 0;
    }
  }

  /** Nudges. */
  @Command(name = "sync", description = "Have a source read now, and not only at its interval.")
  static final class Sync extends Part {
    @Parameters(paramLabel = "NAME", description = "The source.")
    String name = "";

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String source = Kind.SOURCE.bare(name);
      api.syncSource(cli().project(), source, UUID.randomUUID().toString());
      print(Safe.line("source/" + source + " is read"));
      return 0;
    }
  }
}
