package io.millwright.media;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a medium boots from, by firmware: the boot catalogue of the El Torito specification 1.0.
 *
 * @param entries in the catalogue's order; the first is the default
 */
public record BootCatalog(List<Entry> entries) {
  private static final int MOST_ENTRIES = 64;

  public BootCatalog {
    entries = List.copyOf(entries);
  }

  /** Who starts an entry. */
  public enum Platform {
    BIOS,
    UEFI,
    OTHER
  }

  /**
   * One boot image.
   *
   * @param platform who starts it
   * @param bootable false if it is only there to be chosen
   * @param at where the entry is on the medium, in bytes
   * @param image where the boot image begins, in bytes
   * @param length as the catalogue has it, in bytes; for BIOS only what is loaded at first
   */
  public record Entry(Platform platform, boolean bootable, long at, long image, int length) {}

  /** The first entry for a platform. */
  public Optional<Entry> entry(Platform platform) {
    return entries.stream().filter(e -> e.platform() == platform).findFirst();
  }

  /** The catalogue that a boot record names; null if the record is another system's. */
  static @org.jspecify.annotations.Nullable BootCatalog read(byte[] bootRecord, ByteSource medium)
      throws IOException {
    String system = new String(bootRecord, 7, 23, StandardCharsets.ISO_8859_1);
    if (!system.equals("EL TORITO SPECIFICATION")) {
      return null;
    }
    long at = Le.u32(bootRecord, 71) * IsoImage.SECTOR;
    if (at + IsoImage.SECTOR > medium.size()) {
      throw new MediumException("boot catalogue", "lies past the end of the medium");
    }
    byte[] catalog = medium.bytes(at, IsoImage.SECTOR);
    int sum = 0;
    for (int i = 0; i < 32; i += 2) {
      sum += Le.u16(catalog, i);
    }
    if (catalog[0] != 1 || (sum & 0xffff) != 0) {
      throw new MediumException("boot catalogue", "its first entry's checksum is wrong");
    }
    List<Entry> entries = new ArrayList<>();
    add(entries, catalog, 32, platform(catalog[1]), at, medium);
    boolean last = false;
    for (int place = 64; !last && place + 32 <= catalog.length; ) {
      int header = Le.u8(catalog, place);
      if (header != 0x90 && header != 0x91) {
        break;
      }
      last = header == 0x91;
      Platform platform = platform(catalog[place + 1]);
      int count = Le.u16(catalog, place + 2);
      place += 32;
      while (count > 0 && place + 32 <= catalog.length) {
        if (Le.u8(catalog, place) == 0x44) { // more of the selection criteria of the one before
          place += 32;
          continue;
        }
        add(entries, catalog, place, platform, at, medium);
        place += 32;
        count--;
      }
      if (count > 0 || entries.size() > MOST_ENTRIES) {
        throw new MediumException("boot catalogue", "says to have more entries than there are");
      }
    }
    return new BootCatalog(entries);
  }

  private static void add(
      List<Entry> entries, byte[] catalog, int place, Platform platform, long at, ByteSource medium)
      throws MediumException {
    long image = Le.u32(catalog, place + 8) * IsoImage.SECTOR;
    boolean bootable = Le.u8(catalog, place) == 0x88;
    if (bootable && image >= medium.size()) {
      throw new MediumException(
          "boot catalogue", "its image for " + platform + " lies past the end of the medium");
    }
    int length = Le.u16(catalog, place + 6) * 512;
    entries.add(new Entry(platform, bootable, at + place, image, length));
  }

  private static Platform platform(byte id) {
    return switch (id & 0xff) {
      case 0 -> Platform.BIOS;
      case 0xef -> Platform.UEFI;
      default -> Platform.OTHER;
    };
  }
}
