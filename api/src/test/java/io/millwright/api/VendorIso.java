package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.millwright.driver.testkit.Lab;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Media as vendors make them, as far as anybody but a machine can see. */
final class VendorIso {
  private VendorIso() {}

  /** Debian's, with what its own boot loaders and its catalogue entry lead to. */
  static Path debian(Path directory) {
    return of(
        directory,
        "DEBIAN",
        Map.of(
            ".disk/info", "Debian GNU/Linux 13.1.0 \"Trixie\" - Official amd64 NETINST\n",
            "install.amd/vmlinuz", "k".repeat(50_000),
            "install.amd/initrd.gz", "i".repeat(70_001),
            "boot/grub/grub.cfg",
                "menuentry 'Install' {\n linux /install.amd/vmlinuz vga=788 --- quiet\n"
                    + " initrd /install.amd/initrd.gz\n}\n",
            "pool/main/p/package.deb", "p".repeat(5_000_000)));
  }

  /** With these files on it. */
  static Path of(Path directory, String label, Map<String, String> files) {
    try {
      Path tree = Files.createDirectories(directory.resolve("tree-" + label));
      for (Map.Entry<String, String> file : files.entrySet()) {
        Path path = tree.resolve(file.getKey());
        Files.createDirectories(path.getParent());
        Files.write(path, file.getValue().getBytes(UTF_8));
      }
      Path iso = directory.resolve(label + ".iso");
      Lab.run(
          new ArrayList<>(
              List.of(
                  "xorriso",
                  "-as",
                  "mkisofs",
                  "-quiet",
                  "-r",
                  "-J",
                  "-V",
                  label,
                  "-o",
                  iso.toString(),
                  tree.toString())));
      return iso;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
