package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Trees;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** What waits for somebody's approval. */
@Command(
    name = "approval",
    description = "Show what waits for approval, and approve or reject it.",
    subcommands = {
      ApprovalCommand.ListOf.class,
      ApprovalCommand.Show.class,
      ApprovalCommand.Approve.class,
      ApprovalCommand.Reject.class,
      ApprovalCommand.Withdraw.class,
      ApprovalCommand.Rules.class
    })
final class ApprovalCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage(
        "say what to do: millwright approval list, show, approve, reject, withdraw or rules");
  }

  /** Lists. */
  @Command(name = "list", description = "List what waits for approval, the newest first.")
  static final class ListOf extends Listed {
    private static final List<String> TITLES =
        List.of("UID", "PROJECT", "WHAT", "STATE", "APPROVED", "REQUESTER", "AGE");

    @Option(
        names = {"-A", "--all-projects"},
        description = "Of all projects.")
    boolean all;

    @Option(names = "--ended", description = "Also what does not wait any more.")
    boolean ended;

    @Override
    public Integer call() {
      List<JsonNode> items = new ArrayList<>();
      for (JsonNode item :
          api()
              .listApprovals(all ? "-" : cli().project(), null, null, null, null, null)
              .body()
              .path("items")) {
        if (ended || Trees.text(item, "state").equals("waiting")) {
          items.add(item);
        }
      }
      Instant now = shell().clock().instant();
      Listing.rows(shell(), format, items, TITLES, i -> row(i, now), i -> Trees.text(i, "uid"));
      return 0;
    }

    private static List<Cell> row(JsonNode item, Instant now) {
      return List.of(
          Cell.of(Trees.text(item, "uid")),
          Cell.of(Trees.text(item, "project")),
          Cell.of(Plan.reference(item)),
          Cell.of(Trees.text(item, "state")),
          Cell.of(yes(item) + "/" + Trees.text(item, "people")),
          Cell.of(Trees.text(item, "requester")),
          Cell.of(Durations.age(Trees.text(item, "createdAt"), now)));
    }
  }

  private static int yes(JsonNode item) {
    int yes = 0;
    for (JsonNode vote : item.path("votes")) {
      yes += vote.path("yes").asBoolean(false) ? 1 : 0;
    }
    return yes;
  }

  /** One of them. */
  abstract static class One extends Part {
    @Parameters(paramLabel = "UID", description = "The request, as listed.")
    String uid = "";
  }

  /** Shows. */
  @Command(name = "show", description = "Show a request with the plan that is to be approved.")
  static final class Show extends One {
    @Option(
        names = {"-o", "--output"},
        paramLabel = "FORMAT",
        description = "table, json or yaml.")
    Format format = Format.TABLE;

    @Override
    public Integer call() {
      JsonNode request = api().getApproval(cli().project(), uid).body();
      if (format == Format.JSON || format == Format.YAML) {
        Listing.one(shell(), format, request);
        return 0;
      }
      print("requester  " + Safe.line(Trees.text(request, "requester")));
      print("state      " + state(request));
      print("until      " + Safe.line(Trees.text(request, "expiresAt")));
      request.path("because").forEach(why -> print("because    " + Safe.line(why.asString(""))));
      for (JsonNode vote : request.path("votes")) {
        String reason = Safe.line(Trees.text(vote, "reason"));
        print(
            (vote.path("yes").asBoolean(false) ? "approved   " : "rejected   ")
                + Safe.line(Trees.text(vote, "who"))
                + (reason.isEmpty() ? "" : ": " + reason));
      }
      print("");
      ObjectNode plan = Trees.object();
      plan.set("items", request.path("plan"));
      new Plan(plan, shell().coloured()).lines().forEach(this::print);
      return 0;
    }
  }

  private static String state(JsonNode request) {
    String detail = Safe.line(Trees.text(request, "detail"));
    return Safe.line(Trees.text(request, "state"))
        + ", "
        + yes(request)
        + " of "
        + Safe.line(Trees.text(request, "people"))
        + " approved"
        + (detail.isEmpty() ? "" : ": " + detail);
  }

  private static String line(JsonNode request) {
    return "request " + Safe.line(Trees.text(request, "uid")) + " is " + state(request);
  }

  /** Approves. */
  @Command(
      name = "approve",
      description = {
        "Approve a request of somebody else.",
        "If nobody else has to, it is done at once, provided that it does what its plan says."
      })
  static final class Approve extends One {
    @Option(names = "--reason", paramLabel = "TEXT", description = "For the audit.")
    @Nullable String reason;

    @Override
    public Integer call() {
      print(line(api().approveApproval(cli().project(), uid, reason).body()));
      return 0;
    }
  }

  /** Rejects. */
  @Command(name = "reject", description = "Reject a request of somebody else; one no is enough.")
  static final class Reject extends One {
    @Option(names = "--reason", paramLabel = "TEXT", description = "For whoever asked.")
    @Nullable String reason;

    @Override
    public Integer call() {
      print(line(api().rejectApproval(cli().project(), uid, reason).body()));
      return 0;
    }
  }

  /** Withdraws. */
  @Command(name = "withdraw", description = "Withdraw a request of your own.")
  static final class Withdraw extends One {
    @Override
    public Integer call() {
      print(line(api().withdrawApproval(cli().project(), uid).body()));
      return 0;
    }
  }

  /** Shows or sets when approval is needed. */
  @Command(
      name = "rules",
      description = {
        "Show when somebody has to approve what is asked for in a project, or say it.",
        "Rules of the project shared hold in all projects."
      })
  static final class Rules extends Part {
    @Option(
        names = {"-f", "--file"},
        paramLabel = "FILE",
        description = "With rules, in place of those that there are.")
    @Nullable String file;

    @Override
    public Integer call() {
      String project = cli().project();
      JsonNode rules;
      if (file == null) {
        rules = api().listApprovalRules(project).body();
      } else {
        Bundle bundle = Bundle.read(List.of(file), shell().in());
        rules =
            Manifests.located(bundle, () -> api().putApprovalRules(project, bundle.body()).body());
      }
      Listing.one(shell(), Format.YAML, rules);
      return 0;
    }
  }
}
