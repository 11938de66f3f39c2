package io.millwright.driver;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A lock for each of many, such as the machines of a hypervisor. It is there while somebody has it
 * or waits for it, and nobody waits for one who has another.
 */
public final class Locks<K> {
  private static final class Counted {
    final ReentrantLock lock = new ReentrantLock();
    int users;
  }

  private final Map<K, Counted> used = new HashMap<>();

  /** A lock that is held until it is closed. */
  public interface Held extends AutoCloseable {
    @Override
    void close();
  }

  /** Waits for it; the same thread may take it again. */
  public Held take(K key) throws InterruptedException {
    Counted counted;
    synchronized (used) {
      counted = used.computeIfAbsent(key, _ -> new Counted());
      counted.users++;
    }
    try {
      counted.lock.lockInterruptibly();
    } catch (InterruptedException e) {
      drop(key, counted);
      throw e;
    }
    return () -> {
      counted.lock.unlock();
      drop(key, counted);
    };
  }

  private void drop(K key, Counted counted) {
    synchronized (used) {
      if (--counted.users == 0) {
        used.remove(key);
      }
    }
  }

  /** How many there are; for a test. */
  public int size() {
    synchronized (used) {
      return used.size();
    }
  }
}
