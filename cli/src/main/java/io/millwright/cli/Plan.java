package io.millwright.cli;

import io.millwright.client.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/** What an apply would do, as people read it. */
final class Plan {
  private final JsonNode answer;
  private final boolean coloured;

  Plan(JsonNode answer, boolean coloured) {
    this.answer = answer;
    this.coloured = coloured;
  }

  /** True if the apply would do anything at all. */
  boolean changes() {
    for (JsonNode item : answer.path("items")) {
      if (changes(item)) {
        return true;
      }
    }
    return false;
  }

  private static boolean changes(JsonNode item) {
    return !Trees.text(item, "action").equals("unchanged")
        || !item.path("steps").isEmpty()
        || !Trees.text(item, "operation").isEmpty();
  }

  List<String> lines() {
    List<String> out = new ArrayList<>();
    int created = 0;
    int changed = 0;
    int deleted = 0;
    int affected = 0;
    int unchanged = 0;
    List<String> destroyed = new ArrayList<>();
    for (JsonNode item : answer.path("items")) {
      String action = Trees.text(item, "action");
      if (!changes(item)) {
        unchanged++;
        continue;
      }
      switch (action) {
        case "created" -> created++;
        case "changed" -> changed++;
        case "deleted" -> deleted++;
        default -> affected++;
      }
      item(item, action, out);
      for (JsonNode step : item.path("steps")) {
        if (step.path("destroys").asBoolean(false)) {
          destroyed.add(reference(item) + ": " + Safe.line(Trees.text(step, "title")));
        }
      }
      out.add("");
    }
    if (created + changed + deleted + affected == 0) {
      out.add("Nothing to do: " + unchanged + " unchanged.");
      return out;
    }
    if (!destroyed.isEmpty()) {
      out.add(paint(Style.RED, "This is destroyed and cannot be brought back:"));
      destroyed.forEach(d -> out.add(paint(Style.RED, "  - " + d)));
      out.add("");
    }
    String others =
        (deleted == 0 ? "" : deleted + " to delete, ")
            + (affected == 0 ? "" : affected + " affected by them, ");
    out.add(
        "Plan: %d to create, %d to change, %s%d unchanged."
            .formatted(created, changed, others, unchanged));
    for (JsonNode why : answer.path("approval").path("because")) {
      out.add(paint(Style.YELLOW, "It has to be approved: " + Safe.line(why.asString(""))));
    }
    return out;
  }

  static String reference(JsonNode item) {
    return Safe.line(
        Trees.text(item, "kind").toLowerCase(Locale.ROOT) + "/" + Trees.text(item, "name"));
  }

  private void item(JsonNode item, String action, List<String> out) {
    String impact = Safe.line(Trees.text(item, "impact"));
    String how = impact.isEmpty() || impact.equals("create") ? "" : " (" + impact + ")";
    out.add(
        switch (action) {
          case "created" -> paint(Style.GREEN, "+ " + reference(item)) + " is created" + how;
          case "changed" -> paint(Style.YELLOW, "~ " + reference(item)) + " is changed" + how;
          case "deleted" -> paint(Style.RED, "- " + reference(item)) + " is deleted" + how;
          default -> paint(Style.YELLOW, "~ " + reference(item)) + " follows" + how;
        });
    for (JsonNode change : item.path("changes")) {
      change(change, out);
    }
    if (!item.path("steps").isEmpty()) {
      out.add("    steps:");
    }
    String note = Trees.text(item, "note");
    if (!note.isEmpty()) {
      out.add(paint(Style.YELLOW, "      ! " + Safe.line(note)));
    }
    int n = 1;
    for (JsonNode step : item.path("steps")) {
      boolean destroys = step.path("destroys").asBoolean(false);
      String line = "%7d. %s".formatted(n++, Safe.line(Trees.text(step, "title")));
      out.add(destroys ? paint(Style.RED, line + "  [destroys]") : line);
    }
    if (!item.path("keeps").isEmpty()) {
      out.add("    kept:");
    }
    for (JsonNode kept : item.path("keeps")) {
      out.add(paint(Style.GREEN, "      = " + Safe.line(kept.asString(""))));
    }
  }

  /** These changes alone. */
  List<String> changesOf(JsonNode changes) {
    List<String> out = new ArrayList<>();
    for (JsonNode change : changes) {
      change(change, out);
    }
    return out;
  }

  private void change(JsonNode change, List<String> out) {
    String path = Safe.line(Trees.text(change, "path"));
    JsonNode before = change.path("before");
    JsonNode after = change.path("after");
    boolean gone = after.isMissingNode() || after.isNull();
    if (before.isMissingNode() || before.isNull()) {
      leaves(path, after, "    + ", Style.GREEN, out);
    } else if (gone) {
      leaves(path, before, "    - ", Style.RED, out);
    } else {
      out.add(paint(Style.YELLOW, "    ~ " + path + ": " + value(before) + " -> " + value(after)));
    }
  }

  /** One line for each value: a new resource is one change with everything in it. */
  private void leaves(String path, JsonNode node, String sign, Style style, List<String> out) {
    if (node.isObject()) {
      node.properties()
          .forEach(e -> leaves(path + "." + Safe.line(e.getKey()), e.getValue(), sign, style, out));
    } else if (node.isArray()) {
      int i = 0;
      for (JsonNode each : node) {
        leaves(path + "[" + i++ + "]", each, sign, style, out);
      }
    } else {
      out.add(paint(style, sign + path + ": " + value(node)));
    }
  }

  private static String value(JsonNode node) {
    String text = node.isString() ? node.stringValue() : Trees.compact(node);
    String safe = Safe.line(text.isEmpty() ? "\"\"" : text);
    return safe.length() > 120 ? safe.substring(0, 117) + "..." : safe;
  }

  private String paint(Style style, String text) {
    return style.apply(text, coloured);
  }
}
