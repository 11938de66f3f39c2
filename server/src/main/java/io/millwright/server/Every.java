package io.millwright.server;

import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Does something again and again, with a pause between. */
final class Every implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Every.class);

  private final Thread thread;

  Every(String name, Duration pause, Runnable act) {
    thread =
        Thread.ofVirtual()
            .name(name)
            .start(() -> {
              boolean failing = false;
              while (true) {
                try {
                  Thread.sleep(pause);
                  act.run();
                  failing = false;
                } catch (InterruptedException e) {
                  return;
                } catch (RuntimeException e) {
                  // Said once: a cause that lasts would fill the log.
                  if (!failing) {
                    LOG.warn("{} failed and is tried again: {}", name, e.toString());
                  }
                  failing = true;
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
