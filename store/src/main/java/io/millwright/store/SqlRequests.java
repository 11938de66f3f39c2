package io.millwright.store;

import io.millwright.engine.port.Requests;
import java.util.Optional;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Answers to requests that carried a key. */
final class SqlRequests implements Requests {
  private final JdbcClient jdbc;

  SqlRequests(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public Optional<Answered> find(String token, String key) {
    // Two statements: only one that begins after the lock was given sees what its holder wrote.
    jdbc.sql("SELECT pg_advisory_xact_lock(hashtextextended(:both, 1))")
        .param("both", token + "\n" + key)
        .query((row, n) -> Boolean.TRUE)
        .single();
    return jdbc.sql(
            """
            SELECT body_sha256, status, headers, body FROM request
            WHERE token = :token AND key = :key AND at > now() - interval '24 hours'
            """)
        .param("token", token)
        .param("key", key)
        .query((row, n) ->
            new Answered(
                row.getString("body_sha256"),
                row.getInt("status"),
                row.getString("headers"),
                row.getString("body")))
        .optional();
  }

  @Override
  public void insert(String token, String key, Answered answer) {
    jdbc.sql(
            """
            INSERT INTO request (token, key, body_sha256, status, headers, body)
            VALUES (:token, :key, :sha256, :status, :headers, :body)
            ON CONFLICT (token, key) DO UPDATE SET at = excluded.at,
              body_sha256 = excluded.body_sha256, status = excluded.status,
              headers = excluded.headers, body = excluded.body
            """)
        .param("token", token)
        .param("key", key)
        .param("sha256", answer.bodySha256())
        .param("status", answer.status())
        .param("headers", StoredJson.text(answer.headers()))
        .param("body", StoredJson.text(answer.body()))
        .update();
  }
}
