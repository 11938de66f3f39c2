package io.millwright.cli;

/** How something is printed. */
enum Format {
  TABLE,
  WIDE,
  JSON,
  YAML,
  NAME;

  /** True for people, false for programs. */
  boolean human() {
    return this == TABLE || this == WIDE;
  }
}
