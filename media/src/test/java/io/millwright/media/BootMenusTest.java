package io.millwright.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.millwright.media.Samples.Style;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BootMenusTest {
  private static final int MIB = 1 << 20;

  @TempDir private Path directory;

  /** As GRUB puts it into the kernel's command line, too; linuxrc takes the quotes off. */
  @Test
  void aWordWithBlanksIsOneWordWhateverStartsTheKernel() throws Exception {
    String word = "ifcfg=52:54:00:00:00:01=10.0.0.5/24,10.0.0.1,10.0.0.53 10.0.0.54";
    List<String> words = BootMenus.arguments(List.of("quiet", "vga=1"), List.of(word, "a=$b\\c"));
    assertThat(BootMenus.commandLine(words)).isEqualTo("vga=1 \"" + word + "\" a=$b\\c");
    assertThat(BootMenus.isolinux("/k", List.of("/i"), words))
        .contains("append initrd=/i vga=1 \"" + word + "\" a=$b\\c\n");
    String grub = BootMenus.grub("/k", List.of("/i"), words, "");
    assertThat(grub).contains("linux /k 'vga=1' '" + word + "' 'a=$b\\c'\n");
    Outside.run(
        "grub-script-check", java.nio.file.Files.writeString(directory.resolve("grub.cfg"), grub));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a'b", "a\"b", "a\nb", "\u00fc"})
  void whatABootLoaderCannotPassOnIsToldAsTheMediumsFault(String word) {
    assertThatThrownBy(() -> BootMenus.arguments(List.of(word), List.of()))
        .isInstanceOf(MediumException.class);
    assertThatThrownBy(() -> BootMenus.arguments(List.of(), List.of(word)))
        .isInstanceOf(MediumException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"\n", " ", "\t\n", "linux /k a\n", "initrd /i\n", "menuentr\n", "linux "})
  void aHostileMenuIsReadInOneGo(String repeated) throws Exception {
    String text = repeated.repeat(MIB / repeated.length() - 20) + "\ninitrd /i";
    Map<String, byte[]> files = new HashMap<>(Samples.files(false));
    files.put("boot/grub/grub.cfg", Samples.text(text));
    Path iso = Samples.iso(directory, Style.CD_ONLY, files);
    try (FileSource base = FileSource.open(iso)) {
      IsoImage image = IsoImage.read(base);
      assertThat(image.text("/boot/grub/grub.cfg", BootMenus.LARGEST)).isPresent();
      assertTimeoutPreemptively(
          Duration.ofSeconds(20),
          () -> {
            assertThat(BootMenus.isMenu(text)).isEqualTo(text.startsWith("linux"));
            assertThat(BootMenus.installer(image)).isEmpty();
          });
    }
  }
}
