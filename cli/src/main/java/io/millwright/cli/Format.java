package io.millwright.cli;

import java.util.Locale;

/** How something is printed. */
enum Format {
  TABLE,
  WIDE,
  JSON,
  YAML,
  NAME;

  /** As it is written, and as the completion offers it. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** True for people, false for programs. */
  boolean human() {
    return this == TABLE || this == WIDE;
  }
}
