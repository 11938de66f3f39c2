package io.millwright.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.media.BootCatalog.Platform;
import io.millwright.media.Samples.Style;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class VendorMediumTest {
  private static final Installer INSTALLER =
      new Installer(
          "/install/vmlinuz", "/install/initrd.gz", List.of("vga=788", "quiet", "rd.live.check"));
  private static final Additions ADDITIONS =
      new Additions(
          Map.of("/pool/extra/Release", Samples.text("signed")),
          Map.of("/preseed.cfg", new Cpio.File(0644, Samples.text("answers"))),
          List.of("auto=true", "priority=critical"));

  @TempDir private Path directory;

  @ParameterizedTest
  @EnumSource(
      value = Style.class,
      names = {"ISOHYBRID", "APPENDED", "CD_ONLY"})
  void startsTheInstallerWithoutAsking(Style style) throws Exception {
    Path iso = Samples.iso(directory, style, Samples.files(false));
    try (FileSource base = FileSource.open(iso)) {
      Composed own = new VendorMedium(IsoImage.read(base), INSTALLER).own(ADDITIONS);
      Path file = directory.resolve("own.iso");
      own.writeTo(file, base);
      Map<String, byte[]> got = Samples.extracted(file);
      assertThat(got.get("isolinux/isolinux.cfg"))
          .asString()
          .isEqualTo(
              """
              default millwright
              prompt 0
              timeout 1
              label millwright
                kernel /install/vmlinuz
                append initrd=/install/initrd.gz,/answers.img vga=788 auto=true priority=critical
              """);
      assertThat(got.get("boot/grub/grub.cfg"))
          .asString()
          .contains("linux /install/vmlinuz 'vga=788' 'auto=true' 'priority=critical'\n")
          .contains("initrd /install/initrd.gz /answers.img\n");
      Path grub = Files.write(directory.resolve("grub.cfg"), got.get("boot/grub/grub.cfg"));
      Outside.run("grub-script-check", grub);
      assertThat(got.get("pool/extra/Release")).asString().isEqualTo("signed");
      byte[] vendors = Objects.requireNonNull(Samples.files(false).get("install/initrd.gz"));
      assertThat(got.get("install/initrd.gz")).isEqualTo(vendors);
      byte[] answers = Cpio.write(ADDITIONS.initrd());
      assertThat(got.get("answers.img")).isEqualTo(answers);
      // By direct boot both are one, the second at a multiple of four.
      byte[] both =
          new VendorMedium(IsoImage.read(base), INSTALLER)
              .initrd(ADDITIONS.initrd()).stream().readAllBytes();
      assertThat(both).startsWith(vendors).endsWith(answers).hasSize(both.length / 4 * 4);
      assertThat(both.length - answers.length - vendors.length).isBetween(0, 3);
    }
  }

  /** FAT12, FAT16 and FAT32, by their sizes in KiB. */
  @ParameterizedTest
  @CsvSource({"2880,-f 2880", "16384,-T 32768", "70000,-F -T 140000"})
  @Tag("slow")
  void theMenuInTheEfiImageIsChangedToo(int size, String format) throws Exception {
    Map<String, byte[]> files = Samples.files(false);
    Path efi = directory.resolve("efi.img");
    Files.write(efi, new byte[size * 1024]);
    Outside.run(
        "sh",
        "-c",
        "mformat -i "
            + efi
            + " "
            + format
            + " -N 12345678 :: && mmd -i "
            + efi
            + " ::/EFI ::/EFI/BOOT ::/EFI/fedora");
    Path menu =
        Files.write(
            directory.resolve("menu"), Samples.text("menuentry 'x' {\n linuxefi /k a\n}\n"));
    Path program = Files.write(directory.resolve("program"), new byte[5000]);
    Outside.run("mcopy", "-i", efi, menu, "::/EFI/BOOT/grub.cfg");
    Outside.run("mcopy", "-i", efi, menu, "::/EFI/fedora/grub.cfg");
    Outside.run("mcopy", "-i", efi, program, "::/EFI/BOOT/a longer name.efi");
    Path tree = directory.resolve("tree");
    files.put("boot/grub/efi.img", Files.readAllBytes(efi));
    Path sums = directory.resolve("sums");
    for (var file : files.entrySet()) {
      Files.createDirectories(tree.resolve(file.getKey()).getParent());
      Files.write(tree.resolve(file.getKey()), file.getValue());
    }
    Outside.run(
        "sh",
        "-c",
        "cd "
            + tree
            + " && find . -type f ! -name isolinux.bin -exec md5sum {} + > "
            + sums
            + " && mv "
            + sums
            + " md5sum.txt");
    Path iso = directory.resolve("vendor.iso");
    Outside.run(
        "xorriso",
        "-as",
        "mkisofs",
        "-r",
        "-J",
        "-o",
        iso,
        "-e",
        "boot/grub/efi.img",
        "-no-emul-boot",
        tree);
    List<String> words = new java.util.ArrayList<>();
    for (int i = 0; i < 500; i++) {
      words.add("millwright.argument" + i + "=value"); // more than one cluster
    }
    try (FileSource base = FileSource.open(iso)) {
      Composed own =
          new VendorMedium(IsoImage.read(base), INSTALLER)
              .own(new Additions(Map.of(), Map.of(), words));
      var entry = IsoImage.read(own).bootCatalog().orElseThrow().entry(Platform.UEFI).orElseThrow();
      Files.write(efi, own.bytes(entry.image(), size * 1024));
      String got = Outside.run("mtype", "-i", efi, "::/EFI/BOOT/grub.cfg");
      assertThat(got)
          .contains("linuxefi /install/vmlinuz")
          .contains("'millwright.argument499=value'\n")
          .contains("initrdefi")
          .endsWith("}\n");
      assertThat(Outside.run("mtype", "-i", efi, "::/EFI/fedora/grub.cfg")).isEqualTo(got);
      assertThat(Outside.run("mtype", "-i", efi, "::/EFI/BOOT/a longer name.efi")).hasSize(5000);
      Outside.run("fsck.fat", "-n", efi);
      Path file = directory.resolve("own.iso");
      own.writeTo(file, base);
      Path out = directory.resolve("checked");
      Outside.run("xorriso", "-osirrox", "on", "-indev", file, "-extract", "/", out);
      assertThat(Outside.run("sh", "-c", "cd " + out + " && md5sum -c md5sum.txt"))
          .contains("efi.img: OK")
          .doesNotContain("FAILED");
    }
  }

  @Test
  void theVendorsOwnMenuTellsWhatToStart() throws Exception {
    Map<String, byte[]> files = new HashMap<>(Samples.files(false));
    files.put(
        "boot/grub/grub.cfg",
        Samples.text(
            """
            set timeout=60
            menuentry 'Rescue' {
                linux /not/there x
                initrd /not/there/either
            }
            menuentry 'Install' {
                linux    /install/vmlinuz root=live:CDLABEL=X inst.stage2="hd:LABEL=X" $more quiet --- vga=1
                initrd   /install/initrd.gz
            }
            """));
    Path iso = Samples.iso(directory, Style.CD_ONLY, files);
    try (FileSource base = FileSource.open(iso)) {
      IsoImage image = IsoImage.read(base);
      Installer found = VendorMedium.installer(image).orElseThrow();
      assertThat(found)
          .isEqualTo(
              new Installer(
                  "/install/vmlinuz",
                  "/install/initrd.gz",
                  List.of("root=live:CDLABEL=X", "inst.stage2=hd:LABEL=X", "quiet", "vga=1")));
      assertThat(new VendorMedium(image, found).commandLine(List.of("auto")))
          .isEqualTo("root=live:CDLABEL=X inst.stage2=hd:LABEL=X vga=1 auto");
    }
  }

  /** A client goes on with a part of the same bytes only. */
  @Test
  void aMediumHasTheSameTagOnlyForTheSameBytes() throws Exception {
    Path iso = Samples.iso(directory, Style.CD_ONLY, Samples.files(false));
    java.util.Set<String> tags = new java.util.HashSet<>();
    for (int i = 0; i < 2; i++) {
      try (FileSource base = FileSource.open(iso)) {
        IsoImage image = IsoImage.read(base);
        tags.add(new VendorMedium(image, INSTALLER).own(ADDITIONS).tag(base, "sum"));
      }
    }
    assertThat(tags).hasSize(1);
    try (FileSource base = FileSource.open(iso)) {
      IsoImage image = IsoImage.read(base);
      Installer other = new Installer(INSTALLER.kernel(), INSTALLER.initrd(), List.of("vga=789"));
      tags.add(new VendorMedium(image, other).own(ADDITIONS).tag(base, "sum"));
      tags.add(new VendorMedium(image, INSTALLER).own(ADDITIONS).tag(base, "other sum"));
      tags.add(
          new VendorMedium(image, INSTALLER)
              .own(
                  new Additions(
                      ADDITIONS.files(),
                      Map.of("/preseed.cfg", new Cpio.File(0644, Samples.text("answerz"))),
                      ADDITIONS.kernelArguments()))
              .tag(base, "sum"));
      assertThat(tags).hasSize(4);
    }
  }

  @Test
  void whatCannotBeIsRefused() throws Exception {
    Map<String, byte[]> files = Samples.files(false);
    files.remove("isolinux/isolinux.cfg");
    files.remove("boot/grub/grub.cfg");
    Path iso = Samples.iso(directory, Style.ROCK_RIDGE_ONLY, files);
    try (FileSource base = FileSource.open(iso)) {
      IsoImage image = IsoImage.read(base);
      assertThatThrownBy(
              () -> new VendorMedium(image, new Installer("/no", "/install/initrd.gz", List.of())))
          .isInstanceOf(MediumException.class)
          .hasMessage("/no: is not on the medium");
      VendorMedium medium = new VendorMedium(image, INSTALLER);
      assertThatThrownBy(() -> medium.own(ADDITIONS))
          .isInstanceOf(MediumException.class)
          .hasMessageContaining("no boot menu");
      for (String word : List.of("a\nb", "a'b", "a\"b", "")) {
        assertThatThrownBy(() -> medium.commandLine(List.of(word)))
            .as(word)
            .isInstanceOf(MediumException.class);
      }
    }
  }

  /** What the menu of a medium that no catalogue knows names, whatever it is. */
  @ParameterizedTest
  @CsvSource({"/odd/vmlinuz;reboot,vga=1", "/install/vmlinuz,\u00fc"})
  void aMenuThatNamesWhatNoBootLoaderCouldBeToldIsRefusedAtOnce(String kernel, String argument)
      throws Exception {
    Map<String, byte[]> files = new HashMap<>(Samples.files(false));
    files.put("odd/vmlinuz;reboot", Samples.text("kernel"));
    files.put(
        "boot/grub/grub.cfg",
        Samples.text(
            "menuentry 'x' {\n linux "
                + kernel
                + " "
                + argument
                + "\n initrd /install/initrd.gz\n}"));
    Path iso = Samples.iso(directory, Style.ROCK_RIDGE_ONLY, files);
    try (FileSource base = FileSource.open(iso)) {
      IsoImage image = IsoImage.read(base);
      Installer found = VendorMedium.installer(image).orElseThrow();
      assertThat(found.kernel()).isEqualTo(kernel);
      assertThatThrownBy(() -> new VendorMedium(image, found)).isInstanceOf(MediumException.class);
    }
  }

  /** Fedora CoreOS has no other one. */
  @Test
  void aMenuInTheVendorsOwnDirectoryIsChangedToo() throws Exception {
    Map<String, byte[]> files = new HashMap<>(Samples.files(false));
    byte[] menu =
        Samples.text(
            "menuentry 'CoreOS' {\n linux /install/vmlinuz a=b\n initrd /install/initrd.gz\n}\n");
    files.remove("boot/grub/grub.cfg");
    files.put("boot/grub/other", menu);
    files.put("EFI/fedora/grub.cfg", menu);
    Path iso = Samples.iso(directory, Style.ISOHYBRID, files);
    try (FileSource base = FileSource.open(iso)) {
      IsoImage image = IsoImage.read(base);
      assertThat(VendorMedium.installer(image))
          .contains(new Installer("/install/vmlinuz", "/install/initrd.gz", List.of("a=b")));
      Composed own = new VendorMedium(image, INSTALLER).own(ADDITIONS);
      assertThat(IsoImage.read(own).text("/EFI/fedora/grub.cfg", 2000).orElseThrow())
          .contains("menuentry 'millwright'")
          .contains("initrd /install/initrd.gz /answers.img\n");
    }
  }

  /** Else it would be started, by UEFI alone, as if nobody had changed it. */
  @Test
  void aMediumThatStartsByUefiWithoutAMenuThatIsKnownIsRefused() throws Exception {
    Map<String, byte[]> files = new HashMap<>(Samples.files(false));
    files.put("boot/grub/grub.cfg", Samples.text("configfile /elsewhere.cfg\n"));
    Path iso = Samples.iso(directory, Style.ISOHYBRID, files);
    try (FileSource base = FileSource.open(iso)) {
      VendorMedium medium = new VendorMedium(IsoImage.read(base), INSTALLER);
      assertThatThrownBy(() -> medium.own(ADDITIONS))
          .isInstanceOf(MediumException.class)
          .hasMessageContaining("starts by UEFI");
    }
  }

  @Test
  void esxisBootLoaderIsToldByItsFiles() throws Exception {
    Map<String, byte[]> files = Samples.files(true);
    String bootCfg = "bootstate=0\nkernel=/b.b00\nkernelopt=runweasel cdromBoot\nmodules=/a.b00\n";
    files.put("boot.cfg", Samples.text(bootCfg));
    files.put("efi/boot/boot.cfg", Samples.text(bootCfg));
    Path iso = Samples.iso(directory, Style.PLAIN, files);
    try (FileSource base = FileSource.open(iso)) {
      VendorMedium medium = new VendorMedium(IsoImage.read(base));
      Composed own =
          medium.own(
              new Additions(
                  Map.of("/KS.CFG", Samples.text("vmaccepteula")),
                  Map.of(),
                  List.of("ks=cdrom:/KS.CFG")));
      IsoImage read = IsoImage.read(own);
      String wanted =
          "bootstate=0\n"
              + "kernel=/b.b00\n"
              + "kernelopt=runweasel cdromBoot ks=cdrom:/KS.CFG\n"
              + "modules=/a.b00\n";
      assertThat(read.text("/BOOT.CFG", 1000)).contains(wanted);
      assertThat(read.text("/EFI/BOOT/BOOT.CFG", 1000)).contains(wanted);
      assertThat(read.text("/KS.CFG", 1000)).contains("vmaccepteula");
      assertThat(read.text("/ISOLINUX/ISOLINUX.CFG", 1000))
          .contains("default install\nlabel install\n");
      assertThatThrownBy(() -> medium.own(ADDITIONS)).hasMessageContaining("has no initrd");
    }
  }

  @Test
  void filesAloneLeaveTheBootLoaderAsItIs() throws Exception {
    Path iso = Samples.iso(directory, Style.CD_ONLY, Samples.files(false));
    try (FileSource base = FileSource.open(iso)) {
      VendorMedium medium = new VendorMedium(IsoImage.read(base));
      Composed own =
          medium.own(
              new Additions(
                  Map.of("/etc/installerconfig", Samples.text("x")), Map.of(), List.of()));
      IsoImage read = IsoImage.read(own);
      assertThat(read.text("/etc/installerconfig", 10)).contains("x");
      assertThat(read.text("/isolinux/isolinux.cfg", 100))
          .contains("default install\nlabel install\n");
      assertThatThrownBy(
              () -> medium.own(new Additions(Map.of(), Map.of(), List.of("ks=cdrom:/KS.CFG"))))
          .hasMessageContaining("no boot.cfg");
    }
  }
}
