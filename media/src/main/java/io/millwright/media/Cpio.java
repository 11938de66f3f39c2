package io.millwright.media;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Writes a cpio archive in the "newc" form that the Linux kernel unpacks (its
 * Documentation/driver-api/early-userspace/buffer-format.rst), to be put behind an initrd. All
 * files belong to root, and have no time: the same files give the same bytes.
 */
public final class Cpio {
  private static final int DIRECTORY = 0040755;
  private static final int LONGEST = 255;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private int inode;

  private Cpio() {}

  /**
   * A file of the archive.
   *
   * @param mode its permissions, for example {@code 0644}
   */
  public record File(int mode, byte[] content) {
    public File {
      if ((mode & ~07777) != 0) {
        throw new IllegalArgumentException("permissions are at most 07777");
      }
    }
  }

  /**
   * The archive, with the directories that the files need, and padded to a multiple of 512 bytes.
   *
   * @param files by their paths from the root; a leading slash does not count
   */
  public static byte[] write(Map<String, File> files) {
    TreeMap<String, File> sorted = new TreeMap<>();
    TreeSet<String> directories = new TreeSet<>();
    files.forEach((path, file) -> {
      var names = IsoImage.names(path);
      if (names.isEmpty() || names.contains(".") || names.contains("..")) {
        throw new IllegalArgumentException(MediumException.printable(path) + " names no file");
      }
      if (path.length() > LONGEST || path.indexOf('\0') >= 0) {
        throw new IllegalArgumentException("a path has at most 255 characters, and no zero");
      }
      for (int i = 1; i < names.size(); i++) {
        directories.add(String.join("/", names.subList(0, i)));
      }
      if (sorted.put(String.join("/", names), file) != null) {
        throw new IllegalArgumentException(path + " is there twice");
      }
    });
    for (String path : sorted.keySet()) {
      if (directories.contains(path)) {
        throw new IllegalArgumentException(path + " is a file and a directory");
      }
    }
    Cpio cpio = new Cpio();
    // A parent is the beginning of its child's path, so it comes first.
    directories.forEach(d -> cpio.entry(d, DIRECTORY, new byte[0]));
    sorted.forEach((path, file) -> cpio.entry(path, 0100000 | file.mode(), file.content()));
    cpio.entry("TRAILER!!!", 0, new byte[0]);
    cpio.pad(512);
    return cpio.out.toByteArray();
  }

  private void entry(String path, int mode, byte[] content) {
    byte[] name = path.getBytes(StandardCharsets.UTF_8);
    int[] fields = {
      path.equals("TRAILER!!!") ? 0 : ++inode,
      mode,
      0, // user
      0, // group
      mode == DIRECTORY ? 2 : 1,
      0, // modified
      content.length,
      0,
      0, // device
      0,
      0, // device that it is
      name.length + 1,
      0 // checksum, which newc has none of
    };
    StringBuilder head = new StringBuilder("070701");
    for (int field : fields) {
      head.append("%08X".formatted(field));
    }
    out.writeBytes(head.toString().getBytes(StandardCharsets.US_ASCII));
    out.writeBytes(name);
    out.write(0);
    pad(4);
    out.writeBytes(content);
    pad(4);
  }

  private void pad(int unit) {
    while (out.size() % unit != 0) {
      out.write(0);
    }
  }
}
