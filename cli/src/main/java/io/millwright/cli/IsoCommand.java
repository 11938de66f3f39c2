package io.millwright.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Installation media to carry away. */
@Command(
    name = "iso",
    description = "Make installation media.",
    subcommands = {IsoCommand.Build.class})
final class IsoCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright iso build");
  }

  /** Makes one. */
  @Command(
      name = "build",
      description = {
        "Make a medium that installs a machine without asking, and write it to a file.",
        "Nothing is stored on the server, and no hypervisor is needed. The medium holds the hashes"
            + " of the users' passwords: keep it like them."
      })
  static final class Build extends Sketch {
    @Option(
        names = {"-o", "--output"},
        paramLabel = "ISO",
        required = true,
        description =
            "The file; it is there only once it is whole, and takes the place of an older one.")
    Path output = Path.of("");

    @Option(
        names = "--medium",
        paramLabel = "WHICH",
        description =
            "own, if not given: the vendor's medium with the answers on it, of the machine's"
                + " image; seed: only the small one that is put beside the vendor's.")
    @Nullable String medium;

    @Override
    public Integer call() {
      Path directory = output.toAbsolutePath().getParent();
      if (Files.isDirectory(output) || directory == null || !Files.isDirectory(directory)) {
        throw Failure.usage(
            Safe.line(output + "") + " can be no file; name one in a directory that is there");
      }
      Bundle bundle = Bundle.read(files, shell().in());
      var api = api();
      long size =
          new Fetch(shell(), output)
              .by((range, etag) ->
                  Manifests.located(
                      bundle,
                      () ->
                          api.createIso(
                              cli().project(),
                              etag,
                              range,
                              Bundle.SOURCE,
                              disk,
                              installer,
                              medium,
                              bundle.body())));
      print(Safe.line(output + "") + " " + Fetch.size(size));
      return 0;
    }
  }
}
