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

/** What machines cost. */
@Command(
    name = "price",
    description = {
      "Show what an hour of a machine of each Size costs, or say it.",
      "Sizes of the project shared have prices; a project's own have none.",
      "What is not given stays as it is; what was used until now costs what it did."
    })
final class PriceCommand extends Part {
  @Parameters(
      arity = "0..*",
      paramLabel = "SIZE=PRICE",
      description = "Such as small=0.02; or small=none.")
  List<String> prices = new ArrayList<>();

  @Option(
      names = "--currency",
      paramLabel = "CODE",
      description = "Three letters, such as EUR; it stays once there was a price.")
  @Nullable String currency;

  @Override
  public Integer call() {
    for (String each : prices) {
      if (!each.matches("[^=]+=[^=]+")) {
        throw Failure.usage("write SIZE=PRICE, such as small=0.02, not " + each);
      }
    }
    JsonNode now = api().listPrices().body();
    if (!prices.isEmpty() || currency != null) {
      ObjectNode wanted = Trees.object();
      wanted.put("currency", currency == null ? Trees.text(now, "currency") : currency);
      ObjectNode sizes = wanted.putObject("sizes");
      now.path("sizes").properties().forEach(p -> sizes.set(p.getKey(), p.getValue()));
      for (String each : prices) {
        String[] parts = each.split("=", 2);
        if (parts[1].equals("none")) {
          sizes.remove(parts[0]);
        } else {
          sizes.put(parts[0], parts[1]);
        }
      }
      now = api().putPrices(Body.json(wanted)).body();
    }
    Table table = new Table(List.of("SIZE", "PER-HOUR"));
    String of = " " + Trees.text(now, "currency");
    now.path("sizes")
        .properties()
        .forEach(
            p -> table.add(List.of(Cell.of(p.getKey()), Cell.of(p.getValue().asString("") + of))));
    table.print(shell().out(), shell().coloured());
    return 0;
  }
}
