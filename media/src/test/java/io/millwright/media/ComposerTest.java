package io.millwright.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.media.BootCatalog.Platform;
import io.millwright.media.Samples.Style;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What is composed is read back by xorriso; it and isoinfo are the judges. */
class ComposerTest {
  @TempDir private Path directory;

  /** The medium with what {@code files} has become, written out. */
  private Path composed(Path iso, Map<String, byte[]> changes) throws Exception {
    try (FileSource base = FileSource.open(iso)) {
      Composer composer = new Composer(IsoImage.read(base));
      changes.forEach(composer::put);
      Composed out = composer.compose();
      Path file = directory.resolve("own.iso");
      Files.deleteIfExists(file);
      out.writeTo(file, base);
      assertThat(file).hasSize(out.size());
      PathTables.assertSound(out);
      return file;
    }
  }

  private static void assertSame(Map<String, byte[]> got, Map<String, byte[]> wanted) {
    assertThat(got.keySet()).containsExactlyInAnyOrderElementsOf(wanted.keySet());
    wanted.forEach((path, content) -> assertThat(got.get(path)).as(path).isEqualTo(content));
  }

  private static Map<String, byte[]> changes(boolean plain) {
    byte[] large = new byte[300_000];
    new Random(3).nextBytes(large);
    Map<String, byte[]> out = new TreeMap<>();
    out.put("isolinux/isolinux.cfg", Samples.text("default own\nlabel own\nkernel /x\n"));
    out.put("boot/grub/grub.cfg", Samples.text("x".repeat(5000)));
    out.put("install/initrd.gz", large);
    out.put("install/vmlinuz", new byte[0]);
    out.put("empty", Samples.text("no longer"));
    out.put("preseed.cfg", Samples.text("answers"));
    out.put("new/dir/for/a.txt", Samples.text("1"));
    out.put("new/dir/for/b.txt", Samples.text("2"));
    out.put("pool/p3/more.bin", large.clone());
    for (int i = 0; i < 60; i++) {
      out.put(
          "full/more" + i + (plain ? "" : "-that-needs-a-good-deal-of-room") + ".txt",
          Samples.text("m" + i));
    }
    return out;
  }

  @Test
  void theTreesShowTheChangeAndNothingElse() throws Exception {
    everyTreeShowsTheChangeAndNothingElse(Style.APPENDED);
  }

  @Tag("validators")
  @ParameterizedTest
  @EnumSource(value = Style.class, names = "APPENDED", mode = EnumSource.Mode.EXCLUDE)
  void everyTreeShowsTheChangeAndNothingElse(Style style) throws Exception {
    boolean plain = style == Style.PLAIN;
    Path iso = Samples.iso(directory, style, Samples.files(plain));
    List<String[]> trees =
        style == Style.PLAIN
            ? List.<String[]>of(new String[] {"-read_fs", "any"})
            : style == Style.JOLIET_ONLY
                ? List.<String[]>of(new String[] {"-read_fs", "norock"})
                : style.hasJoliet()
                    ? List.<String[]>of(new String[] {}, new String[] {"-read_fs", "norock"})
                    : List.<String[]>of(new String[] {});
    Map<String, byte[]> changes = changes(plain);
    Path own = composed(iso, changes);
    for (String[] tree : trees) {
      Map<String, byte[]> wanted = Samples.extracted(iso, tree);
      changes.forEach((path, c) -> wanted.put(plain ? path.toUpperCase(Locale.ROOT) : path, c));
      Map<String, byte[]> got = Samples.extracted(own, tree);
      // Boot catalogue and boot images name places; xorriso patches none of it when it extracts.
      for (String path : List.of("isolinux/boot.cat", "boot.catalog")) {
        got.remove(path);
        wanted.remove(path);
      }
      assertSame(got, wanted);
    }
    // The plain names, too: each file is there once, under whatever name.
    String before = Outside.run("isoinfo", "-f", "-i", iso);
    String after = Outside.run("isoinfo", "-f", "-i", own);
    long added = changes.keySet().stream().filter(c -> !listed(before, c)).count();
    assertThat(after.lines().distinct().count()).isEqualTo(after.lines().count());
    assertThat(after.lines().count() - before.lines().count()).isEqualTo(added + 3); // new/dir/for
    assertThat(Outside.run("isoinfo", "-d", "-i", own)).contains("Volume id: SAMPLE");
  }

  /** So many that even the path tables need another place. */
  @Tag("slow")
  @Test
  void manyDirectoriesCanBeAdded() throws Exception {
    Path iso = Samples.iso(directory, Style.APPENDED, Samples.files(false));
    Map<String, byte[]> changes = new TreeMap<>();
    for (int i = 0; i < 300; i++) {
      changes.put("pool/main/a-directory-" + i + "/below/file.deb", Samples.text("d" + i));
    }
    Map<String, byte[]> wanted = Samples.extracted(iso);
    wanted.putAll(changes);
    Map<String, byte[]> got = Samples.extracted(composed(iso, changes));
    got.remove("boot.catalog");
    wanted.remove("boot.catalog");
    assertSame(got, wanted);
  }

  /** Whether the plain listing has a file of this path. */
  private static boolean listed(String listing, String path) {
    String plain = "/" + path.toUpperCase(Locale.ROOT);
    return listing
        .lines()
        .anyMatch(l ->
            l.equals(plain + ";1")
                || l.equals(plain + ".;1")
                || l.equals(plain)
                || l.equals(plain + "."));
  }

  @Tag("validators")
  @Test
  void theSecondVolumeOfAPartitionShowsTheSame() throws Exception {
    Path iso = Samples.iso(directory, Style.APPENDED, Samples.files(false));
    Path own = composed(iso, changes(false));
    Path inside = directory.resolve("partition.iso");
    try (FileSource source = FileSource.open(own)) {
      long start = 16L * IsoImage.SECTOR;
      Files.write(inside, source.bytes(start, (int) (source.size() - start)));
    }
    assertSame(Samples.extracted(inside), Samples.extracted(own));
    assertSame(
        Samples.extracted(inside, "-read_fs", "norock"),
        Samples.extracted(own, "-read_fs", "norock"));
  }

  @Tag("validators")
  @ParameterizedTest
  @EnumSource(
      value = Style.class,
      names = {"ISOHYBRID", "APPENDED"})
  void staysHybrid(Style style) throws Exception {
    Path iso = Samples.iso(directory, style, Samples.files(false));
    Path own = composed(iso, changes(false));
    if (style == Style.APPENDED) { // isohybrid's partitions overlap from the beginning
      assertThat(Outside.run("sgdisk", "-v", own)).contains("No problems found");
    }
    String before =
        Outside.run(
            "xorriso", "-indev", iso, "-report_el_torito", "plain", "-report_system_area", "plain");
    String after =
        Outside.run(
            "xorriso", "-indev", own, "-report_el_torito", "plain", "-report_system_area", "plain");
    assertThat(facts(after)).isEqualTo(facts(before));
    assertThat(efi(own)).isEqualTo(efi(iso));
    // By El Torito and by the partition table one comes to the same image.
    for (Path medium : List.of(iso, own)) {
      try (FileSource source = FileSource.open(medium)) {
        long byCd =
            IsoImage.read(source)
                .bootCatalog()
                .orElseThrow()
                .entry(Platform.UEFI)
                .orElseThrow()
                .image();
        assertThat(Partitions.read(source).list()).anyMatch(p -> p.start() * 512 == byCd);
        assertThat(Partitions.read(source).gpt()).isNotNull();
      }
    }
  }

  /** What must not change: everything that is no place and no size. */
  private static List<String> facts(String report) {
    return report
        .lines()
        .filter(l ->
            l.startsWith("El Torito")
                || l.startsWith("System area summary")
                || l.startsWith("GPT part")
                || l.contains("GUID")
                || l.contains("path"))
        .filter(l -> !l.startsWith("El Torito boot img") && !l.startsWith("El Torito img blks"))
        .toList();
  }

  private static byte[] efi(Path iso) throws Exception {
    try (FileSource source = FileSource.open(iso)) {
      var entry =
          IsoImage.read(source).bootCatalog().orElseThrow().entry(Platform.UEFI).orElseThrow();
      return source.bytes(entry.image(), 2880 * 1024);
    }
  }

  @Tag("validators")
  @Test
  void anotherBootImageCanBeStarted() throws Exception {
    Path iso = Samples.iso(directory, Style.CD_ONLY, Samples.files(false));
    byte[] image = new byte[70_000];
    new Random(9).nextBytes(image);
    try (FileSource base = FileSource.open(iso)) {
      Composed own =
          new Composer(IsoImage.read(base)).boot(Platform.UEFI, List.of(Piece.of(image))).compose();
      var catalog = IsoImage.read(own).bootCatalog().orElseThrow();
      var entry = catalog.entry(Platform.UEFI).orElseThrow();
      assertThat(own.bytes(entry.image(), image.length)).isEqualTo(image);
      assertThat(entry.length()).isGreaterThanOrEqualTo(image.length);
      assertThat(catalog.entry(Platform.BIOS))
          .isEqualTo(IsoImage.read(base).bootCatalog().orElseThrow().entry(Platform.BIOS));
      Path file = directory.resolve("own.iso");
      own.writeTo(file, base);
      assertThat(Outside.run("xorriso", "-indev", file, "-report_el_torito", "plain"))
          .contains("UEFI");
    }
  }

  @Tag("validators")
  @Test
  void aHardLinkKeepsItsContent() throws Exception {
    Map<String, byte[]> files = Samples.files(false);
    files.put("one.txt", Samples.text("both"));
    Path iso = Samples.iso(directory, Style.ROCK_RIDGE_ONLY, files);
    Files.createLink(
        directory.resolve("tree-ROCK_RIDGE_ONLY/two.txt"),
        directory.resolve("tree-ROCK_RIDGE_ONLY/one.txt"));
    Files.delete(iso);
    Outside.run(
        "genisoimage",
        "-quiet",
        "-cache-inodes",
        "-r",
        "-J",
        "-V",
        "SAMPLE",
        "-o",
        iso,
        directory.resolve("tree-ROCK_RIDGE_ONLY"));
    try (FileSource base = FileSource.open(iso)) {
      IsoImage index = IsoImage.read(base);
      assertThat(Samples.place(index, "one.txt")).isEqualTo(Samples.place(index, "two.txt"));
    }
    Map<String, byte[]> got =
        Samples.extracted(composed(iso, Map.of("one.txt", Samples.text("own"))));
    assertThat(got.get("one.txt")).asString().isEqualTo("own");
    assertThat(got.get("two.txt")).asString().isEqualTo("both");
  }

  @Test
  void anInitrdGrowsWithoutBeingCopied() throws Exception {
    Map<String, byte[]> files = Samples.files(false);
    Path iso = Samples.iso(directory, Style.ISOHYBRID, files);
    try (FileSource base = FileSource.open(iso)) {
      IsoImage index = IsoImage.read(base);
      Composed initrd = index.file("/install/initrd.gz").orElseThrow();
      List<Piece> grown = new java.util.ArrayList<>(initrd.pieces());
      grown.add(Piece.of(Samples.text("and more")));
      Composed own = new Composer(index).put("/install/initrd.gz", grown).compose();
      assertThat(
              own.pieces().stream().filter(p -> p.source() == base).mapToLong(Piece::length).sum())
          .isGreaterThan(base.size());
      Composed read = IsoImage.read(own).file("/install/initrd.gz").orElseThrow();
      assertThat(read.bytes(0, (int) read.size()))
          .startsWith(files.get("install/initrd.gz"))
          .endsWith(Samples.text("and more"));
    }
  }

  @Test
  void itsListOfChecksumsIsRight() throws Exception {
    Map<String, byte[]> files = Samples.files(false);
    Path tree = Files.createDirectories(directory.resolve("sums"));
    for (var file : files.entrySet()) {
      Files.createDirectories(tree.resolve(file.getKey()).getParent());
      Files.write(tree.resolve(file.getKey()), file.getValue());
    }
    Outside.run(
        "sh",
        "-c",
        "cd "
            + tree
            + " && find . -type f ! -name 'md5sum.txt' ! -name isolinux.bin -exec md5sum {} + >"
            + " md5sum.txt");
    files.put("md5sum.txt", Files.readAllBytes(tree.resolve("md5sum.txt")));
    Path iso = Samples.iso(directory, Style.ISOHYBRID, files);
    Path out = directory.resolve("checked");
    Outside.run(
        "xorriso", "-osirrox", "on", "-indev", composed(iso, changes(false)), "-extract", "/", out);
    assertThat(Outside.run("sh", "-c", "cd " + out + " && md5sum -c md5sum.txt"))
        .doesNotContain("FAILED");
  }

  @Tag("validators")
  @Test
  void anImplantedChecksumIsTakenOut() throws Exception {
    Path iso = Samples.iso(directory, Style.ISOHYBRID, Samples.files(false));
    Outside.run("implantisomd5", "-f", iso);
    assertThat(Outside.run("checkisomd5", iso)).doesNotContain("FAIL");
    Path own = composed(iso, Map.of("ks.cfg", Samples.text("text")));
    assertThat(Outside.run("sh", "-c", "checkisomd5 " + own + " || true"))
        .contains("result is: NA")
        .contains("No checksum information available");
  }

  /** SUSE's media have theirs in the same place, with other tags; what is nobody's digest stays. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "ISO MD5SUM = 0123456789abcdef0123456789abcdef;SKIPSECTORS = 15;THIS IS NOT THE SAME|false",
        "sha256sum=00e1d2;partition=0,4,8;partsha256sum=12;pad=150;check=1;signature=17|false",
        "check=1;pad=150;md5sum=0123456789abcdef0123456789abcdef|false",
        "pad=150;check|false",
        "pad=150;sums=none;checked=no|true",
        "Made by hand, sha256sum.txt tells more|true"
      })
  void aDigestOfTheMediumIsTakenOut(String field, boolean stays) throws Exception {
    Path iso = Samples.iso(directory, Style.ISOHYBRID, Samples.files(false));
    byte[] use = new byte[512];
    Arrays.fill(use, (byte) ' ');
    byte[] text = Samples.text(field);
    System.arraycopy(text, 0, use, 0, text.length);
    int at = 16 * IsoImage.SECTOR + 883;
    try (FileChannel file = FileChannel.open(iso, StandardOpenOption.WRITE)) {
      file.write(ByteBuffer.wrap(use), at);
    }
    byte[] own = Files.readAllBytes(composed(iso, Map.of("autoinst.xml", Samples.text("text"))));
    assertThat(new String(own, at, 512, StandardCharsets.US_ASCII).strip())
        .isEqualTo(stays ? field : "");
  }

  @Test
  void isTheSameEachTimeAndReadInAnyWay() throws Exception {
    Path iso = Samples.iso(directory, Style.APPENDED, Samples.files(false));
    Path one = composed(iso, changes(false));
    byte[] written = Files.readAllBytes(one);
    try (FileSource base = FileSource.open(iso)) {
      Composer composer = new Composer(IsoImage.read(base));
      new TreeMap<>(changes(false)).descendingMap().forEach(composer::put);
      Composed own = composer.compose();
      assertThat(own.stream().readAllBytes()).isEqualTo(written);
      Random random = new Random(11);
      for (int i = 0; i < 500; i++) {
        int at = random.nextInt(written.length);
        int length = random.nextInt(Math.min(written.length - at, 9000) + 1);
        assertThat(ByteBuffer.wrap(own.bytes(at, length)))
            .isEqualTo(ByteBuffer.wrap(written, at, length));
      }
      assertThat(own.own(base)).isLessThan(own.size() / 4 + 1_200_000);
    }
  }

  @Test
  void refusesWhatCannotBe() throws Exception {
    Path iso = Samples.iso(directory, Style.ISOHYBRID, Samples.files(false));
    try (FileSource base = FileSource.open(iso)) {
      IsoImage index = IsoImage.read(base);
      for (String path : List.of("", "/", "a/../b", ".", "a\nb", "x".repeat(65), "a:b")) {
        assertThatThrownBy(() -> new Composer(index).put(path, new byte[0]))
            .as(path)
            .isInstanceOf(IllegalArgumentException.class);
      }
      assertThatThrownBy(() -> new Composer(index).put("pool", new byte[0]).compose())
          .isInstanceOf(MediumException.class)
          .hasMessage("/pool: is a directory, not a file");
      assertThatThrownBy(() -> new Composer(index).put("empty/x", new byte[0]).compose())
          .isInstanceOf(MediumException.class)
          .hasMessage("/empty/x: cannot be put where empty is a file");
      assertThatThrownBy(
              () -> new Composer(index).put("isolinux/isolinux.bin", new byte[100_000]).compose())
          .isInstanceOf(MediumException.class)
          .hasMessageContaining("boots from");
    }
  }
}
