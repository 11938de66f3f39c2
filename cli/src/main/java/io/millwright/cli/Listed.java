package io.millwright.cli;

import picocli.CommandLine.Option;

/** A command that prints a list, as people or programs read it. */
abstract class Listed extends Part {
  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      description = "table, json, yaml or name.")
  Format format = Format.TABLE;
}
