package io.millwright.driver.vsphere;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;

/**
 * A seed as cloud-init's data source VMware reads it: from options of the machine, by way of the
 * guest's tools. It is made of the medium itself, so that both say the same.
 *
 * <p>What cloud-init expects stands in its {@code cloudinit/sources/DataSourceVMware.py}: {@code
 * guestinfo.metadata} and {@code guestinfo.userdata}, each with its {@code .encoding}; the network
 * is a key of the metadata, with an encoding of its own.
 */
final class GuestInfo {
  private static final String ENCODING = "gzip+base64";

  /** The options that a seed is in. */
  static final List<String> KEYS =
      List.of(
          "guestinfo.metadata",
          "guestinfo.metadata.encoding",
          "guestinfo.userdata",
          "guestinfo.userdata.encoding");

  private GuestInfo() {}

  /** The options without a seed: one that is set to nothing is taken away. */
  static Map<String, String> none() {
    Map<String, String> out = new LinkedHashMap<>();
    KEYS.forEach(key -> out.put(key, ""));
    return out;
  }

  /** Options for what a medium says to cloud-init; those of none if it says nothing. */
  static Map<String, String> of(byte[] iso) {
    Map<String, byte[]> files = files(iso);
    byte[] meta = files.get("meta-data");
    byte[] user = files.get("user-data");
    if (meta == null || user == null) {
      return none();
    }
    StringBuilder metadata = new StringBuilder(new String(meta, StandardCharsets.UTF_8));
    if (!metadata.toString().endsWith("\n")) {
      metadata.append('\n');
    }
    byte[] network = files.get("network-config");
    if (network != null) {
      metadata.append("network: ").append(packed(network)).append('\n');
      metadata.append("network.encoding: ").append(ENCODING).append('\n');
    }
    Map<String, String> out = new LinkedHashMap<>();
    out.put("guestinfo.metadata", packed(metadata.toString().getBytes(StandardCharsets.UTF_8)));
    out.put("guestinfo.metadata.encoding", ENCODING);
    out.put("guestinfo.userdata", packed(user));
    out.put("guestinfo.userdata.encoding", ENCODING);
    return out;
  }

  private static String packed(byte[] content) {
    try {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
        gzip.write(content);
      }
      return Base64.getEncoder().encodeToString(out.toByteArray());
    } catch (IOException e) {
      throw new UncheckedIOException(e); // there is none in memory
    }
  }

  // ----------------------------------------------------------------------------------- the medium

  private static final int SECTOR = 2048;
  private static final int FIRST_DESCRIPTOR = 16;

  /** A small medium has few of them. */
  private static final int DESCRIPTORS = 16;

  /** The files in the root of a medium by their Joliet names; none if it is no such medium. */
  private static Map<String, byte[]> files(byte[] iso) {
    try {
      return joliet(iso).map(root -> root(iso, root)).orElse(Map.of());
    } catch (IndexOutOfBoundsException e) {
      return Map.of(); // it was cut off, or is something else
    }
  }

  /** Where the root's record stands: ECMA-119 section 8.5, with the mark of Joliet at 88. */
  private static Optional<Integer> joliet(byte[] iso) {
    for (int i = FIRST_DESCRIPTOR; i < FIRST_DESCRIPTOR + DESCRIPTORS; i++) {
      int at = i * SECTOR;
      if (at + SECTOR > iso.length
          || iso[at] == (byte) 255
          || !new String(iso, at + 1, 5, StandardCharsets.US_ASCII).equals("CD001")) {
        return Optional.empty();
      }
      if (iso[at] == 2 && iso[at + 88] == '%' && iso[at + 89] == '/') {
        return Optional.of(at + 156);
      }
    }
    return Optional.empty();
  }

  private static Map<String, byte[]> root(byte[] iso, int record) {
    ByteBuffer in = ByteBuffer.wrap(iso).order(ByteOrder.LITTLE_ENDIAN);
    byte[] records = extent(iso, in, record);
    int begin = in.getInt(record + 2) * SECTOR;
    Map<String, byte[]> out = new HashMap<>();
    for (int at = 0; at < records.length; ) {
      int length = records[at] & 0xff;
      if (length == 0) {
        at = (at / SECTOR + 1) * SECTOR; // a record does not cross a sector's end
        continue;
      }
      if ((records[at + 25] & 2) == 0) { // no directory
        int name = records[at + 32] & 0xff;
        out.put(
            new String(records, at + 33, name, StandardCharsets.UTF_16BE),
            extent(iso, in, begin + at));
      }
      at += length;
    }
    return out;
  }

  /** What the record there is of. */
  private static byte[] extent(byte[] iso, ByteBuffer in, int record) {
    int from = in.getInt(record + 2) * SECTOR;
    int length = in.getInt(record + 10);
    Objects.checkFromIndexSize(from, length, iso.length);
    return Arrays.copyOfRange(iso, from, from + length);
  }
}
