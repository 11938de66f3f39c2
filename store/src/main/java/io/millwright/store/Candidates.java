package io.millwright.store;

import io.millwright.model.Ip;
import io.millwright.model.NetworkSpec.Subnet;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * Addresses that looked free a moment ago, for each subnet; each is handed out once, so that
 * allocations on this node do not try the same one.
 *
 * <p>It only saves looking: whether an address is free, the database decides.
 */
final class Candidates {
  static final int BATCH = 256;
  private static final int MAX_LINES = 10_000;

  private record Key(UUID network, Subnet subnet) {}

  private final ConcurrentHashMap<Key, Line> lines = new ConcurrentHashMap<>();

  Line of(UUID network, Subnet subnet) {
    if (lines.size() > MAX_LINES) {
      lines.clear(); // of networks that are gone; the others look anew
    }
    return lines.computeIfAbsent(new Key(network, subnet), k -> new Line(subnet));
  }

  /** What is left to hand out of one subnet, and where to look for more. */
  static final class Line {
    private final Subnet subnet;
    private final Deque<Ip> left = new ArrayDeque<>();
    private Ip next;

    private Line(Subnet subnet) {
      this.subnet = subnet;
      this.next = subnet.allocationRange().from();
    }

    /**
     * The next one.
     *
     * @param look finds the first free addresses from the one to the other, at most {@link #BATCH}
     * @return null if none is free in the whole subnet
     */
    synchronized @Nullable Ip take(BiFunction<Ip, Ip, List<Ip>> look) {
      if (left.isEmpty()) {
        Ip first = subnet.allocationRange().from();
        Ip last = subnet.allocationRange().to();
        List<Ip> found = look.apply(next, last);
        if (found.isEmpty() && next.compareTo(first) > 0) {
          found = look.apply(first, next.plus(-1));
        }
        if (found.isEmpty()) {
          return null;
        }
        left.addAll(found);
        next = found.getLast().equals(last) ? first : found.getLast().plus(1);
      }
      return left.removeFirst();
    }

    /** Forgets what it has, for others took it in the meantime. */
    synchronized void clear() {
      left.clear();
    }
  }
}
