package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Trees;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** What webhooks were told. */
@Command(
    name = "webhook",
    description = "Show what webhooks were told, and tell it once more.",
    subcommands = {WebhookCommand.Deliveries.class, WebhookCommand.Redeliver.class})
final class WebhookCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright webhook deliveries or redeliver");
  }

  /** Lists. */
  @Command(
      name = "deliveries",
      description = "List the last events of a webhook, the newest first.")
  static final class Deliveries extends Listed {
    private static final List<String> TITLES =
        List.of("UID", "TYPE", "STATE", "ATTEMPTS", "ANSWER", "AGE");

    @Parameters(paramLabel = "NAME", description = "The webhook.")
    String name = "";

    @Override
    public Integer call() {
      List<JsonNode> items = new ArrayList<>();
      api().listWebhookDeliveries(cli().project(), name).body().path("items").forEach(items::add);
      Instant now = shell().clock().instant();
      Listing.rows(shell(), format, items, TITLES, i -> row(i, now), i -> Trees.text(i, "uid"));
      return 0;
    }

    private static List<Cell> row(JsonNode item, Instant now) {
      String detail = Trees.text(item, "detail");
      return List.of(
          Cell.of(Trees.text(item, "uid")),
          Cell.of(Trees.text(item, "type")),
          Cell.of(Trees.text(item, "state")),
          Cell.of(Trees.text(item, "attempts")),
          Cell.of(detail.isEmpty() ? Trees.text(item, "status") : detail),
          Cell.of(Durations.age(Trees.text(item, "createdAt"), now)));
    }
  }

  /** Tells once more. */
  @Command(name = "redeliver", description = "Tell a webhook an event once more.")
  static final class Redeliver extends Part {
    @Parameters(index = "0", paramLabel = "NAME", description = "The webhook.")
    String name = "";

    @Parameters(index = "1", paramLabel = "UID", description = "The delivery, as listed.")
    String uid = "";

    @Override
    public Integer call() {
      api().redeliverWebhookDelivery(cli().project(), name, uid, UUID.randomUUID().toString());
      print("webhook/" + name + " is told once more");
      return 0;
    }
  }
}
