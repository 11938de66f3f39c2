package io.millwright.store;

import io.millwright.engine.port.Measurements;
import io.millwright.model.ByteSize;
import io.millwright.model.Usage;
import io.millwright.model.Usage.Flow;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What machines used lately. */
final class SqlMeasurements implements Measurements {
  /** Columns, in the order of their bits in {@code measured}. */
  private static final List<String> FLOWS =
      List.of("cpu", "disk_read", "disk_written", "received", "sent");

  private interface Part {
    @Nullable Flow of(Usage usage);
  }

  private static final List<Part> PARTS =
      List.of(Usage::cpu, Usage::diskRead, Usage::diskWritten, Usage::received, Usage::sent);

  private final JdbcClient jdbc;

  SqlMeasurements(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public void add(UUID hypervisor, Instant at, Collection<Usage> usages) {
    jdbc.sql("DELETE FROM measurement WHERE at < CAST(:at AS timestamptz) - :kept * interval '1 s'")
        .param("at", Columns.time(at))
        .param("kept", KEPT.toSeconds())
        .update();
    JdbcClient.StatementSpec insert =
        jdbc.sql(
                """
                INSERT INTO measurement (hypervisor, at, machines, measured, memory_mib,
                                         cpu, disk_read, disk_written, received, sent)
                VALUES (:hypervisor, :at, CAST(:machines AS uuid[]), :measured, :memory,
                        :cpu, :disk_read, :disk_written, :received, :sent)
                ON CONFLICT DO NOTHING
                """)
            .param("hypervisor", hypervisor)
            .param("at", Columns.time(at))
            .param("machines", Columns.texts(usages.stream().map(Usage::machine).toList()))
            .param("measured", usages.stream().map(SqlMeasurements::bits).toArray(Integer[]::new))
            .param("memory", usages.stream().map(u -> mib(u.memory())).toArray(Long[]::new));
    for (int i = 0; i < FLOWS.size(); i++) {
      Part part = PARTS.get(i);
      insert =
          insert.param(
              FLOWS.get(i), usages.stream().map(u -> number(part.of(u))).toArray(Long[]::new));
    }
    insert.update();
  }

  private static @Nullable Long mib(@Nullable ByteSize size) {
    return size == null ? null : Long.valueOf(size.mib());
  }

  private static Integer bits(Usage usage) {
    int out = 0;
    for (int i = 0; i < PARTS.size(); i++) {
      out |= PARTS.get(i).of(usage) instanceof Flow.Measured ? 1 << i : 0;
    }
    return out;
  }

  private static @Nullable Long number(@Nullable Flow flow) {
    return switch (flow) {
      case null -> null;
      case Flow.Counted(long total) -> total;
      case Flow.Measured(double perSecond) -> Math.round(perSecond);
    };
  }

  /** One row for each machine of a round. */
  private static final String EACH =
      """
      unnest(m.machines, m.measured, m.memory_mib, m.cpu, m.disk_read, m.disk_written,
             m.received, m.sent)
        AS u (machine, measured, memory_mib, cpu, disk_read, disk_written, received, sent)
      """;

  @Override
  public List<Taken> of(UUID machine) {
    return jdbc.sql(
            "SELECT m.at, u.* FROM measurement m, "
                + EACH
                + " WHERE :machine = ANY (m.machines) AND u.machine = :machine ORDER BY m.at")
        .param("machine", machine)
        .query((row, n) -> taken(row))
        .list();
  }

  @Override
  public Map<UUID, List<Taken>> latest(Collection<UUID> machines) {
    Map<UUID, List<Taken>> out = new HashMap<>();
    jdbc.sql(
            """
            SELECT m.at, u.* FROM (
              SELECT *, row_number() OVER (PARTITION BY hypervisor ORDER BY at DESC) AS nth
              FROM measurement) AS m,\
            """
                + " "
                + EACH
                + " WHERE m.nth <= 2 AND u.machine = ANY (CAST(:machines AS uuid[])) ORDER BY m.at")
        .param("machines", Columns.texts(machines))
        .query((row, n) -> taken(row))
        .list()
        .forEach(t -> out.computeIfAbsent(t.usage().machine(), _ -> new ArrayList<>()).add(t));
    return out;
  }

  private static Taken taken(ResultSet row) throws SQLException {
    int measured = row.getInt("measured");
    @Nullable Flow[] flows = new @Nullable Flow[FLOWS.size()];
    for (int i = 0; i < flows.length; i++) {
      Long number = row.getObject(FLOWS.get(i), Long.class);
      flows[i] =
          number == null
              ? null
              : (measured & 1 << i) != 0 ? new Flow.Measured(number) : new Flow.Counted(number);
    }
    Long memory = row.getObject("memory_mib", Long.class);
    return new Taken(
        Columns.instantOf(row, "at"),
        new Usage(
            Columns.uuid(row, "machine"),
            flows[0],
            memory == null ? null : ByteSize.ofMib(memory),
            flows[1],
            flows[2],
            flows[3],
            flows[4]));
  }
}
