package io.millwright.cli;

import io.millwright.client.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/** Reads what commands need out of a resource as the server shows it. */
record View(JsonNode tree) {

  String name() {
    return Trees.text(tree.path("metadata"), "name");
  }

  String project() {
    return Trees.text(tree.path("metadata"), "project");
  }

  String uid() {
    return Trees.text(tree.path("metadata"), "uid");
  }

  String revision() {
    return Trees.text(tree.path("metadata"), "revision");
  }

  String createdAt() {
    return Trees.text(tree.path("metadata"), "createdAt");
  }

  boolean deleting() {
    return !Trees.text(tree.path("metadata"), "deletedAt").isEmpty();
  }

  String kind() {
    return Trees.text(tree, "kind");
  }

  /** {@code machine/hello}. */
  String reference() {
    return kind().toLowerCase(Locale.ROOT) + "/" + name();
  }

  JsonNode spec() {
    return tree.path("spec");
  }

  JsonNode status() {
    return tree.path("status");
  }

  String spec(String field) {
    return Trees.text(spec(), field);
  }

  String status(String field) {
    return Trees.text(status(), field);
  }

  /** The condition of this type, or a missing node. */
  JsonNode condition(String type) {
    for (JsonNode each : status().path("conditions")) {
      if (Trees.text(each, "type").equalsIgnoreCase(type)) {
        return each;
      }
    }
    return tree.path("no such condition");
  }

  boolean holds(String type) {
    return Trees.text(condition(type), "value").equals("true");
  }

  boolean ready() {
    return holds("Ready");
  }

  /** One word: Ready, or why not. */
  String state() {
    if (deleting()) {
      return "Deleting";
    }
    JsonNode ready = condition("Ready");
    return switch (Trees.text(ready, "value")) {
      // A network is ready as soon as it is declared, whoever serves it.
      case "true" ->
          Trees.text(condition("Serving"), "value").equals("false") ? "NotServing" : "Ready";
      case "" -> "";
      case "unknown" -> "Unknown";
      default -> {
        String reason = Trees.text(ready, "reason");
        yield reason.isEmpty() ? "NotReady" : reason;
      }
    };
  }

  Style stateStyle() {
    return switch (state()) {
      case "Ready" -> Style.GREEN;
      case "", "Deleting", "Pending", "Unknown" -> Style.YELLOW;
      default -> Style.RED;
    };
  }

  /** All addresses, in the order of the interfaces. */
  List<String> addresses() {
    List<String> out = new ArrayList<>();
    for (JsonNode each : status().path("interfaces")) {
      for (JsonNode address : each.path("addresses")) {
        out.add(address.asString());
      }
    }
    return out;
  }

  static List<String> texts(JsonNode list) {
    List<String> out = new ArrayList<>();
    for (JsonNode each : list) {
      out.add(each.isValueNode() ? each.asString() : Trees.compact(each));
    }
    return out;
  }
}
