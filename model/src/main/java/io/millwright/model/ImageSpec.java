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
 */
public record ImageSpec(
    String os,
    String version,
    @Default("x86_64") String arch,
    @Default("bios and uefi") List<Firmware> firmware,
    @Nullable Source source,
    @Nullable Build build,
    @Default("cloud-init") FirstBoot firstBoot,
    @Nullable Installer installer)
    implements Spec {
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  private static final Pattern WORD = Pattern.compile("[a-zA-Z0-9][-a-zA-Z0-9._]{0,63}");
  private static final Pattern PACKAGE = Pattern.compile("[a-z0-9][-a-z0-9+.]{0,127}");

  public ImageSpec {
    arch = arch == null ? "x86_64" : arch;
    firmware = firmware == null ? List.of(Firmware.BIOS, Firmware.UEFI) : List.copyOf(firmware);
    firstBoot = firstBoot == null ? FirstBoot.CLOUD_INIT : firstBoot;
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
   *     answer
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
        at.field("url")
            .require(
                url.matches("https?://[^\\s]{1,2000}") && Names.isPlain(url) && hasHost(url),
                "a URL starts with http:// or https://");
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

    private static boolean hasHost(String url) {
      try {
        return new URI(url).getHost() != null;
      } catch (URISyntaxException e) {
        return false;
      }
    }
  }

  /** Adds what is wrong with a checksum, if there is one. */
  public static void checkSha256(@Nullable String sha256, Violations at) {
    at.require(
        sha256 == null || SHA256.matcher(sha256).matches(), "must be 64 lower-case hex digits");
  }

  /**
   * An installation medium, from where a source may be. Of every system of the catalogue media are
   * made; a hypervisor's machines are installed by Debian's only.
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
   * An automated build.
   *
   * @param builder name of the driver that builds, for example {@code mmdebstrap}
   * @param suite release to build, for example {@code bookworm}
   * @param packages more packages
   */
  public record Build(String builder, String suite, @Default List<String> packages) {
    public Build {
      packages = packages == null ? List.of() : List.copyOf(packages);
    }
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
      Names.checkLabel(build.builder(), here.field("builder"));
      here.field("suite")
          .require(
              WORD.matcher(build.suite()).matches(),
              Names.quote(build.suite()) + " is no release name");
      for (int i = 0; i < build.packages().size(); i++) {
        here.field("packages")
            .index(i)
            .require(
                PACKAGE.matcher(build.packages().get(i)).matches(),
                Names.quote(build.packages().get(i)) + " is no package name");
      }
    }
  }
}
