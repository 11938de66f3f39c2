package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.engine.access.SecretBox;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Joining;
import io.millwright.model.ProblemException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which nodes an installation takes: those with its key and its image directory. */
@Tag("database")
class JoiningTest {
  private final World world = new World(World.Pace.FAST);

  @TempDir Path dir;

  @AfterEach
  void end() {
    world.close();
  }

  private static SecretBox key(int n) {
    byte[] key = new byte[32];
    key[0] = (byte) n;
    return new SecretBox(key);
  }

  private void join(int key, String images, boolean replaceKey) throws IOException {
    Joining.join(
        world.store,
        key(key),
        Path.of("/data/key"),
        new ImageFiles(dir.resolve(images)),
        replaceKey);
  }

  @Test
  void theFirstNodeDecidesAndOthersNeedTheSame() throws IOException {
    join(1, "images", false);
    String installation = world.store.read(Tx::installation);
    assertThat(dir.resolve("images/installation")).hasContent(installation);
    join(1, "images", false);

    assertThatThrownBy(() -> join(2, "images", false))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("/data/key is not the key file of this installation")
        .hasMessageContaining("--replace-key");
    assertThatThrownBy(() -> join(1, "others", false))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("others is not the image directory of this installation")
        .hasMessageContaining("echo " + installation + " >" + dir.resolve("others/installation"));
    assertThat(dir.resolve("others/installation")).doesNotExist();
    join(1, "images", false); // whoever was refused changed nothing
  }

  @Test
  void aDirectoryOfAnotherInstallationIsRefused() throws IOException {
    Files.createDirectories(dir.resolve("images"));
    Files.writeString(dir.resolve("images/installation"), "0badcafe\n");
    assertThatThrownBy(() -> join(1, "images", false))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("another installation (0badcafe, and this one is ");
    assertThat(dir.resolve("images/installation")).hasContent("0badcafe");
  }

  @Test
  void aLostKeyIsReplacedOnce() throws IOException {
    join(1, "images", false);
    join(2, "images", true);
    join(2, "images", false);
    assertThatThrownBy(() -> join(1, "images", false)).hasMessageContaining("is not the key file");
  }

  @Test
  void aDirectoryWhoseFilesWereLostIsTakenAsTheMessageSays() throws IOException {
    join(1, "images", false);
    Files.createDirectories(dir.resolve("fresh"));
    Files.writeString(dir.resolve("fresh/installation"), world.store.read(Tx::installation) + "\n");
    join(1, "fresh", false);
  }

  @Test
  void aCrashBetweenMarkAndDatabaseIsLivedThrough() throws IOException {
    new ImageFiles(dir.resolve("images")).own(world.store.read(Tx::installation));
    join(1, "images", false);
    Files.writeString(dir.resolve("images/installation"), ""); // torn by a crash of the machine
    assertThatThrownBy(() -> join(1, "images", false))
        .hasMessageContaining("is not the image directory of this installation");
  }

  @Test
  void theFingerprintTellsKeysApartAndNothingElse() {
    assertThat(key(1).fingerprint()).isEqualTo(key(1).fingerprint()).matches("[0-9a-f]{32}");
    assertThat(key(1).fingerprint()).isNotEqualTo(key(2).fingerprint());
  }
}
