package io.millwright.cli;

import io.millwright.client.Answer;
import io.millwright.client.MillwrightApi;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Work: what goes on, what went on. */
@Command(
    name = "operation",
    description = "Show or cancel operations, the records of work.",
    subcommands = {
      OperationCommand.ListOf.class,
      OperationCommand.Show.class,
      OperationCommand.Cancel.class
    })
final class OperationCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright operation list, show or cancel");
  }

  /** Lists. */
  @Command(name = "list", description = "List operations, newest first.")
  static final class ListOf extends Part {
    @Mixin About about = new About();

    @Option(
        names = "--state",
        paramLabel = "STATE",
        description =
            "Only pending, running, waiting, undoing, succeeded, failed, cancelled or superseded"
                + " ones; or open for all that have not ended.")
    @Nullable String state;

    @Option(names = "--limit", paramLabel = "N", description = "At most so many; 50.")
    int limit = Operations.USUAL;

    @Option(
        names = {"-w", "--watch"},
        description = "Go on showing what changes, until interrupted.")
    boolean watch;

    @Option(
        names = {"-o", "--output"},
        paramLabel = "FORMAT",
        description = "table, wide, json, yaml or name.")
    Format format = Format.TABLE;

    @Override
    public Integer call() {
      if (watch) {
        Operations.watch(
            shell(), api(), format, about.allProjects, about.filter(cli()), state, limit);
        return 0;
      }
      List<JsonNode> items = Operations.list(api(), about.filter(cli()), state, limit);
      Operations.print(shell(), format, about.allProjects, items);
      return 0;
    }
  }

  /** Shows one. */
  @Command(name = "show", description = "Show an operation with its timeline.")
  static final class Show extends Part {
    @Parameters(paramLabel = "UID", description = "The operation.")
    String uid = "";

    @Option(
        names = {"-o", "--output"},
        paramLabel = "FORMAT",
        description = "table, json or yaml.")
    Format format = Format.TABLE;

    @Override
    public Integer call() {
      JsonNode found = api().getOperation(uid).body();
      if (format == Format.JSON || format == Format.YAML) {
        Listing.one(shell(), format, found);
        return 0;
      }
      new Timeline(found).lines(shell().clock().instant(), shell().coloured()).forEach(this::print);
      return 0;
    }
  }

  /** Cancels one. */
  @Command(name = "cancel", description = "Ask an operation to stop; what it had begun is undone.")
  static final class Cancel extends Part {
    @Parameters(paramLabel = "UID", description = "The operation.")
    String uid = "";

    @Option(names = "--wait", description = "Wait for it to end.")
    boolean wait;

    @Override
    public Integer call() {
      MillwrightApi api = api();
      Answer answer = api.cancelOperation(uid, UUID.randomUUID().toString());
      print(Safe.line(new Timeline(answer.body()).title()) + ": asked to stop");
      if (wait) {
        Timeline end = new Follow(shell(), api, null, false).end(uid);
        if (!end.state().equals("cancelled")) {
          throw Failure.failed(end.title() + " had already " + end.state());
        }
      }
      return 0;
    }
  }
}
