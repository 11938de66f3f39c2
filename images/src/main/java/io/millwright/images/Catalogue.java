package io.millwright.images;

import io.millwright.model.ByteSize;
import io.millwright.model.Default;
import io.millwright.model.Devices;
import io.millwright.model.GuestFamily;
import io.millwright.model.Names;
import io.millwright.model.ProblemException;
import io.millwright.model.Violations;
import io.millwright.model.manifest.Manifests;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.LocalDate;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/**
 * The releases of operating systems that are known, by family. It is read from data files, one for
 * each family, and a user's files are laid over those that come with the program: a family of a new
 * name is added, one of a known name takes the known one's place.
 *
 * @param families by name
 */
public record Catalogue(Map<String, Family> families) {
  /** The files that come with the program. */
  private static final List<String> KNOWN =
      List.of(
          "debian",
          "ubuntu",
          "rhel",
          "almalinux",
          "rocky",
          "centos-stream",
          "fedora",
          "sles",
          "opensuse-leap",
          "alpine",
          "freebsd",
          "windows-server",
          "windows",
          "esxi",
          "proxmox-ve",
          "flatcar",
          "fedora-coreos");

  /** Of a file on a medium no more than this is looked at: its first 64 KiB. */
  public static final int READ = 64 << 10;

  private static volatile Catalogue inForce = known();

  public Catalogue {
    families = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(families));
  }

  /** How a family's installers want their answers. */
  public enum Installer {
    PRESEED,
    AUTOINSTALL,
    KICKSTART,
    AUTOYAST,
    AGAMA,
    ALPINE,
    BSDINSTALL,
    UNATTEND,
    ESXI,
    PROXMOX,
    IGNITION
  }

  /**
   * Operating systems that differ by their version only.
   *
   * @param family its name, for example {@code debian}
   * @param title for people
   * @param installer that its media start, unless a release says otherwise
   * @param media by which signs its media are recognised; one that holds is enough
   * @param boot how they are started, unless a release says otherwise
   * @param devices of which they have drivers when they are installed and afterwards
   * @param guest as what hypervisors are told of them
   * @param releases that are known. A medium of the family whose version is not among them is
   *     treated like the family's last one
   */
  public record Family(
      String family,
      String title,
      Installer installer,
      List<Sign> media,
      @Nullable Boot boot,
      @Default("paravirtual") Devices devices,
      @Default("linux") GuestFamily guest,
      List<Release> releases) {
    public Family {
      devices = devices == null ? Devices.PARAVIRTUAL : devices;
      guest = guest == null ? GuestFamily.LINUX : guest;
      media = List.copyOf(media);
      releases = List.copyOf(releases);
    }

    /** The known release that this version is of: {@code 12.5} is of {@code 12}. */
    public Optional<Release> release(String version) {
      return releases.stream()
          .filter(r -> version.equals(r.version()) || version.startsWith(r.version() + "."))
          .max(java.util.Comparator.comparingInt(r -> r.version().length()));
    }

    /** The installer of this version, known or not. */
    public Installer installerOf(String version) {
      return nearest(version).map(Release::installer).orElse(installer);
    }

    /** How a medium of this version is started, known or not; null if only as it is. */
    public @Nullable Boot bootOf(String version) {
      Boot own = nearest(version).map(Release::boot).orElse(null);
      return own == null ? boot : own;
    }

    private Optional<Release> nearest(String version) {
      return release(version)
          .or(() -> releases.isEmpty() ? Optional.empty() : Optional.of(releases.getLast()));
    }

    void check(Violations at) {
      Names.checkLabel(family, at.field("family"));
      at.field("media").require(!media.isEmpty(), "needs at least one sign");
      for (int i = 0; i < media.size(); i++) {
        media.get(i).check(at.field("media").index(i));
      }
      if (boot != null) {
        boot.check(at.field("boot"));
      }
      Map<String, Integer> versions = new LinkedHashMap<>();
      for (int i = 0; i < releases.size(); i++) {
        Violations here = at.field("releases").index(i);
        releases.get(i).check(here);
        here.field("version")
            .require(
                versions.putIfAbsent(releases.get(i).version(), i) == null, "stands here twice");
      }
    }
  }

  /**
   * What tells a medium. All that is given must hold. Patterns are Java's; they may match a part of
   * the text, and one may have a group called {@code version}.
   *
   * @param volume pattern of the volume identifier, ECMA-119 section 8.4.7
   * @param path of a file that is on the medium
   * @param text pattern in the text of that file
   */
  public record Sign(@Nullable String volume, @Nullable String path, @Nullable String text) {
    void check(Violations at) {
      at.require(volume != null || path != null, "give volume or path");
      at.field("text").require(text == null || path != null, "needs the path of the file");
      at.field("path")
          .require(
              path == null || path.matches("(/[^/\\p{Cntrl}]{1,255}){1,8}"),
              "must be an absolute path, such as /.disk/info");
      checkPattern(at.field("volume"), volume);
      checkPattern(at.field("text"), text);
    }

    private static void checkPattern(Violations at, @Nullable String pattern) {
      if (pattern != null) {
        try {
          Pattern.compile(pattern);
        } catch (PatternSyntaxException e) {
          at.add("is no pattern: " + e.getDescription());
        }
      }
    }

    /** The version that the medium tells, or an empty text if it tells none; empty if it fails. */
    Optional<String> look(String label, Function<String, Optional<String>> read) {
      String version = "";
      if (volume != null) {
        Matcher m = Pattern.compile(volume).matcher(label);
        if (!m.find()) {
          return Optional.empty();
        }
        version = version(m, version);
      }
      if (path != null) {
        Optional<String> content = read.apply(path);
        if (content.isEmpty()) {
          return Optional.empty();
        }
        if (text != null) {
          Matcher m = Pattern.compile(text).matcher(content.get());
          if (!m.find()) {
            return Optional.empty();
          }
          version = version(m, version);
        }
      }
      return Optional.of(version);
    }

    private static String version(Matcher m, String otherwise) {
      if (!m.namedGroups().containsKey("version")) {
        return otherwise;
      }
      String found = m.group("version");
      return found == null ? otherwise : found.replace('_', '.').replace('-', '.');
    }
  }

  /**
   * How an installer is started without its own boot loader.
   *
   * @param kernel path on the medium
   * @param initrd path on the medium
   * @param arguments for the kernel, beside those that the answers need; in them {@code {volume}}
   *     stands for the medium's volume identifier
   */
  public record Boot(String kernel, String initrd, @Default List<String> arguments) {
    public Boot {
      arguments = arguments == null ? List.of() : List.copyOf(arguments);
    }

    /** The arguments for a medium with this volume identifier, in which dracut wants no blanks. */
    public List<String> argumentsFor(String volume) {
      return arguments.stream()
          .map(a -> a.replace("{volume}", volume.replace(" ", "\\x20")))
          .toList();
    }

    void check(Violations at) {
      for (String path : List.of(kernel, initrd)) {
        at.field(path.equals(kernel) ? "kernel" : "initrd")
            .require(
                path.matches("(/[A-Za-z0-9._+-]{1,64}){1,8}"),
                Names.quote(path) + " is no path on a medium, such as /casper/vmlinuz");
      }
      for (int i = 0; i < arguments.size(); i++) {
        at.field("arguments")
            .index(i)
            .require(
                arguments.get(i).matches("[!-~&&[^\"']]{1,200}"),
                "must be one word of ASCII without quotes");
      }
    }
  }

  /**
   * One release of a family.
   *
   * @param version as far as it tells releases apart: {@code 13}, {@code 24.04}
   * @param title for people
   * @param installer if it is another one than the family's
   * @param boot if it is started in another way than the family
   * @param edition which of the systems on its medium is installed, where there are several
   * @param released day on which it came out, such as {@code 2025-08-09}
   * @param supported last day with free security updates, or null if nobody has said
   * @param disk without which its installer does not begin
   * @param memory likewise
   */
  public record Release(
      String version,
      String title,
      @Nullable Installer installer,
      @Nullable Boot boot,
      @Nullable String edition,
      String released,
      @Nullable String supported,
      ByteSize disk,
      ByteSize memory) {
    void check(Violations at) {
      at.field("version")
          .require(
              version.matches("[0-9]{1,5}(\\.[0-9]{1,5}){0,3}"),
              Names.quote(version) + " is no version, such as 24.04");
      if (boot != null) {
        boot.check(at.field("boot"));
      }
      LocalDate from = day(at.field("released"), released);
      LocalDate to = supported == null ? null : day(at.field("supported"), supported);
      at.field("supported")
          .require(from == null || to == null || from.isBefore(to), "ends before it begins");
    }

    private static @Nullable LocalDate day(Violations at, String text) {
      try {
        return LocalDate.parse(text);
      } catch (DateTimeParseException e) {
        at.add(Names.quote(text) + " is no day, such as 2025-08-09");
        return null;
      }
    }
  }

  /**
   * A medium that was recognised.
   *
   * @param version that the medium tells, or empty if it tells none and a user must say
   * @param release that this is, if it is known
   */
  public record Recognised(Family family, String version, Optional<Release> release) {}

  /** What this program goes by: what comes with it, and what its user laid over that. */
  public static Catalogue inForce() {
    return inForce;
  }

  /**
   * Lays a user's files over what comes with the program. For its start, before anything asks.
   *
   * @throws ProblemException as {@link #with}
   */
  public static void extend(Map<String, byte[]> files) {
    inForce = known().with(files);
  }

  /** What comes with the program. */
  public static Catalogue known() {
    Map<String, byte[]> files = new LinkedHashMap<>();
    for (String name : KNOWN) {
      try (InputStream in = Catalogue.class.getResourceAsStream("catalogue/" + name + ".yaml")) {
        if (in == null) {
          throw new IllegalStateException(name + ".yaml is missing from the jar");
        }
        files.put(name + ".yaml", in.readAllBytes());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return new Catalogue(Map.of()).with(files);
  }

  /**
   * With these files laid over it.
   *
   * @param files YAML by name; the name is for messages only
   * @throws ProblemException with all that is wrong with one of them
   */
  public Catalogue with(Map<String, byte[]> files) {
    Map<String, Family> out = new LinkedHashMap<>(families);
    Map<String, String> told = new LinkedHashMap<>();
    files.forEach((name, content) -> {
      Family family = Manifests.decode(content, Family.class, name);
      Violations at = Violations.at(name);
      family.check(at);
      String other = told.putIfAbsent(family.family(), name);
      at.require(other == null, "the family stands in " + other + " already");
      at.raise();
      out.put(family.family(), family);
    });
    return new Catalogue(out);
  }

  /** The release of this family and version. */
  public Optional<Release> find(String family, String version) {
    return Optional.ofNullable(families.get(family)).flatMap(f -> f.release(version));
  }

  /**
   * What a medium is, by what is on it.
   *
   * @param label its volume identifier, without the blanks at its end
   * @param read the first {@link #READ} bytes of a file on it as text, by absolute path; bytes that
   *     are no text may become anything
   * @return every family of which a sign holds; more than one means that somebody must choose
   */
  public List<Recognised> recognise(String label, Function<String, Optional<String>> read) {
    List<Recognised> out = new ArrayList<>();
    for (Family family : families.values()) {
      for (Sign sign : family.media()) {
        Optional<String> version = sign.look(label, read);
        if (version.isPresent()) {
          out.add(new Recognised(family, version.get(), family.release(version.get())));
          break;
        }
      }
    }
    return List.copyOf(out);
  }
}
