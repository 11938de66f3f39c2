package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Outcome;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Follows work that vSphere does in the background.
 *
 * <p>What is done for one machine or image is done in its turn ({@link #inTurn}), and no turn
 * begins before what an earlier one has begun is over: so whoever comes again looks at what there
 * is after it, and nothing is begun a second time while it goes on. A turn that gives up waiting
 * leaves its task to the next one, in memory: a server that dies forgets it, and then it is by what
 * there is, by names and by marks, that the next one finds out.
 */
final class Tasks {
  /** How long an act waits for work that is quick as a rule. */
  static final Duration PATIENCE = Duration.ofSeconds(45);

  /** For whoever would begin from the start if it gave up, such as with a long upload. */
  static final Duration LEISURE = Duration.ofHours(1);

  private static final Duration POLL = Duration.ofSeconds(5);
  private static final Duration FIRST_LOOK = Duration.ofMillis(20);
  private static final Duration LAST_LOOK = Duration.ofSeconds(1);

  // All that is told of a task is four times as much.
  private static final String STATE = "info.state";
  private static final String RESULT = "info.result";
  private static final String ERROR = "info.error";

  /** Work goes on for longer than whoever asked for it waits. */
  static final class GoesOn extends VimFault {
    static final String TYPE = "MillwrightTaskGoesOn";
    private static final long serialVersionUID = 1L;

    private final transient Ref task;

    GoesOn(Ref task) {
      super(TYPE, task + " is still under way", new Element("fault"));
      this.task = task;
    }

    Ref task() {
      return task;
    }
  }

  /**
   * Work that was begun, and may go on.
   *
   * @param act what was asked for, in full
   */
  private record Begun(String act, Ref task) {}

  /**
   * How it ended for an earlier turn that had not waited for that.
   *
   * @param result what it made, or null
   * @param fault why it failed, or null
   */
  private record Ended(String act, @Nullable Element result, @Nullable VimFault fault) {}

  private static final class Turn {
    final Object owner;
    final Duration patience;

    /** Until something else is begun. */
    @Nullable Ended before;

    Turn(Object owner, Duration patience, @Nullable Ended before) {
      this.owner = owner;
      this.patience = patience;
      this.before = before;
    }
  }

  private final Vim vim;
  private final Collector collector;
  private final Duration patience;
  private final Map<Object, Begun> underWay = new ConcurrentHashMap<>();
  private final ThreadLocal<@Nullable Turn> turn = new ThreadLocal<>();

  Tasks(Vim vim) {
    this(vim, PATIENCE);
  }

  Tasks(Vim vim, Duration patience) {
    this.vim = vim;
    this.collector = new Collector(vim);
    this.patience = patience;
  }

  /** As {@link #inTurn}; if the work goes on, so does the act, and whoever asked comes again. */
  Outcome act(Object owner, Vim.Work<Outcome> work) throws DriverException, VimFault {
    try {
      return inTurn(owner, patience, work);
    } catch (GoesOn e) {
      return new Outcome.Running(e.task().value(), POLL);
    }
  }

  /** As {@link #inTurn(Object, Duration, Vim.Work)}, with the patience of all. */
  <T> T inTurn(Object owner, Vim.Work<T> work) throws DriverException, VimFault {
    return inTurn(owner, patience, work);
  }

  /**
   * Does it after all that was begun for its owner before is over.
   *
   * @param owner of whom there is one turn at a time
   * @param patience how long each piece of work is waited for
   * @throws GoesOn if something takes longer; it is followed by the next turn
   */
  <T> T inTurn(Object owner, Duration patience, Vim.Work<T> work) throws DriverException, VimFault {
    Turn outer = turn.get();
    turn.set(new Turn(owner, patience, before(owner, patience)));
    try {
      return work.get();
    } finally {
      turn.set(outer);
    }
  }

  private @Nullable Ended before(Object owner, Duration patience) throws DriverException, VimFault {
    Begun begun = underWay.get(owner);
    if (begun == null) {
      return null;
    }
    try {
      return new Ended(begun.act(), finish(begun.task(), patience), null);
    } catch (GoesOn e) {
      throw e;
    } catch (VimFault e) {
      return new Ended(begun.act(), null, e);
    }
  }

  /**
   * Begins work and waits for its end; what it made is the answer.
   *
   * @throws GoesOn if it takes longer
   */
  Element run(Ref target, String method, Element... arguments) throws DriverException, VimFault {
    return run(LEISURE, target, method, arguments);
  }

  /** As {@link #run(Ref, String, Element...)}, waiting no longer than this. */
  Element run(Duration most, Ref target, String method, Element... arguments)
      throws DriverException, VimFault {
    Turn now = turn.get();
    Duration usual = now == null ? patience : now.patience;
    Duration patience = most.compareTo(usual) < 0 ? most : usual;
    if (now == null) {
      return finish(begin(target, method, arguments), patience);
    }
    String act = words(target, method, arguments);
    Ended before = now.before;
    now.before = null;
    if (before != null && before.act().equals(act)) {
      // Nobody was told how it ended, and if it failed it would only take as long again. What was
      // done for files is seen by them, and they may have been brought anew since.
      if (before.fault() != null) {
        throw before.fault();
      }
      if (before.result() != null && target.type().equals("VirtualMachine")) {
        return before.result();
      }
    }
    Ref task = begin(target, method, arguments);
    underWay.put(now.owner, new Begun(act, task));
    return finish(task, patience);
  }

  /** Asks for what changes nothing, and so may be asked twice. */
  Element ask(Ref target, String method, Element... arguments) throws DriverException, VimFault {
    return finish(begin(target, method, arguments), PATIENCE);
  }

  /** Waits on for what took longer. */
  Element finish(GoesOn work) throws DriverException, VimFault {
    return finish(work.task(), patience);
  }

  private Element finish(Ref task, Duration patience) throws DriverException, VimFault {
    Optional<Element> made = await(task, patience);
    if (made.isEmpty()) {
      throw new GoesOn(task);
    }
    return made.get();
  }

  private static String words(Ref target, String method, Element... arguments) {
    StringBuilder out = new StringBuilder(method);
    target.as("_this").write(out);
    for (Element argument : arguments) {
      argument.write(out);
    }
    return out.toString();
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
          over(task);
          return Optional.of(found.get(RESULT).orElse(new Element("result")));
        }
        case "error" -> {
          over(task);
          throw VimFault.ofTask(found.get(ERROR).orElse(new Element("error")));
        }
        default -> {}
      }
      if (System.nanoTime() - end >= 0) {
        return Optional.empty();
      }
      try {
        Thread.sleep(pause);
      } catch (InterruptedException e) {
        throw DriverException.interrupted(e);
      }
      pause = pause.multipliedBy(2).compareTo(LAST_LOOK) > 0 ? LAST_LOOK : pause.multipliedBy(2);
    }
  }

  /** True if it tells that the server knows no more of a task. */
  static boolean forgotten(DriverException e) {
    return e.getCause() instanceof VimFault fault && fault.is("ManagedObjectNotFound");
  }

  private void over(Ref task) {
    underWay.values().removeIf(begun -> begun.task().equals(task));
  }

  /** A server that was restarted has forgotten its tasks, though not what they had done by then. */
  private Collector.Found look(Ref task) throws DriverException, VimFault {
    try {
      return collector.read(task, STATE, RESULT, ERROR);
    } catch (VimFault e) {
      if (e.is("ManagedObjectNotFound")) {
        over(task);
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
