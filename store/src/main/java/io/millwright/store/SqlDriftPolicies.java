package io.millwright.store;

import io.millwright.engine.port.DriftPolicies;
import io.millwright.model.DriftPolicy;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What is done in each project when a machine is not as declared. */
final class SqlDriftPolicies implements DriftPolicies {
  private final JdbcClient jdbc;

  SqlDriftPolicies(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public DriftPolicy of(String project) {
    return jdbc.sql("SELECT policy FROM drift_policy WHERE project = :project")
        .param("project", project)
        .query((row, n) -> DriftPolicy.valueOf(row.getString("policy")))
        .optional()
        .orElse(DriftPolicy.REPAIR);
  }

  @Override
  public void set(String project, DriftPolicy policy) {
    jdbc.sql(
            """
            INSERT INTO drift_policy (project, policy) VALUES (:project, :policy)
            ON CONFLICT (project) DO UPDATE SET policy = excluded.policy
            """)
        .param("project", project)
        .param("policy", policy.name())
        .update();
  }
}
