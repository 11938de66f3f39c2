package io.millwright.engine;

import io.millwright.driver.DriverException;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.image.InstallationMedium;
import io.millwright.engine.port.Store;
import io.millwright.images.AnswerFile;
import io.millwright.images.Answers;
import io.millwright.images.Catalogue;
import io.millwright.images.InstallSpec;
import io.millwright.images.Renderer;
import io.millwright.images.Renderers;
import io.millwright.images.Source;
import io.millwright.images.Storage;
import io.millwright.media.ByteSource;
import io.millwright.media.MediumException;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.Names;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.Spec;
import io.millwright.model.manifest.Draft;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Installation media to carry away: a machine's answers, and a vendor's medium with these on it, for
 * a machine that need not be declared, on a hypervisor that need not be known.
 */
public final class Isos {
  private static final Catalogue CATALOGUE = Catalogue.known();

  private final Store store;
  private final @Nullable ImageFiles files;

  /**
   * @param files where the vendors' media are, or null if there are none
   */
  public Isos(Store store, @Nullable ImageFiles files) {
    this.store = store;
    this.files = files;
  }

  /**
   * What is asked for.
   *
   * @param drafts one Machine, and what it names
   * @param installer release such as {@code rocky-9}, or null for that of the machine's image
   * @param disk serial or path of the disk that is overwritten
   */
  public record Wanted(
      String project, List<Draft> drafts, @Nullable String installer, String disk) {}

  /**
   * One file for the installer.
   *
   * @param place where it goes: seed, medium or initrd
   * @param path there
   */
  public record Answer(String place, String path, String content, boolean executable) {}

  /**
   * All that an installer is told.
   *
   * @param title of the release
   */
  public record Rendered(String title, List<Answer> files, List<String> kernelArguments) {}

  /**
   * A medium; whoever has it closes it.
   *
   * @param tag the same for the same bytes
   */
  public record Iso(String tag, ByteSource bytes, AutoCloseable file) implements AutoCloseable {
    @Override
    public void close() throws Exception {
      file.close();
    }
  }

  private record Described(
      InstallSpec spec,
      Renderer<Answers> renderer,
      String title,
      @Nullable Resource<ImageSpec, ImageStatus> image) {
    Answers render(InstallSpec what) {
      return renderer.render(what);
    }
  }

  /** The answers, passwords' hashes masked, in the way that changes the vendor's medium if any. */
  public Rendered render(Wanted wanted) {
    Described it = describe(wanted);
    Answers answers = it.render(Renderings.masked(it.spec()));
    Answers.Way way = answers.first(w -> w.seed() == null);
    if (way == null) {
      way = answers.ways().getFirst();
    }
    List<Answer> out = new ArrayList<>();
    if (way.seed() != null) {
      add(out, "seed", way.seed().files());
    }
    add(out, "medium", way.medium());
    add(out, "initrd", way.initrd());
    return new Rendered(it.title(), List.copyOf(out), way.kernelArguments());
  }

  private static void add(List<Answer> out, String place, Map<String, AnswerFile> files) {
    files.forEach((path, file) ->
        out.add(new Answer(place, path, file.asText(), file.executable())));
  }

  /** The small medium that is put beside the vendor's. */
  public Iso seed(Wanted wanted) {
    Described it = describe(wanted);
    Answers.Way way = it.render(it.spec()).first(w -> w.seed() != null && w.leavesMediumUntouched());
    if (way == null || way.seed() == null) {
      throw ProblemException.invalid(
          "medium", "the installer of " + it.title() + " looks on no second medium; ask for own");
    }
    byte[] iso = way.seed().iso();
    return new Iso(sha256(iso), ByteSource.of(iso), () -> {});
  }

  /** The vendor's medium with the answers on it: composed when it is read. */
  public Iso own(Wanted wanted) {
    Described it = describe(wanted);
    Resource<ImageSpec, ImageStatus> image = it.image();
    if (image == null || image.spec().installer() == null) {
      throw ProblemException.invalid(
          "spec.image",
          "must be an Image with spec.installer, whose medium is changed; or ask for medium=seed");
    }
    String sha256 = image.status().sha256();
    if (sha256 == null || files == null) {
      throw ProblemException.of(Problem.Type.CONFLICT, image.title() + " is not ready yet");
    }
    Answers.Way way = it.render(it.spec()).first(w -> w.seed() == null);
    if (way == null) {
      throw ProblemException.invalid(
          "medium", "the installer of " + it.title() + " wants a second medium; ask for seed");
    }
    try {
      InstallationMedium medium = InstallationMedium.open(files.open(sha256, image).file());
      try {
        return new Iso(tag(sha256, way), medium.own(way), medium);
      } catch (IOException | RuntimeException e) {
        medium.close();
        throw e;
      }
    } catch (MediumException e) {
      throw ProblemException.invalid("spec.image", image.title() + ": " + e.getMessage());
    } catch (DriverException e) {
      throw ProblemException.of(Problem.Type.CONFLICT, e.forUser());
    } catch (IOException e) {
      throw ProblemException.of(
          Problem.Type.UNAVAILABLE, "the medium of " + image.title() + " cannot be read just now");
    }
  }

  private Described describe(Wanted wanted) {
    MachineSpec machine = (MachineSpec) Renderings.machine(wanted.drafts()).spec();
    return store.read(tx -> {
      Lookup lookup = new Lookup(tx);
      Resource<ImageSpec, ImageStatus> image =
          wanted.installer() == null ? image(lookup, wanted.project(), machine.image()) : null;
      String os;
      String version;
      if (image != null) {
        os = image.spec().os();
        version = image.spec().version();
      } else {
        String release = String.valueOf(wanted.installer());
        int dash = release.lastIndexOf('-');
        os = dash < 0 ? release : release.substring(0, dash);
        version = dash < 0 ? "" : release.substring(dash + 1);
      }
      Catalogue.Family family = family(os);
      Catalogue.Release release = known(family, version);
      ImageSpec.Installer medium = image == null ? null : image.spec().installer();
      InstallSpec spec =
          Renderings.describe(
              wanted.drafts(),
              (kind, name) ->
                  lookup.find(kind, wanted.project(), name).map(r -> (Spec) r.spec()),
              disk(wanted.disk()),
              medium != null && medium.offline() ? Source.MEDIUM : Source.DISTRIBUTION);
      return new Described(spec, Renderers.of(family, version), release.title(), image);
    });
  }

  private static Resource<ImageSpec, ImageStatus> image(
      Lookup lookup, String project, String name) {
    return lookup
        .find(Kind.IMAGE, project, name)
        .orElseThrow(() ->
            ProblemException.invalid(
                "spec.image", "there is no Image " + name + "; declare it, or name an installer"))
        .as(ImageSpec.class, ImageStatus.class);
  }

  private static Catalogue.Family family(String os) {
    Catalogue.Family family = CATALOGUE.families().get(os);
    if (family == null) {
      throw ProblemException.invalid(
          "installer",
          Names.quote(os)
              + " is no known system"
              + Names.hint(os, List.copyOf(CATALOGUE.families().keySet()))
              + "; there are: "
              + String.join(", ", CATALOGUE.families().keySet()));
    }
    return family;
  }

  private static Catalogue.Release known(Catalogue.Family family, String version) {
    Optional<Catalogue.Release> release = family.release(version);
    return release.orElseThrow(() ->
        ProblemException.invalid(
            "installer",
            Names.quote(version)
                + " is no known release of "
                + family.title()
                + "; write it like "
                + family.family()
                + "-"
                + family.releases().getLast().version()));
  }

  private static Storage.Disk disk(String text) {
    return text.startsWith("/") ? new Storage.Disk.ByPath(text) : new Storage.Disk.BySerial(text);
  }

  private static String tag(String medium, Answers.Way way) {
    StringBuilder all = new StringBuilder(medium);
    way.kernelArguments().forEach(a -> all.append("\0argument ").append(a));
    way.medium().forEach((path, f) -> tag(all, "medium", path, f));
    way.initrd().forEach((path, f) -> tag(all, "initrd", path, f));
    return sha256(all.toString().getBytes(StandardCharsets.UTF_8));
  }

  private static void tag(StringBuilder all, String place, String path, AnswerFile file) {
    all.append('\0').append(place).append(' ').append(path).append(' ').append(file.executable());
    all.append(' ').append(sha256(file.bytes()));
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
