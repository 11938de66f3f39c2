package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Trees;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** What machines use. */
@Command(
    name = "top",
    description = {
      "Show what machines use of their hosts, those first that use most.",
      "As their hypervisors told it when they were looked at last, every 30 seconds. With a"
          + " machine, its last half hour. HOST-MEMORY is what it takes of its host, with what runs"
          + " it; MEMORY is its own."
    })
final class TopCommand extends Part {
  @Parameters(arity = "0..1", paramLabel = "MACHINE", description = "Only this one.")
  @Nullable String machine;

  @Option(
      names = {"-A", "--all-projects"},
      description = "From all projects.")
  boolean allProjects;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      description = "table, json or yaml.")
  Format format = Format.TABLE;

  @Override
  public Integer call() {
    if (machine != null) {
      String name = Kind.MACHINE.bare(machine);
      JsonNode told = api().listMachineMetrics(cli().project(), name).body();
      if (format == Format.TABLE) {
        history(told);
      } else {
        Listing.one(shell(), format, told);
      }
      return 0;
    }
    JsonNode told = api().listMetrics(allProjects ? "-" : cli().project()).body();
    if (format == Format.TABLE) {
      all(told);
    } else {
      Listing.one(shell(), format, told);
    }
    return 0;
  }

  private void all(JsonNode told) {
    List<String> titles = new ArrayList<>(allProjects ? List.of("PROJECT") : List.of());
    titles.addAll(
        List.of(
            "MACHINE",
            "HYPERVISOR",
            "CPU",
            "HOST-MEMORY",
            "MEMORY",
            "READ",
            "WRITTEN",
            "RECEIVED",
            "SENT",
            "AGE"));
    Table table = new Table(titles);
    List<JsonNode> items = new ArrayList<>();
    told.path("items").forEach(items::add);
    items.sort(
        Comparator.comparingDouble((JsonNode m) -> -m.path("latest").path("cores").asDouble(-1)));
    Instant now = Instant.now();
    for (JsonNode m : items) {
      List<String> cells = new ArrayList<>();
      if (allProjects) {
        cells.add(Trees.text(m, "project"));
      }
      cells.add(Trees.text(m, "machine"));
      cells.add(Trees.text(m, "hypervisor"));
      cells.addAll(figures(m, m.path("latest")));
      cells.add(Durations.age(Trees.text(m.path("latest"), "at"), now));
      table.add(cells.stream().map(Cell::of).toList());
    }
    table.print(shell().out(), shell().coloured());
  }

  private void history(JsonNode told) {
    Table table =
        new Table(
            List.of("TIME", "CPU", "HOST-MEMORY", "MEMORY", "READ", "WRITTEN", "RECEIVED", "SENT"));
    for (JsonNode load : told.path("history")) {
      List<String> cells = new ArrayList<>(List.of(Trees.text(load, "at")));
      cells.addAll(figures(told.path("now"), load));
      table.add(cells.stream().map(Cell::of).toList());
    }
    table.print(shell().out(), shell().coloured());
  }

  /** What is not known is an empty text. */
  private static List<String> figures(JsonNode machine, JsonNode load) {
    JsonNode cores = load.path("cores");
    JsonNode memory = load.path("memoryBytes");
    return List.of(
        cores.isNumber()
            ? String.format(
                Locale.ROOT, "%.2f/%d", cores.asDouble(0), machine.path("cores").asInt(0))
            : "",
        // No part of its own: what runs it takes some besides, an emulator a lot.
        memory.isNumber() ? bytes(memory.asDouble(0)) : "",
        bytes(machine.path("memoryBytes").asDouble(0)),
        rate(load.path("diskReadBytes")),
        rate(load.path("diskWrittenBytes")),
        rate(load.path("receivedBytes")),
        rate(load.path("sentBytes")));
  }

  private static String rate(JsonNode value) {
    return value.isNumber() ? bytes(value.asDouble(0)) + "/s" : "";
  }

  private static String bytes(double n) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    double rest = n;
    while (rest >= 1024 && unit < units.length - 1) {
      rest /= 1024;
      unit++;
    }
    return String.format(
        Locale.ROOT, unit == 0 || rest >= 10 ? "%.0f%s" : "%.1f%s", rest, units[unit]);
  }
}
