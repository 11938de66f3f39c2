package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Body;
import io.millwright.client.Trees;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Who is what in a project. */
@Command(
    name = "member",
    description = "Give, list and take roles in a project, or with -A in all projects.",
    subcommands = {MemberCommand.Add.class, MemberCommand.ListOf.class, MemberCommand.Remove.class})
final class MemberCommand extends Part {
  private static final String ALL = "Not in the project, but in all of them.";
  private static final String GROUP =
      "NAME is that of a group of the provider of identities, not of a person.";

  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright member add, list or remove");
  }

  /** Gives a role. */
  @Command(name = "add", description = "Give a role, in place of another one.")
  static final class Add extends Part {
    @Parameters(index = "0", paramLabel = "NAME", description = "Who gets it.")
    String name = "";

    @Option(
        names = "--role",
        paramLabel = "ROLE",
        required = true,
        description = "viewer, user, operator or admin.")
    String role = "";

    @Option(names = "--group", description = GROUP)
    boolean group;

    @Option(
        names = {"-A", "--all-projects"},
        description = ALL)
    boolean all;

    @Override
    public Integer call() {
      ObjectNode params = Trees.object();
      params.put("role", role);
      if (all) {
        api().putRole(name, group, Body.json(params));
      } else {
        api().putMember(cli().project(), name, group, Body.json(params));
      }
      print(name + " is " + role + (all ? " in all projects" : " in project " + cli().project()));
      return 0;
    }
  }

  /** Lists. */
  @Command(name = "list", description = "List who is what.")
  static final class ListOf extends Listed {

    @Option(
        names = {"-A", "--all-projects"},
        description = ALL)
    boolean all;

    @Override
    public Integer call() {
      List<JsonNode> items = new ArrayList<>();
      (all ? api().listRoles() : api().listMembers(cli().project()))
          .body()
          .path("items")
          .forEach(items::add);
      Listing.rows(
          shell(),
          format,
          items,
          List.of("NAME", "KIND", "ROLE"),
          m ->
              List.of(
                  Cell.of(Trees.text(m, "name")),
                  Cell.of(m.path("group").asBoolean(false) ? "group" : "user"),
                  Cell.of(Trees.text(m, "role"))),
          m -> Trees.text(m, "name"));
      return 0;
    }
  }

  /** Takes a role. */
  @Command(name = "remove", description = "Take the role.")
  static final class Remove extends Part {
    @Parameters(paramLabel = "NAME", description = "Who loses it.")
    String name = "";

    @Option(names = "--group", description = GROUP)
    boolean group;

    @Option(
        names = {"-A", "--all-projects"},
        description = ALL)
    boolean all;

    @Override
    public Integer call() {
      if (all) {
        api().deleteRole(name, group);
      } else {
        api().deleteMember(cli().project(), name, group);
      }
      print(
          name
              + " has no role "
              + (all ? "in all projects" : "in project " + cli().project())
              + " any more");
      return 0;
    }
  }
}
