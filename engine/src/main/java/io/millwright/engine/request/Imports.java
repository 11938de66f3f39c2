package io.millwright.engine.request;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.engine.image.FileKind;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.machine.Installers;
import io.millwright.images.Catalogue;
import io.millwright.images.Catalogue.Recognised;
import io.millwright.model.ImageSpec;
import io.millwright.model.Kind;
import io.millwright.model.Names;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Violations;
import io.millwright.model.manifest.Draft;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Makes the declaration of an Image out of a file, by what is in it. */
public final class Imports {
  private final @Nullable ImageFiles files;

  public Imports(@Nullable ImageFiles files) {
    this.files = files;
  }

  /**
   * What is asked for.
   *
   * @param sha256 that the file has to have, or null
   * @param os family, if it cannot be seen or somebody knows better; likewise the version
   * @param offline true if a medium's installer shall need no network
   */
  public record Wanted(
      String project,
      String name,
      @Nullable String sha256,
      @Nullable String os,
      @Nullable String version,
      boolean offline) {}

  /**
   * Declares what is behind a URL, or a file on the server; it is fetched by the image's operation.
   *
   * @throws ProblemException if it is nothing that can be an Image
   */
  public Draft of(Wanted wanted, @Nullable String path, @Nullable String url) {
    ImageSpec.Source source = new ImageSpec.Source(path, url, wanted.sha256());
    Violations at = Violations.at("");
    check(wanted, at);
    source.check(at);
    at.raise();
    String field = url == null ? "path" : "url";
    try {
      boolean known = wanted.os() != null && wanted.version() != null;
      return draft(wanted, source, files().look(source, Catalogue.inForce(), known), field);
    } catch (DriverException e) {
      throw problem(field, e);
    }
  }

  /**
   * Takes a file in that is sent. If {@code check} throws, nothing of it stays.
   *
   * @param length that is announced, or -1
   * @param check of the declaration, before the file gets its final name
   * @throws ProblemException if it is nothing that can be an Image, or has another checksum
   */
  public Draft of(Wanted wanted, InputStream in, long length, Consumer<Draft> check)
      throws InterruptedException {
    Violations at = Violations.at("");
    check(wanted, at);
    at.raise();
    try {
      Path file = files().receive(in, length);
      try {
        String sha256 = files().checksum(file, wanted.sha256());
        Draft draft =
            draft(
                wanted,
                new ImageSpec.Source(null, null, sha256),
                files().look(file, Catalogue.inForce()),
                "file");
        check.accept(draft);
        files().adopt(file, sha256);
        return draft;
      } finally {
        files().cleanUp(file);
      }
    } catch (DriverException e) {
      throw problem("file", e);
    } catch (IOException e) {
      throw ProblemException.of(
          Problem.Type.UNAVAILABLE, "the server's image directory cannot be used");
    }
  }

  private ImageFiles files() {
    if (files == null) {
      throw ProblemException.of(Problem.Type.UNAVAILABLE, "this server keeps no images");
    }
    return files;
  }

  private static void check(Wanted wanted, Violations at) {
    Names.checkLabel(wanted.name(), at.field("name"));
    ImageSpec.checkSha256(wanted.sha256(), at.field("sha256"));
  }

  private static Draft draft(Wanted wanted, ImageSpec.Source source, FileKind kind, String field) {
    ImageSpec spec =
        switch (kind) {
          case FileKind.Disk _ -> disk(wanted, source);
          case FileKind.Medium medium -> medium(wanted, source, medium, field);
        };
    Violations at = Violations.at("");
    spec.check(at);
    at.raise();
    return new Draft(
        Kind.IMAGE, wanted.name(), wanted.project(), Map.of(), Map.of(), spec, "the import");
  }

  private static ImageSpec disk(Wanted wanted, ImageSpec.Source source) {
    String os = wanted.os();
    String version = wanted.version();
    if (os == null || version == null) {
      throw ProblemException.invalid(
          os == null ? "os" : "version",
          "must be given, such as debian and 12: it is a disk, which does not tell what is on it");
    }
    return ImageSpec.of(os, version, source, null);
  }

  private static ImageSpec medium(
      Wanted wanted, ImageSpec.Source source, FileKind.Medium medium, String field) {
    Recognised system = system(wanted, medium, field);
    String version = wanted.version();
    if (version == null) {
      version = system.release().map(Catalogue.Release::version).orElse(system.version());
    }
    if (version.isEmpty()) {
      throw ProblemException.invalid(
          "version",
          "must be given, since the medium does not tell it; known are "
              + system.family().releases().stream().map(Catalogue.Release::version).toList());
    }
    return ImageSpec.of(
        system.family().family(),
        version,
        null,
        new ImageSpec.Installer(source.path(), source.url(), source.sha256(), wanted.offline()));
  }

  private static Recognised system(Wanted wanted, FileKind.Medium medium, String field) {
    String os = wanted.os();
    List<Recognised> systems = medium.systems();
    if (os == null) {
      if (systems.isEmpty()) {
        throw ProblemException.invalid(
            field,
            "is an installation medium of no known family; give os and version (--os and"
                + " --release) if its installer is one of "
                + String.join(", ", Catalogue.inForce().families().keySet()));
      }
      if (systems.size() > 1) {
        throw ProblemException.invalid(
            "os", "must be given, since the medium may be of any of " + medium.names());
      }
      return systems.getFirst();
    }
    Violations at = Violations.at("os");
    Installers.checkFamily(os, at);
    at.raise();
    if (systems.isEmpty()) {
      return new Recognised(
          java.util.Objects.requireNonNull(Catalogue.inForce().families().get(os)),
          "",
          java.util.Optional.empty());
    }
    return systems.stream()
        .filter(s -> s.family().family().equals(os))
        .findFirst()
        .orElseThrow(() ->
            ProblemException.invalid(
                "os", "is " + os + ", but the medium is one of " + medium.names()));
  }

  private static ProblemException problem(String field, DriverException e) {
    return e.kind() == FaultKind.REFUSED
        ? ProblemException.invalid(field, e.forUser())
        : ProblemException.of(Problem.Type.UNAVAILABLE, e.forUser());
  }
}
