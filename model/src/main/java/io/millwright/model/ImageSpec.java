package io.millwright.model;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An operating system release that a machine can have; exactly one of source, build and installer
 * is given.
 *
 * @param os family, for example {@code debian}
 * @param version release, for example {@code 12}
 * @param arch processor architecture; {@code x86_64} if not given
 * @param firmware what it boots with; BIOS and UEFI if not given
 * @param source a finished disk image
 * @param build how Millwright makes the disk image by itself
 * @param firstBoot what configures a machine made from it; cloud-init if not given
 * @param installer the vendor's installation medium, by which each machine is installed unattended
 * @param devices which disks and network cards its machines see; if not given, those of which
 *     systems of this family have drivers by themselves
 */
public record ImageSpec(
    String os,
    String version,
    @Default("x86_64") String arch,
    @Default("bios and uefi") List<Firmware> firmware,
    @Nullable Source source,
    @Nullable Build build,
    @Default("cloud-init") FirstBoot firstBoot,
    @Nullable Installer installer,
    @Nullable Devices devices)
    implements Spec {
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  /** More former builds than this nobody goes back to. */
  private static final int MOST_KEPT = 100;

  private static final String ARCH = "x86_64";
  private static final List<Firmware> FIRMWARE = List.of(Firmware.BIOS, Firmware.UEFI);
  private static final Pattern WORD = Pattern.compile("[a-zA-Z0-9][-a-zA-Z0-9._]{0,63}");
  private static final Pattern PACKAGE = Pattern.compile("[a-z0-9][-a-z0-9+.]{0,127}");

  public ImageSpec {
    arch = arch == null ? ARCH : arch;
    firmware = firmware == null ? FIRMWARE : List.copyOf(firmware);
    firstBoot = firstBoot == null ? FirstBoot.CLOUD_INIT : firstBoot;
  }

  /** An image of a finished disk or of a medium, all else as if nothing were said of it. */
  public static ImageSpec of(
      String os, String version, @Nullable Source source, @Nullable Installer installer) {
    return new ImageSpec(
        os, version, ARCH, FIRMWARE, source, null, FirstBoot.CLOUD_INIT, installer, null);
  }

  /** What reads the seed on a machine's first boot. */
  public enum FirstBoot {
    /** cloud-init with the NoCloud data source. */
    CLOUD_INIT,
    /** Nothing: the image runs as it is and cannot report. */
    NONE
  }

  /**
   * A disk image in qcow2 or raw form; one of path and url is given, or the sha256 alone of a file
   * that was sent to the server.
   *
   * @param path a file on the server
   * @param url where to fetch it, by http or https
   * @param sha256 its checksum, 64 hex digits; needed with a url of http, where anybody could
   *     answer, and where a server does not say how long the image is
   */
  public record Source(@Nullable String path, @Nullable String url, @Nullable String sha256) {
    /** Whether it is a file that was sent to the server, which has it already. */
    public boolean sent() {
      return path == null && url == null;
    }

    /** Adds what is wrong with it. */
    public void check(Violations at) {
      at.require(path == null || url == null, "give path or url, and not both");
      at.require(
          !sent() || sha256 != null, "give path or url, or the sha256 of a file that was sent");
      if (url != null) {
        URI read = read(url);
        at.field("url")
            .require(
                url.matches("https?://[^\\s]{1,2000}")
                    && Names.isPlain(url)
                    && read != null
                    && read.getHost() != null,
                "a URL starts with http:// or https://");
        at.field("url")
            .require(
                read == null || read.getRawUserInfo() == null,
                "has a user or a password in it, which everybody who sees the image would read;"
                    + " leave it out, and send the file if its server asks for one");
        at.field("sha256")
            .require(
                sha256 != null || url.startsWith("https://"),
                "a url of http needs the image's sha256, since anybody could answer there");
      }
      if (path != null) {
        at.field("path")
            .require(
                path.startsWith("/") && path.length() <= 4096 && Names.isPlain(path),
                "must be an absolute path on the server");
      }
      checkSha256(sha256, at.field("sha256"));
    }

    private static @Nullable URI read(String url) {
      try {
        return new URI(url);
      } catch (URISyntaxException e) {
        return null;
      }
    }
  }

  /** Adds what is wrong with a checksum, if there is one. */
  public static void checkSha256(@Nullable String sha256, Violations at) {
    at.require(
        sha256 == null || SHA256.matcher(sha256).matches(), "must be 64 lower-case hex digits");
  }

  /**
   * An installation medium, from where a source may be. Media are made of every system of the
   * catalogue but Windows, and machines are installed by all of them.
   *
   * @param path a file on the server
   * @param url where to fetch it, by http or https
   * @param sha256 its checksum, 64 hex digits; needed with a url of http
   * @param offline true if all packages come from the medium, and the installer needs no network
   */
  public record Installer(
      @Nullable String path,
      @Nullable String url,
      @Nullable String sha256,
      @Default("false") Boolean offline) {
    public Installer {
      offline = offline != null && offline;
    }

    /** Where it comes from. */
    public Source source() {
      return new Source(path, url, sha256);
    }
  }

  /** The file that it is made from, finished disk or medium; null if it is built. */
  public @Nullable Source origin() {
    return installer == null ? source : installer.source();
  }

  /**
   * An automated build, by a builder or by the system's own installer.
   *
   * @param builder name of the driver that builds, for example {@code mmdebstrap}
   * @param suite release that the builder builds, for example {@code bookworm}
   * @param packages more packages, for the builder
   * @param installer the machine whose system disk becomes the image, once an installer is done
   * @param schedule when it is built anew by itself: so long after the last time, or the five
   *     fields of a crontab in UTC; never if not given
   * @param keep how many former builds are kept, 0 to 100; 2 if not given
   * @param check the machine that a build must make ready before it is used; needed with a schedule
   */
  public record Build(
      @Nullable String builder,
      @Nullable String suite,
      @Default List<String> packages,
      @Nullable ByInstaller installer,
      @Nullable Schedule schedule,
      @Default("2") Integer keep,
      @Nullable Check check) {
    public Build {
      packages = packages == null ? List.of() : List.copyOf(packages);
      keep = keep == null ? Integer.valueOf(2) : keep;
    }

    /** One that is built when it is applied, and used as it is. */
    public Build(String builder, String suite, List<String> packages) {
      this(builder, suite, packages, null, null, 2, null);
    }
  }

  /**
   * A machine that is installed from a vendor's medium and thrown away again. Once its first boot
   * is over, what is its own is taken off its system disk, and that is the image.
   *
   * @param image the medium: an Image with an installer, of the same system and release
   * @param hypervisor where it is installed; it must be able to read disks out
   * @param size its shape; machines of the image need a disk as large as this one's
   * @param profiles layers of customisation, which are in the image
   * @param firmware what starts it; BIOS if not given
   * @param nics network cards; by one of them it must reach the server, to report
   * @param readyTimeoutSeconds how long its first boot may take, 10 to 86400; 1800 if not given
   */
  public record ByInstaller(
      String image,
      String hypervisor,
      String size,
      @Default List<String> profiles,
      @Default("bios") Firmware firmware,
      @Default List<MachineSpec.Nic> nics,
      @Default("1800") Integer readyTimeoutSeconds) {
    /** Beside its first boot: what an installer may take, and the reading of the disk. */
    private static final long LONGEST = 12 * 3600L;

    public ByInstaller {
      profiles = profiles == null ? List.of() : List.copyOf(profiles);
      firmware = firmware == null ? Firmware.BIOS : firmware;
      nics = nics == null ? List.of() : List.copyOf(nics);
      readyTimeoutSeconds =
          readyTimeoutSeconds == null ? Integer.valueOf(1800) : readyTimeoutSeconds;
    }

    /** The machine. */
    public MachineSpec machine() {
      return throwAway(
          hypervisor, image, size, profiles, firmware, nics, readyTimeoutSeconds, LONGEST);
    }
  }

  /** With an end, as there are projects that demand one. */
  private static MachineSpec throwAway(
      @Nullable String hypervisor,
      String image,
      String size,
      List<String> profiles,
      Firmware firmware,
      List<MachineSpec.Nic> nics,
      int readyTimeoutSeconds,
      long more) {
    return new MachineSpec(
        hypervisor,
        image,
        size,
        profiles,
        firmware,
        Power.ON,
        null,
        nics,
        List.of(),
        List.of(),
        List.of(),
        null,
        List.of(),
        readyTimeoutSeconds,
        new Expiry(new TimeSpan(Math.clamp(readyTimeoutSeconds, 0, 86_400) + more), null, null),
        null,
        null);
  }

  /**
   * A machine that is made from each new build and thrown away again. The build is used if and only
   * if that machine became ready and each script of its profiles ended with 0.
   *
   * @param hypervisor where it is made; where there is room if not given
   * @param size its shape
   * @param profiles layers of customisation, whose scripts are the checks
   * @param firmware what starts it; BIOS if not given
   * @param nics network cards
   * @param readyTimeoutSeconds how long its first boot may take, 10 to 86400; 1800 if not given
   */
  public record Check(
      @Nullable String hypervisor,
      String size,
      @Default List<String> profiles,
      @Default("bios") Firmware firmware,
      @Default List<MachineSpec.Nic> nics,
      @Default("1800") Integer readyTimeoutSeconds) {
    public Check {
      profiles = profiles == null ? List.of() : List.copyOf(profiles);
      firmware = firmware == null ? Firmware.BIOS : firmware;
      nics = nics == null ? List.of() : List.copyOf(nics);
      readyTimeoutSeconds =
          readyTimeoutSeconds == null ? Integer.valueOf(1800) : readyTimeoutSeconds;
    }

    /** The machine, made from this image. */
    public MachineSpec machine(String image) {
      return throwAway(
          hypervisor, image, size, profiles, firmware, nics, readyTimeoutSeconds, 3600);
    }
  }

  /** How many former builds are kept. */
  public int keep() {
    return build == null ? 0 : build.keep();
  }

  @Override
  public List<Ref> references() {
    if (build == null) {
      return List.of();
    }
    Stream<Ref> installer =
        build.installer() == null
            ? Stream.of()
            : build.installer().machine().references().stream()
                .map(r -> under(r, "spec.build.installer."));
    Stream<Ref> check =
        build.check() == null
            ? Stream.of()
            : build.check().machine("it").references().stream()
                .filter(r -> r.kind() != Kind.IMAGE)
                .map(r -> under(r, "spec.build.check."));
    return Stream.concat(installer, check).toList();
  }

  private static Ref under(Ref ref, String where) {
    return new Ref(ref.kind(), ref.name(), where + ref.field().substring("spec.".length()));
  }

  @Override
  public void check(Violations at) {
    at.field("os")
        .require(
            WORD.matcher(os).matches(), Names.quote(os) + " is no system's name, such as debian");
    at.field("version")
        .require(
            WORD.matcher(version).matches(), Names.quote(version) + " is no version, such as 12");
    at.field("arch").require(arch.equals("x86_64"), "only x86_64 is supported");
    at.field("firmware").require(!firmware.isEmpty(), "give bios, uefi or both");
    at.require(
        Stream.of(source, build, installer).filter(Objects::nonNull).count() == 1,
        "give exactly one of source, build and installer");
    if (source != null) {
      source.check(at.field("source"));
    }
    if (installer != null) {
      installer.source().check(at.field("installer"));
    }
    checkBuild(at);
  }

  private void checkBuild(Violations at) {
    if (build != null) {
      Violations here = at.field("build");
      here.require(
          (build.builder() == null) != (build.installer() == null),
          "give exactly one of builder and installer");
      if (build.builder() != null) {
        Names.checkLabel(build.builder(), here.field("builder"));
        String suite = build.suite();
        here.field("suite")
            .require(
                suite != null && WORD.matcher(suite).matches(),
                suite == null
                    ? "is needed with a builder: the release that it builds"
                    : Names.quote(suite) + " is no release name");
      }
      if (build.installer() != null) {
        checkInstaller(build, build.installer(), here);
      }
      for (int i = 0; i < build.packages().size(); i++) {
        here.field("packages")
            .index(i)
            .require(
                PACKAGE.matcher(build.packages().get(i)).matches(),
                Names.quote(build.packages().get(i)) + " is no package name");
      }
      here.field("keep")
          .require(build.keep() >= 0 && build.keep() <= MOST_KEPT, "must be 0 to " + MOST_KEPT);
      here.require(
          build.schedule() == null || build.check() != null,
          "has a schedule and no check; say by check which machine has to become ready before"
              + " others are made from a build that nobody looked at");
      if (build.check() != null) {
        build.check().machine("it").check(here.field("check"));
      }
    }
  }

  private void checkInstaller(Build by, ByInstaller machine, Violations here) {
    here.field("suite")
        .require(by.suite() == null, "is for a builder; the installer's image says the release");
    here.field("packages")
        .require(by.packages().isEmpty(), "are for a builder; give them in a profile");
    here.field("installer")
        .require(
            firstBoot == FirstBoot.CLOUD_INIT,
            "makes images that cloud-init configures; leave firstBoot out");
    machine.machine().check(here.field("installer"));
  }
}
