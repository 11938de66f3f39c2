package io.millwright.cli;

import io.millwright.client.Body;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Orders from the catalogue. */
@Command(
    name = "order",
    description = {
      "Order what an offer of the catalogue offers.",
      "millwright get offers -p shared lists what there is; millwright describe offer NAME -p"
          + " shared shows what it asks for."
    })
final class OrderCommand extends Waiting {
  @Parameters(paramLabel = "OFFER", description = "The offer, of the project or of shared.")
  String offer = "";

  @Option(
      names = "--set",
      paramLabel = "NAME=VALUE",
      description = "What a parameter is to be; once for each.")
  Map<String, String> values = new LinkedHashMap<>();

  @Option(names = "--dry-run", description = "Show the plan, and do nothing.")
  boolean dryRun;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      description = "table, json, yaml or name.")
  Format format = Format.TABLE;

  @Override
  public Integer call() {
    MillwrightApi api = api();
    // With it, an order whose answer was lost can be sent again.
    String key = dryRun ? null : UUID.randomUUID().toString();
    ObjectNode order = Trees.object();
    ObjectNode parameters = order.putObject("parameters");
    values.forEach(parameters::put);
    JsonNode answer = api.orderOffer(cli().project(), offer, key, dryRun, Body.json(order)).body();
    List<String> operations = new ArrayList<>();
    for (JsonNode item : answer.path("items")) {
      String uid = Trees.text(item, "operation");
      if (!uid.isEmpty()) {
        operations.add(uid);
      }
      if (format == Format.NAME || (format.human() && !dryRun)) {
        print(Plan.reference(item) + (format.human() ? " " + Trees.text(item, "action") : ""));
      }
    }
    if (format.human() && dryRun) {
      new Plan(answer, shell().coloured()).lines().forEach(this::print);
    } else if (!format.human() && format != Format.NAME) {
      Listing.one(shell(), format, answer);
    }
    if (!dryRun) {
      goOn(operations, format.human());
    }
    return 0;
  }
}
