package io.millwright.driver.testkit;

import io.millwright.driver.FaultKind;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.function.Predicate;

/** Something that goes wrong with one call. */
public sealed interface Fault {

  /** Fails, and nothing was done. */
  record Before(FaultKind kind) implements Fault {}

  /** It is done, and the answer is lost. */
  record After(FaultKind kind) implements Fault {}

  /** Breaks off in the middle of what it sends; the same as {@link Before} if it sends nothing. */
  record Half(Runnable then) implements Fault {}

  /** Says that it is done, and nothing was. */
  record Lie() implements Fault {}

  /** Says that it goes on over there, and nothing is done yet; for acts only. */
  record GoesOn() implements Fault {}

  /** Does not answer until {@link #release} or an interrupt. */
  final class Hang implements Fault {
    private final boolean effect;
    private final CountDownLatch entered = new CountDownLatch(1);
    private final CountDownLatch released = new CountDownLatch(1);

    private Hang(boolean effect) {
      this.effect = effect;
    }

    /** True if it hangs after the effect, false if before it. */
    boolean afterEffect() {
      return effect;
    }

    void await() throws InterruptedException {
      entered.countDown();
      released.await();
    }

    /** Waits until a call hangs. */
    public void awaitEntered() throws InterruptedException {
      entered.await();
    }

    /** Lets the call, and every later one that this fault meets, go on as if nothing had been. */
    public void release() {
      released.countDown();
    }
  }

  /** Hides machines, and what belongs to them, from an observation, which admits a gap. */
  record Partial(Predicate<UUID> hidden, String gap) implements Fault {}

  /**
   * Runs code of the test before the effect, and after it, or after it has failed; what that
   * throws, an Error as well, the caller gets.
   */
  record Run(Runnable before, Runnable after) implements Fault {}

  /** Fails before the effect; also how a system refuses. */
  static Fault beforeEffect(FaultKind kind) {
    return new Before(kind);
  }

  /** Runs code of the test, which throws, once a half of what is sent is there. */
  static Fault half(Runnable then) {
    return new Half(then);
  }

  /** Fails after the effect: with UNREACHABLE, the reply was lost. */
  static Fault afterEffect(FaultKind kind) {
    return new After(kind);
  }

  static Hang hang() {
    return new Hang(false);
  }

  static Hang hangAfterEffect() {
    return new Hang(true);
  }

  static Fault lie() {
    return new Lie();
  }

  static Fault goesOn() {
    return new GoesOn();
  }

  /** An observation without the machines, disks and media of these uids. */
  static Fault partial(Predicate<UUID> hidden) {
    return new Partial(hidden, "a part of the listing was lost");
  }

  static Fault run(Runnable before, Runnable after) {
    return new Run(before, after);
  }

  static Fault runBefore(Runnable code) {
    return run(code, () -> {});
  }

  static Fault runAfter(Runnable code) {
    return run(() -> {}, code);
  }
}
