package io.millwright.store;

import io.millwright.engine.port.Approvals;
import io.millwright.model.Kind;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What waits for approval. */
final class SqlApprovals implements Approvals {
  private final JdbcClient jdbc;

  SqlApprovals(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public boolean insert(Request r) {
    return jdbc.sql(
                """
                INSERT INTO approval
                  (uid, project, requester, asker, account, token, kind, name, people, because, plan,
                   fingerprint, wish, state, detail, created_at, expires_at)
                VALUES (:uid, :project, :requester, :asker, :account, :token, :kind, :name,
                        :people, :because, CAST(:plan AS jsonb), :fingerprint, :wish, :state, :detail,
                        :createdAt, :expiresAt)
                ON CONFLICT DO NOTHING
                """)
            .param("uid", r.uid())
            .param("project", r.project())
            .param("requester", StoredJson.text(r.requester()))
            .param("asker", r.asker())
            .param("account", r.account(), Types.OTHER)
            .param("token", r.token(), Types.OTHER)
            .param("kind", r.kind().name())
            .param("name", r.name())
            .param("people", r.people())
            .param("because", Columns.texts(r.because()))
            .param("plan", r.plan())
            .param("fingerprint", r.fingerprint())
            .param("wish", r.wish())
            .param("state", r.state().name())
            .param("detail", r.detail())
            .param("createdAt", Columns.time(r.createdAt()))
            .param("expiresAt", Columns.time(r.expiresAt()))
            .update()
        == 1;
  }

  @Override
  public Optional<Request> find(UUID uid) {
    return one(uid, "");
  }

  @Override
  public Optional<Request> lock(UUID uid) {
    return one(uid, " FOR UPDATE");
  }

  private Optional<Request> one(UUID uid, String how) {
    return jdbc.sql("SELECT * FROM approval WHERE uid = :uid" + how)
        .param("uid", uid)
        .query((row, n) -> request(row))
        .optional();
  }

  @Override
  public Optional<Request> open(String asker, String project, String fingerprint) {
    return jdbc.sql(
            """
            SELECT * FROM approval
            WHERE asker = :asker AND project = :project AND fingerprint = :fingerprint
              AND state IN ('WAITING', 'APPROVED')
            FOR UPDATE
            """)
        .param("asker", asker)
        .param("project", project)
        .param("fingerprint", fingerprint)
        .query((row, n) -> request(row))
        .optional();
  }

  @Override
  public Optional<Request> last(String asker, String project, String fingerprint) {
    return jdbc.sql(
            """
            SELECT * FROM approval
            WHERE asker = :asker AND project = :project AND fingerprint = :fingerprint
            ORDER BY uid DESC LIMIT 1
            """)
        .param("asker", asker)
        .param("project", project)
        .param("fingerprint", fingerprint)
        .query((row, n) -> request(row))
        .optional();
  }

  @Override
  public List<Request> list(
      @Nullable String project,
      @Nullable Set<String> among,
      @Nullable State state,
      List<String> words,
      @Nullable UUID before,
      int limit) {
    JdbcClient.StatementSpec statement =
        jdbc.sql(
                """
                SELECT uid, project, requester, asker, account, token, kind, name, people, because,
                       plan, fingerprint, '' AS wish, state, detail, created_at, expires_at
                FROM approval
                WHERE true%s%s%s%s%s
                ORDER BY uid DESC LIMIT :limit
                """
                    .formatted(
                        project == null ? "" : " AND project = :project",
                        among == null ? "" : " AND project = ANY (:among)",
                        state == null ? "" : " AND " + in(state),
                        Words.condition(
                            words,
                            "kind || ' ' || name",
                            project == null ? "project" : "''",
                            "CASE WHEN " + in(State.EXPIRED) + " THEN 'expired' ELSE state END",
                            "requester",
                            "detail"),
                        before == null ? "" : " AND uid < :before"))
            .param("limit", limit)
            .params(Words.params(words));
    if (project != null) {
      statement = statement.param("project", project);
    }
    if (among != null) {
      statement = statement.param("among", Columns.texts(among));
    }
    if (before != null) {
      statement = statement.param("before", before);
    }
    List<Request> found = statement.query((row, n) -> request(row, List.of())).list();
    Map<UUID, List<Vote>> votes = votes(found.stream().map(Request::uid).toList());
    return found.stream().map(r -> r.with(votes.getOrDefault(r.uid(), List.of()))).toList();
  }

  /** As {@link Request#at}: of what is open and past its time nobody has written yet that it is. */
  private static String in(State state) {
    return switch (state) {
      case WAITING, APPROVED -> "(state = '" + state + "' AND expires_at > now())";
      case EXPIRED ->
          "(state = 'EXPIRED' OR state IN ('WAITING', 'APPROVED') AND expires_at <= now())";
      case DONE, REJECTED, WITHDRAWN, LAPSED -> "state = '" + state + "'";
    };
  }

  @Override
  public void vote(UUID uid, Vote vote) {
    jdbc.sql(
            """
            INSERT INTO approval_vote (approval, account, who, yes, reason, at)
            VALUES (:uid, :account, :who, :yes, :reason, :at)
            """)
        .param("uid", uid)
        .param("account", vote.account())
        .param("who", StoredJson.text(vote.who()))
        .param("yes", vote.yes())
        .param("reason", StoredJson.text(vote.reason()))
        .param("at", Columns.time(vote.at()))
        .update();
  }

  @Override
  public void end(UUID uid, State state, String detail) {
    jdbc.sql("UPDATE approval SET state = :state, detail = :detail WHERE uid = :uid")
        .param("uid", uid)
        .param("state", state.name())
        .param("detail", StoredJson.text(detail))
        .update();
  }

  private Request request(ResultSet row) throws SQLException {
    UUID uid = Columns.uuid(row, "uid");
    return request(row, votes(List.of(uid)).getOrDefault(uid, List.of()));
  }

  private static Request request(ResultSet row, List<Vote> votes) throws SQLException {
    return new Request(
        Columns.uuid(row, "uid"),
        row.getString("project"),
        row.getString("requester"),
        row.getString("asker"),
        row.getObject("account", UUID.class),
        row.getObject("token", UUID.class),
        Kind.valueOf(row.getString("kind")),
        row.getString("name"),
        row.getInt("people"),
        Columns.texts(row, "because"),
        row.getString("plan"),
        row.getString("fingerprint"),
        row.getString("wish"),
        State.valueOf(row.getString("state")),
        row.getString("detail"),
        Columns.instantOf(row, "created_at"),
        Columns.instantOf(row, "expires_at"),
        votes);
  }

  private Map<UUID, List<Vote>> votes(List<UUID> requests) {
    Map<UUID, List<Vote>> out = new HashMap<>();
    jdbc.sql(
            """
            SELECT * FROM approval_vote WHERE approval = ANY (CAST(:requests AS uuid[]))
            ORDER BY at, account
            """)
        .param("requests", Columns.texts(requests))
        .query(row -> {
          out.computeIfAbsent(Columns.uuid(row, "approval"), _ -> new ArrayList<>())
              .add(
                  new Vote(
                      Columns.uuid(row, "account"),
                      row.getString("who"),
                      row.getBoolean("yes"),
                      row.getString("reason"),
                      Columns.instantOf(row, "at")));
        });
    return out;
  }
}
