package io.millwright.model;

/** What is done when a machine is not as declared. */
public enum DriftPolicy {
  /** It is told, and nothing is done before somebody applies. */
  REPORT,
  /** It is made as declared; its system disk is kept. */
  REPAIR,
  /** It gets a new system disk; its data volumes are kept. */
  REBUILD
}
