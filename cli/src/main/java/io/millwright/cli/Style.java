package io.millwright.cli;

/** Colours, where there may be any. */
enum Style {
  NONE(""),
  GREEN("\u001b[32m"),
  YELLOW("\u001b[33m"),
  RED("\u001b[31m"),
  BOLD("\u001b[1m"),
  FAINT("\u001b[2m");

  private final String start;

  Style(String start) {
    this.start = start;
  }

  String apply(String text, boolean coloured) {
    return coloured && this != NONE ? start + text + "\u001b[0m" : text;
  }
}
