package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Body;
import io.millwright.client.Trees;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** People who may sign in. */
@Command(
    name = "user",
    description = "Add, list, shut out and remove people.",
    subcommands = {
      UserCommand.Create.class,
      UserCommand.ListOf.class,
      UserCommand.Passwd.class,
      UserCommand.Disable.class,
      UserCommand.Enable.class,
      UserCommand.Delete.class
    })
final class UserCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage(
        "say what to do: millwright user create, list, passwd, disable, enable or delete");
  }

  /** Adds one. */
  @Command(
      name = "create",
      description = {
        "Add a person and print a first password.",
        "It is shown this once, and must be changed when it is used first."
      })
  static final class Create extends Part {
    @Parameters(paramLabel = "NAME", description = "By which they sign in.")
    String name = "";

    @Option(
        names = "--role",
        paramLabel = "ROLE",
        description =
            "What they are in all projects: viewer, user, operator or admin; nothing if not given,"
                + " see: millwright member.")
    @Nullable String role;

    @Option(names = "--display-name", paramLabel = "TEXT", description = "As people read it.")
    @Nullable String displayName;

    @Override
    public Integer call() {
      ObjectNode params = Trees.object();
      params.put("name", name);
      if (role != null) {
        params.put("role", role);
      }
      if (displayName != null) {
        params.put("displayName", displayName);
      }
      print(Safe.line(Trees.text(api().createUser(Body.json(params)).body(), "password")));
      return 0;
    }
  }

  /** Lists. */
  @Command(name = "list", description = "List people and what they are.")
  static final class ListOf extends Listed {

    @Override
    public Integer call() {
      List<JsonNode> items = new ArrayList<>();
      api().listUsers().body().path("items").forEach(items::add);
      Listing.rows(
          shell(),
          format,
          items,
          List.of("NAME", "DISPLAY-NAME", "STATE", "ROLE", "PROJECTS", "AGE"),
          u ->
              List.of(
                  Cell.of(Trees.text(u, "name")),
                  Cell.of(Trees.text(u, "displayName")),
                  Cell.of(state(u)),
                  Cell.of(Trees.text(u.path("roles"), "global")),
                  Cell.of(projects(u.path("roles").path("projects"))),
                  Cell.of(Durations.age(Trees.text(u, "createdAt"), shell().clock().instant()))),
          u -> Trees.text(u, "name"));
      return 0;
    }

    private static String state(JsonNode user) {
      return user.path("disabled").asBoolean(false)
          ? "disabled"
          : user.path("mustChangePassword").asBoolean(false) ? "new" : "active";
    }

    private static String projects(JsonNode roles) {
      List<String> out = new ArrayList<>();
      roles.properties().forEach(e -> out.add(e.getKey() + "=" + e.getValue().asString("")));
      return String.join(",", out);
    }
  }

  /** Gives another first password. */
  @Command(
      name = "passwd",
      description = "Give a person another first password and print it; their sessions end.")
  static final class Passwd extends Part {
    @Parameters(paramLabel = "NAME", description = "The person.")
    String name = "";

    @Override
    public Integer call() {
      print(Safe.line(Trees.text(api().resetPasswordUser(name).body(), "password")));
      return 0;
    }
  }

  /** Shuts out. */
  @Command(
      name = "disable",
      description = "Shut people out: sessions and consoles end, and tokens are void.")
  static final class Disable extends Part {
    @Parameters(arity = "1..*", paramLabel = "NAME", description = "The people.")
    List<String> names = List.of();

    @Override
    public Integer call() {
      for (String name : names) {
        api().disableUser(name);
        print("user " + name + " disabled");
      }
      return 0;
    }
  }

  /** Lets in again. */
  @Command(name = "enable", description = "Let people in again who were shut out.")
  static final class Enable extends Part {
    @Parameters(arity = "1..*", paramLabel = "NAME", description = "The people.")
    List<String> names = List.of();

    @Override
    public Integer call() {
      for (String name : names) {
        api().enableUser(name);
        print("user " + name + " enabled");
      }
      return 0;
    }
  }

  /** Removes. */
  @Command(
      name = "delete",
      description = "Remove people with sessions, tokens and roles; what they made stays.")
  static final class Delete extends Part {
    @Parameters(arity = "1..*", paramLabel = "NAME", description = "The people.")
    List<String> names = List.of();

    @Override
    public Integer call() {
      for (String name : names) {
        print("user " + name + " " + deleted(api().deleteUser(name), "deleted"));
      }
      return 0;
    }
  }
}
