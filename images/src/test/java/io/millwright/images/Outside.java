package io.millwright.images;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/** Judges from outside: other projects' schemas and tools. */
final class Outside {
  private Outside() {}

  /**
   * A schema beside the checkout; where it is missing a test fails in CI, and says so elsewhere.
   */
  static Path schema(String name) {
    return needed(Path.of("../../shared/schemas", name));
  }

  static Path needed(Path path) {
    if (!Files.exists(path)) {
      String left = path + " is missing";
      if ("true".equals(System.getenv("CI"))) {
        fail(left);
      }
      System.out.println("Left out: " + left);
      Assumptions.abort(left);
    }
    return path;
  }

  /** What the program wrote; fails if it could not be started or did not end with 0. */
  static String run(List<String> command) throws IOException, InterruptedException {
    Path log = Files.createTempFile("outside", ".log");
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .redirectInput(Path.of("/dev/null").toFile())
              .start();
      int code = process.waitFor();
      String out = Files.readString(log, StandardCharsets.ISO_8859_1);
      if (code != 0) {
        fail(command + " ended with " + code + ":\n" + out);
      }
      return out;
    } finally {
      Files.deleteIfExists(log);
    }
  }
}
