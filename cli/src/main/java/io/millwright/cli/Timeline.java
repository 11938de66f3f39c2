package io.millwright.cli;

import io.millwright.client.Trees;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** An operation, step by step with seconds, as people read it. */
record Timeline(JsonNode operation) {
  private static final Set<String> ENDS = Set.of("succeeded", "failed", "cancelled", "superseded");

  String uid() {
    return view().uid();
  }

  /** What all kinds have. */
  View view() {
    return new View(operation);
  }

  /** {@code create Machine hello}. */
  String title() {
    return view().spec("title");
  }

  String state() {
    return view().status("state");
  }

  String message() {
    return view().status("message");
  }

  /** {@code machine/hello}. */
  String target() {
    JsonNode target = view().spec().path("target");
    return Trees.text(target, "kind").toLowerCase(Locale.ROOT) + "/" + Trees.text(target, "name");
  }

  /** The plan, and how far it got. */
  JsonNode steps() {
    return view().status().path("steps");
  }

  boolean ended() {
    return ENDS.contains(state());
  }

  boolean succeeded() {
    return state().equals("succeeded");
  }

  Style style() {
    return switch (state()) {
      case "succeeded" -> Style.GREEN;
      case "failed" -> Style.RED;
      case "running", "pending", "waiting" -> Style.YELLOW;
      default -> Style.FAINT;
    };
  }

  /** From the request to the end, or to now. */
  Duration length(Instant now) {
    Instant from = instant(view().createdAt());
    Instant to = instant(view().status("endedAt"));
    return from == null ? Duration.ZERO : Duration.between(from, to == null ? now : to);
  }

  /** A heading, then a line for each step. */
  List<String> lines(Instant now, boolean coloured) {
    List<String> out = new ArrayList<>();
    out.add(
        Safe.line(title())
            + ": "
            + style().apply(Safe.line(state()), coloured)
            + (ended() ? " in " : " for ")
            + Durations.seconds(length(now))
            + (message().isEmpty() ? "" : " - " + Safe.line(message())));
    for (JsonNode step : steps()) {
      out.add(line(step, now, coloured));
    }
    return out;
  }

  /** A step: how long it took, what it was, and what is to be said besides. */
  static String line(JsonNode step, Instant now, boolean coloured) {
    String state = Trees.text(step, "state");
    Duration took = took(step, now);
    StringBuilder out = new StringBuilder();
    out.append(String.format(Locale.ROOT, "%10s  ", took == null ? "-" : Durations.seconds(took)));
    out.append(Safe.line(Trees.text(step, "title")));
    List<String> more = new ArrayList<>();
    String percent = Trees.text(step, "percent");
    if (state.equals("running") && !percent.isEmpty()) {
      more.add(percent + " %");
    }
    int attempts = step.path("attempts").asInt(0);
    if (attempts > 1) {
      more.add(attempts + " attempts");
    }
    String message = Trees.text(step, "message");
    if (!message.isEmpty() && !state.equals("done")) {
      more.add(Safe.line(message));
    }
    if (!state.equals("done")) {
      Style style =
          switch (state) {
            case "failed" -> Style.RED;
            case "running" -> Style.YELLOW;
            default -> Style.FAINT;
          };
      out.append("  ").append(style.apply(state, coloured));
    }
    if (!more.isEmpty()) {
      out.append(" (").append(String.join(", ", more)).append(')');
    }
    return out.toString();
  }

  private static @Nullable Duration took(JsonNode step, Instant now) {
    Instant from = instant(Trees.text(step, "startedAt"));
    Instant to = instant(Trees.text(step, "endedAt"));
    if (from == null) {
      return null;
    }
    return Duration.between(from, to == null ? now : to);
  }

  private static @Nullable Instant instant(String text) {
    try {
      return text.isEmpty() ? null : Instant.parse(text);
    } catch (DateTimeException e) {
      return null;
    }
  }
}
