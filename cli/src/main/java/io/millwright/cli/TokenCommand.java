package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Body;
import io.millwright.client.Trees;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Tokens, by which people and programs show who they are. */
@Command(
    name = "token",
    description = "Make, list and revoke tokens.",
    subcommands = {TokenCommand.Create.class, TokenCommand.ListOf.class, TokenCommand.Revoke.class})
final class TokenCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright token create, list or revoke");
  }

  /** Makes one. */
  @Command(
      name = "create",
      description = "Make a token and print it; it is shown this once and kept nowhere.")
  static final class Create extends Part {
    @Parameters(paramLabel = "NAME", description = "Whose it is; it stands in what it asks for.")
    String name = "";

    @Option(
        names = "--ttl",
        paramLabel = "DURATION",
        description = "How long it is valid, such as 90d; for ever if not given.")
    @Nullable Duration ttl;

    @Option(
        names = "--role",
        paramLabel = "ROLE",
        description =
            "What it is at most: viewer, user, operator or admin; what you are if not given.")
    @Nullable String role;

    @Option(
        names = "--only-project",
        paramLabel = "PROJECT",
        description = "A project in which it is good; may be repeated. All of yours if not given.")
    List<String> projects = List.of();

    @Option(
        names = "--only-verb",
        paramLabel = "VERB",
        description =
            "A verb for which it is good, such as view; may be repeated. All if not given.")
    List<String> verbs = List.of();

    @Option(
        names = {"-o", "--output"},
        paramLabel = "FORMAT",
        description = "table, json or yaml.")
    Format format = Format.TABLE;

    @Override
    public Integer call() {
      ObjectNode params = Trees.object();
      params.put("name", name);
      if (ttl != null) {
        params.put("ttlSeconds", ttl.toSeconds());
      }
      if (role != null) {
        params.put("role", role);
      }
      if (!projects.isEmpty()) {
        projects.forEach(params.putArray("projects")::add);
      }
      if (!verbs.isEmpty()) {
        verbs.forEach(params.putArray("verbs")::add);
      }
      JsonNode made = api().createToken(Body.json(params)).body();
      if (format == Format.JSON || format == Format.YAML) {
        Listing.one(shell(), format, made);
      } else {
        // Nothing else on standard output, so that it can be piped into a file.
        print(Safe.line(Trees.text(made, "secret")));
      }
      return 0;
    }
  }

  /** Lists. */
  @Command(name = "list", description = "List the tokens in force.")
  static final class ListOf extends Listed {

    @Override
    public Integer call() {
      List<JsonNode> items = new ArrayList<>();
      api().listTokens().body().path("items").forEach(items::add);
      Listing.rows(
          shell(),
          format,
          items,
          List.of("NAME", "OWNER", "AGE", "EXPIRES"),
          t ->
              List.of(
                  Cell.of(Trees.text(t, "name")),
                  Cell.of(Trees.text(t, "owner")),
                  Cell.of(Durations.age(Trees.text(t, "createdAt"), shell().clock().instant())),
                  Cell.of(
                      Trees.text(t, "expiresAt").isEmpty() ? "never" : Trees.text(t, "expiresAt"))),
          t -> Trees.text(t, "name"));
      return 0;
    }
  }

  /** Takes one out of force. */
  @Command(name = "revoke", description = "Take tokens out of force.")
  static final class Revoke extends Part {
    @Parameters(arity = "1..*", paramLabel = "NAME", description = "The tokens.")
    List<String> names = List.of();

    @Override
    public Integer call() {
      for (String name : names) {
        print("token " + name + " " + deleted(api().deleteToken(name), "revoked"));
      }
      return 0;
    }
  }
}
