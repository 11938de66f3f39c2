package io.millwright.driver.testkit;

import io.millwright.driver.SerialConsole;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** A serial line that prints what it is told to and echoes what is typed. */
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
    Line next = new Line();
    reader = next;
    notifyAll();
    return next;
  }

  private final class Line implements SerialConsole.Session {
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
      synchronized (SimulatedConsole.this) {
        if (reader != this) {
          throw new IOException("the console was closed");
        }
        print(new String(bytes, 0, length, StandardCharsets.ISO_8859_1));
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
