package io.millwright.cli;

import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Writes what is declared in a project as manifests. */
@Command(
    name = "export",
    description = {
      "Write what is declared in a project as manifests that apply back to the same.",
      "They name no project, so that they can be applied to another one with -p. A secret stands"
          + " there as (sealed), which keeps the one that the server has; put the secret in its"
          + " place to apply it where there is none.",
      "What a group, a pool or an image declares by itself is left out, and said."
    })
final class ExportCommand extends Part {
  /** Labels of what belongs to another resource, with the kind of that one. */
  private static final Map<String, Kind> MEMBER =
      Map.of(
          "millwright.io/group", Kind.GROUP,
          "millwright.io/pool", Kind.POOL,
          "millwright.io/trial-of", Kind.IMAGE);

  private static final Set<String> OURS =
      Stream.concat(MEMBER.keySet().stream(), Stream.of("millwright.io/claimed-from"))
          .collect(Collectors.toUnmodifiableSet());

  @Option(
      names = {"-o", "--output"},
      paramLabel = "DIR",
      description =
          "A directory without manifests, made if it is not there, for one file a resource; - for"
              + " standard output, as if not given.")
  String output = "-";

  @Override
  public Integer call() {
    Path dir = output.equals("-") ? null : Path.of(output);
    if (dir != null) {
      requireNoManifests(dir);
    }
    // All is read before anything is written: half an export would look like a whole one.
    Map<String, String> files = read(api());
    if (files.isEmpty()) {
      shell().err().println("nothing is declared in project " + Safe.line(cli().project()));
    } else if (dir == null) {
      shell().out().print(String.join("---\n", files.values()));
    } else {
      write(dir, files);
      print(files.size() + " manifests written to " + Safe.line(output));
    }
    return 0;
  }

  /** In the order in which one names the other, though an apply takes any. */
  private Map<String, String> read(MillwrightApi api) {
    Map<Kind, List<JsonNode>> declared = new EnumMap<>(Kind.class);
    for (Kind kind : Kind.values()) {
      declared.put(kind, stay(kind, GetCommand.list(api, kind, cli().project(), null, null)));
    }
    Map<String, String> out = new LinkedHashMap<>();
    Map<Kind, Integer> members = new EnumMap<>(Kind.class);
    declared.forEach((kind, all) -> {
      for (JsonNode each : all) {
        if (isMember(kind, each, declared)) {
          members.merge(kind, 1, Integer::sum);
        } else {
          out.put(kind.word() + "-" + name(each) + ".yaml", Yaml.write(declared(kind, each)));
        }
      }
    });
    if (!members.isEmpty()) {
      String some =
          members.entrySet().stream()
              .map(e ->
                  e.getValue()
                      + " "
                      + (e.getValue() == 1 ? e.getKey().word() : e.getKey().plural()))
              .collect(Collectors.joining(" and "));
      shell().err().println(some + " of groups, pools or images, which declare them: left out");
    }
    return out;
  }

  /** Without what is no declaration, or will not be there for long. */
  private List<JsonNode> stay(Kind kind, List<JsonNode> all) {
    List<JsonNode> out = new ArrayList<>();
    for (JsonNode each : all) {
      String title = kind.word() + "/" + Safe.line(name(each));
      if (kind == Kind.SNAPSHOT) {
        // What is in it cannot be declared, and elsewhere it would be of another disk.
        shell().err().println(title + " is no declaration: left out");
      } else if (Trees.text(each.path("metadata"), "deletedAt").isEmpty()) {
        out.add(each);
      } else {
        shell().err().println(title + " is being deleted: left out");
      }
    }
    return out;
  }

  private static String name(JsonNode resource) {
    return Trees.text(resource.path("metadata"), "name");
  }

  /**
   * True if another resource declares it. A machine goes with that one; a volume is left by its
   * group, and then declared by nobody but whoever keeps it.
   */
  private static boolean isMember(Kind kind, JsonNode of, Map<Kind, List<JsonNode>> declared) {
    if (kind == Kind.MACHINE) {
      return MEMBER.keySet().stream().anyMatch(label -> !label(of, label).isEmpty());
    }
    return kind == Kind.VOLUME
        && MEMBER.entrySet().stream()
            .anyMatch(e ->
                declared.getOrDefault(e.getValue(), List.of()).stream()
                    .anyMatch(owner -> name(owner).equals(label(of, e.getKey()))));
  }

  private static String label(JsonNode resource, String key) {
    return Trees.text(resource.path("metadata").path("labels"), key);
  }

  /** What a user could have written; the rest only the server knows. */
  private static ObjectNode declared(Kind kind, JsonNode resource) {
    ObjectNode out = Trees.object();
    out.put("apiVersion", "millwright/v1");
    out.put("kind", kind.title());
    ObjectNode metadata = out.putObject("metadata");
    metadata.set("name", resource.path("metadata").path("name"));
    for (String field : new String[] {"labels", "annotations"}) {
      JsonNode value = resource.path("metadata").path(field);
      if (value instanceof ObjectNode entries) {
        // Of the group that has left a volume, or the pool of which a machine was claimed: an apply
        // refuses them where nobody has put them on, and keeps them where they are.
        value = entries.deepCopy().remove(OURS);
      }
      if (!value.isEmpty()) {
        metadata.set(field, value);
      }
    }
    out.set("spec", resource.path("spec"));
    return out;
  }

  /**
   * With those of another export beside it, an apply of the directory would bring back the dead.
   */
  private static void requireNoManifests(Path dir) {
    if (!Files.exists(dir)) {
      return;
    }
    if (!Files.isDirectory(dir)) {
      throw Failure.usage(Safe.line(dir + "") + " is no directory");
    }
    try (Stream<Path> all = Files.list(dir)) {
      if (all.anyMatch(f -> f.toString().matches(".*\\.(yaml|yml|json)"))) {
        throw Failure.usage(
            Safe.line(dir + "")
                + " has manifests in it already; give another directory, or remove"
                + " them first");
      }
    } catch (IOException e) {
      throw Failure.usage("cannot read: " + e.getMessage());
    }
  }

  private static void write(Path dir, Map<String, String> files) {
    try {
      Files.createDirectories(dir);
      for (Map.Entry<String, String> file : files.entrySet()) {
        Files.writeString(dir.resolve(file.getKey()), file.getValue());
      }
    } catch (IOException e) {
      throw new Failure(Failure.FAILED, "cannot write: " + e.getMessage());
    }
  }
}
