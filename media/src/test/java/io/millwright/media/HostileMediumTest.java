package io.millwright.media;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/**
 * Media with bytes changed anywhere. Whatever they say, reading them and making another out of them
 * ends in a result or an {@link IOException}, and in reasonable time and memory.
 *
 * <p>The normal build tries the inputs beside this class that once mattered. To look for more:
 * {@code JAZZER_FUZZ=1 mvn test -pl media -am -Dtest=HostileMediumTest
 * -Dsurefire.failIfNoSpecifiedTests=false}.
 */
@Tag("slow")
class HostileMediumTest {
  private static byte[] medium = new byte[0];

  @BeforeAll
  static void make() throws Exception {
    Path directory = Files.createTempDirectory("hostile");
    try {
      Path efi = Files.write(directory.resolve("efi.img"), new byte[160 * 1024]);
      Outside.run("mformat", "-i", efi, "-f", "160", "-N", "12345678", "::");
      Path menu =
          Files.write(directory.resolve("menu"), Samples.text("menuentry 'x' {\n linux /k\n}\n"));
      Outside.run("mcopy", "-i", efi, menu, "::/grub.cfg");
      Map<String, byte[]> files = new TreeMap<>();
      files.put("efi.img", Files.readAllBytes(efi));
      files.put("k", Samples.text("kernel"));
      files.put("i", Samples.text("initrd"));
      files.put("md5sum.txt", Samples.text("d41d8cd98f00b204e9800998ecf8427e  ./i\n"));
      files.put("boot/grub/grub.cfg", Files.readAllBytes(menu));
      files.put("1/2/3/4/5/6/7/8/9/deep", Samples.text("deep"));
      files.put("n".repeat(200), Samples.text("long"));
      Path tree = directory.resolve("tree");
      for (var file : files.entrySet()) {
        Files.createDirectories(tree.resolve(file.getKey()).getParent());
        Files.write(tree.resolve(file.getKey()), file.getValue());
      }
      Path iso = directory.resolve("x.iso");
      // Relocated directories, continuation areas, a hybrid's partition tables: something of
      // everything.
      Outside.run(
          "xorriso",
          "-as",
          "mkisofs",
          "-quiet",
          "-R",
          "-J",
          "-joliet-long",
          "-no-pad",
          "--set_all_file_dates",
          "2026010100000000",
          "-e",
          "efi.img",
          "-no-emul-boot",
          "-partition_offset",
          "16",
          "-append_partition",
          "2",
          "0xef",
          efi,
          "-appended_part_as_gpt",
          "-o",
          iso,
          tree);
      medium = Files.readAllBytes(iso);
    } finally {
      Outside.run("rm", "-r", directory);
    }
  }

  @FuzzTest
  void changedAnywhere(FuzzedDataProvider data) {
    byte[] bytes = medium.clone();
    while (data.remainingBytes() > 3) {
      int at = data.consumeInt(0, bytes.length - 1);
      bytes[at] = data.consumeByte();
    }
    use(bytes);
  }

  /** Numbers of places and lengths, where a byte alone would seldom make sense. */
  @FuzzTest
  void changedInItsStructure(FuzzedDataProvider data) {
    byte[] bytes = medium.clone();
    while (data.remainingBytes() > 8) {
      int sector = data.consumeInt(0, 120);
      int at = Math.min(sector * 2048 + data.consumeInt(0, 2047), bytes.length - 8);
      Le.putBoth32(
          bytes,
          at,
          data.consumeBoolean() ? data.consumeInt(0, bytes.length / 2048 + 1) : data.consumeInt());
    }
    use(bytes);
  }

  @FuzzTest
  void cutOff(FuzzedDataProvider data) {
    use(java.util.Arrays.copyOf(medium, data.consumeInt(0, medium.length)));
  }

  private static void use(byte[] bytes) {
    try {
      IsoImage iso = IsoImage.read(ByteSource.of(bytes));
      iso.files();
      iso.text("/boot/grub/grub.cfg", 1 << 16);
      Composed own =
          new VendorMedium(iso, new Installer("/k", "/i", List.of()))
              .own(
                  new Additions(
                      Map.of("/new/file", new byte[10]),
                      Map.of("/a", new Cpio.File(0644, new byte[3])),
                      List.of()));
      own.stream().transferTo(java.io.OutputStream.nullOutputStream());
      IsoImage.read(own);
    } catch (IOException e) {
      // A clear error is what is promised.
    }
  }
}
