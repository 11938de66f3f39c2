package io.millwright.media;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/** Media as vendors make them, made by xorriso and genisoimage; and what is on them, read back. */
final class Samples {
  static final Path ISOLINUX = Path.of("/usr/lib/ISOLINUX");

  private Samples() {}

  /** How a vendor makes its media. */
  enum Style {
    /** Debian: isohybrid with MBR, GPT and APM; the EFI image is a file. */
    ISOHYBRID(
        "-r",
        "-J",
        "-isohybrid-mbr",
        ISOLINUX + "/isohdpfx.bin",
        BIOS,
        "-isohybrid-gpt-basdat",
        "-isohybrid-apm-hfsplus"),
    /** Ubuntu, Fedora, RHEL 9: an appended EFI partition, and a second set of descriptors. */
    APPENDED(
        "-r",
        "-J",
        "--grub2-mbr",
        "/usr/lib/grub/i386-pc/boot_hybrid.img",
        "-partition_offset",
        "16",
        "-append_partition",
        "2",
        "0xef",
        EFI_FILE,
        "-appended_part_as_gpt",
        APPENDED_BIOS),
    /** Boots from CD only. */
    CD_ONLY("-r", "-J", BIOS),
    /** Names in capitals and nothing else, as ESXi's media have. */
    PLAIN("-iso-level", "1", "-input-charset", "utf-8"),
    /** Long names by Joliet only. */
    JOLIET_ONLY("-J", "-D", "-iso-level", "1", "-input-charset", "utf-8"),
    /** A second tree with long names (ISO 9660:1999). */
    ENHANCED("-r", "-iso-level", "4"),
    /** POSIX names only. */
    ROCK_RIDGE_ONLY("-r");

    private final List<String> options;

    Style(String... options) {
      this.options = List.of(options);
    }

    boolean hasRockRidge() {
      return options.contains("-r");
    }

    boolean hasJoliet() {
      return options.contains("-J");
    }
  }

  private static final String BIOS = "@bios";
  private static final String APPENDED_BIOS = "@appended";
  private static final String EFI_FILE = "@efi";

  /** A tree of files that has something of everything; names fit 8.3 if {@code plain}. */
  static Map<String, byte[]> files(boolean plain) throws IOException {
    Random random = new Random(5);
    Map<String, byte[]> out = new TreeMap<>();
    out.put("isolinux/isolinux.cfg", text("default install\nlabel install\n"));
    out.put("isolinux/isolinux.bin", Files.readAllBytes(ISOLINUX.resolve("isolinux.bin")));
    out.put("boot/grub/grub.cfg", text("menuentry 'Install' { linux /install/vmlinuz }\n"));
    byte[] initrd = new byte[100_001];
    random.nextBytes(initrd);
    out.put("install/initrd.gz", initrd);
    byte[] kernel = new byte[70_000];
    random.nextBytes(kernel);
    out.put("install/vmlinuz", kernel);
    out.put("empty", new byte[0]);
    for (int i = 0; i < 20; i++) {
      out.put(
          "pool/p" + i + "/" + (plain ? "f" : "a-package-with-a-name_" + i + ".tar") + ".gz",
          text("p" + i));
    }
    for (int i = 0; i < 30; i++) {
      out.put("full/file" + i + (plain ? "" : "-and-a-rather-long-name") + ".txt", text("f" + i));
    }
    if (!plain) {
      out.put("d1/d2/d3/d4/d5/d6/d7/d8/d9/deep.txt", text("deep"));
      out.put("dists/\u00fc\u00e4\u00f6.txt", text("umlaut"));
    }
    return out;
  }

  /** Where a file begins on a medium, in bytes. */
  static long place(IsoImage image, String path) {
    Tree.Node node = image.best().find(IsoImage.names(path));
    return java.util.Objects.requireNonNull(node).extents().getFirst().at();
  }

  static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** A medium of this style with these files. */
  static Path iso(Path directory, Style style, Map<String, byte[]> files) throws Exception {
    Path tree = Files.createDirectories(directory.resolve("tree-" + style));
    for (var file : files.entrySet()) {
      Path path = tree.resolve(file.getKey());
      Files.createDirectories(path.getParent());
      Files.write(path, file.getValue());
    }
    Path efi = directory.resolve("efi-" + style + ".img");
    efiImage(efi, Map.of());
    if (style == Style.ISOHYBRID || style == Style.CD_ONLY) {
      Files.copy(efi, tree.resolve("boot/grub/efi.img"));
    }
    Path iso = directory.resolve(style + ".iso");
    List<String> options =
        style.options.stream()
            .flatMap(o ->
                switch (o) {
                  case BIOS -> BIOS_OPTIONS.stream();
                  case APPENDED_BIOS -> APPENDED_OPTIONS.stream();
                  case EFI_FILE -> List.of(efi.toString()).stream();
                  default -> List.of(o).stream();
                })
            .toList();
    // xorriso gives every medium Rock Ridge names.
    List<String> program =
        style == Style.PLAIN || style == Style.JOLIET_ONLY
            ? List.of("genisoimage", "-quiet")
            : List.of("xorriso", "-as", "mkisofs");
    Outside.run(program, "-V", "SAMPLE", options, "-o", iso, tree);
    return iso;
  }

  private static final List<String> BIOS_OPTIONS =
      List.of(
          "-b",
          "isolinux/isolinux.bin",
          "-c",
          "isolinux/boot.cat",
          "-no-emul-boot",
          "-boot-load-size",
          "4",
          "-boot-info-table",
          "-eltorito-alt-boot",
          "-e",
          "boot/grub/efi.img",
          "-no-emul-boot");
  private static final List<String> APPENDED_OPTIONS =
      List.of(
          "-b",
          "isolinux/isolinux.bin",
          "-c",
          "boot.catalog",
          "-no-emul-boot",
          "-boot-load-size",
          "4",
          "-boot-info-table",
          "-eltorito-alt-boot",
          "-e",
          "--interval:appended_partition_2:::",
          "-no-emul-boot");

  /** A FAT image of 2.88 MB with these files. */
  static void efiImage(Path image, Map<String, byte[]> files) throws Exception {
    Files.write(image, new byte[2880 * 1024]);
    Outside.run("mformat", "-i", image, "-f", "2880", "-N", "12345678", "::");
    for (var file : new TreeMap<>(files).entrySet()) {
      String[] names = file.getKey().split("/");
      StringBuilder at = new StringBuilder("::");
      for (int i = 0; i < names.length - 1; i++) {
        at.append('/').append(names[i]);
        Outside.run("mmd", "-D", "s", "-i", image, at);
      }
      Path content = Files.createTempFile("efi", null);
      Files.write(content, file.getValue());
      Outside.run("mcopy", "-i", image, content, at + "/" + names[names.length - 1]);
      Files.delete(content);
    }
  }

  /** All files of one tree of a medium, as xorriso extracts them: what {@code read} names. */
  static Map<String, byte[]> extracted(Path iso, String... read) throws Exception {
    Path out = Files.createTempDirectory("extracted");
    try {
      Outside.run(
          "xorriso",
          "-osirrox",
          "on",
          List.of(read),
          "-indev",
          iso,
          "-extract",
          "/",
          out.resolve("all"));
      Outside.run("chmod", "-R", "u+rwX", out);
      Map<String, byte[]> files = new TreeMap<>();
      try (var all = Files.walk(out.resolve("all"))) {
        all.filter(Files::isRegularFile)
            .forEach(f -> {
              try {
                files.put(out.resolve("all").relativize(f).toString(), Files.readAllBytes(f));
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
      }
      return files;
    } finally {
      Outside.run("chmod", "-R", "u+rwX", out);
      Outside.run("rm", "-r", out);
    }
  }
}
