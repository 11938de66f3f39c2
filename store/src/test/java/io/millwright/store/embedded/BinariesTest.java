package io.millwright.store.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("database")
class BinariesTest {
  @Test
  void theyAreUnpackedWholeOnceAndAreOfTheVersionThatTheirNameSays(@TempDir Path home)
      throws Exception {
    // What a start that was killed half way left.
    Files.createDirectories(home.resolve("postgres-" + Binaries.VERSION + ".unpacking/bin"));
    Files.createDirectories(home.resolve("postgres-1.2.3/bin"));

    Binaries binaries = Binaries.in(home, Progress.silent());
    Command.Result version =
        Command.run(List.of(binaries.program("postgres").toString(), "--version"), home, "");
    Object made = Files.getLastModifiedTime(binaries.directory());
    Binaries again = Binaries.in(home, Progress.silent());
    again.removeOthers();

    assertThat(version.output()).startsWith("postgres (PostgreSQL) ");
    assertThat(Binaries.VERSION).startsWith(version.output().strip().replaceFirst(".* ", "") + ".");
    assertThat(Files.getLastModifiedTime(again.directory())).isEqualTo(made);
    assertThat(
            PosixFilePermissions.toString(
                Files.getPosixFilePermissions(binaries.directory().resolve("share"))))
        .isEqualTo("rwxr-xr-x");
    try (var left = Files.list(home)) {
      assertThat(left).containsExactly(binaries.directory());
    }
  }

  @Test
  void bothProcessorsHaveAnArchiveAndOthersAreToldWhatToDo() {
    assertThat(BinariesTest.class.getResource(Binaries.resource("amd64"))).isNotNull();
    assertThat(BinariesTest.class.getResource(Binaries.resource("aarch64"))).isNotNull();
    assertThatThrownBy(() -> Binaries.resource("riscv64"))
        .hasMessageContaining("riscv64")
        .hasMessageContaining("external PostgreSQL (15 or newer)");
  }
}
