package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Body;
import io.millwright.client.Trees;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Projects, and what they may have. */
@Command(
    name = "project",
    description = "Make, list and limit projects.",
    subcommands = {
      ProjectCommand.Create.class,
      ProjectCommand.ListOf.class,
      ProjectCommand.Describe.class,
      ProjectCommand.Quota.class
    })
final class ProjectCommand extends Part {
  private static final List<String> LIMITS =
      List.of("machines", "cores", "memory", "disk", "addresses", "ttl");

  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright project create, list, describe or quota");
  }

  /** Makes one. */
  @Command(name = "create", description = "Make a project.")
  static final class Create extends Part {
    @Parameters(paramLabel = "NAME", description = "The project.")
    String name = "";

    @Override
    public Integer call() {
      ObjectNode params = Trees.object();
      params.put("name", name);
      api().createProject(UUID.randomUUID().toString(), Body.json(params));
      print("project " + name + " created");
      return 0;
    }
  }

  /** Lists. */
  @Command(name = "list", description = "List the projects that you may see.")
  static final class ListOf extends Part {
    @Override
    public Integer call() {
      api().listProjects().body().path("items").forEach(p -> print(Safe.line(p.asString(""))));
      return 0;
    }
  }

  /** Shows one. */
  @Command(name = "describe", description = "Show what a project may have and what it has.")
  static final class Describe extends Listed {
    @Parameters(paramLabel = "NAME", description = "The project.")
    String name = "";

    @Override
    public Integer call() {
      JsonNode project = api().getProject(name).body();
      if (format == Format.JSON || format == Format.YAML) {
        Listing.one(shell(), format, project);
      } else {
        show(this, project);
      }
      return 0;
    }
  }

  private static void show(Part part, JsonNode project) {
    Table table = new Table(List.of("WHAT", "USED", "QUOTA"));
    for (String what : LIMITS) {
      String most = value(project.path("quota").path(what));
      table.add(
          List.of(
              Cell.of(what),
              Cell.of(value(project.path("used").path(what))),
              Cell.of(most.isEmpty() ? "no limit" : most)));
    }
    table.print(part.shell().out(), part.shell().coloured());
  }

  private static String value(JsonNode node) {
    return node.isMissingNode() || node.isNull() ? "" : node.asString("");
  }

  /** Limits one. */
  @Command(
      name = "quota",
      description = {
        "Say what a project may have at most; what is not given stays as it is.",
        "What it has already stays, though it be more: it only gets nothing more."
      })
  static final class Quota extends Part {
    @Parameters(paramLabel = "NAME", description = "The project.")
    String name = "";

    @Option(names = "--machines", paramLabel = "N", description = NONE)
    @Nullable String machines;

    @Option(names = "--cores", paramLabel = "N", description = NONE)
    @Nullable String cores;

    @Option(names = "--memory", paramLabel = "SIZE", description = "Such as 64GiB; or none.")
    @Nullable String memory;

    @Option(names = "--disk", paramLabel = "SIZE", description = "Such as 2TiB; or none.")
    @Nullable String disk;

    @Option(names = "--addresses", paramLabel = "N", description = NONE)
    @Nullable String addresses;

    @Option(
        names = "--ttl",
        paramLabel = "TIME",
        description = "How long each machine may live, such as 30d; or none.")
    @Nullable String ttl;

    private static final String NONE = "How many; or none, for no limit.";

    @Override
    public Integer call() {
      ObjectNode quota = Trees.object();
      JsonNode before = api().getProject(name).body().path("quota");
      LIMITS.stream().filter(before::has).forEach(what -> quota.set(what, before.get(what)));
      put(quota, "machines", machines);
      put(quota, "cores", cores);
      put(quota, "memory", memory);
      put(quota, "disk", disk);
      put(quota, "addresses", addresses);
      put(quota, "ttl", ttl);
      show(this, api().putQuota(name, Body.json(quota)).body());
      return 0;
    }

    private static void put(ObjectNode quota, String what, @Nullable String given) {
      if (given == null) {
        return;
      }
      if (given.equals("none")) {
        quota.remove(what);
      } else if (given.matches("[0-9]{1,9}")) {
        quota.put(what, Integer.parseInt(given));
      } else {
        quota.put(what, given);
      }
    }
  }
}
