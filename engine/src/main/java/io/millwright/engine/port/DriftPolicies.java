package io.millwright.engine.port;

import io.millwright.model.DriftPolicy;

/** What is done in each project when a machine is not as declared and does not say itself. */
public interface DriftPolicies {
  /** Repair, unless another one was set. */
  DriftPolicy of(String project);

  void set(String project, DriftPolicy policy);
}
