package io.millwright.model.manifest;

import org.jspecify.annotations.Nullable;

/** The text is no YAML or JSON, or one that is not taken. */
final class UnreadableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Node.@Nullable Mark mark;

  UnreadableException(Node.@Nullable Mark mark, String message) {
    super(message);
    this.mark = mark;
  }

  Node.@Nullable Mark mark() {
    return mark;
  }

  String text() {
    return String.valueOf(getMessage());
  }
}
