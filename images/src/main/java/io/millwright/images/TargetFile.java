package io.millwright.images;

import java.nio.charset.StandardCharsets;
import java.util.Base64;

/**
 * A file of the installed system.
 *
 * @param path absolute; any plain text, so a shell gets it in quotes
 * @param mode octal
 * @param owner user or user:group
 */
record TargetFile(String path, String mode, String owner, String content) {
  static TargetFile ofRoot(String path, String mode, String content) {
    return new TargetFile(path, mode, "root", content);
  }

  /** The path as one word of a shell. */
  public String quotedPath() {
    return quoted(path);
  }

  /** Any text of one line as one word of a shell. */
  static String quoted(String text) {
    return "'" + text.replace("'", "'\\''") + "'";
  }

  /** In lines of base64, of which none can be taken for a command or the end of a document. */
  public String base64() {
    return Base64.getMimeEncoder(76, new byte[] {'\n'})
        .encodeToString(content.getBytes(StandardCharsets.UTF_8));
  }
}
