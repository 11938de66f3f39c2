package io.millwright.engine.machine;

import io.millwright.driver.DriverException;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.access.SecretFields;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.image.InstallationMedium;
import io.millwright.engine.port.Addresses;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.images.AnswerFile;
import io.millwright.images.Answers;
import io.millwright.images.Catalogue;
import io.millwright.images.CloudInit;
import io.millwright.images.InstallSpec;
import io.millwright.images.Installation;
import io.millwright.images.Renderer;
import io.millwright.images.Renderers;
import io.millwright.images.Source;
import io.millwright.images.Storage;
import io.millwright.media.ByteSource;
import io.millwright.media.Composed;
import io.millwright.media.MediumException;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Names;
import io.millwright.model.NetworkSpec;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import io.millwright.model.Resource;
import io.millwright.model.Secret;
import io.millwright.model.Spec;
import io.millwright.model.Violation;
import io.millwright.model.Violations;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import io.millwright.model.manifest.Draft;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Installation media to carry away: a machine's answers, and a vendor's medium with these on it,
 * for a machine that need not be declared, on a hypervisor that need not be known.
 */
public final class Isos {
  private final Store store;
  private final @Nullable ImageFiles files;
  private final SecretBox secrets;

  /**
   * @param files where the vendors' media are, or null if there are none
   */
  public Isos(Store store, @Nullable ImageFiles files, SecretBox secrets) {
    this.store = store;
    this.secrets = secrets;
    this.files = files;
  }

  /**
   * What is asked for.
   *
   * @param drafts one Machine, and what it names
   * @param installer release such as {@code rocky-9}, or null for that of the machine's image
   * @param disk serial, path or range of sizes of the disk that is overwritten, or null for the one
   *     that such a machine usually has
   */
  public record Wanted(
      String project, List<Draft> drafts, @Nullable String installer, @Nullable String disk) {}

  /**
   * One file for the installer, or for the first boot of a golden image.
   *
   * @param place where it goes: seed, medium or initrd
   * @param path there
   * @param main true for the one that the installer begins with
   */
  public record Answer(
      String place, String path, String content, boolean executable, boolean main) {}

  /**
   * What stands in a preview and is nobody's yet.
   *
   * @param of the interface or volume that would have it
   * @param field ipv4, ipv6, mac or serial
   */
  public record Proposed(String of, String field, String value) {}

  /**
   * All that an installer, or a golden image's first boot, is told.
   *
   * @param title of the release
   */
  public record Rendered(
      String title, List<Answer> files, List<String> kernelArguments, List<Proposed> proposed) {}

  /**
   * A medium; whoever has it closes it.
   *
   * @param tag the same for the same bytes
   */
  public record Iso(String tag, ByteSource bytes, AutoCloseable file) implements AutoCloseable {
    /** How many bytes it has. */
    public long size() {
      return bytes.size();
    }

    /** Writes a range of it. */
    public void transfer(long at, long count, WritableByteChannel to) throws IOException {
      bytes.transfer(at, count, to);
    }

    @Override
    public void close() throws Exception {
      file.close();
    }
  }

  private record Described(
      InstallSpec spec, Release release, @Nullable Resource<ImageSpec, ImageStatus> image) {
    String title() {
      return release.title();
    }
  }

  /** What is installed; of a family that is known, though the release itself may not be. */
  private record Release(Catalogue.Family family, String version) {
    Renderer<Answers> renderer() {
      try {
        return Renderers.of(family, version);
      } catch (IllegalArgumentException e) {
        throw ProblemException.invalid("installer", String.valueOf(e.getMessage()));
      }
    }

    String title() {
      return family
          .release(version)
          .map(Catalogue.Release::title)
          .orElse((family.title() + " " + version).strip());
    }
  }

  /**
   * What the machine would be told, passwords' hashes masked: the answers in the way that changes
   * the vendor's medium if any, or the seed of a golden image. What it would be given is proposed.
   */
  public Rendered render(Wanted wanted) {
    return store.read(tx -> {
      Lookup lookup = new Lookup(tx);
      Optional<Resource<ImageSpec, ImageStatus>> image = image(lookup, wanted);
      Proposals proposals =
          new Proposals(network -> taken(tx, lookup, wanted, network), image.isPresent());
      InstallSpec spec = describe(lookup, wanted, image, proposals);
      InstallSpec masked = Renderings.masked(spec);
      List<Answer> out = new ArrayList<>();
      String title;
      List<String> arguments = List.of();
      if (image.isPresent() && image.get().spec().installer() == null) {
        ImageSpec golden = image.get().spec();
        title = golden.os() + " " + golden.version();
        if (golden.firstBoot() == ImageSpec.FirstBoot.CLOUD_INIT) {
          Map<String, AnswerFile> files = new TreeMap<>();
          InstallSpec named = masked.forSystem(golden.os(), golden.version());
          rendered(wanted, CloudInit.ofClone(golden.os()), named)
              .files()
              .forEach((path, bytes) -> files.put(path, new AnswerFile(bytes, false)));
          add(out, "seed", files);
        }
      } else {
        Release release = releaseOf(wanted, image);
        title = release.title();
        Answers answers = rendered(wanted, release.renderer(), masked);
        Answers.Way own = answers.first(w -> w.seed() == null);
        Answers.Way way = own == null ? answers.ways().getFirst() : own;
        if (way.seed() != null) {
          add(out, "seed", way.seed().files());
        }
        add(out, "medium", way.medium());
        add(out, "initrd", way.initrd());
        arguments = way.kernelArguments();
      }
      List<Proposed> proposed =
          proposals.list().stream().map(p -> new Proposed(p.of(), p.field(), p.value())).toList();
      return new Rendered(title, List.copyOf(out), arguments, proposed);
    });
  }

  /** Addresses that somebody has, or had so lately that they cool down still. */
  private static Set<Ip> taken(Tx tx, Lookup lookup, Wanted wanted, String network) {
    return lookup
        .find(Kind.NETWORK, wanted.project(), network)
        .map(n ->
            tx.addresses().leasesOf(n.uid()).stream()
                .map(Addresses.Lease::ip)
                .collect(Collectors.toSet()))
        .orElse(Set.of());
  }

  /** Under which names installers look for what they begin with. */
  private static final Set<String> MAIN =
      Set.of(
          "preseed.cfg",
          "user-data",
          "autoinstall.yaml",
          "ks.cfg",
          "KS.CFG",
          "autoinst.xml",
          "autoinst.json",
          "installerconfig",
          "Autounattend.xml",
          "answer.toml",
          "config.ign");

  /** The one that the installer begins with stands first. */
  private static void add(List<Answer> out, String place, Map<String, AnswerFile> files) {
    files.forEach((path, file) -> {
      boolean main = MAIN.contains(path.substring(path.lastIndexOf('/') + 1)) || files.size() == 1;
      out.add(
          main ? 0 : out.size(),
          new Answer(place, path, text(path, file), file.executable(), main));
    });
  }

  /** The small medium that is put beside the vendor's. */
  public Iso seed(Wanted wanted) {
    Described it = describe(wanted);
    Answers.Way way =
        rendered(wanted, it.release().renderer(), it.spec())
            .first(w -> w.seed() != null && w.leavesMediumUntouched());
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
    Answers.Way way =
        rendered(wanted, it.release().renderer(), it.spec()).first(w -> w.seed() == null);
    if (way == null) {
      throw ProblemException.invalid(
          "medium", "the installer of " + it.title() + " wants a second medium; ask for seed");
    }
    try {
      InstallationMedium medium =
          InstallationMedium.open(
              files.open(sha256, image).file(), it.release().family(), it.release().version());
      try {
        refuse(wanted, lacking(it, medium));
        Composed own = medium.own(way);
        return new Iso(medium.tag(own, sha256), own, medium);
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

  private static List<Violation> lacking(Described it, InstallationMedium medium) {
    Installation how = it.spec().installation();
    Release release = it.release();
    return how == null
        ? List.of()
        : Installers.lacking(release.family(), release.version(), how, medium.holdsPackages());
  }

  /** Renders it; or objects. */
  private static <T> T rendered(Wanted wanted, Renderer<T> renderer, InstallSpec spec) {
    refuse(wanted, renderer.objections(spec));
    return renderer.render(spec);
  }

  /** Objects, by the fields that somebody wrote. */
  private static void refuse(Wanted wanted, List<Violation> objections) {
    if (!objections.isEmpty()) {
      MachineSpec machine = (MachineSpec) Renderings.machine(wanted.drafts()).spec();
      List<ProfileSpec> profiles = new ArrayList<>();
      List<ProfileSpec> networks = new ArrayList<>();
      for (Draft draft : wanted.drafts()) {
        if (draft.spec() instanceof ProfileSpec profile) {
          profiles.add(profile);
        } else if (draft.spec() instanceof NetworkSpec network && network.defaults() != null) {
          networks.add(network.defaults());
        }
      }
      Violations at = Violations.at("");
      for (Violation objection : objections) {
        if (objection.field().equals(Installers.CHOICE)) {
          at.field("disk").add(objection.message());
        } else {
          Violation of = Objections.ofMachine(objection, machine, profiles, networks);
          at.field("spec").field(of.field()).add(of.message());
        }
      }
      at.raise();
    }
  }

  private Described describe(Wanted wanted) {
    return store.read(tx -> {
      Lookup lookup = new Lookup(tx);
      Optional<Resource<ImageSpec, ImageStatus>> image = image(lookup, wanted);
      Release release = releaseOf(wanted, image);
      return new Described(describe(lookup, wanted, image, null), release, image.orElse(null));
    });
  }

  private InstallSpec describe(
      Lookup lookup,
      Wanted wanted,
      Optional<Resource<ImageSpec, ImageStatus>> image,
      @Nullable Proposals proposals) {
    ImageSpec.Installer medium = image.map(i -> i.spec().installer()).orElse(null);
    return Renderings.describe(
        opened(lookup, wanted),
        declared(lookup, wanted),
        disk(wanted, image),
        medium != null && medium.offline() ? Source.MEDIUM : Source.DISTRIBUTION,
        proposals);
  }

  /** The drafts, where a masked secret is the one that is declared already. */
  private List<Draft> opened(Lookup lookup, Wanted wanted) {
    List<Draft> out = new ArrayList<>();
    for (Draft draft : wanted.drafts()) {
      Record before =
          lookup
              .find(draft.kind(), wanted.project(), draft.name())
              .filter(r -> r.project().equals(wanted.project()))
              .map(r -> secrets.opened((Record) r.spec()))
              .orElse(null);
      Violations at = Violations.at(draft.title() + ": spec");
      Record spec =
          SecretFields.each(
              (Record) draft.spec(),
              before,
              at,
              (value, old, here) -> {
                here.require(old != null || !value.equals(Secret.MASK), SecretFields.NONE_YET);
                return old != null && value.equals(Secret.MASK) ? old : value;
              });
      at.raise();
      out.add(draft.withSpec((Spec) spec));
    }
    return out;
  }

  private Renderings.Declared declared(Lookup lookup, Wanted wanted) {
    String project = wanted.project();
    String machine = Renderings.machine(wanted.drafts()).name();
    return new Renderings.Declared() {
      @Override
      public Optional<Spec> find(Kind kind, String name) {
        return lookup.find(kind, project, name).map(r -> (Spec) secrets.opened((Record) r.spec()));
      }

      @Override
      public Optional<String> serial(String volume) {
        return lookup
            .find(Kind.VOLUME, project, volume)
            .map(v -> v.as(VolumeSpec.class, VolumeStatus.class).status().serial());
      }

      @Override
      public Optional<MachineStatus.Interface> face(String name) {
        return lookup
            .find(Kind.MACHINE, project, machine)
            .filter(m -> m.project().equals(project))
            .flatMap(m ->
                m.as(MachineSpec.class, MachineStatus.class).status().interfaces().stream()
                    .filter(f -> f.name().equals(name))
                    .findFirst());
      }
    };
  }

  /** The machine's image, unless another installer is asked for. */
  private static Optional<Resource<ImageSpec, ImageStatus>> image(Lookup lookup, Wanted wanted) {
    if (wanted.installer() != null) {
      return Optional.empty();
    }
    String name = ((MachineSpec) Renderings.machine(wanted.drafts()).spec()).image();
    return Optional.of(
        lookup
            .find(Kind.IMAGE, wanted.project(), name)
            .orElseThrow(() ->
                ProblemException.invalid(
                    "spec.image",
                    "there is no Image " + name + "; declare it, or name an installer"))
            .as(ImageSpec.class, ImageStatus.class));
  }

  private static Release releaseOf(
      Wanted wanted, Optional<Resource<ImageSpec, ImageStatus>> image) {
    return image
        .map(i -> new Release(family("spec.image", i.spec().os()), i.spec().version()))
        .orElseGet(() -> release(String.valueOf(wanted.installer())));
  }

  private static Catalogue.Family family(String field, String os) {
    Catalogue.Family family = Catalogue.inForce().families().get(os);
    if (family == null) {
      throw ProblemException.invalid(
          field,
          Names.quote(os)
              + " is no known system"
              + Names.hint(os, List.copyOf(Catalogue.inForce().families().keySet()))
              + "; there are: "
              + String.join(", ", Catalogue.inForce().families().keySet()));
    }
    return family;
  }

  /**
   * {@code rocky-9}; of a known family also one that the catalogue does not have yet, and none of a
   * family that has one current version only.
   */
  private static Release release(String text) {
    int dash = text.lastIndexOf('-');
    boolean whole = dash < 0 || Catalogue.inForce().families().containsKey(text);
    Catalogue.Family family = family("installer", whole ? text : text.substring(0, dash));
    String version = whole ? "" : text.substring(dash + 1);
    if (!version.matches("[0-9]{1,5}(\\.[0-9]{1,5}){0,3}")
        && !(whole && family.releases().isEmpty())) {
      throw ProblemException.invalid(
          "installer",
          Names.quote(text)
              + " says no release of "
              + family.title()
              + "; write it like "
              + family.family()
              + (family.releases().isEmpty() ? "" : "-" + family.releases().getLast().version()));
    }
    return new Release(family, version);
  }

  private static Storage.Disk disk(
      Wanted wanted, Optional<Resource<ImageSpec, ImageStatus>> image) {
    String text = wanted.disk();
    if (text == null) {
      if (image.isPresent() && image.get().spec().installer() == null) {
        return Renderers.FIRST_DISK; // nobody looks for a golden image's
      }
      Release release = releaseOf(wanted, image);
      return Renderers.usualDisk(release.family(), release.version());
    }
    try {
      return Storage.Disk.parse(text);
    } catch (IllegalArgumentException e) {
      throw ProblemException.invalid(
          "disk", Names.quote(text) + " is no range of sizes, such as 100GiB..600GiB");
    }
  }

  /** An archive, such as Alpine's, is no text; it is named and not shown. */
  private static String text(String path, AnswerFile file) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(file.bytes())).toString();
    } catch (CharacterCodingException e) {
      return path + " is no text: " + file.bytes().length + " bytes\n";
    }
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
