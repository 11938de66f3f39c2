package io.millwright.store;

import io.millwright.model.ProblemException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Cursors: opaque to clients, and checked when they come back. */
final class Cursors {
  private static final int MAX_LENGTH = 1000;

  private Cursors() {}

  static String encode(String... parts) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(String.join("\n", parts).getBytes(StandardCharsets.UTF_8));
  }

  /** The parts of a cursor of which there must be so many. */
  static List<String> decode(String cursor, int parts) {
    try {
      if (cursor.length() <= MAX_LENGTH) {
        String text =
            StandardCharsets.UTF_8
                .newDecoder()
                .decode(ByteBuffer.wrap(Base64.getUrlDecoder().decode(cursor)))
                .toString();
        List<String> out = List.of(text.split("\n", -1));
        if (out.size() == parts && text.indexOf('\0') < 0) {
          return out;
        }
      }
    } catch (IllegalArgumentException | CharacterCodingException e) {
      throw wrong(e);
    }
    throw wrong(null);
  }

  /** A part that is a number, not negative. */
  static long number(String part) {
    try {
      long n = Long.parseLong(part);
      if (n >= 0) {
        return n;
      }
    } catch (NumberFormatException e) {
      throw wrong(e);
    }
    throw wrong(null);
  }

  private static ProblemException wrong(@Nullable Exception cause) {
    ProblemException problem =
        ProblemException.invalid(
            "cursor", "is none that this server gave out; leave it out to begin anew");
    if (cause != null) {
      problem.initCause(cause);
    }
    return problem;
  }
}
