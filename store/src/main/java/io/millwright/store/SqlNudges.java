package io.millwright.store;

import io.millwright.engine.port.Nudges;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Nudges, as rows of db-scheduler.
 *
 * <p>They are gathered and written at the very end of their transaction, sorted and in one
 * statement: then rows that others want are locked for the shortest time, and two transactions that
 * nudge the same ones never wait for each other in a circle.
 *
 * <p>What is being looked at just now keeps its row and gets a mark, {@code again}, which {@link
 * WorkLoop} finds when it is done. Either this statement or that one waits for the other's row
 * lock, so that a nudge cannot fall between them. A row that is due already is not written, but it
 * is locked all the same, and is not taken before this transaction ends.
 */
final class SqlNudges implements Nudges {
  static final String TASK = "reconcile";

  private final JdbcClient jdbc;
  private final TreeMap<String, Duration> wanted = new TreeMap<>();

  SqlNudges(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public void nudge(UUID uid) {
    nudgeIn(uid, Duration.ZERO);
  }

  @Override
  public void nudgeAll(Collection<UUID> uids) {
    uids.forEach(this::nudge);
  }

  @Override
  public void nudgeIn(UUID uid, Duration delay) {
    wanted.merge(
        uid.toString(),
        delay.isNegative() ? Duration.ZERO : delay,
        (a, b) -> a.compareTo(b) <= 0 ? a : b);
  }

  @Override
  public Set<UUID> pending(Collection<UUID> uids) {
    Set<String> asked = uids.stream().map(UUID::toString).collect(Collectors.toSet());
    Set<UUID> out = new HashSet<>();
    wanted.keySet().stream().filter(asked::contains).map(UUID::fromString).forEach(out::add);
    jdbc.sql(
            """
            SELECT task_instance FROM scheduled_tasks
            WHERE task_name = :task AND task_instance = ANY (CAST(:uids AS text[]))
            """)
        .param("task", TASK)
        .param("uids", asked.toArray(String[]::new))
        .query(String.class)
        .list()
        .forEach(uid -> out.add(UUID.fromString(uid)));
    return out;
  }

  @Nullable Duration due() {
    return wanted.values().stream().min(Duration::compareTo).orElse(null);
  }

  void flush() {
    if (wanted.isEmpty()) {
      return;
    }
    jdbc.sql(
            """
            INSERT INTO scheduled_tasks AS t
              (task_name, task_instance, execution_time, picked, version)
            SELECT :task, w.uid, now() + w.millis * interval '1 millisecond', false, 1
            FROM unnest(CAST(:uids AS text[]), CAST(:millis AS bigint[])) AS w(uid, millis)
            ORDER BY w.uid
            ON CONFLICT (task_name, task_instance) DO UPDATE SET
              execution_time = CASE WHEN t.picked THEN t.execution_time
                                    ELSE excluded.execution_time END,
              again = CASE WHEN t.picked THEN excluded.execution_time ELSE t.again END
            WHERE excluded.execution_time
                  < CASE WHEN t.picked THEN coalesce(t.again, 'infinity') ELSE t.execution_time END
            """)
        .param("task", TASK)
        .param("uids", wanted.keySet().toArray(String[]::new))
        .param("millis", wanted.values().stream().mapToLong(Duration::toMillis).toArray())
        .update();
  }
}
