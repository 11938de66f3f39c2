package io.millwright.engine.port;

/** An open transaction: the parts of the database as seen and changed in it. */
public interface Tx {
  Resources resources();

  Operations operations();

  Addresses addresses();

  Journal journal();

  Nudges nudges();

  Reports reports();

  Quarantine quarantine();

  Orphans orphans();

  Groups groups();

  Sourced sourced();

  Lifetimes lifetimes();

  DriftPolicies driftPolicies();

  Tokens tokens();

  Requests requests();

  People people();

  Sessions sessions();

  Projects projects();

  Audit audit();

  Approvals approvals();

  Deliveries deliveries();

  Showback showback();

  Standings standings();

  Measurements measurements();

  Written written();

  /** Eight hex digits that name this installation for ever; made with the database. */
  String installation();

  /** What its nodes share; locked until the transaction ends. */
  Shared shared();

  /** Puts this in the place of {@link #shared}. */
  void share(Shared now);
}
