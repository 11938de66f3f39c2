package io.millwright.cli;

import picocli.CommandLine.Option;

/** A command that prints resources of one project or of all. */
abstract class ListedAcross extends Part {
  @Option(
      names = {"-A", "--all-projects"},
      description = "From all projects.")
  boolean allProjects;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      description = "table, wide, json, yaml or name.")
  Format format = Format.TABLE;
}
