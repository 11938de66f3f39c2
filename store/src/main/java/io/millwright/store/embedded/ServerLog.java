package io.millwright.store.embedded;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;

/** What PostgreSQL prints: one file for this run, one for the run before. */
record ServerLog(Path file) {
  private static final int SHOWN_AT_MOST = 64 * 1024;

  /**
   * Begins a new file; a restart within one run goes on in the same, lest a crash loop hide its
   * cause.
   */
  void rotate() throws IOException {
    if (Files.exists(file) && Files.size(file) > 0) {
      Files.move(
          file,
          file.resolveSibling(file.getFileName() + ".1"),
          StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /**
   * Makes sure there is a file that only its owner reads, and tells where the next output will
   * begin.
   */
  long end() throws IOException {
    try {
      Files.createFile(
          file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    } catch (FileAlreadyExistsException e) {
      // It goes on.
    }
    return Files.size(file);
  }

  /** What was printed since. */
  String since(long start) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      ByteBuffer text = ByteBuffer.allocate((int) Math.min(SHOWN_AT_MOST, channel.size() - start));
      channel.read(text, Math.max(start, channel.size() - text.capacity()));
      return UTF_8.decode(text.flip()).toString();
    }
  }

  /** The last line that names a failure, without the time and process number before it. */
  static String lastFailure(String text) {
    return text.lines()
        .filter(line -> !line.contains("STATEMENT:") && !line.isBlank())
        .filter(line -> line.matches(".*(FATAL|PANIC|ERROR|error|failed).*"))
        .reduce((earlier, later) -> later)
        .or(() ->
            text.lines()
                .filter(line -> !line.contains("STATEMENT:"))
                .reduce((earlier, later) -> later))
        .map(line -> line.replaceFirst("^.*?(FATAL|PANIC|ERROR): +", ""))
        .orElse("it said nothing");
  }
}
