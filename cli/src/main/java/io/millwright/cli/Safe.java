package io.millwright.cli;

/**
 * Text from elsewhere, made fit for a terminal: a machine's log must not move the cursor, retitle
 * the window or turn the line around.
 */
final class Safe {
  private Safe() {}

  /** On one line, control and formatting characters replaced. */
  static String line(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (odd(text.charAt(i))) {
        StringBuilder out = new StringBuilder(text.length());
        text.chars().forEach(c -> out.append(odd((char) c) ? blank((char) c) : (char) c));
        return out.toString();
      }
    }
    return text;
  }

  private static boolean odd(char c) {
    return Character.isISOControl(c) || Character.getType(c) == Character.FORMAT;
  }

  private static char blank(char c) {
    return c == '\n' || c == '\t' || c == '\r' ? ' ' : '?';
  }
}
