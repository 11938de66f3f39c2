package io.millwright.cli;

import io.millwright.client.Trees;
import java.io.PrintStream;
import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * Says while operations go on what they do: a line when a step begins and one when it ends; on a
 * terminal, what goes on stands in one last line that is written again.
 */
final class Progress {
  private final Shell shell;
  private final PrintStream out;
  private final boolean live;
  private final Map<String, String> said = new HashMap<>();
  private final Map<String, Timeline> going = new LinkedHashMap<>();
  private boolean transientLine;

  /**
   * @param out where to say it
   * @param live true if that is a terminal
   */
  Progress(Shell shell, PrintStream out, boolean live) {
    this.shell = shell;
    this.out = out;
    this.live = live;
  }

  /** Takes a new view of an operation. */
  synchronized void update(Timeline now) {
    Instant clock = shell.clock().instant();
    for (JsonNode step : now.steps()) {
      String state = Trees.text(step, "state");
      String key = now.uid() + " " + Trees.text(step, "key");
      String message = Trees.text(step, "message");
      String line = state + " " + step.path("attempts").asInt(0) + " " + message;
      if (state.equals("pending") || line.equals(said.put(key, line))) {
        continue;
      }
      if (!state.equals("running")) {
        say(now.target() + Timeline.line(step, clock, shell.coloured()));
      } else if (!live) {
        String percent = Trees.text(step, "percent");
        say(
            now.target()
                + "         ... "
                + Safe.line(Trees.text(step, "title"))
                + (percent.isEmpty() ? "" : " " + percent + " %")
                + (message.isEmpty() ? "" : ": " + Safe.line(message)));
      }
    }
    if (now.state().equals("waiting")
        && !now.message().equals(said.put(now.uid(), now.message()))) {
      say(now.target() + "   waiting  " + Safe.line(now.message()));
    }
    if (now.ended()) {
      going.remove(now.uid());
    } else {
      going.put(now.uid(), now);
    }
    tick();
  }

  /** Writes the last line again, since time goes by. */
  synchronized void tick() {
    if (!live) {
      return;
    }
    clear();
    if (going.isEmpty()) {
      return;
    }
    Timeline first = going.values().iterator().next();
    String text = first.target() + " " + first.state();
    for (JsonNode step : first.steps()) {
      if (Trees.text(step, "state").equals("running")) {
        text = first.target() + Timeline.line(step, shell.clock().instant(), false);
      }
    }
    String more = going.size() > 1 ? "  (and " + (going.size() - 1) + " more)" : "";
    int room = Math.max(20, width() - more.length() - 1);
    out.print(
        Style.FAINT.apply(
            (text.length() > room ? text.substring(0, room) : text) + more, shell.coloured()));
    out.flush();
    transientLine = true;
  }

  /** Leaves nothing behind that is not final. */
  synchronized void end() {
    clear();
    out.flush();
  }

  private int width() {
    try {
      return Integer.parseInt(shell.variable("COLUMNS").orElse("80"));
    } catch (NumberFormatException e) {
      return 80;
    }
  }

  private void say(String line) {
    clear();
    out.println(line);
    out.flush();
  }

  private void clear() {
    if (transientLine) {
      out.print("\r\u001b[K");
      transientLine = false;
    }
  }
}
