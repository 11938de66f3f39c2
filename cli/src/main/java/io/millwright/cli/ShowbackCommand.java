package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Trees;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/** What a project had in a month. */
@Command(
    name = "showback",
    description = "Show how long a project had machines in a month, and what that cost.")
final class ShowbackCommand extends Part {
  private static final List<String> FIELDS =
      List.of("project", "size", "machines", "hours", "cost");

  @Option(
      names = "--month",
      paramLabel = "YYYY-MM",
      description = "In UTC; the present one if not given.")
  @Nullable String month;

  @Option(
      names = {"-A", "--all-projects"},
      description = "All projects that you may see.")
  boolean all;

  @Option(names = "--csv", description = "As comma-separated values.")
  boolean csv;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      description = "table, json or yaml.")
  Format format = Format.TABLE;

  @Override
  public Integer call() {
    JsonNode told = api().getShowback(all ? "-" : cli().project(), month).body();
    String currency = Trees.text(told, "currency");
    if (csv) {
      print("month," + String.join(",", FIELDS) + ",currency");
      for (JsonNode line : told.path("items")) {
        List<String> cells = new ArrayList<>(List.of(Trees.text(told, "month")));
        FIELDS.subList(0, 4).forEach(field -> cells.add(Trees.text(line, field)));
        cells.add(cost(line, ""));
        cells.add(currency);
        print(Safe.line(String.join(",", cells)));
      }
    } else if (format == Format.TABLE) {
      Table table = new Table(List.of("PROJECT", "SIZE", "MACHINES", "HOURS", "COST"));
      for (JsonNode line : told.path("items")) {
        List<Cell> cells = new ArrayList<>();
        FIELDS.subList(0, 4).forEach(field -> cells.add(Cell.of(Trees.text(line, field))));
        cells.add(Cell.of(cost(line, " " + currency)));
        table.add(cells);
      }
      table.print(shell().out(), shell().coloured());
    } else {
      Listing.one(shell(), format, told);
    }
    return 0;
  }

  /** A Size of the project's own has no price. */
  private static String cost(JsonNode line, String unit) {
    return line.has("cost") ? Trees.text(line, "cost") + unit : "without price";
  }
}
