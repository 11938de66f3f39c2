package io.millwright.driver.testkit;

import io.millwright.driver.SerialConsole;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A serial line that prints what it is told to and echoes what is typed; a line {@code poweroff} is
 * obeyed, as a shell would.
 */
final class SimulatedConsole {
  private static final int KEPT = 64 << 10;

  private final StringBuilder unread = new StringBuilder();
  private @Nullable Line reader;

  synchronized void print(String text) {
    unread.append(text);
    if (unread.length() > KEPT) {
      unread.delete(0, unread.length() - KEPT);
    }
    notifyAll();
  }

  /** The machine stops: whoever reads meets the end. */
  synchronized void end() {
    reader = null;
    unread.setLength(0);
    notifyAll();
  }

  synchronized SerialConsole.Session open() {
    return open(() -> {});
  }

  /**
   * A session, which ends any other.
   *
   * @param poweroff what the guest does when it is told so; called outside of all locks
   */
  synchronized SerialConsole.Session open(Runnable poweroff) {
    Line next = new Line(poweroff);
    reader = next;
    notifyAll();
    return next;
  }

  private final class Line implements SerialConsole.Session {
    private final Runnable poweroff;
    private final StringBuilder typed = new StringBuilder();

    Line(Runnable poweroff) {
      this.poweroff = poweroff;
    }

    @Override
    public int read(byte[] buffer) throws IOException {
      synchronized (SimulatedConsole.this) {
        while (reader == this && unread.isEmpty()) {
          try {
            SimulatedConsole.this.wait();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while reading a console", e);
          }
        }
        if (reader != this) {
          return -1;
        }
        int n = Math.min(buffer.length, unread.length());
        byte[] bytes = unread.substring(0, n).getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(bytes, 0, buffer, 0, n);
        unread.delete(0, n);
        return n;
      }
    }

    @Override
    public void write(byte[] bytes, int length) throws IOException {
      boolean off = false;
      synchronized (SimulatedConsole.this) {
        if (reader != this) {
          throw new IOException("the console was closed");
        }
        String text = new String(bytes, 0, length, StandardCharsets.ISO_8859_1);
        print(text);
        for (char c : text.toCharArray()) {
          if (c == '\r' || c == '\n') {
            off |= typed.toString().equals("poweroff");
            typed.setLength(0);
          } else if (typed.length() < KEPT) {
            typed.append(c);
          }
        }
      }
      if (off) {
        poweroff.run();
      }
    }

    @Override
    public void close() {
      synchronized (SimulatedConsole.this) {
        if (reader == this) {
          reader = null;
          SimulatedConsole.this.notifyAll();
        }
      }
    }
  }
}
