package io.millwright.store;

import io.millwright.engine.port.Addresses;
import io.millwright.engine.port.Approvals;
import io.millwright.engine.port.Audit;
import io.millwright.engine.port.Deliveries;
import io.millwright.engine.port.DriftPolicies;
import io.millwright.engine.port.Groups;
import io.millwright.engine.port.Journal;
import io.millwright.engine.port.Lifetimes;
import io.millwright.engine.port.Measurements;
import io.millwright.engine.port.Nudges;
import io.millwright.engine.port.Operations;
import io.millwright.engine.port.Orphans;
import io.millwright.engine.port.People;
import io.millwright.engine.port.Projects;
import io.millwright.engine.port.Quarantine;
import io.millwright.engine.port.Reports;
import io.millwright.engine.port.Requests;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Sessions;
import io.millwright.engine.port.Shared;
import io.millwright.engine.port.Showback;
import io.millwright.engine.port.Sourced;
import io.millwright.engine.port.Standings;
import io.millwright.engine.port.Tokens;
import io.millwright.engine.port.Tx;
import io.millwright.engine.port.Written;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/** One transaction, bound to the thread that runs it. */
final class SqlTx implements Tx {
  private final JdbcClient jdbc;
  private final Candidates candidates;
  private final Parsed parsed;
  private final String installation;
  private final SqlNudges nudges;
  private boolean open = true;

  SqlTx(JdbcClient jdbc, Candidates candidates, Parsed parsed, String installation) {
    this.jdbc = jdbc;
    this.candidates = candidates;
    this.parsed = parsed;
    this.installation = installation;
    this.nudges = new SqlNudges(jdbc);
  }

  /** Writes what was put off to the end. */
  void flush() {
    nudges.flush();
  }

  /** In how long the first nudge is due, or null if there was none. */
  @Nullable Duration due() {
    return nudges.due();
  }

  void end() {
    open = false;
  }

  /** A statement after the end would be committed all by itself. */
  private JdbcClient jdbc() {
    if (!open) {
      throw new IllegalStateException("this transaction has ended");
    }
    return jdbc;
  }

  @Override
  public Sourced sourced() {
    return new SqlSourced(jdbc());
  }

  @Override
  public Resources resources() {
    return new SqlResources(jdbc(), parsed);
  }

  @Override
  public Operations operations() {
    return new SqlOperations(jdbc());
  }

  @Override
  public Addresses addresses() {
    return new SqlAddresses(jdbc(), candidates);
  }

  @Override
  public Journal journal() {
    return new SqlJournal(jdbc());
  }

  @Override
  public Nudges nudges() {
    jdbc();
    return nudges;
  }

  @Override
  public Reports reports() {
    return new SqlReports(jdbc());
  }

  @Override
  public Quarantine quarantine() {
    return new SqlQuarantine(jdbc());
  }

  @Override
  public Orphans orphans() {
    return new SqlOrphans(jdbc());
  }

  @Override
  public Groups groups() {
    return new SqlGroups(jdbc());
  }

  @Override
  public DriftPolicies driftPolicies() {
    return new SqlDriftPolicies(jdbc());
  }

  @Override
  public Lifetimes lifetimes() {
    return new SqlLifetimes(jdbc());
  }

  @Override
  public Tokens tokens() {
    return new SqlTokens(jdbc());
  }

  @Override
  public Requests requests() {
    return new SqlRequests(jdbc());
  }

  @Override
  public People people() {
    return new SqlPeople(jdbc());
  }

  @Override
  public Sessions sessions() {
    return new SqlSessions(jdbc());
  }

  @Override
  public Projects projects() {
    return new SqlProjects(jdbc());
  }

  @Override
  public Audit audit() {
    return new SqlAudit(jdbc());
  }

  @Override
  public Approvals approvals() {
    return new SqlApprovals(jdbc());
  }

  @Override
  public Deliveries deliveries() {
    return new SqlDeliveries(jdbc());
  }

  @Override
  public Standings standings() {
    return new SqlStandings(jdbc(), parsed);
  }

  @Override
  public Showback showback() {
    return new SqlShowback(jdbc());
  }

  @Override
  public Measurements measurements() {
    return new SqlMeasurements(jdbc());
  }

  @Override
  public Written written() {
    return new SqlWritten(jdbc());
  }

  @Override
  public String installation() {
    return installation;
  }

  @Override
  public Shared shared() {
    return jdbc()
        .sql("SELECT key_fingerprint, images_marked FROM installation FOR UPDATE")
        .query((row, n) ->
            new Shared(row.getString("key_fingerprint"), row.getBoolean("images_marked")))
        .single();
  }

  @Override
  public void share(Shared now) {
    jdbc()
        .sql("UPDATE installation SET key_fingerprint = :key, images_marked = :images")
        .param("key", now.key())
        .param("images", now.images())
        .update();
  }
}
