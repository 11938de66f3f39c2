package io.millwright.server;

import io.millwright.driver.testkit.Lab;
import io.millwright.images.Catalogue;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Small disk images, whole and broken ones. */
final class TestImages {
  private static final int CLUSTER = 1 << 16;
  private static final long VIRTUAL_SIZE = 1L << 30;

  private TestImages() {}

  /** An empty disk of 1 GiB in three clusters: header, refcounts, and a table of nothing. */
  static byte[] qcow2() {
    ByteBuffer out = ByteBuffer.allocate(4 * CLUSTER);
    out.putInt(0, 0x514649fb).putInt(4, 3);
    out.putInt(20, 16).putLong(24, VIRTUAL_SIZE);
    out.putInt(36, 2).putLong(40, 3L * CLUSTER);
    out.putLong(48, CLUSTER).putInt(56, 1);
    out.putInt(96, 4).putInt(100, 104);
    out.putLong(CLUSTER, 2L * CLUSTER);
    for (int cluster = 0; cluster < 4; cluster++) {
      out.putShort(2 * CLUSTER + 2 * cluster, (short) 1);
    }
    return out.array();
  }

  /** As {@link #qcow2}, with the name of a backing file in its header. */
  static byte[] qcow2WithBackingFile(String name) {
    byte[] image = qcow2();
    byte[] text = name.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    ByteBuffer.wrap(image).putLong(8, 512).putInt(16, text.length);
    System.arraycopy(text, 0, image, 512, text.length);
    return image;
  }

  /** As {@link #qcow2}, and says that its data lies in another file. */
  static byte[] qcow2WithExternalData() {
    byte[] image = qcow2();
    ByteBuffer.wrap(image).putLong(72, 1L << 2);
    return image;
  }

  /** A medium that starts an installer, as far as anybody but a machine can see. */
  static Path installationMedium() {
    return installationMedium(Map.of());
  }

  /** One for each family of the catalogue, by the paths at which it looks for its installer. */
  static Path mediumOfAllFamilies() {
    Map<String, String> files = new TreeMap<>();
    for (Catalogue.Family family : Catalogue.known().families().values()) {
      for (Catalogue.Release release : family.releases()) {
        Catalogue.Boot boot = family.bootOf(release.version());
        if (boot != null) {
          files.put(boot.kernel(), "kernel");
          files.put(boot.initrd(), "initrd");
        }
      }
    }
    files.put("/etc/defaults/rc.conf", "");
    files.put("/BOOT.CFG", "bootstate=0\nkernelopt=runweasel\n");
    return installationMedium(files);
  }

  /**
   * As Microsoft's are: a volume of that name, whose files are in UDF and hardly one elsewhere.
   *
   * @param volume its identifier, by which it is recognised
   */
  static Path windowsMedium(String volume) {
    try {
      Path tree = World.directory("windows");
      Path sources = Files.createDirectories(tree.resolve("root/sources"));
      Files.write(sources.resolve("install.wim"), new byte[9000]);
      Path iso = tree.resolve("windows.iso");
      Lab.run(
          List.of(
              "genisoimage",
              "-quiet",
              "-udf",
              "-V",
              volume,
              "-o",
              iso.toString(),
              tree.resolve("root").toString()));
      return iso;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path installationMedium(Map<String, String> more) {
    try {
      Path tree = World.directory("medium");
      for (Map.Entry<String, String> file : more.entrySet()) {
        Path path = tree.resolve("root" + file.getKey());
        Files.createDirectories(path.getParent());
        Files.writeString(path, file.getValue());
      }
      // What Red Hat's family has on a whole medium.
      Path packages = Files.createDirectories(tree.resolve("root/BaseOS/repodata"));
      Files.writeString(packages.resolve("repomd.xml"), "<repomd/>");
      Files.writeString(packages.resolveSibling("cloud-init-23.4-7.el9.noarch.rpm"), "rpm");
      Path install = Files.createDirectories(tree.resolve("root/install"));
      Files.write(install.resolve("vmlinuz"), new byte[5000]);
      Files.write(install.resolve("initrd.gz"), new byte[7001]);
      Path menu = Files.createDirectories(tree.resolve("root/boot/grub")).resolve("grub.cfg");
      Files.writeString(
          menu,
          "menuentry 'Install' {\n linux /install/vmlinuz vga=788 --- quiet\n initrd"
              + " /install/initrd.gz\n}\n");
      Path iso = tree.resolve("medium.iso");
      Lab.run(
          List.of(
              "xorriso",
              "-as",
              "mkisofs",
              "-quiet",
              "-r",
              "-V",
              "TEST",
              "-o",
              iso.toString(),
              tree.resolve("root").toString()));
      return iso;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
