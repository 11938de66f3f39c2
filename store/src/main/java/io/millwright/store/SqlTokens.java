package io.millwright.store;

import io.millwright.engine.port.Tokens;
import io.millwright.model.Names;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.List;
import java.util.Optional;
import org.springframework.jdbc.core.simple.JdbcClient;

/** API tokens. */
final class SqlTokens implements Tokens {
  private static final String COLUMNS = "SELECT uid, name, created_at, expires_at FROM token ";
  private static final String IN_FORCE = "(expires_at IS NULL OR expires_at > now())";

  private final JdbcClient jdbc;

  SqlTokens(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public void insert(Token token, byte[] sha256) {
    jdbc.sql("DELETE FROM token WHERE name = :name AND NOT " + IN_FORCE)
        .param("name", token.name())
        .update();
    int added =
        jdbc.sql(
                """
                INSERT INTO token (uid, name, created_at, expires_at, sha256)
                VALUES (:uid, :name, :createdAt, :expiresAt, :sha256)
                ON CONFLICT DO NOTHING
                """)
            .param("uid", token.uid())
            .param("name", token.name())
            .param("createdAt", Columns.time(token.createdAt()), Types.TIMESTAMP_WITH_TIMEZONE)
            .param("expiresAt", Columns.time(token.expiresAt()), Types.TIMESTAMP_WITH_TIMEZONE)
            .param("sha256", sha256)
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
    return new Token(
        Columns.uuid(row, "uid"),
        row.getString("name"),
        Columns.instantOf(row, "created_at"),
        Columns.instant(row, "expires_at"));
  }
}
