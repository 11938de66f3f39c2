package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Trees;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/** Who did what. */
@Command(
    name = "audit",
    description = "Show who did what, and that nobody altered it.",
    subcommands = {AuditCommand.ListOf.class, AuditCommand.Verify.class})
final class AuditCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright audit list or verify");
  }

  /** Lists. */
  @Command(name = "list", description = "List who did what in a project, or with -A everywhere.")
  static final class ListOf extends Listed {
    @Option(
        names = {"-A", "--all-projects"},
        description = "Everything, also what belongs to no project.")
    boolean all;

    @Option(
        names = "--who",
        paramLabel = "NAME",
        description = "Only what this one did, by their tokens too.")
    @Nullable String who;

    @Option(
        names = "--limit",
        paramLabel = "N",
        description = "How many at most, the newest; 100 if not given.")
    int limit = 100;

    @Override
    public Integer call() {
      List<JsonNode> items = new ArrayList<>();
      (all
              ? api().getAudit(null, limit, null, null, who)
              : api().listProjectAudit(cli().project(), null, limit, null, null, who))
          .body()
          .path("items")
          .forEach(items::add);
      Listing.rows(
          shell(),
          format,
          items.reversed(),
          List.of("SEQ", "AT", "WHO", "FROM", "VERB", "WHAT", "RESULT"),
          AuditCommand::row,
          a -> a.path("seq").asString(""));
      return 0;
    }
  }

  private static List<Cell> row(JsonNode act) {
    String project = Trees.text(act, "project");
    String name = Trees.text(act, "name");
    String kind = Trees.text(act, "kind");
    String what = (kind + " " + (project.isEmpty() ? "" : project + "/") + name).strip();
    String who = Trees.text(act, "who");
    // One that is nobody's may be called as somebody is.
    boolean token = Trees.text(act, "as").equals("token") && !who.contains("/");
    return List.of(
        Cell.of(act.path("seq").asString("")),
        Cell.of(Trees.text(act, "at")),
        Cell.of(token ? who + " (token)" : who),
        Cell.of(Trees.text(act, "origin")),
        Cell.of(Trees.text(act, "verb")),
        Cell.of(what.isEmpty() ? Trees.text(act, "call") : what),
        Cell.of(Trees.text(act, "result")));
  }

  /** Verifies. */
  @Command(
      name = "verify",
      description = {
        "Compute the chain of hashes anew, and name the first row that is not as it was written.",
        "The last row is printed with its hash; noted elsewhere, it shows later that nothing was"
            + " rewritten or cut off."
      })
  static final class Verify extends Part {
    @Option(
        names = "--noted",
        paramLabel = "SEQ:HASH",
        description = "A row as it was noted; it has to be there still.")
    @Nullable String noted;

    @Override
    public Integer call() {
      JsonNode verdict = api().getAuditVerification(noted).body();
      if (verdict.has("altered")) {
        throw new Failure(
            Failure.FAILED,
            "row " + verdict.path("altered").asString("") + " was altered or taken out");
      }
      String seq = verdict.path("seq").asString("");
      print(
          verdict.path("rows").asString("")
              + " rows are as they were written"
              + (seq.equals("0") // there is none, and so nothing to note
                  ? ""
                  : "; the last one is " + seq + ":" + Safe.line(Trees.text(verdict, "head"))));
      return 0;
    }
  }
}
