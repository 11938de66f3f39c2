package io.millwright.api;

import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Sha256;
import io.millwright.model.manifest.Json;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Tells one client of a list that is short and whose changes are not all in the journal: it is read
 * again and again, and compared.
 *
 * <p>An event's id is the digest of the whole list. Who resumes goes on if the list is still that;
 * otherwise it is not known what is missing, and the client has to begin anew.
 */
final class ListWatch<T> {
  private static final Duration INTERVAL = Duration.ofSeconds(1);

  /** So many looks without a change make one keep-alive. */
  private static final int QUIET_ROUNDS = 15;

  private final Supplier<List<T>> list;
  private final Function<T, String> key;

  ListWatch(Supplier<List<T>> list, Function<T, String> key) {
    this.list = list;
    this.key = key;
  }

  /**
   * Tells.
   *
   * @param since id of the last event that the client got, or null to begin with what there is
   */
  void tell(LiveStreams.Stream stream, @Nullable String since)
      throws IOException, InterruptedException {
    Map<String, T> told = read();
    if (since == null) {
      for (T item : told.values()) {
        stream.send("added", null, item);
      }
      stream.send("synced", digest(told), Map.of());
    } else if (!since.equals(digest(told))) {
      throw ProblemException.of(
          Problem.Type.GONE, "the list is another one by now; list anew and go on from there");
    }
    stream.begin();
    int quiet = 0;
    while (stream.await(INTERVAL)) {
      Map<String, T> now = read();
      if (now.equals(told)) {
        quiet++;
        if (quiet % QUIET_ROUNDS == 0) {
          if (!stream.inForce()) {
            return;
          }
          stream.keepAlive();
        }
        continue;
      }
      if (!stream.inForce()) {
        return;
      }
      quiet = 0;
      differences(stream, told, now);
      told = now;
    }
  }

  /** Of one change to the next, only the last event has an id: the list is whole only behind it. */
  private void differences(LiveStreams.Stream stream, Map<String, T> before, Map<String, T> now)
      throws IOException {
    record Event(String name, Object item) {}
    List<Event> events = new ArrayList<>();
    before.forEach((name, item) -> {
      if (!now.containsKey(name)) {
        events.add(new Event("deleted", item));
      }
    });
    now.forEach((name, item) -> {
      T old = before.get(name);
      if (old == null) {
        events.add(new Event("added", item));
      } else if (!old.equals(item)) {
        events.add(new Event("modified", item));
      }
    });
    for (Event event : events) {
      stream.send(event.name(), event == events.getLast() ? digest(now) : null, event.item());
    }
  }

  private Map<String, T> read() {
    Map<String, T> out = new TreeMap<>();
    list.get().forEach(item -> out.put(key.apply(item), item));
    return out;
  }

  private String digest(Map<String, T> items) {
    byte[] all = Sha256.of(Json.write(List.copyOf(items.values())));
    return HexFormat.of().formatHex(all, 0, 16);
  }
}
