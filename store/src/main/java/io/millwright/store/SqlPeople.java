package io.millwright.store;

import io.millwright.engine.access.Role;
import io.millwright.engine.port.People;
import io.millwright.model.Names;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.core.simple.JdbcClient.StatementSpec;

/** People and their roles. */
final class SqlPeople implements People {
  private final JdbcClient jdbc;

  SqlPeople(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public void insert(Account account) {
    int added =
        changeable(
                jdbc.sql(
                    """
                    INSERT INTO account (uid, name, display_name, password, must_change, disabled,
                                         issuer, subject, groups, created_at)
                    VALUES (:uid, :name, :displayName, :password, :mustChange, :disabled,
                            :issuer, :subject, :groups, :createdAt)
                    ON CONFLICT DO NOTHING
                    """),
                account)
            .param("name", account.name())
            .param("createdAt", Columns.time(account.createdAt()))
            .update();
    if (added == 0) {
      throw ProblemException.of(
          Problem.Type.CONFLICT, "there is a user " + Names.quote(account.name()) + " already");
    }
  }

  @Override
  public void update(Account account) {
    changeable(
            jdbc.sql(
                """
                UPDATE account SET display_name = :displayName, password = :password,
                  must_change = :mustChange, disabled = :disabled, issuer = :issuer,
                  subject = :subject, groups = :groups
                WHERE uid = :uid
                """),
            account)
        .update();
  }

  private static StatementSpec changeable(StatementSpec statement, Account account) {
    return statement
        .param("uid", account.uid())
        .param("displayName", StoredJson.text(account.displayName()))
        .param("password", account.password(), Types.VARCHAR)
        .param("mustChange", account.mustChange())
        .param("disabled", account.disabled())
        .param("issuer", account.issuer(), Types.VARCHAR)
        .param("subject", account.subject(), Types.VARCHAR)
        .param("groups", Columns.texts(account.groups()));
  }

  @Override
  public Optional<Account> find(String name) {
    return named(name, "");
  }

  @Override
  public Optional<Account> lock(String name) {
    return named(name, SqlResources.LOCK);
  }

  private Optional<Account> named(String name, String lock) {
    return jdbc.sql("SELECT * FROM account WHERE name = :name" + lock)
        .param("name", StoredJson.text(name))
        .query(SqlPeople::account)
        .optional();
  }

  @Override
  public Optional<Account> find(UUID uid) {
    return known(uid, "");
  }

  @Override
  public Optional<Account> lock(UUID uid) {
    return known(uid, SqlResources.LOCK);
  }

  private Optional<Account> known(UUID uid, String lock) {
    return jdbc.sql("SELECT * FROM account WHERE uid = :uid" + lock)
        .param("uid", uid)
        .query(SqlPeople::account)
        .optional();
  }

  @Override
  public Optional<Account> lock(String issuer, String subject) {
    return jdbc.sql(
            "SELECT * FROM account WHERE issuer = :issuer AND subject = :subject"
                + SqlResources.LOCK)
        .param("issuer", issuer)
        .param("subject", subject)
        .query(SqlPeople::account)
        .optional();
  }

  @Override
  public List<Account> list() {
    return jdbc.sql("SELECT * FROM account ORDER BY name").query(SqlPeople::account).list();
  }

  @Override
  public boolean remove(String name) {
    jdbc.sql("DELETE FROM membership WHERE NOT is_group AND who = :name")
        .param("name", name)
        .update();
    return jdbc.sql("DELETE FROM account WHERE name = :name").param("name", name).update() == 1;
  }

  @Override
  public void grant(Membership membership) {
    jdbc.sql(
            """
            INSERT INTO membership (is_group, who, project, role)
            VALUES (:group, :who, :project, :role)
            ON CONFLICT (is_group, who, project) DO UPDATE SET role = excluded.role
            """)
        .param("group", membership.group())
        .param("who", membership.who())
        .param("project", stored(membership.project()))
        .param("role", membership.role().name())
        .update();
  }

  @Override
  public boolean revoke(boolean group, String who, @Nullable String project) {
    return jdbc.sql(
                """
                DELETE FROM membership
                WHERE is_group = :group AND who = :who AND project = :project
                """)
            .param("group", group)
            .param("who", who)
            .param("project", stored(project))
            .update()
        == 1;
  }

  @Override
  public List<Membership> members(@Nullable String project) {
    return jdbc.sql("SELECT * FROM membership WHERE project = :project ORDER BY is_group, who")
        .param("project", stored(project))
        .query(SqlPeople::membership)
        .list();
  }

  @Override
  public List<Membership> of(Account account) {
    return jdbc.sql(
            """
            SELECT * FROM membership
            WHERE (NOT is_group AND who = :name) OR (is_group AND who = ANY (:groups))
            """)
        .param("name", account.name())
        .param("groups", Columns.texts(account.groups()))
        .query(SqlPeople::membership)
        .list();
  }

  @Override
  public List<String> projects() {
    return jdbc.sql("SELECT DISTINCT project FROM membership WHERE project <> '' ORDER BY project")
        .query((row, n) -> row.getString("project"))
        .list();
  }

  /** The primary key takes no null. */
  private static String stored(@Nullable String project) {
    return project == null ? "" : project;
  }

  private static Membership membership(ResultSet row, int n) throws SQLException {
    String project = row.getString("project");
    return new Membership(
        row.getBoolean("is_group"),
        row.getString("who"),
        project.isEmpty() ? null : project,
        Role.valueOf(row.getString("role")));
  }

  private static Account account(ResultSet row, int n) throws SQLException {
    return new Account(
        Columns.uuid(row, "uid"),
        row.getString("name"),
        row.getString("display_name"),
        row.getString("password"),
        row.getBoolean("must_change"),
        row.getBoolean("disabled"),
        row.getString("issuer"),
        row.getString("subject"),
        Columns.texts(row, "groups"),
        Columns.instantOf(row, "created_at"));
  }
}
