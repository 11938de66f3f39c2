package io.millwright.model;

/** What a hypervisor is told of a machine's system, for it treats some in ways of their own. */
public enum GuestFamily {
  /** Linux, and all that needs no other treatment. */
  LINUX,
  WINDOWS
}
