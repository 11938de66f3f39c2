package io.millwright.store;

import io.millwright.engine.access.Role;
import io.millwright.engine.access.Scope;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Tokens;
import io.millwright.model.Names;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.springframework.jdbc.core.simple.JdbcClient;

/** API tokens. */
final class SqlTokens implements Tokens {
  private static final String COLUMNS = "SELECT * FROM token ";
  private static final String IN_FORCE = "(expires_at IS NULL OR expires_at > now())";

  private final JdbcClient jdbc;

  SqlTokens(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public void insert(Token token, byte[] sha256) {
    Role role = token.scope().role();
    jdbc.sql("DELETE FROM token WHERE name = :name AND NOT " + IN_FORCE)
        .param("name", token.name())
        .update();
    int added =
        jdbc.sql(
                """
                INSERT INTO token (uid, name, created_at, expires_at, sha256, owner, role, projects,
                                   verbs)
                VALUES (:uid, :name, :createdAt, :expiresAt, :sha256, :owner, :role, :projects,
                        :verbs)
                ON CONFLICT DO NOTHING
                """)
            .param("uid", token.uid())
            .param("name", token.name())
            .param("createdAt", Columns.time(token.createdAt()), Types.TIMESTAMP_WITH_TIMEZONE)
            .param("expiresAt", Columns.time(token.expiresAt()), Types.TIMESTAMP_WITH_TIMEZONE)
            .param("sha256", sha256)
            .param("owner", token.owner(), Types.OTHER)
            .param("role", role == null ? null : role.name(), Types.VARCHAR)
            .param("projects", token.scope().projects().toArray(String[]::new))
            .param("verbs", Columns.texts(token.scope().verbs().stream().map(Enum::name).toList()))
            .update();
    if (added == 0) {
      throw ProblemException.of(
          Problem.Type.CONFLICT, "there is a token " + Names.quote(token.name()) + " already");
    }
  }

  @Override
  public Optional<Token> find(byte[] sha256) {
    return jdbc.sql(COLUMNS + "WHERE sha256 = :sha256 AND " + IN_FORCE)
        .param("sha256", sha256)
        .query(SqlTokens::token)
        .optional();
  }

  @Override
  public Optional<Token> find(String name) {
    return jdbc.sql(COLUMNS + "WHERE name = :name AND " + IN_FORCE)
        .param("name", name)
        .query(SqlTokens::token)
        .optional();
  }

  @Override
  public Optional<Token> find(UUID uid) {
    return jdbc.sql(COLUMNS + "WHERE uid = :uid AND " + IN_FORCE)
        .param("uid", uid)
        .query(SqlTokens::token)
        .optional();
  }

  @Override
  public List<Token> list() {
    return jdbc.sql(COLUMNS + "WHERE " + IN_FORCE + " ORDER BY name")
        .query(SqlTokens::token)
        .list();
  }

  @Override
  public boolean revoke(String name) {
    return jdbc.sql("DELETE FROM token WHERE name = :name").param("name", name).update() == 1;
  }

  private static Token token(ResultSet row, int n) throws SQLException {
    String role = row.getString("role");
    return new Token(
        Columns.uuid(row, "uid"),
        row.getString("name"),
        Columns.instantOf(row, "created_at"),
        Columns.instant(row, "expires_at"),
        row.getObject("owner", UUID.class),
        new Scope(
            role == null ? null : Role.valueOf(role),
            Columns.texts(row, "projects"),
            Columns.texts(row, "verbs").stream().map(Verb::valueOf).toList()));
  }
}
