package io.millwright.server;

import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Does something again and again, with a pause between. */
final class Every implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Every.class);

  private static final long DAY = Duration.ofDays(1).toNanos();

  private final Thread thread;

  Every(String name, Duration pause, Runnable act) {
    this(name, pause, pause, act);
  }

  /**
   * One that begins.
   *
   * @param first how long it waits before it does it for the first time
   */
  Every(String name, Duration first, Duration pause, Runnable act) {
    thread =
        Thread.ofVirtual()
            .name(name)
            .start(() -> {
              Duration wait = first;
              Long told = null;
              while (true) {
                try {
                  Thread.sleep(wait);
                  wait = pause;
                  act.run();
                  told = null;
                } catch (InterruptedException e) {
                  return;
                } catch (Throwable e) { // an Error too: nobody would hear that this has ended
                  // Said once a day: a cause that lasts would fill the log.
                  long now = System.nanoTime();
                  if (told == null || now - told >= DAY) {
                    LOG.warn("{} failed and is tried again: {}", name, e.toString());
                    told = now;
                  }
                }
              }
            });
  }

  /** Returns when it has ended. */
  @Override
  public void close() throws InterruptedException {
    thread.interrupt();
    thread.join(Duration.ofSeconds(5));
  }
}
