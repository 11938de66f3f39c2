package io.millwright.cli;

import io.millwright.client.Event;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Shows what the steps of an operation said. */
@Command(name = "logs", description = "Show what the steps of an operation said.")
final class LogsCommand extends Part {
  private static final Integer PAGE = 1000;

  @Parameters(
      paramLabel = "OPERATION|KIND/NAME",
      description = "UID of an operation; or a resource, for its latest one.")
  String what = "";

  @Option(
      names = {"-f", "--follow"},
      description = "Go on until the operation has ended; exit code 1 if it did not succeed.")
  boolean follow;

  @Override
  public Integer call() {
    MillwrightApi api = api();
    String uid = uid(api);
    return follow ? follow(api, uid) : once(api, uid);
  }

  private String uid(MillwrightApi api) {
    if (!what.contains("/")) {
      return what;
    }
    Target target = Target.parse(what);
    Timeline latest = Follow.latest(api, cli().project(), target);
    if (latest == null) {
      throw Failure.failed("no operation ever concerned " + target);
    }
    return latest.uid();
  }

  private int once(MillwrightApi api, String uid) {
    long after = 0;
    while (true) {
      JsonNode page = api.listOperationLogs(uid, after, PAGE).body();
      JsonNode items = page.path("items");
      items.forEach(this::line);
      if (items.size() < PAGE) {
        if (after == 0 && items.isEmpty()) {
          shell()
              .err()
              .println(
                  "its steps said nothing; what they were: millwright operation show "
                      + Safe.line(uid));
        }
        return 0;
      }
      after = items.get(items.size() - 1).path("seq").asLong(after);
    }
  }

  private int follow(MillwrightApi api, String uid) {
    long shown = 0;
    try (Resumed events =
        new Resumed(last -> api.streamOperation(uid, last), Duration.ofMinutes(2))) {
      shell().out().onceUnread(events::close);
      for (Event event = events.next(); event != null; event = events.next()) {
        if (event.name().equals("log")) {
          long seq = event.data().path("seq").asLong(Long.MAX_VALUE);
          if (seq > shown) {
            line(event.data());
            shown = seq;
          }
        } else if (event.name().equals("operation")) {
          Timeline now = new Timeline(event.data());
          if (now.ended()) {
            now.lines(shell().clock().instant(), shell().coloured()).forEach(this::print);
            if (!now.succeeded()) {
              throw Failure.failed(Follow.reason(now));
            }
            return 0;
          }
        }
        if (shell().out().checkError()) {
          return 0; // nobody reads any more
        }
      }
    }
    return 0;
  }

  private void line(JsonNode line) {
    print(
        time(Trees.text(line, "at"))
            + " "
            + Style.FAINT.apply(Safe.line(Trees.text(line, "step")), shell().coloured())
            + " "
            + Safe.line(Trees.text(line, "line")));
  }

  /** Local time of day. */
  private String time(String at) {
    try {
      ZoneId zone = shell().variable("TZ").map(ZoneId::of).orElse(ZoneId.systemDefault());
      return DateTimeFormatter.ofPattern("HH:mm:ss").format(Instant.parse(at).atZone(zone));
    } catch (java.time.DateTimeException e) {
      return Safe.line(at);
    }
  }
}
