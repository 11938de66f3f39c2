package io.millwright.engine.machine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.images.Answers;
import io.millwright.images.Catalogue;
import io.millwright.images.Installation;
import io.millwright.images.Source;
import io.millwright.images.Storage;
import io.millwright.model.Violation;
import java.net.URI;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class InstallersTest {
  private static final Answers.Way WAY = Answers.Way.inside(Map.of(), "auto=true");

  private static Catalogue.Family family(Catalogue of, String name) {
    return Objects.requireNonNull(of.families().get(name));
  }

  @Test
  void onlyWhatCannotInstallWithoutPackagesNeedsSome() {
    Installation how = Installation.on(new Storage.Disk.BySerial("system"));
    Installation mirrored =
        how.withSource(Source.DISTRIBUTION.withMirror(URI.create("http://mirror.lab.test/r")));
    Catalogue.Family rocky = family(Catalogue.known(), "rocky");
    assertThat(Installers.lacking(rocky, "9", how, false))
        .extracting(Violation::field)
        .containsExactly("installation.source.mirror");
    assertThat(Installers.lacking(rocky, "9", mirrored, false)).isEmpty();
    assertThat(Installers.lacking(rocky, "9", how, true)).isEmpty();
    assertThat(Installers.lacking(rocky, "9", how, null)).isEmpty();
    assertThat(Installers.lacking(family(Catalogue.known(), "debian"), "13", how, false)).isEmpty();
  }

  /** As docs/media.md has a user add one. */
  @Test
  void whatIsMadeOfDebianIsFollowedAsDebianIs() {
    Catalogue mine =
        Catalogue.known()
            .with(
                Map.of(
                    "devuan.yaml",
                    """
                    family: devuan
                    title: Devuan
                    installer: preseed
                    media: [{volume: '^Devuan'}]
                    releases: []
                    """
                        .getBytes(UTF_8)));
    assertThat(Installers.kernelArguments(WAY, family(mine, "devuan"), "6"))
        .isEqualTo(Installers.kernelArguments(WAY, family(mine, "debian"), "13"))
        .containsExactly("auto=true", "DEBIAN_FRONTEND=text", "---", "console=ttyS0,115200n8");
    assertThat(Installers.kernelArguments(WAY, family(mine, "rocky"), "9"))
        .containsExactly("auto=true", "console=ttyS0,115200n8");
  }
}
