package io.millwright.engine.image;

import io.millwright.driver.Content;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.images.AnswerFile;
import io.millwright.images.Answers;
import io.millwright.images.Catalogue;
import io.millwright.images.Kickstart;
import io.millwright.media.Additions;
import io.millwright.media.ByteSource;
import io.millwright.media.Composed;
import io.millwright.media.Cpio;
import io.millwright.media.FileSource;
import io.millwright.media.Installer;
import io.millwright.media.IsoImage;
import io.millwright.media.MediumException;
import io.millwright.media.VendorMedium;
import io.millwright.model.ImageSpec;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A vendor's installation medium on this server, opened for what a machine boots from it. */
public final class InstallationMedium implements AutoCloseable {
  private static final int READ = 0600;
  private static final int RUN = 0700;

  private final FileSource file;
  private final VendorMedium medium;

  private InstallationMedium(FileSource file, VendorMedium medium) {
    this.file = file;
    this.medium = medium;
  }

  /**
   * Opens it by what its own boot menus start; whoever does closes it.
   *
   * @throws DriverException REFUSED if it is no ISO image, or starts no Linux installer
   */
  public static InstallationMedium open(Path path) throws DriverException {
    return open(path, InstallationMedium::vendors);
  }

  /**
   * Opens it as one of this family, known release or not; whoever does closes it. What the
   * catalogue says of it counts before its own boot menus, and a family that is started by its own
   * boot loader only needs neither.
   *
   * @throws DriverException REFUSED if it is no ISO image, or does not start as it should
   */
  public static InstallationMedium open(Path path, Catalogue.Family family, String version)
      throws DriverException {
    Catalogue.Boot boot = family.bootOf(version);
    return open(
        path,
        iso -> {
          if (boot == null) {
            return new VendorMedium(iso);
          }
          return iso.file(boot.kernel()).isPresent() && iso.file(boot.initrd()).isPresent()
              ? new VendorMedium(
                  iso, new Installer(boot.kernel(), boot.initrd(), boot.argumentsFor(iso.label())))
              : vendors(iso);
        });
  }

  /**
   * Whether a file is what was declared.
   *
   * @throws DriverException REFUSED if it is no medium, one of another family, or does not start as
   *     it should
   */
  public static void check(Path path, ImageSpec declared) throws DriverException {
    Catalogue.Family family = Catalogue.inForce().families().get(declared.os());
    if (family == null) {
      throw new DriverException(
          FaultKind.REFUSED, "an installer of " + declared.os() + " cannot be answered");
    }
    open(path, family, declared.version()).close();
    try (FileSource file = FileSource.open(path)) {
      if (FileKind.of(file, Catalogue.inForce()) instanceof FileKind.Medium medium
          && !medium.systems().isEmpty()
          && medium.systems().stream().noneMatch(s -> s.family().equals(family))) {
        throw new DriverException(
            FaultKind.REFUSED,
            "the installation medium is one of "
                + medium.names()
                + ", but "
                + declared.os()
                + " was declared");
      }
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.REFUSED, "the installation medium cannot be read", String.valueOf(e), e);
    }
  }

  private interface Reading {
    VendorMedium of(IsoImage iso) throws IOException, DriverException;
  }

  private static InstallationMedium open(Path path, Reading reading) throws DriverException {
    try {
      FileSource file = FileSource.open(path);
      try {
        return new InstallationMedium(file, reading.of(IsoImage.read(file)));
      } catch (IOException | DriverException | RuntimeException e) {
        file.close();
        throw e;
      }
    } catch (MediumException e) {
      throw new DriverException(
          FaultKind.REFUSED, "the installation medium cannot be used: " + e.getMessage());
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.REFUSED, "the installation medium cannot be read", String.valueOf(e), e);
    }
  }

  private static VendorMedium vendors(IsoImage iso) throws IOException, DriverException {
    Installer installer =
        VendorMedium.installer(iso)
            .orElseThrow(() ->
                new DriverException(
                    FaultKind.REFUSED,
                    "the installation medium cannot be used: its boot menus start no kernel that"
                        + " is on it"));
    return new VendorMedium(iso, installer);
  }

  /** True if what a kickstart always installs is on it, in a repository of RPM packages. */
  public boolean holdsPackages() {
    return medium.holdsPackage(Kickstart.ALWAYS);
  }

  /** The installer's kernel. It can be read until the medium is closed. */
  public Content kernel() {
    return content(medium.kernel());
  }

  /** The installer's initial file system with these files in it, by absolute path. */
  public Content initrd(Map<String, AnswerFile> answers) {
    return content(medium.initrd(archived(answers)));
  }

  /**
   * A medium of its own that goes this way without asking. It can be read until this is closed.
   *
   * @throws MediumException if the vendor's cannot be changed so
   */
  public Composed own(Answers.Way way) throws IOException {
    Map<String, byte[]> files = new HashMap<>();
    way.medium().forEach((path, file) -> files.put(path, file.bytes()));
    return medium.own(new Additions(files, archived(way.initrd()), way.kernelArguments()));
  }

  /**
   * A name for such a medium's bytes.
   *
   * @param sha256 of the vendor's
   */
  public String tag(Composed own, String sha256) throws IOException {
    return own.tag(file, sha256);
  }

  /** As {@link #own}, as a driver takes it. */
  public Content ownFile(Answers.Way way) throws DriverException {
    try {
      return content(own(way));
    } catch (MediumException e) {
      throw new DriverException(
          FaultKind.REFUSED, "the installation medium cannot be changed: " + e.getMessage());
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.REFUSED, "the installation medium cannot be read", String.valueOf(e), e);
    }
  }

  private static Map<String, Cpio.File> archived(Map<String, AnswerFile> answers) {
    Map<String, Cpio.File> files = new HashMap<>();
    answers.forEach((path, file) ->
        files.put(path, new Cpio.File(file.executable() ? RUN : READ, file.bytes())));
    return files;
  }

  /**
   * The kernel's command line: the vendor's, and these.
   *
   * @throws DriverException REFUSED if one of them cannot stand there
   */
  public String commandLine(List<String> more) throws DriverException {
    try {
      return medium.commandLine(more);
    } catch (MediumException e) {
      throw new DriverException(
          FaultKind.REFUSED, "the installer cannot be told this: " + e.getMessage());
    }
  }

  /** Bytes as a driver takes them. */
  private static Content content(ByteSource bytes) {
    return new Content() {
      @Override
      public long length() {
        return bytes.size();
      }

      @Override
      public InputStream open() {
        return bytes.stream();
      }
    };
  }

  @Override
  public void close() throws DriverException {
    try {
      file.close();
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.BUG, "the installation medium cannot be closed", String.valueOf(e), e);
    }
  }
}
