package io.millwright.images;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A file that an installer reads. Only root needs to read it, so who writes it gives it the mode
 * 0600, or 0700 if it is executable.
 *
 * @param bytes its content; never changed after it was given
 * @param executable true if the installer runs it as a program
 */
public record AnswerFile(byte[] bytes, boolean executable) {
  /** A file to be read, in UTF-8. */
  public static AnswerFile text(String content) {
    return new AnswerFile(content.getBytes(StandardCharsets.UTF_8), false);
  }

  /** A file to be run, in UTF-8. */
  public static AnswerFile program(String content) {
    return new AnswerFile(content.getBytes(StandardCharsets.UTF_8), true);
  }

  /** The content as text; only for a file that was made of text. */
  public String asText() {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof AnswerFile that
        && executable == that.executable
        && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  /** Without the content, which may hold hashes of passwords and must not get into a log. */
  @Override
  public String toString() {
    return bytes.length + " bytes" + (executable ? ", executable" : "");
  }
}
