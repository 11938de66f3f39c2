package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Event;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/** Shows what happened. */
@Command(name = "events", description = "Show what happened, oldest first.")
final class EventsCommand extends Part {
  @Mixin About about = new About();

  @Option(
      names = {"-f", "--follow"},
      description = "Go on showing what happens, until interrupted.")
  boolean follow;

  @Option(names = "--limit", paramLabel = "N", description = "At most the last so many; 100.")
  int limit = 100;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      description = "table, json or yaml.")
  Format format = Format.TABLE;

  @Override
  public Integer call() {
    About.Filter filter = about.filter(cli());
    MillwrightApi api = api();
    if (follow) {
      follow(api, filter);
      return 0;
    }
    List<JsonNode> items = new ArrayList<>();
    api.listEvents(filter.project(), null, null, filter.kind(), limit, filter.name(), null)
        .body()
        .path("items")
        .forEach(items::add);
    List<String> titles = List.of("AGE", "PROJECT", "OBJECT", "REASON", "MESSAGE");
    Listing.rows(
        shell(),
        format,
        items,
        about.allProjects ? titles : titles.stream().filter(t -> !t.equals("PROJECT")).toList(),
        this::row,
        e -> Trees.text(e, "cursor"));
    return 0;
  }

  private List<Cell> row(JsonNode e) {
    List<Cell> out = new ArrayList<>();
    out.add(Cell.of(Durations.age(Trees.text(e, "at"), shell().clock().instant())));
    if (about.allProjects) {
      out.add(Cell.of(Trees.text(e, "project")));
    }
    out.add(Cell.of(object(e)));
    out.add(Cell.of(Trees.text(e, "reason")));
    out.add(Cell.of(Trees.text(e, "message")));
    return out;
  }

  private static String object(JsonNode e) {
    String kind = Trees.text(e, "kind");
    return (kind.isEmpty() ? "operation" : kind.toLowerCase(Locale.ROOT))
        + "/"
        + Trees.text(e, "name");
  }

  private void follow(MillwrightApi api, About.Filter filter) {
    try (Resumed events =
        new Resumed(
            last ->
                api.streamEvents(
                    filter.project(), last, null, null, filter.kind(), limit, filter.name(), null),
            Duration.ofMinutes(1))) {
      shell().out().onceUnread(events::close);
      for (Event event = events.next(); event != null; event = events.next()) {
        JsonNode e = event.data();
        switch (format) {
          case TABLE, WIDE, NAME ->
              print(
                  Safe.line(
                      Trees.text(e, "at")
                          + (about.allProjects ? "  " + Trees.text(e, "project") : "")
                          + "  "
                          + object(e)
                          + "  "
                          + Trees.text(e, "reason")
                          + "  "
                          + Trees.text(e, "message")));
          case JSON -> print(Trees.compact(e));
          case YAML -> {
            print("---");
            Listing.one(shell(), format, e);
          }
        }
        if (shell().out().checkError()) {
          return; // nobody reads any more
        }
      }
    }
  }
}
