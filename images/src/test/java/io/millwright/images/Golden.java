package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** Compares with a file of the repository; {@code -Dgolden.update=true} writes it anew. */
final class Golden {
  private static final Path DIRECTORY = Path.of("src/test/resources/golden");

  private Golden() {}

  /** The same for each file of one way, by its name without directories. */
  static void same(String directory, Answers.Way way) throws IOException {
    Map<String, AnswerFile> files = new TreeMap<>(way.medium());
    files.putAll(way.initrd());
    AnswerMedium seed = way.seed();
    if (seed != null) {
      files.putAll(seed.files());
    }
    for (Map.Entry<String, AnswerFile> file : files.entrySet()) {
      same(directory + "/" + Path.of(file.getKey()).getFileName(), file.getValue().asText());
    }
  }

  static void same(String name, String actual) throws IOException {
    Path file = DIRECTORY.resolve(name);
    if (Boolean.getBoolean("golden.update")) {
      Files.createDirectories(file.getParent());
      Files.writeString(file, actual);
    }
    assertThat(actual).as(name).isEqualTo(Files.exists(file) ? Files.readString(file) : null);
  }
}
