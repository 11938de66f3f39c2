package io.millwright.cli;

import io.millwright.client.Answer;
import io.millwright.client.ApiException;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Shows resources. */
@Command(name = "get", description = "Show resources.")
final class GetCommand extends ListedAcross {
  @Parameters(
      index = "0",
      paramLabel = "KIND",
      completionCandidates = Kind.Words.class,
      description = "machine, volume, operation, ..., singular or plural; or KIND/NAME.")
  String kind = "";

  @Parameters(index = "1..*", paramLabel = "NAME", description = "Only these.")
  List<String> names = new ArrayList<>();

  @Option(
      names = {"-l", "--selector"},
      paramLabel = "SELECTOR",
      description = "Only with these labels: app=web,tier!=test,zone in (a,b),owner,!old.")
  @Nullable String selector;

  @Option(
      names = "--field-selector",
      paramLabel = "SELECTOR",
      description = "Only with these fields: spec.image=debian-12.")
  @Nullable String fieldSelector;

  @Option(
      names = {"-w", "--watch"},
      description = "Go on showing what changes, until interrupted.")
  boolean watch;

  @Override
  public Integer call() {
    List<String> words = new ArrayList<>(List.of(kind));
    words.addAll(names);
    Optional<List<String>> operations = Operations.uids(words);
    if (operations.isPresent()) {
      return operations(operations.get());
    }
    boolean named = words.size() > 1 || kind.contains("/");
    if (named && (selector != null || fieldSelector != null || allProjects)) {
      throw Failure.usage("a selector or -A chooses among all; leave it out, or the names");
    }
    if (watch) {
      return watch(named ? Target.parse(words) : List.of());
    }
    return named ? byName(Target.parse(words)) : all(Kind.parse(kind));
  }

  private int operations(List<String> uids) {
    if (selector != null || fieldSelector != null || (allProjects && !uids.isEmpty())) {
      throw Failure.usage("operations are chosen by: millwright operation list KIND NAME --state");
    }
    if (watch && !uids.isEmpty()) {
      throw Failure.usage("an operation is followed by: millwright logs -f UID");
    }
    MillwrightApi api = api();
    if (uids.isEmpty()) {
      About.Filter all = new About.Filter(project(), null, null);
      if (watch) {
        Operations.watch(shell(), api, format, allProjects, all, null, Operations.USUAL);
        return 0;
      }
      Operations.print(
          shell(), format, allProjects, Operations.list(api, all, null, Operations.USUAL));
      return 0;
    }
    List<JsonNode> found = uids.stream().map(uid -> api.getOperation(uid).body()).toList();
    if (found.size() == 1 && (format == Format.JSON || format == Format.YAML)) {
      Listing.one(shell(), format, found.getFirst());
    } else {
      Operations.print(shell(), format, false, found);
    }
    return 0;
  }

  private int byName(List<Target> targets) {
    MillwrightApi api = api();
    Map<Target, JsonNode> there = new LinkedHashMap<>();
    List<Complaint> wrong = new ArrayList<>();
    for (Target each : targets) {
      try {
        there.put(each, each.kind().find(api, cli().project(), each.name()).body());
      } catch (ApiException e) {
        if (targets.size() == 1) {
          throw e;
        }
        wrong.add(Complaint.of(e));
      }
    }
    if (!there.isEmpty()) {
      show(there, targets.size() == 1);
    }
    shell().out().flush();
    if (!wrong.isEmpty()) {
      throw new Failure(
          wrong.getFirst().code(),
          wrong.stream().map(Complaint::line).distinct().collect(Collectors.joining("; ")));
    }
    return 0;
  }

  private void show(Map<Target, JsonNode> there, boolean alone) {
    List<JsonNode> found = List.copyOf(there.values());
    if (alone && (format == Format.JSON || format == Format.YAML)) {
      Listing.one(shell(), format, found.getFirst());
    } else {
      for (Kind each : Kind.values()) {
        List<JsonNode> same = new ArrayList<>();
        there.forEach((target, node) -> {
          if (target.kind() == each) {
            same.add(node);
          }
        });
        if (format == Format.JSON || format == Format.YAML) {
          Listing.list(shell(), format, found);
          break;
        }
        Listing.resources(shell(), format, false, each, same);
      }
    }
  }

  private int all(Kind of) {
    List<JsonNode> items = list(api(), of, project(), selector, fieldSelector);
    if (items.isEmpty() && format.human()) {
      shell()
          .err()
          .println(
              "no "
                  + of.plural()
                  + (allProjects ? "" : " in project " + cli().project())
                  + shared(of));
    }
    Listing.resources(shell(), format, allProjects, of, items);
    return 0;
  }

  /** Where they are instead, for who did not know that all projects share some. */
  private String shared(Kind of) {
    if (allProjects || cli().project().equals(Kind.SHARED)) {
      return "";
    }
    int there = list(api(), of, Kind.SHARED, selector, fieldSelector).size();
    return there == 0
        ? ""
        : "; %d in project %s: millwright get %s -p %s"
            .formatted(there, Kind.SHARED, of.plural(), Kind.SHARED);
  }

  private String project() {
    return allProjects ? "-" : cli().project();
  }

  /** All pages. */
  static List<JsonNode> list(
      MillwrightApi api,
      Kind kind,
      String project,
      @Nullable String labels,
      @Nullable String fields) {
    List<JsonNode> out = new ArrayList<>();
    String cursor = null;
    do {
      Answer page = kind.list(api, project, labels, fields, cursor);
      page.body().path("items").forEach(out::add);
      String next = Trees.text(page.body(), "next");
      cursor = next.isEmpty() ? null : next;
    } while (cursor != null);
    return out;
  }

  private int watch(List<Target> targets) {
    Kind of = targets.isEmpty() ? Kind.parse(kind) : targets.getFirst().kind();
    if (targets.size() > 1) {
      throw Failure.usage("watch one resource, or a whole kind");
    }
    String fields =
        targets.isEmpty() ? fieldSelector : "metadata.name=" + targets.getFirst().name();
    MillwrightApi api = api();
    // What is not there would be waited for without a word.
    String from =
        targets.isEmpty()
            ? project()
            : new View(of.find(api, cli().project(), targets.getFirst().name()).body()).project();
    Columns columns = new Columns(of, format == Format.WIDE, allProjects);
    new Watching(
            shell(),
            format,
            columns.titles(),
            view -> columns.row(view, shell().clock().instant()),
            view -> columns.gone(view, shell().clock().instant()))
        .print(last -> of.watch(api, from, selector, fields, last));
    return 0;
  }
}
