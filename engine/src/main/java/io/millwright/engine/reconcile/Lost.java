package io.millwright.engine.reconcile;

/** Another node has taken the operation up, or it was superseded: this one must not act on. */
final class Lost extends RuntimeException {
  private static final long serialVersionUID = 1L;

  Lost() {
    super("lost", null, false, false);
  }
}
