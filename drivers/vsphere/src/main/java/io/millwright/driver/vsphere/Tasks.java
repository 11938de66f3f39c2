package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import java.time.Duration;
import java.util.Optional;

/** Follows work that vSphere does in the background. */
final class Tasks {
  /** How long an act waits for work that is quick as a rule. */
  static final Duration PATIENCE = Duration.ofSeconds(45);

  private static final Duration FIRST_LOOK = Duration.ofMillis(20);
  private static final Duration LAST_LOOK = Duration.ofSeconds(1);

  // All that is told of a task is four times as much.
  private static final String STATE = "info.state";
  private static final String RESULT = "info.result";
  private static final String ERROR = "info.error";

  private final Vim vim;
  private final Collector collector;

  Tasks(Vim vim) {
    this.vim = vim;
    this.collector = new Collector(vim);
  }

  /** Begins work and waits for its end; what it made is the answer. */
  Element run(Ref target, String method, Element... arguments) throws DriverException, VimFault {
    Ref task = begin(target, method, arguments);
    return await(task, PATIENCE)
        .orElseThrow(() ->
            new DriverException(
                FaultKind.UNREACHABLE,
                "The hypervisor has not finished yet.",
                method + " is still under way as " + task,
                null));
  }

  Ref begin(Ref target, String method, Element... arguments) throws DriverException, VimFault {
    return Vim.value(vim.call(target, method, arguments)).ref();
  }

  /**
   * Waits for this work; nothing if it goes on after this time.
   *
   * @throws VimFault if it failed
   */
  Optional<Element> await(Ref task, Duration patience) throws DriverException, VimFault {
    long end = System.nanoTime() + patience.toNanos();
    Duration pause = FIRST_LOOK;
    while (true) {
      Collector.Found found = look(task);
      switch (found.text(STATE)) {
        case "success" -> {
          return Optional.of(found.get(RESULT).orElse(new Element("result")));
        }
        case "error" -> throw VimFault.ofTask(found.get(ERROR).orElse(new Element("error")));
        default -> {}
      }
      if (System.nanoTime() - end >= 0) {
        return Optional.empty();
      }
      try {
        Thread.sleep(pause);
      } catch (InterruptedException e) {
        throw Vim.interrupted(e);
      }
      pause = pause.multipliedBy(2).compareTo(LAST_LOOK) > 0 ? LAST_LOOK : pause.multipliedBy(2);
    }
  }

  /** A server that was restarted has forgotten its tasks, though not what they had done by then. */
  private Collector.Found look(Ref task) throws DriverException, VimFault {
    try {
      return collector.read(task, STATE, RESULT, ERROR);
    } catch (VimFault e) {
      if (e.is("ManagedObjectNotFound")) {
        throw new DriverException(
            FaultKind.UNREACHABLE,
            "The hypervisor has forgotten what it was doing; it was restarted meanwhile.",
            task + ": " + e.operator(),
            e);
      }
      throw e;
    }
  }
}
