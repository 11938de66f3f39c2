package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Answer;
import io.millwright.client.ApiException;
import io.millwright.client.Body;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Images, and what their installers are told. */
@Command(
    name = "image",
    description = "List, build and import images, and show what an installer is told.",
    subcommands = {
      ImageCommand.ListOf.class,
      ImageCommand.Build.class,
      ImageCommand.Import.class,
      ImageCommand.Render.class
    })
final class ImageCommand extends Part {
  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright image list, build, import or render");
  }

  /** Lists. */
  @Command(
      name = "list",
      description = {
        "List images: those of the project, and the shared ones.",
        "With a name, the builds of that one: which is in use, which are kept, which failed and"
            + " why."
      })
  static final class ListOf extends ListedAcross {
    private static final List<String> TITLES =
        List.of("BUILD", "STATE", "SHA256", "SIZE", "AGE", "OPERATION", "MESSAGE");

    @Parameters(
        arity = "0..1",
        paramLabel = "NAME",
        description = "The image whose builds are listed.")
    @Nullable String name;

    @Override
    public Integer call() {
      String own = cli().project();
      if (name != null) {
        return builds(Kind.IMAGE.bare(name));
      }
      List<JsonNode> items = new ArrayList<>();
      for (String project : allProjects ? List.of("-") : List.of(own, Kind.SHARED)) {
        if (project.equals(own) && !items.isEmpty()) {
          continue;
        }
        items.addAll(GetCommand.list(api(), Kind.IMAGE, project, null, null));
      }
      if (items.isEmpty() && format.human()) {
        shell().err().println("no images" + (allProjects ? "" : " in project " + own));
      }
      Listing.resources(shell(), format, true, Kind.IMAGE, items);
      return 0;
    }

    private int builds(String image) {
      List<JsonNode> builds = new ArrayList<>();
      Kind.IMAGE
          .find(api(), cli().project(), image)
          .body()
          .path("status")
          .path("builds")
          .forEach(builds::add);
      if (builds.isEmpty() && format.human()) {
        shell().err().println("image/" + image + " was not built yet");
      }
      Instant now = shell().clock().instant();
      Listing.rows(shell(), format, builds, TITLES, b -> row(b, now), b -> Trees.text(b, "number"));
      return 0;
    }

    private static List<Cell> row(JsonNode build, Instant now) {
      return List.of(
          Cell.of(Trees.text(build, "number")),
          Cell.of(Trees.text(build, "state")),
          Cell.of(Columns.brief(Trees.text(build, "sha256"))),
          Cell.of(mib(Trees.text(build, "fileSize"))),
          Cell.of(Durations.age(Trees.text(build, "begunAt"), now)),
          Cell.of(Trees.text(build, "operation")),
          Cell.of(Trees.text(build, "message")));
    }

    private static String mib(String bytes) {
      return bytes.isEmpty() ? "" : Long.parseLong(bytes) / (1 << 20) + "MiB";
    }
  }

  /** Builds. */
  @Command(
      name = "build",
      description = {
        "Build an image anew, now.",
        "The build is used when the machine of spec.build.check has become ready; until then, and"
            + " if it fails, the former one stays in use."
      })
  static final class Build extends Waiting {
    @Parameters(paramLabel = "NAME", description = "The image.")
    String name = "";

    @Override
    public Integer call() {
      MillwrightApi api = api();
      String image = Kind.IMAGE.bare(name);
      String key = UUID.randomUUID().toString();
      conclude("image/" + image + " build", api.buildImage(cli().project(), image, key));
      return 0;
    }
  }

  /** Declares one from a file. */
  @Command(
      name = "import",
      description = {
        "Make an image of a vendor's installation medium or of a finished disk.",
        "A file here is sent to the server; what is behind a URL it fetches itself. What it is, is"
            + " seen by what is in it."
      })
  static final class Import extends Waiting {
    private static final Map<String, String> OPTIONS =
        Map.of(
            "name",
            "--name",
            "os",
            "--os",
            "version",
            "--release",
            "sha256",
            "--sha256",
            "path",
            "FILE",
            "url",
            "URL");

    @Parameters(
        paramLabel = "FILE|URL",
        description = "A file here, or what begins with http:// or https://.")
    String from = "";

    @Option(
        names = "--name",
        paramLabel = "NAME",
        description = "The image's name; that of the file, if not given.")
    @Nullable String name;

    @Option(
        names = "--sha256",
        paramLabel = "DIGITS",
        description = "The checksum that the file has to have; computed if not given.")
    @Nullable String sha256;

    @Option(
        names = "--os",
        paramLabel = "FAMILY",
        description = "Such as debian; needed for a disk, and if the medium does not tell.")
    @Nullable String os;

    @Option(names = "--release", paramLabel = "VERSION", description = "Such as 13; likewise.")
    @Nullable String release;

    @Option(
        names = "--offline",
        description = "All packages are on the medium: its installer needs no network.")
    boolean offline;

    @Option(names = "--on-server", description = "FILE is the path of a file on the server.")
    boolean onServer;

    @Override
    public Integer call() {
      boolean url = from.contains("://"); // of which schemes, the server says
      String named = name != null ? name : name(from);
      MillwrightApi api = api();
      Answer answer;
      try {
        answer =
            url || onServer
                ? api.importImage(
                    cli().project(),
                    named,
                    offline,
                    os,
                    url ? null : from,
                    sha256,
                    url ? from : null,
                    release,
                    null)
                : send(api, named);
      } catch (ApiException e) {
        Complaint complaint = Complaint.of(e.problem(), OPTIONS);
        throw new Failure(complaint.code(), complaint.line());
      }
      conclude("image/" + named, answer);
      return 0;
    }

    private Answer send(MillwrightApi api, String named) {
      Path file = Path.of(from);
      if (!Files.isRegularFile(file)) {
        throw Failure.usage("there is no file " + Safe.line(from));
      }
      try {
        String have = Sent.sha256(file);
        if (sha256 != null && !sha256.equalsIgnoreCase(have)) {
          throw Failure.usage(
              Safe.line(from) + " has the checksum " + have + ", and not " + Safe.line(sha256));
        }
        return api.importImage(
            cli().project(),
            named,
            offline,
            os,
            null,
            have,
            null,
            release,
            new Body("application/octet-stream", Files.size(file), () -> new Sent(shell(), file)));
      } catch (IOException e) {
        throw Failure.usage(Safe.line(from) + " cannot be read: " + e.getMessage());
      }
    }

    /** {@code debian-13-1-0-amd64-netinst} of {@code .../debian-13.1.0-amd64-netinst.iso?x=y}. */
    static String name(String from) {
      String last = from.replaceFirst("[?#].*", "").replaceFirst("/+$", "").replaceFirst(".*/", "");
      String label =
          last.toLowerCase(Locale.ROOT)
              .replaceFirst("\\.(iso|qcow2|img|raw)$", "")
              .replaceAll("[^a-z0-9]+", "-")
              .replaceAll("^-+|-+$", "");
      String brief = label.substring(0, Math.min(60, label.length())).replaceAll("-+$", "");
      if (brief.isEmpty()) {
        throw Failure.usage("give the image a name with --name");
      }
      return brief;
    }
  }

  /** Shows answer files. */
  @Command(
      name = "render",
      description = {
        "Print what a machine would be told: its installer's answer file, or the seed of a golden"
            + " image's first boot.",
        "Nothing is stored or reserved, and no hypervisor is needed: addresses that it would be"
            + " given are proposed, and named on stderr. Hashes of passwords are masked."
      })
  static final class Render extends Sketch {
    @Option(
        names = "--answer",
        paramLabel = "PATH",
        description = "This file instead, such as /millwright/late; may be given several times.")
    List<String> paths = new ArrayList<>();

    @Option(names = "--all", description = "All files, each under a line with its path.")
    boolean all;

    @Option(
        names = {"-o", "--output"},
        paramLabel = "FORMAT",
        description =
            "table for the files themselves; json or yaml for all of them, with the kernel's"
                + " arguments; name for their paths.")
    Format format = Format.TABLE;

    @Override
    public Integer call() {
      Bundle bundle = Bundle.read(files, shell().in());
      JsonNode answer =
          Manifests.located(
                  bundle,
                  () ->
                      api()
                          .createRendering(
                              cli().project(), Bundle.SOURCE, disk, installer, bundle.body()))
              .body();
      List<JsonNode> there = new ArrayList<>();
      answer.path("files").forEach(there::add);
      if (format.human()) {
        answer.path("proposed").forEach(this::propose);
      }
      switch (format) {
        case JSON, YAML -> Listing.one(shell(), format, answer);
        case NAME -> there.forEach(f -> print(Safe.line(Trees.text(f, "path"))));
        case TABLE, WIDE -> show(there);
      }
      return 0;
    }

    private void propose(JsonNode proposed) {
      shell()
          .err()
          .println(
              Safe.line(Trees.text(proposed, "of"))
                  + ": "
                  + Safe.line(Trees.text(proposed, "field"))
                  + " "
                  + Safe.line(Trees.text(proposed, "value"))
                  + " is proposed, not reserved");
    }

    private void show(List<JsonNode> there) {
      List<JsonNode> chosen = all ? there : paths.isEmpty() ? main(there) : named(there);
      for (JsonNode file : chosen) {
        if (chosen.size() > 1) {
          print("==> " + Safe.line(Trees.text(file, "path")) + " <==");
        }
        String content = Trees.text(file, "content");
        shell().out().print(content.endsWith("\n") ? content : content + "\n");
      }
      if (!all && paths.isEmpty() && there.size() > chosen.size()) {
        shell().out().flush();
        shell()
            .err()
            .println(
                there.size() - chosen.size() + " more files; --all shows them, -o name names them");
      }
    }

    private static List<JsonNode> main(List<JsonNode> there) {
      List<JsonNode> out =
          there.stream().filter(f -> f.path("main").asBoolean(false)).limit(1).toList();
      return out.isEmpty() ? there : out;
    }

    private List<JsonNode> named(List<JsonNode> there) {
      List<JsonNode> out = new ArrayList<>();
      for (String path : paths) {
        out.add(
            there.stream()
                .filter(f -> Trees.text(f, "path").equals(path))
                .findFirst()
                .orElseThrow(() ->
                    Failure.usage(
                        "there is no file "
                            + Safe.line(path)
                            + "; there are: "
                            + String.join(
                                ", ",
                                there.stream()
                                    .map(f -> Safe.line(Trees.text(f, "path")))
                                    .toList()))));
      }
      return out;
    }
  }
}
