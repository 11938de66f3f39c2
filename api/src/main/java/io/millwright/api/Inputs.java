package io.millwright.api;

import io.millwright.model.Kind;
import io.millwright.model.Names;
import io.millwright.model.ProblemException;
import io.millwright.model.TimeSpan;
import io.millwright.model.Violations;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.core.convert.support.DefaultConversionService;

/** Reads the parts of a URL. */
final class Inputs {
  /** Stands for all projects in a path. */
  static final String ALL_PROJECTS = "-";

  private static final int MOST = 1000;
  private static final int LONGEST_SOURCE = 200;
  private static final int LONGEST_SEARCH = 200;

  /** For the description of what searches. */
  static final String WORDS =
      "words, each of which stands somewhere in what is shown of it, in upper or lower case; it is"
          + " read back from the newest until there are enough, so that a word that stands nowhere"
          + " has all of it read";

  private Inputs() {}

  /** The project, or null for all. */
  static @Nullable String projectOrAll(String text) {
    return text.equals(ALL_PROJECTS) ? null : project(text);
  }

  static String project(String text) {
    Violations at = Violations.at("project");
    Names.checkLabel(text, at);
    at.raise();
    return text;
  }

  /** A span of time, such as 8h. */
  static TimeSpan span(String field, String text) {
    try {
      return TimeSpan.parse(text);
    } catch (IllegalArgumentException e) {
      throw ProblemException.invalid(field, String.valueOf(e.getMessage()));
    }
  }

  static int limit(int limit) {
    if (limit < 1 || limit > MOST) {
      throw ProblemException.invalid("limit", "must be 1 to " + MOST);
    }
    return limit;
  }

  /**
   * Whether this is a yes to a handler that takes a boolean: {@code true}, {@code TRUE}, {@code 1},
   * {@code on} and {@code yes} are. It is what reads the parameters of handlers.
   */
  static boolean yes(@Nullable String text) {
    return Boolean.TRUE.equals(
        DefaultConversionService.getSharedInstance().convert(text, Boolean.class));
  }

  static @Nullable Kind kind(@Nullable String text) {
    return text == null
        ? null
        : Kind.ofWord(text)
            .orElseThrow(() ->
                unknown("kind", text, Arrays.stream(Kind.values()).map(Kind::title).toList()));
  }

  /** The word, if it is one of these. */
  static @Nullable String word(String field, @Nullable String text, List<String> words) {
    if (text != null && !words.contains(text)) {
      throw unknown(field, text, words);
    }
    return text;
  }

  static ProblemException unknown(String field, String text, List<String> words) {
    return ProblemException.invalid(
        field,
        Names.quote(text)
            + " is unknown"
            + Names.hint(text, words)
            + (words.isEmpty() ? "" : "; there are: " + String.join(", ", words)));
  }

  /** The words of a search. */
  static List<String> words(@Nullable String text) {
    if (text == null || text.isBlank()) {
      return List.of();
    }
    if (text.length() > LONGEST_SEARCH) {
      throw ProblemException.invalid("q", "must be " + LONGEST_SEARCH + " characters at most");
    }
    return List.of(text.strip().split("\\s+"));
  }

  /** {@code spec.image=debian,status.ready=true} as a mapping. */
  static Map<String, String> fields(@Nullable String text) {
    Map<String, String> out = new LinkedHashMap<>();
    if (text == null || text.isBlank()) {
      return out;
    }
    for (String part : text.split(",", -1)) {
      int equals = part.indexOf('=');
      String path = equals < 0 ? "" : part.substring(0, equals).strip();
      String value = equals < 0 ? "" : part.substring(equals + 1).strip();
      if (value.startsWith("=")) {
        value = value.substring(1).strip();
      }
      if (!path.matches("[A-Za-z][A-Za-z0-9]*(\\.([A-Za-z][A-Za-z0-9]*|[0-9]+))*")) {
        throw ProblemException.invalid(
            "fieldSelector",
            Names.quote(part) + " is no requirement; write path=value, such as spec.image=debian");
      }
      if (out.putIfAbsent(path, value) != null) {
        throw ProblemException.invalid("fieldSelector", path + " stands here twice");
      }
    }
    return out;
  }

  /** What a body is called in messages. */
  static String source(@Nullable String source) {
    if (source == null || source.isBlank()) {
      return Collection.SOURCE;
    }
    String brief = source.substring(0, Math.min(LONGEST_SOURCE, source.length()));
    String quoted = Names.quote(brief.strip());
    return quoted.substring(1, quoted.length() - 1);
  }
}
