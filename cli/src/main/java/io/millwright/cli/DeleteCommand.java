package io.millwright.cli;

import io.millwright.client.Answer;
import io.millwright.client.ApiException;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import io.millwright.client.UnreachableException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Deletes resources. */
@Command(
    name = "delete",
    description = {
      "Delete resources, by name or as they stand in manifests.",
      "With -f, what needs others goes first and is waited for; what is gone already is no error."
    })
final class DeleteCommand extends Waiting {
  @Parameters(
      arity = "0..*",
      paramLabel = "KIND NAME",
      completionCandidates = Kind.Words.class,
      description = "As KIND NAME..., or KIND/NAME...")
  List<String> words = new ArrayList<>();

  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      description = "A file, a directory with *.yaml, *.yml and *.json, or - for standard input.")
  List<String> files = new ArrayList<>();

  @Option(names = "--all", description = "All of the kind.")
  boolean all;

  @Option(
      names = {"-A", "--all-projects"},
      description = "With --all: from all projects.")
  boolean allProjects;

  private record Doomed(String project, Target target) {}

  @Override
  public Integer call() {
    if (words.isEmpty() == files.isEmpty()) {
      throw Failure.usage("name what to delete: KIND NAME, KIND/NAME or -f FILE");
    }
    if (all ? words.size() != 1 : allProjects) {
      throw Failure.usage("--all takes one KIND and no name, and -A belongs to --all");
    }
    MillwrightApi api = api();
    if (files.isEmpty()) {
      delete(api, named(api), List.of(), all).end(wait);
      return 0;
    }
    List<Doomed> declared = declared();
    // Machines use volumes, volumes live on hypervisors; so it goes against the order of kinds.
    for (Kind kind : List.of(Kind.values()).reversed()) {
      List<Doomed> same = declared.stream().filter(d -> d.target().kind() == kind).toList();
      List<Doomed> others =
          declared.stream().filter(d -> d.target().kind().compareTo(kind) < 0).toList();
      delete(api, same, others, true).end(wait || !others.isEmpty());
    }
    return 0;
  }

  private List<Doomed> named(MillwrightApi api) {
    List<Doomed> out = new ArrayList<>();
    if (all) {
      Kind kind = Kind.parse(words.getFirst());
      String from = allProjects ? "-" : cli().project();
      for (JsonNode each : GetCommand.list(api, kind, from, null, null)) {
        View view = new View(each);
        out.add(new Doomed(view.project(), new Target(kind, view.name())));
      }
    } else {
      Target.parse(words).forEach(t -> out.add(new Doomed(cli().project(), t)));
    }
    return out;
  }

  /** What became of several deletions: one that is refused takes nothing from the others. */
  private final class Begun {
    private final MillwrightApi api;
    private final List<String> operations = new ArrayList<>();
    private final Map<Target, RuntimeException> refused = new LinkedHashMap<>();
    private final List<Target> unasked = new ArrayList<>();

    Begun(MillwrightApi api) {
      this.api = api;
    }

    /** Waits for what was begun, perhaps; and fails with all that went wrong. */
    void end(boolean follow) {
      List<Complaint> wrong = new ArrayList<>();
      refused.forEach((target, e) -> {
        Complaint why = Complaint.of(e);
        wrong.add(new Complaint(why.code(), target + ": " + why.line()));
      });
      if (follow) {
        try {
          new Follow(shell(), api, timeout, false).all(operations);
        } catch (Failure | ApiException | UnreachableException e) {
          if (wrong.isEmpty()) {
            throw e;
          }
          wrong.add(Complaint.of(e));
        }
      }
      if (!wrong.isEmpty()) {
        String unasked =
            this.unasked.isEmpty()
                ? ""
                : "; not asked for: "
                    + this.unasked.stream().map(Target::toString).collect(Collectors.joining(", "));
        throw new Failure(
            wrong.getFirst().code(),
            wrong.stream().map(Complaint::line).collect(Collectors.joining("; ")) + unasked);
      }
    }
  }

  /**
   * Asks for these to be deleted.
   *
   * @param later what is asked for after them
   * @param lenient true if what is gone already is no error
   */
  private Begun delete(
      MillwrightApi api, List<Doomed> doomed, List<Doomed> later, boolean lenient) {
    Begun begun = new Begun(api);
    List<Target> left = new ArrayList<>();
    Stream.concat(doomed.stream(), later.stream()).map(Doomed::target).forEach(left::add);
    for (Doomed each : doomed) {
      Target target = each.target();
      left.removeFirst();
      try {
        Answer answer = target.kind().delete(api, each.project(), target.name());
        String uid = answer.accepted() ? new View(answer.body()).uid() : "";
        if (!uid.isEmpty()) {
          begun.operations.add(uid);
        }
        String done = answer.accepted() ? "is being deleted" : "deleted";
        print(target + " " + deleted(answer, done));
      } catch (ApiException e) {
        if (lenient && Follow.notFound(e)) {
          print(target + " is gone already");
        } else if (doomed.size() == 1) {
          throw e;
        } else {
          begun.refused.put(target, e);
        }
      } catch (UnreachableException e) {
        if (doomed.size() == 1 && left.isEmpty()) {
          throw e;
        }
        begun.refused.put(target, e);
        begun.unasked.addAll(left); // they would not be heard of either
        break;
      }
    }
    shell().out().flush();
    return begun;
  }

  private List<Doomed> declared() {
    Bundle bundle = Bundle.read(files, shell().in());
    return Manifests.located(
        bundle,
        () -> {
          List<Doomed> out = new ArrayList<>();
          for (JsonNode document : Yaml.texts(bundle.text())) {
            if (document.isArray()) {
              document.forEach(each -> out.add(doomed(each)));
            } else if (Trees.text(document, "kind").equals("List")) {
              document.path("items").forEach(each -> out.add(doomed(each)));
            } else if (!document.isValueNode() || !document.asString("").isEmpty()) {
              out.add(doomed(document));
            }
          }
          return out;
        });
  }

  private Doomed doomed(JsonNode resource) {
    String name = Trees.text(resource.path("metadata"), "name");
    String kind = Trees.text(resource, "kind");
    if (name.isEmpty() || kind.isEmpty()) {
      throw Failure.usage("a resource in " + Bundle.SOURCE + " has no kind or no metadata.name");
    }
    String project = Trees.text(resource.path("metadata"), "project");
    return new Doomed(
        project.isEmpty() ? cli().project() : project, new Target(Kind.parse(kind), name));
  }
}
