package io.millwright.media;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Says what a medium is by what is on it. Rules are data, so that a user adds a release without
 * code.
 *
 * @param <T> what is recognised, for example a release
 * @param value what the medium is if all signs are on it
 * @param signs all of them have to be there; at least one
 */
public record Recognition<T>(T value, List<Sign> signs) {
  /** A file by which a medium is recognised is read up to here. */
  private static final int MOST_TEXT = 1 << 20;

  public Recognition {
    signs = List.copyOf(signs);
    if (signs.isEmpty()) {
      throw new IllegalArgumentException("a rule without signs would recognise everything");
    }
  }

  /**
   * A file on the medium, and what its text must contain.
   *
   * @param path from the root; empty for the medium's label
   * @param text found anywhere in it
   */
  public record Sign(String path, Pattern text) {}

  /**
   * What a medium is, the first rule first. Several may match where one is more general.
   *
   * @throws IOException if the medium cannot be read
   */
  public static <T> List<T> of(IsoImage iso, List<Recognition<T>> rules) throws IOException {
    List<T> out = new ArrayList<>();
    for (Recognition<T> rule : rules) {
      if (rule.matches(iso)) {
        out.add(rule.value);
      }
    }
    return out;
  }

  private boolean matches(IsoImage iso) throws IOException {
    for (Sign sign : signs) {
      String text =
          sign.path().isEmpty() ? iso.label() : iso.text(sign.path(), MOST_TEXT).orElse(null);
      if (text == null || !sign.text().matcher(text).find()) {
        return false;
      }
    }
    return true;
  }
}
