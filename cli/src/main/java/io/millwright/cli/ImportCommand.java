package io.millwright.cli;

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
          + " deleting the machine lets it go as it is. Applied, the manifests change nothing."
    })
final class ImportCommand extends Waiting {
  private static final Pattern NAME = Pattern.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");

  @Parameters(
      paramLabel = "HYPERVISOR/OBJECT",
      description = "The hypervisor, and the machine's name or UUID there.")
  String which = "";

  @Option(
      names = "--as",
      paramLabel = "NAME",
      description = "What it is called here; as on its hypervisor if not given.")
  @Nullable String as;

  @Option(names = "--dry-run", description = "Print what would be declared, and do nothing.")
  boolean dryRun;

  @Override
  public Integer call() {
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
