package io.millwright.media;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Programs that are not ours, as judges and as makers of media. */
final class Outside {
  private Outside() {}

  /** What the program wrote; fails if it could not be started or did not end with 0. */
  static String run(Object... command) throws IOException, InterruptedException {
    List<String> words = new ArrayList<>();
    for (Object word : command) {
      if (word instanceof List<?> list) {
        list.forEach(w -> words.add(w.toString()));
      } else {
        words.add(word.toString());
      }
    }
    Path log = Files.createTempFile("outside", ".log");
    try {
      Process process =
          new ProcessBuilder(words)
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .redirectInput(Path.of("/dev/null").toFile())
              .start();
      int code = process.waitFor();
      String out = Files.readString(log, StandardCharsets.ISO_8859_1);
      if (code != 0) {
        fail(words + " ended with " + code + ":\n" + out);
      }
      return out;
    } finally {
      Files.deleteIfExists(log);
    }
  }
}
