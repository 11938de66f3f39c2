package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Takes over a machine that somebody else made. */
@Command(
    name = "import",
    description = {
      "Take over a machine that somebody else made, as it is, and print its manifests.",
      "Nothing of it is written but Millwright's mark, and its disks stay whoever's they are:"
          + " deleting the machine lets it go as it is. Applied, the manifests change nothing.",
      "With --list it only shows which machines there are on a hypervisor that somebody else made."
    })
final class ImportCommand extends Waiting {
  private static final Pattern NAME = Pattern.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");

  @Parameters(
      paramLabel = "HYPERVISOR/OBJECT",
      description = "The hypervisor, and the machine's name or UUID there; no machine with --list.")
  String which = "";

  @Option(
      names = "--as",
      paramLabel = "NAME",
      description = "What it is called here; as on its hypervisor if not given.")
  @Nullable String as;

  @Option(names = "--dry-run", description = "Print what would be declared, and do nothing.")
  boolean dryRun;

  @Option(
      names = "--list",
      description = "List the machines of others there, and why one cannot be imported.")
  boolean list;

  @Option(
      names = "--closely",
      description = "Of --list: look at each by itself, for its addresses; slow with many.")
  boolean closely;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      description = "Of --list: table, json, yaml or name.")
  Format format = Format.TABLE;

  private static final List<String> TITLES =
      List.of("NAME", "UUID", "STATE", "CORES", "MEMORY", "ADDRESSES", "IMPORT");

  @Override
  public Integer call() {
    return list ? list() : take();
  }

  private int list() {
    if (which.contains("/") || as != null || dryRun || wait || timeout != null) {
      throw Failure.usage("--list takes a hypervisor's name alone, such as: import --list hv1");
    }
    JsonNode answer = api().listHypervisorForeignMachines(cli().project(), which, closely).body();
    List<JsonNode> items = new ArrayList<>();
    answer.path("items").forEach(items::add);
    Listing.rows(
        shell(),
        format,
        items,
        TITLES,
        ImportCommand::row,
        i -> which + "/" + Trees.text(i, "uid"));
    shell().out().flush();
    answer.path("gaps").forEach(gap -> tell(Safe.line("not all is seen: " + gap.asString())));
    return 0;
  }

  private static List<Cell> row(JsonNode item) {
    List<String> addresses = new ArrayList<>();
    item.path("addresses").forEach(a -> addresses.add(a.asString()));
    String objection = Trees.text(item, "objection");
    return List.of(
        Cell.of(Trees.text(item, "name")),
        Cell.of(Trees.text(item, "uid")),
        Cell.of(Trees.text(item, "state")),
        Cell.of(Trees.text(item, "cores")),
        Cell.of(Trees.text(item, "memory")),
        Cell.of(String.join(", ", addresses)),
        Cell.of(objection.isEmpty() ? "possible" : objection));
  }

  private int take() {
    if (closely || format != Format.TABLE) {
      throw Failure.usage("--closely and -o go with --list");
    }
    int slash = which.indexOf('/');
    if (slash < 1 || slash == which.length() - 1) {
      throw Failure.usage("say which machine on which hypervisor, such as hv1/web");
    }
    String object = which.substring(slash + 1);
    String name = as == null ? object : as;
    if (as == null && !NAME.matcher(object).matches()) {
      throw Failure.usage(
          Safe.line(object)
              + " can be no name here: give it one of lower-case letters, digits and hyphens with"
              + " --as");
    }
    // With it, a request whose answer was lost can be sent again.
    String key = dryRun ? null : UUID.randomUUID().toString();
    JsonNode answer =
        api()
            .importMachine(cli().project(), name, which.substring(0, slash), object, key, dryRun)
            .body();
    List<String> manifests = new ArrayList<>();
    answer.path("manifests").forEach(m -> manifests.add(Yaml.write(m)));
    shell().out().print(String.join("---\n", manifests));
    shell().out().flush();
    answer.path("notes").forEach(note -> tell(Safe.line(note.asString())));
    List<String> operations = new ArrayList<>();
    for (JsonNode item : answer.path("applied").path("items")) {
      tell(Plan.reference(item) + (dryRun ? " would be " : " ") + Trees.text(item, "action"));
      String operation = Trees.text(item, "operation");
      if (!operation.isEmpty()) {
        operations.add(operation);
      }
    }
    goOn(operations, false); // what is printed is a file
    return 0;
  }

  /** On standard error, for what is printed is a file. */
  private void tell(String line) {
    shell().err().println(line);
  }
}
