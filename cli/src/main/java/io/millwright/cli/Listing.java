package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Trees;
import java.time.Instant;
import java.util.List;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Prints trees in the form that the user chose. */
final class Listing {
  private Listing() {}

  /** One thing as it is. */
  static void one(Shell shell, Format format, JsonNode tree) {
    if (format == Format.YAML) {
      shell.out().print(Yaml.write(tree));
    } else {
      shell.out().println(Trees.pretty(tree));
    }
  }

  /** Several things as {@code kind: List}. */
  static void list(Shell shell, Format format, List<JsonNode> items) {
    ObjectNode list = Trees.object();
    list.put("apiVersion", "millwright/v1");
    list.put("kind", "List");
    list.putArray("items").addAll(items);
    one(shell, format, list);
  }

  /** Several things that are no resources, with a table of their own. */
  static void rows(
      Shell shell,
      Format format,
      List<JsonNode> items,
      List<String> titles,
      Function<JsonNode, List<Cell>> row,
      Function<JsonNode, String> name) {
    switch (format) {
      case JSON, YAML -> list(shell, format, items);
      case NAME -> items.forEach(i -> shell.out().println(Safe.line(name.apply(i))));
      case TABLE, WIDE -> {
        Table table = new Table(titles);
        items.forEach(i -> table.add(row.apply(i)));
        if (!table.empty()) {
          table.print(shell.out(), shell.coloured());
        }
      }
    }
  }

  /** Resources. */
  static void resources(
      Shell shell, Format format, boolean projects, Kind kind, List<JsonNode> items) {
    Columns columns = new Columns(kind, format == Format.WIDE, projects);
    Instant now = shell.clock().instant();
    rows(
        shell,
        format,
        items,
        columns.titles(),
        i -> columns.row(new View(i), now),
        i -> new View(i).reference());
  }
}
