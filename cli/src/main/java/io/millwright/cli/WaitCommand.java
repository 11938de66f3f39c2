package io.millwright.cli;

import io.millwright.client.ApiException;
import io.millwright.client.Event;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Waits for something to become true. */
@Command(name = "wait", description = "Wait until something is true of a resource.")
final class WaitCommand extends Part {
  private static final String READY = "Ready";

  private static final String UNLESS_SAID = "condition=" + READY;

  /** What a machine has on which nothing is done any more before it is declared anew. */
  private static final String HELD = "Held";

  @Parameters(
      arity = "1..*",
      paramLabel = "KIND NAME",
      completionCandidates = Kind.Words.class,
      description = "As KIND NAME..., or KIND/NAME...; or operation UID..., for its end.")
  List<String> words = new ArrayList<>();

  @Option(
      names = "--for",
      paramLabel = "WHAT",
      description =
          "condition=Ready (or another one, or condition=Ready=false), deleted, or operation: the"
              + " end of the latest one. condition=Ready if not given. Ready must be true of what"
              + " was declared last: work that goes on is waited for.")
  String what = UNLESS_SAID;

  @Option(
      names = "--timeout",
      paramLabel = "DURATION",
      description = "How long to wait, such as 10m; 30m if not given.")
  Duration timeout = Duration.ofMinutes(30);

  @Override
  public Integer call() {
    Optional<List<String>> operations = Operations.uids(words);
    if (operations.isPresent()) {
      return operations(operations.get());
    }
    List<Target> targets = Target.parse(words);
    MillwrightApi api = api();
    long end = System.nanoTime() + timeout.toNanos();
    for (Target target : targets) {
      Duration left = Duration.ofNanos(Math.max(1, end - System.nanoTime()));
      switch (what.split("=", 2)[0]) {
        case "condition" -> condition(api, target, left);
        case "deleted" -> deleted(api, target, left);
        case "operation" -> operation(api, target, left);
        default ->
            throw Failure.usage(
                "--for takes condition=TYPE, deleted or operation, not '" + what + "'");
      }
    }
    return 0;
  }

  /** What an operation is waited for is its end. */
  private int operations(List<String> uids) {
    if (uids.isEmpty()) {
      throw Failure.usage("which operation? write operation UID");
    }
    if (!what.equals(UNLESS_SAID) && !what.equals("operation")) {
      throw Failure.usage("an operation is waited for to its end; leave --for out");
    }
    new Follow(shell(), api(), timeout, false).all(uids);
    return 0;
  }

  private void condition(MillwrightApi api, Target target, Duration left) {
    String[] parts = what.split("=", -1);
    if (parts.length < 2 || parts.length > 3 || parts[1].isEmpty()) {
      throw Failure.usage("write --for condition=Ready or condition=Ready=false");
    }
    String type = parts[1];
    String wanted = parts.length == 3 ? parts[2] : "true";
    if (!List.of("true", "false", "unknown").contains(wanted)) {
      throw Failure.usage("a condition is true, false or unknown, not '" + wanted + "'");
    }
    // Says at once if there is no such thing.
    View last = new View(target.kind().get(api, cli().project(), target.name()).body());
    long end = System.nanoTime() + left.toNanos();
    if (holds(api, target, last, type, wanted, end)) {
      print(target + " has " + type + " " + wanted);
      return;
    }
    try (Resumed events = watch(api, target, left)) {
      for (Event event = events.next(); event != null; event = events.next()) {
        // It may have gone between the question and the watch, or while that was broken off.
        if (isGone(event, target) || (event.name().equals("synced") && !exists(api, target))) {
          throw gone(target);
        }
        if (!event.name().equals("synced")) {
          last = new View(event.data());
          if (holds(api, target, last, type, wanted, end)) {
            print(target + " has " + type + " " + wanted);
            return;
          }
        }
      }
    }
    var now = last.condition(type);
    throw Failure.failed(
        target
            + " has not "
            + type
            + " "
            + wanted
            + " after "
            + Durations.age(timeout)
            + (now.isMissingNode()
                ? ", and no such condition"
                : ": " + Trees.text(now, "reason") + ", " + Trees.text(now, "message"))
            + "; see: millwright describe "
            + target);
  }

  /**
   * Whether a condition is as wanted. Ready must be true of what was declared last: while work goes
   * on, it may still be that of what was there before. What is to go is not what anybody wants.
   */
  private boolean holds(
      MillwrightApi api, Target target, View seen, String type, String wanted, long end) {
    if (!Trees.text(seen.condition(type), "value").equals(wanted)) {
      return false;
    }
    if (!wanted.equals("true")) {
      return true;
    }
    if (!type.equalsIgnoreCase(READY)) {
      requireStaying(target, seen);
      return true;
    }
    @Nullable Timeline latest = Follow.latest(api, cli().project(), target);
    while (latest != null && !latest.ended() && !latest.view().spec("verb").equals("delete")) {
      Duration left = Duration.ofNanos(Math.max(1, end - System.nanoTime()));
      var _ = new Follow(shell(), api, left, true).end(latest.uid());
      latest = Follow.latest(api, cli().project(), target);
    }
    View now;
    try {
      now = new View(target.kind().get(api, cli().project(), target.name()).body());
    } catch (ApiException e) {
      throw Follow.notFound(e) ? gone(target) : e;
    }
    requireStaying(target, now);
    if (!now.ready()) {
      return false;
    }
    if (now.holds(HELD)) {
      throw givenUp(target, Trees.text(now.condition(HELD), "message"));
    }
    if (latest != null && declared(latest, now) && !latest.succeeded()) {
      throw givenUp(target, Follow.reason(latest));
    }
    return true;
  }

  /** Whether an operation is the one that was to make this as it is declared now. */
  private static boolean declared(Timeline operation, View now) {
    View view = operation.view();
    return Trees.text(view.spec().path("target"), "uid").equals(now.uid())
        && List.of("create", "update").contains(view.spec("verb"))
        && view.spec("generation").equals(Trees.text(now.tree().path("metadata"), "generation"));
  }

  private static Failure givenUp(Target target, String why) {
    return Failure.failed(
        target
            + " has Ready true only as it was before, for what was declared last was given up: "
            + why);
  }

  private static void requireStaying(Target target, View now) {
    if (now.deleting()) {
      throw Failure.failed(target + " is being deleted");
    }
  }

  private static Failure gone(Target target) {
    return Failure.failed(target + " was deleted; there is nothing to wait for");
  }

  private Resumed watch(MillwrightApi api, Target target, Duration left) {
    Resumed events =
        new Resumed(
            last ->
                target
                    .kind()
                    .watch(api, cli().project(), null, "metadata.name=" + target.name(), last),
            left);
    events.closeAfter(left);
    return events;
  }

  private void deleted(MillwrightApi api, Target target, Duration left) {
    if (!exists(api, target)) {
      print(target + " is gone");
      return;
    }
    try (Resumed events = watch(api, target, left)) {
      for (Event event = events.next(); event != null; event = events.next()) {
        // It may have gone between the question and the watch.
        if (isGone(event, target) || (event.name().equals("synced") && !exists(api, target))) {
          print(target + " is gone");
          return;
        }
      }
    }
    throw Failure.failed(
        target
            + " is still there after "
            + Durations.age(timeout)
            + "; see: millwright describe "
            + target);
  }

  private static boolean isGone(Event event, Target target) {
    return event.name().equals("deleted")
        && Trees.text(event.data().path("metadata"), "name").equals(target.name());
  }

  private boolean exists(MillwrightApi api, Target target) {
    try {
      target.kind().get(api, cli().project(), target.name());
      return true;
    } catch (ApiException e) {
      if (Follow.notFound(e)) {
        return false;
      }
      throw e;
    }
  }

  private void operation(MillwrightApi api, Target target, Duration left) {
    @Nullable Timeline latest = Follow.latest(api, cli().project(), target);
    if (latest == null) {
      throw Failure.failed("no operation ever concerned " + target);
    }
    new Follow(shell(), api, left, false).all(List.of(latest.uid()));
  }
}
