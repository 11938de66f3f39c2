package io.millwright.model.manifest;

import java.util.List;
import java.util.Map;

/**
 * A piece of a manifest as it was written, with its place.
 *
 * <p>Unlike a Jackson tree it keeps the source text of unquoted scalars, so that {@code version:
 * 12.10} read as text stays {@code 12.10}, and the lines, so that messages can name them.
 */
sealed interface Node {

  /**
   * A place in the text.
   *
   * @param line from 1
   * @param column from 1
   */
  record Mark(int line, int column) {
    @Override
    public String toString() {
      return "line " + line + ", column " + column;
    }
  }

  Mark mark();

  /** A mapping, in the order of the text. */
  record Fields(Mark mark, Map<String, Field> fields) implements Node {}

  /** A value of a mapping, and where its key stands. */
  record Field(Mark key, Node value) {}

  /** A sequence. */
  record Items(Mark mark, List<Node> items) implements Node {}

  /**
   * A scalar.
   *
   * @param text without quotes
   * @param quoted true if it can be nothing but text
   */
  record Scalar(Mark mark, String text, boolean quoted) implements Node {}

  /** True for a value that says nothing: nothing at all, {@code ~} or {@code null}. */
  default boolean empty() {
    return this instanceof Scalar s
        && !s.quoted()
        && switch (s.text()) {
          case "", "~", "null", "Null", "NULL" -> true;
          default -> false;
        };
  }

  /** How many levels of mappings and sequences it is high; 0 for a scalar. */
  default int height() {
    return switch (this) {
      case Scalar _ -> 0;
      case Items i -> 1 + i.items().stream().mapToInt(Node::height).max().orElse(0);
      case Fields f ->
          1 + f.fields().values().stream().mapToInt(v -> v.value().height()).max().orElse(0);
    };
  }

  /** What it is, for messages. */
  default String describe() {
    return switch (this) {
      case Fields _ -> "a mapping";
      case Items _ -> "a list";
      case Scalar s when empty() -> "nothing";
      case Scalar s -> (s.quoted() ? "the text " : "") + io.millwright.model.Names.quote(s.text());
    };
  }

  /** The place of {@code path}, or of what is nearest above it. */
  default Mark locate(String path) {
    Mark best = mark();
    Node at = this;
    String rest = path;
    while (!rest.isEmpty()) {
      if (at instanceof Items list && rest.startsWith("[")) {
        int end = rest.indexOf(']');
        if (end < 0 || !rest.substring(1, end).matches("[0-9]{1,9}")) {
          return best;
        }
        int i = Integer.parseInt(rest.substring(1, end));
        if (i >= list.items().size()) {
          return best;
        }
        at = list.items().get(i);
        best = at.mark();
        rest = rest.substring(end + 1);
      } else if (at instanceof Fields map) {
        String here = rest.startsWith(".") ? rest.substring(1) : rest;
        String key = "";
        for (String k : map.fields().keySet()) {
          // A label's key has dots in it, so the longest key that fits is the right one.
          if (here.startsWith(k)
              && k.length() > key.length()
              && (here.length() == k.length() || ".[".indexOf(here.charAt(k.length())) >= 0)) {
            key = k;
          }
        }
        Field field = map.fields().get(key);
        if (field == null) {
          return best;
        }
        best = field.key();
        at = field.value();
        rest = here.substring(key.length());
      } else {
        return best;
      }
    }
    return best;
  }
}
