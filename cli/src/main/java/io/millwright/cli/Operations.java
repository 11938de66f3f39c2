package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Operations on the command line. They have the form of resources, but belong to no kind that can
 * be declared, and their uid is their name.
 */
final class Operations {
  private static final int PAGE = 100;

  /** So many are listed if nobody says how many. */
  static final int USUAL = 50;

  private Operations() {}

  /** The uids that these words name, none for all; or nothing if they speak of something else. */
  static Optional<List<String>> uids(List<String> words) {
    String first = words.isEmpty() ? "" : words.getFirst().toLowerCase(Locale.ROOT);
    if (first.equals("operation") || first.equals("operations")) {
      return Optional.of(words.subList(1, words.size()));
    }
    if (first.startsWith("operation/") || first.startsWith("operations/")) {
      return Optional.of(words.stream().map(w -> w.substring(w.indexOf('/') + 1)).toList());
    }
    return Optional.empty();
  }

  /** The newest, so many at most. */
  static List<JsonNode> list(
      MillwrightApi api, About.Filter about, @Nullable String state, int limit) {
    List<JsonNode> items = new ArrayList<>();
    String cursor = null;
    do {
      int page = Math.min(PAGE, limit - items.size());
      JsonNode body =
          api.listOperations(cursor, about.kind(), page, about.name(), about.project(), null, state)
              .body();
      body.path("items").forEach(items::add);
      String next = Trees.text(body, "next");
      cursor = next.isEmpty() ? null : next;
    } while (cursor != null && items.size() < limit);
    return items;
  }

  /** Prints the newest, and then what becomes of them and of new ones, until interrupted. */
  static void watch(
      Shell shell,
      MillwrightApi api,
      Format format,
      boolean projects,
      About.Filter about,
      @Nullable String state,
      int limit) {
    new Watching(
            shell,
            format,
            titles(format, projects),
            view ->
                row(
                    new Timeline(view.tree()),
                    format == Format.WIDE,
                    projects,
                    shell.clock().instant()),
            null)
        .print(last ->
            api.streamOperations(
                last, null, about.kind(), limit, about.name(), about.project(), null, state));
  }

  /** Prints them. */
  static void print(Shell shell, Format format, boolean projects, List<JsonNode> items) {
    Instant now = shell.clock().instant();
    Listing.rows(
        shell,
        format,
        items,
        titles(format, projects),
        o -> row(new Timeline(o), format == Format.WIDE, projects, now),
        o -> new View(o).uid());
  }

  private static List<String> titles(Format format, boolean projects) {
    List<String> titles =
        new ArrayList<>(List.of("UID", "OPERATION", "STATE", "PERCENT", "TOOK", "AGE"));
    if (projects) {
      titles.addFirst("PROJECT");
    }
    if (format == Format.WIDE) {
      titles.add("BY");
    }
    titles.add("MESSAGE");
    return titles;
  }

  private static List<Cell> row(Timeline operation, boolean wide, boolean projects, Instant now) {
    View view = operation.view();
    List<Cell> out = new ArrayList<>();
    if (projects) {
      out.add(Cell.of(view.project()));
    }
    out.add(Cell.of(operation.uid()));
    out.add(Cell.of(operation.title()));
    out.add(new Cell(operation.state(), operation.style()));
    out.add(Cell.of(view.status("percent")));
    out.add(Cell.of(Durations.seconds(operation.length(now))));
    out.add(Cell.of(Durations.age(view.createdAt(), now)));
    if (wide) {
      out.add(Cell.of(view.spec("requestedBy")));
    }
    out.add(Cell.of(operation.message()));
    return out;
  }
}
