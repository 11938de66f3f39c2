package io.millwright.api;

import io.millwright.engine.port.Journal.Change;
import io.millwright.engine.port.Journal.Entry;
import io.millwright.engine.port.Page;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Tells one client of one collection: what there is, then what becomes of it.
 *
 * <p>The place in the journal is taken before the list is read, so that nothing falls between them;
 * what changes in between may be told twice.
 */
final class CollectionWatch<T> {
  private static final int BATCH = 500;

  private final Store store;
  private final Watched<T> watched;

  /**
   * With a selector: what was told and not taken back, because what no longer matches is gone for
   * this client. Without one nothing needs to be remembered.
   */
  private final Set<UUID> told = new HashSet<>();

  /**
   * With a selector and after a resume, when it is not known what the client was told before: what
   * it was told since that it is gone.
   */
  private final Set<UUID> gone = new HashSet<>();

  private boolean resumed;

  CollectionWatch(Store store, Watched<T> watched) {
    this.store = store;
    this.watched = watched;
  }

  private record Event(String name, String cursor, Object view) {}

  private record Batch(List<Event> events, String cursor, boolean more) {}

  boolean concerns(Entry line) {
    return line.change() != Change.NOTE && watched.concerns(line);
  }

  /**
   * Tells.
   *
   * @param since cursor of the last event that the client got, or null to begin with what there is
   */
  void tell(LiveStreams.Stream stream, @Nullable String since)
      throws IOException, InterruptedException {
    String cursor;
    if (since == null) {
      cursor = store.read(tx -> tx.journal().head());
      present(stream);
      stream.send("synced", cursor, Map.of());
    } else {
      cursor = since;
      resumed = true;
    }
    while (!stream.ended()) {
      String behind = cursor;
      Batch batch = store.read(tx -> changes(tx, behind));
      stream.begin();
      for (Event event : batch.events()) {
        stream.send(event.name(), event.cursor(), event.view());
      }
      cursor = batch.cursor();
      if (batch.more() ? !stream.inForce() : !stream.await()) {
        return;
      }
    }
  }

  private void present(LiveStreams.Stream stream) throws IOException {
    String at = null;
    do {
      String from = at;
      Page<T> page = store.read(tx -> watched.list(tx, BATCH, from));
      for (T item : page.items()) {
        // Without an id: to resume in the middle of this would skip the rest.
        stream.send("added", null, watched.view(item));
        remember(watched.uid(item));
      }
      at = page.next();
    } while (at != null);
  }

  private Batch changes(Tx tx, String behind) {
    List<Entry> lines = tx.journal().after(behind, BATCH);
    Map<UUID, Entry> last = new LinkedHashMap<>();
    Map<UUID, Boolean> added = new HashMap<>();
    for (Entry line : lines) {
      if (concerns(line)) {
        last.remove(line.uid()); // to stand at the place of its last line
        last.put(line.uid(), line);
        added.merge(line.uid(), line.change() == Change.ADDED, Boolean::logicalOr);
      }
    }
    List<Event> events = new ArrayList<>();
    last.forEach(
        (uid, line) -> event(tx, line, added.getOrDefault(uid, false)).ifPresent(events::add));
    return new Batch(events, LiveStreams.end(lines, behind), lines.size() == BATCH);
  }

  private Optional<Event> event(Tx tx, Entry line, boolean added) {
    Optional<T> found = watched.find(tx, line);
    if (found.isPresent()) {
      boolean fresh = watched.selective() ? !told.contains(line.uid()) : added;
      remember(line.uid());
      return Optional.of(
          new Event(fresh ? "added" : "modified", line.cursor(), watched.view(found.get())));
    }
    // After a resume rather once too often than never.
    boolean known =
        !watched.selective()
            || told.remove(line.uid())
            || (resumed && gone.add(line.uid()))
            || line.change() == Change.DELETED;
    if (line.change() == Change.DELETED) {
      gone.remove(line.uid()); // of it nothing more is heard
    }
    if (!known || (added && line.change() == Change.DELETED)) {
      return Optional.empty();
    }
    return Optional.of(new Event("deleted", line.cursor(), watched.gone(line)));
  }

  private void remember(UUID uid) {
    if (watched.selective()) {
      told.add(uid);
      gone.remove(uid);
    }
  }
}
