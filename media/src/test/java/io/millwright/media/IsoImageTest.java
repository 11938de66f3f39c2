package io.millwright.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.media.BootCatalog.Platform;
import io.millwright.media.Samples.Style;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What xorriso and genisoimage put on a medium is what is read from it; and what is broken is
 * named.
 */
class IsoImageTest {
  @TempDir private Path directory;

  @ParameterizedTest
  @EnumSource(Style.class)
  void readsEveryFile(Style style) throws Exception {
    Map<String, byte[]> files = Samples.files(style == Style.PLAIN);
    Path iso = Samples.iso(directory, style, files);
    files.remove("isolinux/isolinux.bin"); // its boot information was written into it
    try (FileSource source = FileSource.open(iso)) {
      IsoImage image = IsoImage.read(source);
      assertThat(image.label()).isEqualTo("SAMPLE");
      assertThat(image.udf()).isFalse();
      for (var file : files.entrySet()) {
        Composed content = image.file("/" + file.getKey()).orElseThrow();
        assertThat(content.bytes(0, (int) content.size()))
            .as(file.getKey())
            .isEqualTo(file.getValue());
      }
      Map<String, Long> lengths = new TreeMap<>();
      files.forEach((path, c) ->
          lengths.put(
              "/" + (style == Style.PLAIN ? path.toUpperCase(Locale.ROOT) : path),
              (long) c.length));
      assertThat(image.files()).containsAllEntriesOf(lengths);
      assertThat(image.file("/pool")).isEmpty();
      assertThat(image.file("/none")).isEmpty();
      assertThat(image.file("/pool/../empty")).isEmpty();
      assertThat(image.text("/isolinux/isolinux.cfg", 100))
          .contains("default install\nlabel install\n");
      assertThat(image.text("/isolinux/isolinux.cfg", 10)).isEmpty();
      assertThat(image.head("/isolinux/isolinux.cfg", 7)).contains("default");
      assertThat(image.head("/isolinux", 7)).isEmpty();
      assertThat(image.bootCatalog().isPresent())
          .isEqualTo(style.ordinal() <= Style.CD_ONLY.ordinal());
    }
  }

  @Test
  void readsTheBootCatalogue() throws Exception {
    Path iso = Samples.iso(directory, Style.ISOHYBRID, Samples.files(false));
    try (FileSource source = FileSource.open(iso)) {
      IsoImage image = IsoImage.read(source);
      BootCatalog catalog = image.bootCatalog().orElseThrow();
      long bios = Samples.place(image, "isolinux/isolinux.bin");
      long efi = Samples.place(image, "boot/grub/efi.img");
      assertThat(catalog.entry(Platform.BIOS).orElseThrow().image()).isEqualTo(bios);
      assertThat(catalog.entry(Platform.BIOS).orElseThrow().length()).isEqualTo(2048);
      assertThat(catalog.entry(Platform.UEFI).orElseThrow().image()).isEqualTo(efi);
      assertThat(catalog.entry(Platform.UEFI).orElseThrow().length()).isEqualTo(2880 * 1024);
    }
  }

  @Test
  void readsRelocatedDirectoriesLongNamesAndLinks() throws Exception {
    Path tree = Files.createDirectories(directory.resolve("t/1/2/3/4/5/6/7/8/9/10"));
    String name = "n".repeat(240);
    Files.writeString(tree.resolve("deep"), "deep");
    Files.writeString(directory.resolve("t/" + name), "long");
    Files.createSymbolicLink(directory.resolve("t/link"), Path.of("nowhere"));
    Files.createSymbolicLink(directory.resolve("t/self"), Path.of("."));
    Path iso = directory.resolve("deep.iso");
    Outside.run("genisoimage", "-quiet", "-R", "-o", iso, directory.resolve("t"));
    try (FileSource source = FileSource.open(iso)) {
      IsoImage image = IsoImage.read(source);
      assertThat(image.text("/1/2/3/4/5/6/7/8/9/10/deep", 10)).contains("deep");
      assertThat(image.text("/" + name, 10)).contains("long");
      assertThat(image.file("/link")).isEmpty();
      assertThat(image.files().keySet()).containsExactly("/1/2/3/4/5/6/7/8/9/10/deep", "/" + name);
    }
  }

  @Test
  void recognisesUdfAndLeavesItAlone() throws Exception {
    Path tree = Files.createDirectories(directory.resolve("t"));
    Files.writeString(tree.resolve("setup.exe"), "x");
    Path iso = directory.resolve("udf.iso");
    Outside.run("genisoimage", "-quiet", "-udf", "-o", iso, tree);
    try (FileSource source = FileSource.open(iso)) {
      IsoImage image = IsoImage.read(source);
      assertThat(image.udf()).isTrue();
      assertThatThrownBy(() -> new Composer(image).put("a", new byte[1]).compose())
          .isInstanceOf(MediumException.class)
          .hasMessageContaining("UDF")
          .hasMessageContaining("second");
    }
  }

  private static byte[] small() throws Exception {
    Path directory = Files.createTempDirectory("iso");
    try {
      Map<String, byte[]> files =
          Map.of("dir/sub/a.txt", Samples.text("a"), "b.txt", Samples.text("b"));
      return Files.readAllBytes(Samples.iso(directory, Style.ROCK_RIDGE_ONLY, files));
    } finally {
      Outside.run("rm", "-r", directory);
    }
  }

  private static IsoImage read(byte[] iso) throws IOException {
    return IsoImage.read(ByteSource.of(iso));
  }

  /** Where the record of a name begins: the first of them. */
  private static int record(byte[] iso, String id) {
    byte[] wanted = id.getBytes(StandardCharsets.ISO_8859_1);
    for (int at = 18 * 2048; at < iso.length - wanted.length; at++) {
      if ((iso[at - 1] & 0xff) == wanted.length
          && java.util.Arrays.equals(iso, at, at + wanted.length, wanted, 0, wanted.length)) {
        return at - 33;
      }
    }
    throw new AssertionError(id + " is not there");
  }

  @Test
  void aHostileMediumIsRefusedWithTheNameOfWhatIsWrong() throws Exception {
    byte[] good = small();
    read(good);
    byte[] loop = good.clone();
    long dir = Le.u32(good, record(good, "DIR") + 2);
    Le.putBoth32(loop, record(good, "SUB") + 2, dir);
    assertThatThrownBy(() -> read(loop))
        .hasMessage("/dir/sub: is a directory that the tree has already");
    byte[] outside = good.clone();
    Le.putBoth32(outside, record(good, "A.TXT;1") + 2, 0x7fff_ffff);
    assertThatThrownBy(() -> read(outside))
        .hasMessage("/dir/sub/a.txt: lies past the end of the medium");
    byte[] large = good.clone();
    Le.putBoth32(large, record(good, "A.TXT;1") + 10, 0xffff_ffffL);
    assertThatThrownBy(() -> read(large))
        .hasMessage("/dir/sub/a.txt: lies past the end of the medium");
    byte[] traversal = good.clone();
    int name =
        new String(good, StandardCharsets.ISO_8859_1).indexOf("a.txt", record(good, "A.TXT;1"));
    System.arraycopy(Samples.text("../.."), 0, traversal, name, 5);
    assertThatThrownBy(() -> read(traversal)).hasMessage("/dir/sub/../..: is no name for a file");
    byte[] cut = java.util.Arrays.copyOf(good, good.length / 2);
    assertThatThrownBy(() -> read(cut))
        .hasMessageContaining("medium: is truncated: it says to have " + good.length);
    byte[] overlong = good.clone();
    overlong[record(good, "SUB") + 32] = (byte) 250;
    assertThatThrownBy(() -> read(overlong))
        .hasMessage("/dir: a directory record has no room for its name");
    assertThatThrownBy(() -> read(new byte[100]))
        .hasMessage("medium: is too short for an ISO image");
    assertThatThrownBy(() -> read(new byte[100_000])).hasMessageContaining("no ISO 9660 image");
  }

  @Test
  void aTreeThatIsTooDeepIsRefused() throws Exception {
    Path tree = directory.resolve("t");
    Files.createDirectories(tree.resolve("d/".repeat(70)));
    Path iso = directory.resolve("deep.iso");
    Outside.run("xorriso", "-as", "mkisofs", "-r", "-D", "-o", iso, tree);
    try (FileSource source = FileSource.open(iso)) {
      assertThatThrownBy(() -> IsoImage.read(source))
          .hasMessageContaining("more than 64 directories deep");
    }
  }
}
