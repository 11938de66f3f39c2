package io.millwright.driver.testkit;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Outcome;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The script of what goes wrong in a simulated system. A call meets the first fault of the script
 * that fits it, in the order in which they were given, and uses it up.
 */
public final class Faults {
  private static final class Entry {
    final Predicate<Call> fits;
    final Fault fault;
    int left;

    Entry(Predicate<Call> fits, int left, Fault fault) {
      this.fits = fits;
      this.left = left;
      this.fault = fault;
    }
  }

  /** The effect of a call. */
  @FunctionalInterface
  interface Effect<T> {
    T run() throws DriverException;

    /** Only a half of it, where something is sent. */
    default void half() throws DriverException {}

    /** The same with a part of the answer lost; only observations can. */
    default T partly(Fault.Partial lost) throws DriverException {
      return run();
    }
  }

  private final Map<Verb, LongAdder> counts = new EnumMap<>(Verb.class);
  private final List<Entry> script = new ArrayList<>();
  private volatile boolean armed;
  private volatile boolean reachable = true;
  private volatile long latencyNanos;
  private volatile Consumer<Call> witness = call -> {};
  private @Nullable Random random;
  private double probability;
  private List<Fault> choice = List.of();

  Faults() {
    for (Verb verb : Verb.values()) {
      counts.put(verb, new LongAdder());
    }
  }

  /** The next call of this verb meets the fault. */
  public Faults next(Verb verb, Fault fault) {
    return next(verb, 1, fault);
  }

  /** The next {@code count} calls of this verb meet the fault. */
  public Faults next(Verb verb, int count, Fault fault) {
    return when(call -> call.verb() == verb, count, fault);
  }

  /** The next {@code count} calls that fit meet the fault. */
  public synchronized Faults when(Predicate<Call> fits, int count, Fault fault) {
    script.add(new Entry(fits, count, fault));
    armed = true;
    return this;
  }

  /** Every call that fits meets the fault, until {@link #clear}. */
  public Faults always(Predicate<Call> fits, Fault fault) {
    return when(fits, Integer.MAX_VALUE, fault);
  }

  /**
   * From now on each call that the script leaves alone meets, with this probability, one of these
   * faults; the same seed and order of calls give the same faults. Without faults given: failures
   * before and after the effect as UNREACHABLE.
   */
  public synchronized Faults random(long seed, double chance, Fault... faults) {
    random = new Random(seed);
    probability = chance;
    choice =
        faults.length > 0
            ? List.of(faults)
            : List.of(
                Fault.beforeEffect(FaultKind.UNREACHABLE),
                Fault.afterEffect(FaultKind.UNREACHABLE));
    armed = true;
    return this;
  }

  /** Forgets the whole script, random faults too; calls that hang go on hanging. */
  public synchronized Faults clear() {
    script.clear();
    random = null;
    armed = false;
    return this;
  }

  /** How many faults of the script no call has met yet; those of {@link #always} not counted. */
  public synchronized int unmet() {
    return script.stream().mapToInt(e -> e.left > 1_000_000 ? 0 : e.left).sum();
  }

  /** False: every call fails with UNREACHABLE before its effect, until true again. */
  public Faults reachable(boolean yes) {
    reachable = yes;
    return this;
  }

  /** How long each call takes, in real time. */
  public Faults latency(java.time.Duration each) {
    latencyNanos = each.toNanos();
    return this;
  }

  /** Hears of each call, on the caller's thread, before anything else happens. */
  public Faults witness(Consumer<Call> hears) {
    witness = hears;
    return this;
  }

  /** How many calls of this verb there were, failed ones too. */
  public long calls(Verb verb) {
    LongAdder count = counts.get(verb);
    return count == null ? 0 : count.sum();
  }

  /** How many calls there were. */
  public long calls() {
    return counts.values().stream().mapToLong(LongAdder::sum).sum();
  }

  private synchronized @Nullable Fault meet(Call call) {
    for (Iterator<Entry> i = script.iterator(); i.hasNext(); ) {
      Entry entry = i.next();
      if (entry.fits.test(call)) {
        if (entry.left != Integer.MAX_VALUE && --entry.left == 0) {
          i.remove();
        }
        return entry.fault;
      }
    }
    if (random != null && random.nextDouble() < probability) {
      return choice.get(random.nextInt(choice.size()));
    }
    return null;
  }

  /**
   * Runs a call under the script.
   *
   * @param lied what is answered instead of the effect by a lie
   */
  <T> T run(Call call, T lied, Effect<T> effect) throws DriverException {
    LongAdder count = counts.get(call.verb());
    if (count != null) {
      count.increment();
    }
    witness.accept(call);
    if (latencyNanos > 0) {
      try {
        java.util.concurrent.TimeUnit.NANOSECONDS.sleep(latencyNanos);
      } catch (InterruptedException e) {
        throw interrupted(call, e);
      }
    }
    if (!reachable) {
      throw failed(call, FaultKind.UNREACHABLE, "the simulated system is down");
    }
    Fault fault = armed ? meet(call) : null;
    return switch (fault) {
      case null -> effect.run();
      case Fault.Partial partial -> effect.partly(partial);
      case Fault.Before before -> throw failed(call, before.kind(), "before its effect");
      case Fault.Half half -> {
        effect.half();
        half.then().run();
        throw failed(call, FaultKind.UNREACHABLE, "in the middle of its effect");
      }
      case Fault.After after -> {
        var _ = effect.run();
        throw failed(call, after.kind(), "after its effect");
      }
      case Fault.Lie _ -> lied;
      case Fault.GoesOn _ -> going(call, lied);
      case Fault.Hang hang -> {
        T done = hang.afterEffect() ? effect.run() : null;
        try {
          hang.await();
        } catch (InterruptedException e) {
          throw interrupted(call, e);
        }
        yield done != null ? done : effect.run();
      }
      case Fault.Run run -> {
        run.before().run();
        try {
          yield effect.run();
        } finally {
          run.after().run();
        }
      }
    };
  }

  @SuppressWarnings("unchecked") // what is answered by a lie is an outcome, so that is what T is
  private static <T> T going(Call call, T lied) {
    if (!(lied instanceof Outcome)) {
      throw new IllegalStateException(call + " is no act, which could go on");
    }
    return (T) new Outcome.Running(call.toString(), java.time.Duration.ofMillis(100));
  }

  private static DriverException failed(Call call, FaultKind kind, String when) {
    return new DriverException(
        kind,
        "The simulated system failed with " + kind + ".",
        "fault of the script: " + call + ", " + when,
        null);
  }

  private static DriverException interrupted(Call call, InterruptedException e) {
    Thread.currentThread().interrupt();
    return new DriverException(
        FaultKind.UNREACHABLE, "The call was given up.", "interrupted: " + call, e);
  }
}
