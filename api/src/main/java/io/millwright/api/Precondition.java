package io.millwright.api;

import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a request says it expects to find, by If-Match and If-None-Match (RFC 9110 section 13.1).
 */
record Precondition(@Nullable String ifMatch, @Nullable String ifNoneMatch) {
  static final Precondition NONE = new Precondition(null, null);

  private static final Pattern TAG =
      Pattern.compile("\\s*(?:(W/)?\"([\\x21\\x23-\\x7e]*)\")?\\s*(?:,|$)");

  static String etag(Resource<?, ?> resource) {
    return "\"" + resource.metadata().revision() + "\"";
  }

  boolean isNone() {
    return ifMatch == null && ifNoneMatch == null;
  }

  /**
   * Compares with what is there; the caller holds its lock.
   *
   * @throws ProblemException PRECONDITION, or INVALID if a header cannot be read
   */
  void require(String title, Optional<Resource<?, ?>> found) {
    if (ifMatch != null
        // Strong comparison: a weak tag matches nothing, not even itself.
        && !found.map(r -> matches("If-Match", ifMatch, r, false)).orElse(false)) {
      check("If-Match", ifMatch);
      throw ProblemException.of(
          Problem.Type.PRECONDITION,
          found.isEmpty()
              ? title + " is not there (any more)"
              : title
                  + " was changed by somebody else; read it again and repeat your change on that");
    }
    if (ifNoneMatch != null && found.map(this::unchanged).orElse(false)) {
      throw ProblemException.of(Problem.Type.PRECONDITION, title + " is there already");
    }
  }

  /** True if the client has this very state already. */
  boolean unchanged(Resource<?, ?> found) {
    return ifNoneMatch != null && matches("If-None-Match", ifNoneMatch, found, true);
  }

  private static boolean matches(
      String header, String value, Resource<?, ?> found, boolean weakToo) {
    if (value.strip().equals("*")) {
      return true;
    }
    Set<String> tags = tags(header, value, weakToo);
    return tags.contains(String.valueOf(found.metadata().revision()));
  }

  private static void check(String header, String value) {
    if (!value.strip().equals("*")) {
      tags(header, value, true);
    }
  }

  private static Set<String> tags(String header, String value, boolean weakToo) {
    Set<String> out = new HashSet<>();
    Matcher m = TAG.matcher(value);
    int at = 0;
    while (at < value.length()) {
      if (!m.find(at) || m.start() != at || m.end() == at) {
        throw ProblemException.invalid(
            header, "must be * or ETags in double quotes, such as \"17\"");
      }
      if (m.group(2) != null && (weakToo || m.group(1) == null)) {
        out.add(m.group(2));
      }
      at = m.end();
    }
    return out;
  }
}
