package io.millwright.engine.reconcile;

import io.millwright.driver.Content;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Outcome;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Resource;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * Sends media of machines' own, each of some gigabytes, by the very look that has claimed the
 * operation: its heartbeat keeps other nodes away for as long as it sends. While it does, it asks
 * again and again whether the medium is still wanted.
 */
final class MediumSending {
  /** How often it is asked whether it is still wanted. */
  private static final Duration ASKED = Duration.ofSeconds(2);

  private static final Duration LATER = Duration.ofSeconds(2);

  /** To one hypervisor, by one node: more of them are no faster together. */
  private static final int AT_ONCE = 4;

  /** Each keeps a worker of this node, and others have work as well. */
  private static final int AT_ONCE_IN_ALL = 32;

  private final InstantSource clock;
  private final Semaphore all = new Semaphore(AT_ONCE_IN_ALL);
  private final Map<UUID, Semaphore> places = new ConcurrentHashMap<>();

  MediumSending(InstantSource clock) {
    this.clock = clock;
  }

  /** What is done in a place: it composes the medium and has it sent. */
  interface Act {
    Outcome with(Sender sender) throws DriverException;
  }

  /** Sends a medium to its end. */
  interface Sender {
    Outcome send(Content content, Call call) throws DriverException;
  }

  /** The call that sends. */
  interface Call {
    Outcome with(Content content) throws DriverException;
  }

  /**
   * Does it if there is a place; composing a medium is too dear to be done only to be told of none.
   *
   * @throws Lost if it turned out meanwhile that this node may not act any more
   */
  Outcome send(Run run, Resource<HypervisorSpec, HypervisorStatus> hypervisor, Act act)
      throws DriverException {
    Semaphore place = places.computeIfAbsent(hypervisor.uid(), _ -> new Semaphore(AT_ONCE));
    if (!place.tryAcquire()) {
      return waits();
    }
    try {
      if (!all.tryAcquire()) {
        return waits();
      }
      try {
        run.going("sends it to " + hypervisor.name());
        return act.with((content, call) -> send(new Wanted(run), content, call));
      } finally {
        all.release();
      }
    } finally {
      place.release();
    }
  }

  private static Outcome waits() {
    return new Outcome.Running("waits for others that are being sent", LATER);
  }

  private static Outcome send(Wanted wanted, Content content, Call call) throws DriverException {
    try {
      Outcome outcome = call.with(wanted.whileSo(content));
      wanted.end();
      return outcome;
    } catch (DriverException e) {
      wanted.end(); // what it was given up for says more than what the driver made of it
      if (wanted.cancelled()) {
        return new Outcome.Running("was given up", Duration.ZERO); // the next look sees why
      }
      throw e;
    } catch (Lost e) {
      throw e;
    } catch (RuntimeException e) {
      wanted.end();
      throw new DriverException(
          FaultKind.BUG,
          "the installation medium could not be sent; the operation's log says why",
          e.toString(),
          e);
    } finally {
      wanted.over();
    }
  }

  /**
   * Whether the medium is still wanted. A driver may read on another thread than it was called on,
   * and for a moment longer than its call lasts.
   */
  private final class Wanted {
    private final Run run;
    private Instant asked = clock.instant();
    private boolean cancelled;
    private boolean over;
    private @Nullable RuntimeException why;

    Wanted(Run run) {
      this.run = run;
      this.cancelled = run.cancelled();
    }

    synchronized boolean cancelled() {
      return cancelled;
    }

    /** From here on nothing is asked any more, whoever still reads. */
    synchronized void over() {
      over = true;
    }

    /** The call is over; throws what it was given up for. */
    synchronized void end() {
      over = true;
      if (why != null) {
        throw why;
      }
    }

    private synchronized void ask() throws IOException {
      if (!over && !cancelled && why == null) {
        Instant now = clock.instant();
        // A clock that was set leads to one more question, whichever way it went.
        if (Duration.between(asked, now).abs().compareTo(ASKED) < 0) {
          return;
        }
        asked = now;
        try {
          cancelled = !run.mayGoOn();
        } catch (RuntimeException e) { // it is Lost, or may be: the database is away
          why = e;
        }
        if (!cancelled && why == null) {
          return;
        }
      }
      throw new IOException(
          new DriverException(
              FaultKind.UNREACHABLE, "It was given up, since it is not wanted any more."));
    }

    Content whileSo(Content of) {
      return new Content() {
        @Override
        public long length() {
          return of.length();
        }

        @Override
        public InputStream open() throws IOException {
          return new FilterInputStream(of.open()) {
            @Override
            public int read() throws IOException {
              ask();
              return in.read();
            }

            @Override
            public int read(byte[] into, int from, int most) throws IOException {
              ask();
              return in.read(into, from, most);
            }
          };
        }
      };
    }
  }
}
