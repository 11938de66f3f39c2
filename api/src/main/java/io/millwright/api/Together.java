package io.millwright.api;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What many ask for at once is found out once for all of them: one at a time for each key, and not
 * again before a while is over. Who asks is told nothing that had come earlier than they allow;
 * with an age of zero nothing that was begun before they asked, so that whoever asks after a change
 * sees it.
 */
final class Together<K, V> {
  /** A clock that nobody sets, and waiting by it. */
  interface Time {
    /** Nanoseconds. */
    long now();

    void pause(long nanos);

    /** The time there is. */
    static Time real() {
      LongSupplier ticks = System::nanoTime;
      return new Time() {
        @Override
        public long now() {
          return ticks.getAsLong();
        }

        @Override
        public void pause(long nanos) {
          long until = now() + nanos;
          for (long left = nanos; left > 0; left = until - now()) {
            if (Thread.interrupted()) {
              Thread.currentThread().interrupt();
              return;
            }
            LockSupport.parkNanos(left);
          }
        }
      };
    }
  }

  /** What is on its way, or has come. */
  private static final class Answer<V> {
    final CompletableFuture<V> value = new CompletableFuture<>();

    /** Null before it has begun. */
    volatile @Nullable Long begun;

    /** When the one before it had begun, if there was one. */
    @Nullable Long before;

    /** Null before it has come. */
    volatile @Nullable Long come;

    private static boolean after(@Nullable Long at, long time) {
      return at == null || at - time >= 0;
    }

    /** An age counts from the end: what takes longer than that would be too old when it comes. */
    boolean serves(long asked, Duration age) {
      return age.isZero() ? after(begun, asked) : after(come, asked - age.toNanos());
    }
  }

  /** Of these many keys what was told is let go when it is too old for everybody. */
  private static final int MANY = 100;

  private final ConcurrentHashMap<K, Answer<V>> answers = new ConcurrentHashMap<>();
  private final Duration gap;
  private final Duration oldest;
  private final Time time;

  /**
   * One that knows nothing yet.
   *
   * @param gap between two beginnings for the same key
   * @param oldest what is older nobody asks for
   */
  Together(Duration gap, Duration oldest, Time time) {
    this.gap = gap;
    this.oldest = oldest;
    this.time = time;
  }

  /**
   * What the work finds out, or has found out for somebody else.
   *
   * @param age how long before this call it may have come; zero if it may not have begun before
   */
  V ask(K key, Duration age, Supplier<V> work) {
    long asked = time.now();
    while (true) {
      Answer<V> mine = new Answer<>();
      Answer<V> one =
          answers.compute(
              key,
              (_, last) -> {
                if (last != null && (last.serves(asked, age) || !last.value.isDone())) {
                  return last;
                }
                mine.before = last == null ? null : last.begun;
                return mine;
              });
      if (one == mine) {
        return find(key, mine, work);
      }
      if (one.serves(asked, age)) {
        try {
          return one.value.join();
        } catch (CompletionException e) {
          if (e.getCause() instanceof RuntimeException cause) {
            throw cause;
          }
          throw e;
        }
      }
      one.value.handle((_, _) -> true).join();
    }
  }

  private V find(K key, Answer<V> mine, Supplier<V> work) {
    try {
      Long before = mine.before;
      if (before != null) {
        time.pause(before + gap.toNanos() - time.now());
      }
      mine.begun = time.now();
      V value = work.get();
      mine.come = time.now();
      mine.value.complete(value);
      return value;
    } catch (RuntimeException | Error e) {
      // Those who wait are told; whoever comes later tries anew.
      answers.remove(key, mine);
      mine.value.completeExceptionally(e);
      throw e;
    } finally {
      tidy();
    }
  }

  private void tidy() {
    if (answers.size() > MANY) {
      long now = time.now();
      answers.values().removeIf(a -> a.value.isDone() && !a.serves(now, oldest));
    }
  }
}
