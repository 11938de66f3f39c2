package io.millwright.store;

import io.millwright.engine.port.Operations;
import io.millwright.engine.port.Page;
import io.millwright.model.Kind;
import io.millwright.model.Names;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Operation.StepRecord;
import io.millwright.model.Operation.Target;
import io.millwright.model.Operation.Verb;
import io.millwright.model.ProblemException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.springframework.jdbc.core.RowMapper;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.core.simple.JdbcClient.StatementSpec;

/** Operations, their steps and their logs. */
final class SqlOperations implements Operations {
  private static final int MAX_LIMIT = 1000;
  private static final int MAX_LINES = 10_000;
  private static final int MAX_LINE_BYTES = 4096;
  private static final Set<String> WORDS =
      Set.of(
          "pending",
          "running",
          "waiting",
          "undoing",
          "succeeded",
          "failed",
          "cancelled",
          "superseded",
          OPEN);

  /** Those of an operation that has not ended: few, and found by indexes that hold only these. */
  private static final Set<String> GOING = Set.of("pending", "running", "waiting", "undoing");

  private static final RowMapper<Operation> OPERATION = (row, n) -> operation(row);

  private final JdbcClient jdbc;

  SqlOperations(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public Operation insert(Operation operation) {
    State superseded = new State.Superseded();
    // The new row is made from the count of superseded ones, so that they have ended before it.
    return jdbc.sql(
            """
            WITH old AS (
              UPDATE operation SET word = :oldWord, state = CAST(:oldState AS jsonb),
                ended_at = clock_timestamp()
              WHERE target = :target AND ended_at IS NULL
              RETURNING uid, project, name),
            added AS (
              INSERT INTO operation (uid, project, verb, kind, target, name, generation, word,
                                     state, requested_by, created_at, started_at, ended_at,
                                     cancel_requested, epoch, steps)
              SELECT :uid, :project, :verb, :kind, :target, :name, :generation, :word,
                     CAST(:state AS jsonb), :requestedBy, :createdAt, :startedAt, :endedAt,
                     :cancelRequested, :epoch, CAST(:steps AS jsonb)
              FROM (SELECT count(*) FROM old) ended
              RETURNING *),
            told AS (
              INSERT INTO journal (project, uid, name, change, reason)
              SELECT project, uid, name, 'MODIFIED', 'Superseded' FROM old
              UNION ALL
              SELECT project, uid, name, 'ADDED', 'Requested' FROM added)
            SELECT * FROM added
            """)
        .param("oldWord", superseded.word())
        .param("oldState", StoredJson.write(superseded))
        .param("uid", operation.uid())
        .param("project", operation.project())
        .param("verb", operation.verb().name())
        .param("kind", operation.target().kind().name())
        .param("target", operation.target().uid())
        .param("name", operation.target().name())
        .param("generation", operation.generation())
        .param("word", operation.state().word())
        .param("state", StoredJson.write(operation.state()))
        .param("requestedBy", StoredJson.text(operation.requestedBy()))
        .param("createdAt", Columns.time(operation.createdAt()), Types.TIMESTAMP_WITH_TIMEZONE)
        .param("startedAt", Columns.time(operation.startedAt()), Types.TIMESTAMP_WITH_TIMEZONE)
        .param("endedAt", Columns.time(operation.endedAt()), Types.TIMESTAMP_WITH_TIMEZONE)
        .param("cancelRequested", operation.cancelRequested())
        .param("epoch", operation.epoch())
        .param("steps", StoredJson.write(operation.steps()))
        .query(OPERATION)
        .single();
  }

  @Override
  public Optional<Operation> find(UUID uid) {
    return jdbc.sql("SELECT * FROM operation WHERE uid = :uid")
        .param("uid", uid)
        .query(OPERATION)
        .optional();
  }

  @Override
  public Optional<Operation> active(UUID target) {
    return jdbc.sql("SELECT * FROM operation WHERE target = :target AND ended_at IS NULL")
        .param("target", target)
        .query(OPERATION)
        .optional();
  }

  @Override
  public Set<UUID> busy(Collection<UUID> targets) {
    return Set.copyOf(
        jdbc.sql(
                """
                SELECT target FROM operation
                WHERE target = ANY (CAST(:targets AS uuid[])) AND ended_at IS NULL
                """)
            .param("targets", Columns.texts(targets))
            .query((row, n) -> Columns.uuid(row, "target"))
            .list());
  }

  @Override
  public Optional<Operation> latest(UUID target) {
    return jdbc.sql("SELECT * FROM operation WHERE target = :target ORDER BY seq DESC LIMIT 1")
        .param("target", target)
        .query(OPERATION)
        .optional();
  }

  @Override
  public Page<Operation> list(Query query) {
    if (query.limit() < 1 || query.limit() > MAX_LIMIT) {
      throw ProblemException.invalid("limit", "must be 1 to " + MAX_LIMIT);
    }
    Map<String, Object> params = new LinkedHashMap<>();
    StringBuilder sql = new StringBuilder("SELECT * FROM operation WHERE true");
    if (query.project() != null) {
      sql.append(" AND project = :project");
      params.put("project", query.project());
    }
    if (query.among() != null) {
      sql.append(" AND project = ANY (:among)");
      params.put("among", Columns.texts(query.among()));
    }
    Kind kind = query.kind();
    if (kind != null) {
      sql.append(" AND kind = :kind");
      params.put("kind", kind.name());
    }
    if (query.name() != null) {
      sql.append(" AND name = :name");
      params.put("name", query.name());
    }
    String word = query.state();
    if (word != null) {
      if (!WORDS.contains(word)) {
        throw ProblemException.invalid(
            "state", Names.quote(word) + " is no state of an operation" + Names.hint(word, WORDS));
      }
      if (!word.equals(OPEN)) {
        sql.append(" AND word = :word");
        params.put("word", word);
      }
      if (word.equals(OPEN) || GOING.contains(word)) {
        sql.append(" AND ended_at IS NULL");
      }
    }
    if (query.target() != null) {
      sql.append(" AND target = :target");
      params.put("target", query.target());
    }
    sql.append(
        Words.condition(
            query.words(),
            "verb || ' ' || kind || ' ' || name",
            query.project() == null ? "project" : "''",
            "word",
            "requested_by",
            "state ->> 'message'",
            "state ->> 'trouble'"));
    params.putAll(Words.params(query.words()));
    if (query.cursor() != null) {
      sql.append(" AND seq < :before");
      params.put("before", Cursors.number(Cursors.decode(query.cursor(), 1).getFirst()));
    }
    sql.append(" ORDER BY seq DESC LIMIT :limit");
    params.put("limit", query.limit() + 1);
    record Row(long seq, Operation operation) {}
    List<Row> found =
        jdbc.sql(sql.toString())
            .params(params)
            .query((row, n) -> new Row(row.getLong("seq"), operation(row)))
            .list();
    boolean more = found.size() > query.limit();
    List<Row> items = more ? found.subList(0, query.limit()) : found;
    return new Page<>(
        items.stream().map(Row::operation).toList(),
        more ? Cursors.encode(Long.toString(items.getLast().seq())) : null);
  }

  @Override
  public Optional<Operation> claim(UUID target) {
    State running = new State.Running();
    return jdbc.sql(
            """
            WITH old AS (
              SELECT uid, word FROM operation WHERE target = :target AND ended_at IS NULL
              FOR UPDATE),
            claimed AS (
              UPDATE operation o SET epoch = o.epoch + 1,
                word = CASE WHEN o.word = 'pending' THEN :word ELSE o.word END,
                state = CASE WHEN o.word = 'pending' THEN CAST(:state AS jsonb) ELSE o.state END,
                started_at = coalesce(o.started_at, clock_timestamp())
              FROM old WHERE o.uid = old.uid
              RETURNING o.*),
            told AS (
              INSERT INTO journal (project, uid, name, change, reason)
              SELECT c.project, c.uid, c.name, 'MODIFIED', 'Running'
              FROM claimed c JOIN old ON old.uid = c.uid
              WHERE old.word = 'pending')
            SELECT * FROM claimed
            """)
        .param("target", target)
        .param("word", running.word())
        .param("state", StoredJson.write(running))
        .query(OPERATION)
        .optional();
  }

  @Override
  public Hold progress(UUID uid, long epoch, State state, List<StepRecord> steps) {
    // What is as it was is not written, but still answered with the truth of this statement's
    // snapshot.
    return progress(jdbc.sql(PROGRESS.formatted("", "", "")), uid, epoch, state, steps);
  }

  @Override
  public Hold progressHolding(Operation operation, State state, List<StepRecord> steps) {
    // It may have to wait for the target, and its snapshot is of before that: what is as it was is
    // locked, by which the database looks at it again as it is now.
    StatementSpec statement =
        jdbc.sql(PROGRESS.formatted(TARGET, " AND EXISTS (SELECT FROM target)", SqlResources.LOCK))
            .param("target", operation.target().uid())
            .param("generation", operation.generation());
    return progress(statement, operation.uid(), operation.epoch(), state, steps);
  }

  private static final String TARGET =
      """
      target AS (
        SELECT uid FROM resource WHERE uid = :target AND generation = :generation\
      """
          + SqlResources.LOCK
          + "),\n";

  private static final String PROGRESS =
      """
      WITH %1$schanged AS (
        UPDATE operation SET word = :word, state = CAST(:state AS jsonb),
          steps = CAST(:steps AS jsonb),
          ended_at = CASE WHEN :terminal THEN clock_timestamp() END
        WHERE uid = :uid AND epoch = :epoch AND ended_at IS NULL
          AND (state, steps) IS DISTINCT FROM (CAST(:state AS jsonb), CAST(:steps AS jsonb))%2$s
        RETURNING project, uid, name, cancel_requested),
      told AS (
        INSERT INTO journal (project, uid, name, change, reason)
        SELECT project, uid, name, 'MODIFIED', initcap(:word) FROM changed),
      same AS (
        SELECT cancel_requested FROM operation
        WHERE uid = :uid AND epoch = :epoch AND ended_at IS NULL
          AND state = CAST(:state AS jsonb) AND steps = CAST(:steps AS jsonb)%2$s%3$s)
      SELECT cancel_requested FROM changed
      UNION ALL
      SELECT cancel_requested FROM same
      """;

  private static Hold progress(
      StatementSpec statement, UUID uid, long epoch, State state, List<StepRecord> steps) {
    return statement
        .param("uid", uid)
        .param("epoch", epoch)
        .param("word", state.word())
        .param("terminal", state.terminal())
        .param("state", StoredJson.write(state))
        .param("steps", StoredJson.write(steps))
        .query(Boolean.class)
        .optional()
        .map(cancel -> cancel ? Hold.CANCEL_REQUESTED : Hold.MINE)
        .orElse(Hold.LOST);
  }

  @Override
  public boolean requestCancel(UUID uid) {
    return jdbc.sql(
            """
            WITH asked AS (
              UPDATE operation SET cancel_requested = true
              WHERE uid = :uid AND ended_at IS NULL AND NOT cancel_requested
              RETURNING project, uid, name),
            told AS (
              INSERT INTO journal (project, uid, name, change, reason)
              SELECT project, uid, name, 'MODIFIED', 'CancelRequested' FROM asked)
            SELECT EXISTS (SELECT FROM asked)
              OR EXISTS (SELECT FROM operation
                         WHERE uid = :uid AND ended_at IS NULL AND cancel_requested)
            """)
        .param("uid", uid)
        .query(Boolean.class)
        .single();
  }

  @Override
  public void log(UUID uid, String step, List<String> lines) {
    if (lines.isEmpty()) {
      return;
    }
    jdbc.sql(
            """
            WITH room AS (
              UPDATE operation SET logged = logged + :n
              WHERE uid = :uid AND logged < :most
              RETURNING logged - :n AS before)
            INSERT INTO operation_log (operation, seq, step, line)
            SELECT :uid, room.before + l.n, :step,
                   CASE WHEN room.before + l.n = :most THEN 'The log is full; no line follows.'
                        ELSE l.line END
            FROM room, unnest(CAST(:lines AS text[])) WITH ORDINALITY AS l(line, n)
            WHERE room.before + l.n <= :most
            """)
        .param("uid", uid)
        .param("n", lines.size())
        .param("most", MAX_LINES)
        .param("step", StoredJson.text(step))
        .param("lines", lines.stream().map(SqlOperations::cut).toArray(String[]::new))
        .update();
  }

  /** At most 4 KiB as UTF-8, and no half of a character at its end. */
  private static String cut(String line) {
    String clean = StoredJson.text(line);
    if (clean.length() <= MAX_LINE_BYTES / 4) {
      return clean;
    }
    CharsetEncoder encoder =
        StandardCharsets.UTF_8
            .newEncoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
    ByteBuffer bytes = ByteBuffer.allocate(MAX_LINE_BYTES);
    encoder.encode(CharBuffer.wrap(clean), bytes, true);
    return new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8);
  }

  @Override
  public List<LogLine> logs(UUID uid, long afterSeq, int limit) {
    return jdbc.sql(
            """
            SELECT seq, at, step, line FROM operation_log
            WHERE operation = :uid AND seq > :after ORDER BY seq LIMIT :limit
            """)
        .param("uid", uid)
        .param("after", afterSeq)
        .param("limit", limit)
        .query((row, n) ->
            new LogLine(
                row.getLong("seq"),
                Columns.instantOf(row, "at"),
                row.getString("step"),
                row.getString("line")))
        .list();
  }

  private static Operation operation(ResultSet row) throws SQLException {
    return new Operation(
        Columns.uuid(row, "uid"),
        row.getString("project"),
        Verb.valueOf(row.getString("verb")),
        new Target(
            Kind.valueOf(row.getString("kind")),
            Columns.uuid(row, "target"),
            row.getString("name")),
        row.getLong("generation"),
        StoredJson.read(row.getString("state"), State.class),
        row.getString("requested_by"),
        Columns.instantOf(row, "created_at"),
        Columns.instant(row, "started_at"),
        Columns.instant(row, "ended_at"),
        row.getBoolean("cancel_requested"),
        row.getLong("epoch"),
        List.of(StoredJson.read(row.getString("steps"), StepRecord[].class)));
  }
}
