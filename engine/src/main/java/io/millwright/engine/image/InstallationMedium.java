package io.millwright.engine.image;

import io.millwright.driver.DirectBoot;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.images.AnswerFile;
import io.millwright.images.Answers;
import io.millwright.media.Additions;
import io.millwright.media.ByteSource;
import io.millwright.media.Cpio;
import io.millwright.media.FileSource;
import io.millwright.media.Installer;
import io.millwright.media.IsoImage;
import io.millwright.media.MediumException;
import io.millwright.media.VendorMedium;
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
   * Opens it; whoever does closes it.
   *
   * @throws DriverException REFUSED if it is no ISO image, or starts no Linux installer
   */
  public static InstallationMedium open(Path path) throws DriverException {
    try {
      FileSource file = FileSource.open(path);
      try {
        return new InstallationMedium(file, vendors(file));
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

  private static VendorMedium vendors(FileSource file) throws IOException, DriverException {
    IsoImage iso = IsoImage.read(file);
    Installer installer =
        VendorMedium.installer(iso)
            .orElseThrow(() ->
                new DriverException(
                    FaultKind.REFUSED,
                    "the installation medium cannot be used: its boot menus start no kernel that"
                        + " is on it"));
    return new VendorMedium(iso, installer);
  }

  /** The installer's kernel. It can be read until the medium is closed. */
  public DirectBoot.BootFile kernel() {
    return bootFile(medium.kernel());
  }

  /** The installer's initial file system with these files in it, by absolute path. */
  public DirectBoot.BootFile initrd(Map<String, AnswerFile> answers) {
    return bootFile(medium.initrd(archived(answers)));
  }

  /**
   * A medium of its own that goes this way without asking. It can be read until this is closed.
   *
   * @throws MediumException if the vendor's cannot be changed so
   */
  public ByteSource own(Answers.Way way) throws IOException {
    Map<String, byte[]> files = new HashMap<>();
    way.medium().forEach((path, file) -> files.put(path, file.bytes()));
    return medium.own(new Additions(files, archived(way.initrd()), way.kernelArguments()));
  }

  private static Map<String, Cpio.File> archived(Map<String, AnswerFile> answers) {
    Map<String, Cpio.File> files = new HashMap<>();
    answers.forEach((path, file) ->
        files.put(path, new Cpio.File(file.executable() ? RUN : READ, file.bytes())));
    return files;
  }

  /** The kernel's command line: the vendor's, and these. */
  public String commandLine(List<String> more) {
    return medium.commandLine(more);
  }

  private static DirectBoot.BootFile bootFile(ByteSource bytes) {
    return new DirectBoot.BootFile() {
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
