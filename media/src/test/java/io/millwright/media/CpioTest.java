package io.millwright.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.AlphaChars;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Unpacked by the real cpio. */
class CpioTest {
  private static Map<String, byte[]> unpacked(Path directory, byte[] archive) throws Exception {
    Path file = Files.write(directory.resolve("a.cpio"), archive);
    Path out = Files.createDirectory(directory.resolve("out"));
    Outside.run("sh", "-c", "cd " + out + " && cpio -idm --quiet < " + file);
    Map<String, byte[]> files = new TreeMap<>();
    try (var all = Files.walk(out)) {
      for (Path path : all.filter(Files::isRegularFile).toList()) {
        files.put(out.relativize(path).toString(), Files.readAllBytes(path));
      }
    }
    return files;
  }

  @Test
  void isUnpackedAsItWasMeant(@TempDir Path directory) throws Exception {
    Map<String, Cpio.File> files =
        Map.of(
            "/preseed.cfg", new Cpio.File(0644, Samples.text("answers\n")),
            "usr/lib/early.sh", new Cpio.File(0755, Samples.text("#!/bin/sh\n")),
            "usr/\u00fc", new Cpio.File(0600, new byte[4097]),
            "empty", new Cpio.File(0644, new byte[0]));
    byte[] archive = Cpio.write(files);
    assertThat(archive.length % 512).isZero();
    assertThat(Cpio.write(new TreeMap<>(files))).isEqualTo(archive);
    Map<String, byte[]> got = unpacked(directory, archive);
    assertThat(got.keySet())
        .containsExactlyInAnyOrder("preseed.cfg", "usr/lib/early.sh", "usr/\u00fc", "empty");
    assertThat(got.get("preseed.cfg")).asString().isEqualTo("answers\n");
    assertThat(got.get("usr/\u00fc")).isEqualTo(new byte[4097]);
    assertThat(Outside.run("sh", "-c", "cpio -itv --quiet < " + directory.resolve("a.cpio")))
        .containsPattern("-rwxr-xr-x +1 root +root +10 .* usr/lib/early.sh")
        .containsPattern("-rw------- .*usr/")
        .containsPattern("drwxr-xr-x .*usr/lib");
  }

  @Property
  void whateverIsInItComesOutAgain(
      @ForAll @Size(max = 5)
          Map<@AlphaChars @StringLength(min = 1, max = 30) String, byte[]> content)
      throws Exception {
    Map<String, Cpio.File> files = new TreeMap<>();
    content.forEach((name, bytes) -> files.put("d/" + name, new Cpio.File(0644, bytes)));
    Path directory = Files.createTempDirectory("cpio");
    try {
      Map<String, byte[]> got = unpacked(directory, Cpio.write(files));
      assertThat(got.keySet()).isEqualTo(files.keySet());
      content.forEach((name, bytes) -> assertThat(got.get("d/" + name)).isEqualTo(bytes));
    } finally {
      Outside.run("rm", "-r", directory);
    }
  }

  @Test
  void refusesWhatNamesNoFile() {
    for (String path : new String[] {"", "/", "../etc/passwd", "a/./b", "a\0b"}) {
      assertThatThrownBy(() -> Cpio.write(Map.of(path, new Cpio.File(0644, new byte[0]))))
          .as(path)
          .isInstanceOf(IllegalArgumentException.class);
    }
    Cpio.File file = new Cpio.File(0644, new byte[0]);
    assertThatThrownBy(() -> Cpio.write(Map.of("a", file, "a/b", file)))
        .hasMessage("a is a file and a directory");
    assertThatThrownBy(() -> Cpio.write(Map.of("a", file, "/a", file)))
        .hasMessageContaining("twice");
  }
}
