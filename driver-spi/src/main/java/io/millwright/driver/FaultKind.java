package io.millwright.driver;

/** Why an act failed; the retry policy hangs on this. */
public enum FaultKind {
  /** The outside system understood and said no; the same request will not do better. */
  REFUSED,
  /** Something else is in the way: a name taken, an object that is not ours, a wrong state. */
  CONFLICT,
  /** Not enough memory, disk or the like; it may do later. */
  CAPACITY,
  /** No answer, or none that can be trusted; whether the act took effect is unknown. */
  UNREACHABLE,
  /** The driver or the outside system cannot do this at all. */
  UNSUPPORTED,
  /** The driver itself failed. */
  BUG
}
