package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Read by programs that are not ours; without them the test fails. */
class SeedIsoTest {
  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void aSeedIsReadByOthers(@TempDir Path directory) throws Exception {
    Seed seed = CloudInit.ofClone("debian").render(Samples.of("files-and-scripts"));
    Path iso = Files.write(directory.resolve("seed.iso"), seed.iso());
    assertThat(Outside.run(List.of("isoinfo", "-d", "-i", iso.toString())))
        .contains("Volume id: cidata")
        .contains("Joliet with UCS level 3 found");
    assertThat(Outside.run(List.of("isoinfo", "-J", "-f", "-i", iso.toString())).lines())
        .containsExactlyInAnyOrder("/meta-data", "/network-config", "/user-data");
    Path out = extracted(iso, directory);
    for (var file : seed.files().entrySet()) {
      assertThat(out.resolve(file.getKey())).hasBinaryContent(file.getValue());
    }
  }

  @Test
  void withoutJolietItHasShortNames(@TempDir Path directory) throws Exception {
    Path iso =
        Files.write(
            directory.resolve("seed.iso"),
            SeedIso.write(
                "OEMDRV",
                Map.of(
                    "ks.cfg", bytes("a"), "user-data-1", bytes("b"), "user-data-2", bytes("c"))));
    assertThat(Outside.run(List.of("isoinfo", "-f", "-i", iso.toString())).lines())
        .containsExactlyInAnyOrder("/KS.CFG;1", "/USER_DAT.;1", "/USER_DA1.;1");
    assertThat(shortNamed(iso, "/KS.CFG;1")).isEqualTo("a");
    assertThat(shortNamed(iso, "/USER_DAT.;1")).isEqualTo("b");
    assertThat(shortNamed(iso, "/USER_DA1.;1")).isEqualTo("c");
  }

  @Test
  void manyFilesFillSeveralSectors(@TempDir Path directory) throws Exception {
    Map<String, byte[]> files = new LinkedHashMap<>();
    Random random = new Random(7);
    for (int i = 0; i < 300; i++) {
      byte[] content = new byte[i == 0 ? 0 : random.nextInt(5000)];
      random.nextBytes(content);
      files.put("file-" + i + "-" + "ü".repeat(i % 40) + ".text", content);
    }
    Path iso = Files.write(directory.resolve("seed.iso"), SeedIso.write("cidata", files));
    Path out = extracted(iso, directory);
    try (var found = Files.list(out)) {
      assertThat(found.count()).isEqualTo(files.size());
    }
    for (var file : files.entrySet()) {
      assertThat(out.resolve(file.getKey())).hasBinaryContent(file.getValue());
    }
  }

  @Test
  void isTheSameEachTime() {
    Map<String, byte[]> one = new LinkedHashMap<>();
    one.put("a", bytes("1"));
    one.put("b", bytes("2"));
    Map<String, byte[]> two = new LinkedHashMap<>();
    two.put("b", bytes("2"));
    two.put("a", bytes("1"));
    assertThat(SeedIso.write("cidata", one)).isEqualTo(SeedIso.write("cidata", two));
  }

  @Test
  void refusesWhatItCannotHold() {
    for (String name : List.of("", "a/b", "a;1", "a".repeat(65), "a\nb", "\\")) {
      assertThatThrownBy(() -> SeedIso.write("cidata", Map.of(name, bytes(""))))
          .as(name)
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThatThrownBy(() -> SeedIso.write("a b", Map.of()))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /** All files of the Joliet tree. */
  private static Path extracted(Path iso, Path directory) throws Exception {
    Path out = directory.resolve("out");
    Outside.run(
        List.of(
            "xorriso",
            "-osirrox",
            "on",
            "-read_fs",
            "norock",
            "-indev",
            iso.toString(),
            "-extract",
            "/",
            out.toString()));
    return out;
  }

  private static String shortNamed(Path iso, String name) throws Exception {
    return Outside.run(List.of("isoinfo", "-i", iso.toString(), "-x", name));
  }
}
