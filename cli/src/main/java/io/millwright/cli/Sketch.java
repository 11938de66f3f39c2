package io.millwright.cli;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What is asked about a machine that is only described. */
abstract class Sketch extends Part {
  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      required = true,
      description = {
        "One Machine, and what it names of Profile and Network unless that is declared: a file, a"
            + " directory with *.yaml, *.yml and *.json, or - for standard input.",
        "Addresses have to be given, since none is reserved."
      })
  List<String> files = new ArrayList<>();

  @Option(
      names = "--installer",
      paramLabel = "RELEASE",
      description = "Such as rocky-9; that of the machine's image if not given.")
  @Nullable String installer;

  @Option(
      names = "--disk",
      paramLabel = "DISK",
      description =
          "Serial, path or range of sizes (100GiB..600GiB) of the disk that is overwritten; if not"
              + " given /dev/vda, or the only disk there is where the installer knows no such"
              + " name.")
  @Nullable String disk;
}
