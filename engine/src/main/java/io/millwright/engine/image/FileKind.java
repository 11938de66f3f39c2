package io.millwright.engine.image;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.images.Catalogue;
import io.millwright.images.Catalogue.Recognised;
import io.millwright.media.ByteSource;
import io.millwright.media.IsoImage;
import io.millwright.media.MediumException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What a file is, by what is in it and never by its name. */
public sealed interface FileKind {
  /** A finished disk; which system is on it, it does not tell. */
  record Disk() implements FileKind {}

  /**
   * A vendor's installation medium.
   *
   * @param systems of which it may be; none if it is of no known family
   */
  record Medium(List<Recognised> systems) implements FileKind {
    /** For people. */
    public String names() {
      return systems.stream().map(s -> s.family().family()).collect(Collectors.joining(", "));
    }
  }

  /** ECMA-119, 8.1: where the identifier of the first volume descriptor is. */
  int IDENTIFIER = 16 * IsoImage.SECTOR + 1;

  /**
   * Looks at the beginning of a file only: which system a medium is of, somebody knows already.
   *
   * @throws DriverException REFUSED if it is neither
   */
  static FileKind beginningOf(ByteSource bytes) throws DriverException {
    return of(bytes, null);
  }

  /**
   * Looks at a file.
   *
   * @param catalogue by which a medium is recognised, or null for not to do that
   * @throws DriverException REFUSED if it is neither, or a medium that is not sound
   */
  static FileKind of(ByteSource bytes, @Nullable Catalogue catalogue) throws DriverException {
    try {
      if (bytes.size() >= IDENTIFIER + 5
          && new String(bytes.bytes(IDENTIFIER, 5), StandardCharsets.US_ASCII).equals("CD001")) {
        if (catalogue == null) {
          return new Medium(List.of());
        }
        IsoImage iso = IsoImage.read(bytes);
        return new Medium(catalogue.recognise(iso.label(), path -> head(iso, path)));
      }
      String magic =
          bytes.size() < 512 ? "" : new String(bytes.bytes(0, 512), StandardCharsets.ISO_8859_1);
      if (magic.startsWith("QFI\u00fb") || magic.endsWith("\u0055\u00aa")) {
        return new Disk();
      }
      throw new DriverException(
          FaultKind.REFUSED,
          "it is neither an installation medium (ISO 9660) nor a disk image (qcow2, or raw with a"
              + " partition table)");
    } catch (MediumException e) {
      throw new DriverException(
          FaultKind.REFUSED, "the installation medium cannot be used: " + e.getMessage());
    } catch (UncheckedIOException e) {
      throw unreadable(Objects.requireNonNull(e.getCause()));
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  private static Optional<String> head(IsoImage iso, String path) {
    try {
      return iso.head(path, Catalogue.READ);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static DriverException unreadable(IOException e) {
    return e.getCause() instanceof DriverException told
        ? told
        : new DriverException(FaultKind.UNREACHABLE, "it cannot be read", String.valueOf(e), e);
  }
}
