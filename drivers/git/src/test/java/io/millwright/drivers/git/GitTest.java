package io.millwright.drivers.git;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.SourceDriver.Place;
import io.millwright.driver.SourceDriver.Snapshot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.eclipse.jgit.api.errors.GitAPIException;
import org.eclipse.jgit.dircache.DirCache;
import org.eclipse.jgit.dircache.DirCacheBuilder;
import org.eclipse.jgit.dircache.DirCacheEntry;
import org.eclipse.jgit.lib.FileMode;
import org.eclipse.jgit.lib.ObjectId;
import org.eclipse.jgit.lib.ObjectInserter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reads real repositories on disk. */
class GitTest {
  @TempDir Path dir = Path.of("");

  private final Git driver = new Git();
  private org.eclipse.jgit.api.Git repository;

  @BeforeEach
  void begin() throws GitAPIException {
    repository =
        org.eclipse.jgit.api.Git.init()
            .setDirectory(dir.resolve("repo").toFile())
            .setInitialBranch("main")
            .call();
  }

  @AfterEach
  void end() {
    repository.close();
  }

  private void write(String name, String text) throws IOException {
    Path file = dir.resolve("repo").resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private String commit() throws GitAPIException {
    repository.add().addFilepattern(".").call();
    return repository
        .commit()
        .setSign(false)
        .setMessage("m")
        .setAuthor("a", "a@example.org")
        .setCommitter("a", "a@example.org")
        .call()
        .name();
  }

  private Place place(String branch, String path) {
    return new Place(
        "file://" + dir.resolve("repo").toAbsolutePath(), branch, path, Map.of());
  }

  private Place place() {
    return place("main", ".");
  }

  private DriverException fault(Place place) {
    return catchThrowableOfType(DriverException.class, () -> driver.read(place));
  }

  @Test
  void manifestsOfTheNewestCommitAndNothingElse() throws Exception {
    write("a.yaml", "old");
    commit();
    write("a.yaml", "new");
    write("env/b.YML", "b");
    write("env/deep/c.json", "{}");
    write("logo.png", "binary");
    String commit = commit();
    write("a.yaml", "not committed");

    Snapshot found = driver.read(place());

    assertThat(found.commit()).isEqualTo(commit).isEqualTo(driver.newest(place()));
    assertThat(found.files().keySet()).containsExactly("a.yaml", "env/b.YML", "env/deep/c.json");
    assertThat(new String(found.files().get("a.yaml"), UTF_8)).isEqualTo("new");
  }

  @Test
  void onlyWhatIsBelowThePath() throws Exception {
    write("a.yaml", "a");
    write("env/prod/b.yaml", "b");
    write("env/production/c.yaml", "c");
    commit();
    assertThat(driver.read(place("main", "env/prod")).files().keySet())
        .containsExactly("env/prod/b.yaml");
    assertThat(fault(place("main", "env/none")).forUser())
        .isEqualTo("there is no directory env/none in it");
  }

  @Test
  void noManifestIsNoOrderToDeleteAll() throws Exception {
    write("README", "x");
    commit();
    DriverException fault = fault(place());
    assertThat(fault.kind()).isEqualTo(FaultKind.REFUSED);
    assertThat(fault.forUser()).isEqualTo("there is no *.yaml, *.yml or *.json in it");
  }

  @Test
  void aLinkOutOfTheTreeIsRefusedAndOneWithinIsNotFollowed() throws Exception {
    write("a.yaml", "a");
    Files.createSymbolicLink(dir.resolve("repo/within.yaml"), Path.of("a.yaml"));
    commit();
    assertThat(driver.read(place()).files().keySet()).containsExactly("a.yaml");

    write("env/a.yaml", "a");
    Path link = dir.resolve("repo/env/out.yaml");
    for (String target : new String[] {"/etc/passwd", "../../up", "../env/../../up"}) {
      Files.deleteIfExists(link);
      Files.createSymbolicLink(link, Path.of(target));
      commit();
      DriverException fault = fault(place());
      assertThat(fault.kind()).isEqualTo(FaultKind.REFUSED);
      assertThat(fault.forUser())
          .isEqualTo(
              "env/out.yaml is a link that leads out of the repository; put the file there");
    }
  }

  @Test
  void whatIsTooMuchIsRefused() throws Exception {
    write("a.yaml", "x".repeat((int) Git.LARGEST_FILE + 1));
    commit();
    assertThat(fault(place()).forUser()).isEqualTo("a.yaml is larger than 4 MiB; split it");
  }

  @Test
  void moreFilesThanManifestsEverAreIsRefused() throws Exception {
    DirCache index = repository.getRepository().lockDirCache();
    DirCacheBuilder builder = index.builder();
    try (ObjectInserter inserter = repository.getRepository().newObjectInserter()) {
      ObjectId blob =
          inserter.insert(org.eclipse.jgit.lib.Constants.OBJ_BLOB, "x".getBytes(UTF_8));
      inserter.flush();
      for (int i = 0; i < 100_000; i++) {
        DirCacheEntry entry = new DirCacheEntry("f" + i);
        entry.setFileMode(FileMode.REGULAR_FILE);
        entry.setObjectId(blob);
        builder.add(entry);
      }
    }
    builder.commit();
    repository
        .commit()
        .setSign(false)
        .setMessage("m")
        .setAuthor("a", "a@example.org")
        .setCommitter("a", "a@example.org")
        .call();
    assertThat(fault(place()).forUser()).startsWith("there are more than 20000 files in it;");
  }

  @Test
  void noBranchIsRefusedAndNoRepositoryIsUnknown() throws Exception {
    write("a.yaml", "a");
    commit();
    assertThat(fault(place("other", ".")).kind()).isEqualTo(FaultKind.REFUSED);
    assertThat(fault(place("other", ".")).forUser()).isEqualTo("there is no branch other in it");
    Place nowhere = new Place("file://" + dir.resolve("none"), "main", ".", Map.of());
    assertThat(fault(nowhere).kind()).isEqualTo(FaultKind.UNREACHABLE);
    assertThatThrownBy(() -> driver.newest(nowhere)).isInstanceOf(DriverException.class);
  }

  @Test
  void nothingIsLeftInTheTemporaryDirectory() throws Exception {
    write("a.yaml", "a");
    commit();
    driver.read(place());
    fault(place("other", "."));
    try (var left = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      assertThat(left.map(f -> f.getFileName().toString()))
          .noneMatch(n -> n.startsWith("millwright-git"));
    }
  }
}
