package io.millwright.media;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.media.RangeServer.Use;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Machines' own media are booted by QEMU in software emulation: by BIOS and UEFI, from CD over HTTP
 * and from a written-out stick. The vendor's media that they are made of would wait for ever.
 */
@Tag("libvirt")
class BootTest {
  private static final Installer INSTALLER =
      new Installer(
          "/install/vmlinuz", "/install/initrd.gz", List.of("vendor=yes", "console=ttyS0"));
  private static final Additions ADDITIONS =
      new Additions(
          Map.of("/answers/extra.txt", Samples.text("extra")),
          Map.of("/answers", new Cpio.File(0644, Samples.text("static-address"))),
          List.of("own=1", "no_timer_check", "panic=-1")); // emulated timers may be late

  @TempDir private static Path directory;
  private static RangeServer server;

  @BeforeAll
  static void make() throws Exception {
    Outside.run("../lab/vendor-medium", "--out", directory);
    server =
        RangeServer.open(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), InstantSource.system());
  }

  @AfterAll
  static void close() throws Exception {
    server.close();
  }

  /**
   * What the guest says on its serial line. It powers itself off; nobody else ends it but a fault.
   */
  private static String booted(String firmware, List<String> more) throws Exception {
    Path serial = Files.createTempFile(directory, "serial", ".log");
    List<String> command =
        new ArrayList<>(
            List.of(
                "qemu-system-x86_64",
                "-machine",
                "q35,accel=tcg",
                "-cpu",
                "max,la57=off",
                "-m",
                "512",
                "-display",
                "none",
                "-monitor",
                "none",
                "-nodefaults",
                "-no-reboot",
                "-serial",
                "file:" + serial));
    if (firmware.equals("uefi")) {
      Path variables = Files.createTempFile(directory, "vars", ".fd");
      Files.write(variables, Files.readAllBytes(Path.of("/usr/share/OVMF/OVMF_VARS_4M.fd")));
      command.addAll(
          List.of(
              "-drive",
              "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
              "-drive",
              "if=pflash,format=raw,file=" + variables));
    }
    command.addAll(more);
    Path log = Files.createTempFile(directory, "qemu", ".log");
    Process qemu =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    try {
      boolean ended = qemu.waitFor(170, TimeUnit.SECONDS);
      String said = Files.readString(serial, StandardCharsets.ISO_8859_1);
      assertThat(ended)
          .as("the guest powered off; it said: %s %s", said, Files.readString(log))
          .isTrue();
      return said;
    } finally {
      qemu.destroyForcibly();
    }
  }

  private static void assertReady(String said) {
    assertThat(said).contains("GUEST-READY answers=static-address line=");
    assertThat(said.substring(said.indexOf("line="))).contains("vendor=yes console=ttyS0 own=1");
  }

  /** Each pair of a vendor's way, a firmware and a device comes up in one of these. */
  @ParameterizedTest
  @CsvSource({
    "isohybrid, bios, cd",
    "isohybrid, uefi, stick",
    "appended, bios, stick",
    "appended, uefi, cd"
  })
  void bootsWithoutAsking(String vendor, String firmware, String from) throws Exception {
    boots(vendor, firmware, from);
  }

  @ParameterizedTest
  @CsvSource({
    "isohybrid, bios, stick",
    "isohybrid, uefi, cd",
    "appended, bios, cd",
    "appended, uefi, stick"
  })
  @EnabledIfSystemProperty(named = "nightly", matches = "true")
  void soDoAllTheOthers(String vendor, String firmware, String from) throws Exception {
    boots(vendor, firmware, from);
  }

  private static void boots(String vendor, String firmware, String from) throws Exception {
    try (FileSource base = FileSource.open(directory.resolve(vendor + ".iso"))) {
      Composed own = new VendorMedium(IsoImage.read(base), INSTALLER).own(ADDITIONS);
      if (from.equals("cd")) {
        String path = server.offer(own, "own.iso", Duration.ofMinutes(10), Use.DRIVE);
        String url = "http://127.0.0.1:" + server.port() + path;
        assertReady(
            booted(
                firmware,
                List.of(
                    "-drive",
                    "if=none,id=cd,media=cdrom,readonly=on,format=raw,file=" + url,
                    "-device",
                    "ide-cd,drive=cd,bootindex=1")));
        server.withdraw(path);
      } else {
        Path file = directory.resolve(vendor + "-" + firmware + ".iso");
        own.writeTo(file, base);
        assertReady(
            booted(
                firmware,
                List.of(
                    "-drive",
                    "if=none,id=stick,format=raw,file=" + file,
                    "-device",
                    "qemu-xhci",
                    "-device",
                    "usb-storage,drive=stick,bootindex=1")));
        Files.delete(file);
      }
    }
  }

  @Test
  void kernelAndInitrdAreBootedDirectly() throws Exception {
    try (FileSource base = FileSource.open(directory.resolve("isohybrid.iso"))) {
      VendorMedium medium = new VendorMedium(IsoImage.read(base), INSTALLER);
      Path kernel = written(medium.kernel(), "kernel");
      Path initrd = written(medium.initrd(ADDITIONS.initrd()), "initrd");
      assertReady(
          booted(
              "bios",
              List.of(
                  "-kernel",
                  kernel.toString(),
                  "-initrd",
                  initrd.toString(),
                  "-append",
                  medium.commandLine(ADDITIONS.kernelArguments()))));
    }
  }

  private static Path written(ByteSource source, String name) throws IOException {
    try (var in = source.stream()) {
      Path file = directory.resolve(name);
      Files.copy(in, file);
      return file;
    }
  }
}
