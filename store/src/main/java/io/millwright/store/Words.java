package io.millwright.store;

import java.util.List;
import java.util.Map;

/**
 * What somebody searches for in a list, as a condition: each word stands in what the list shows.
 */
final class Words {
  private static final String PARAM = "words";

  private Words() {}

  /**
   * The condition, or nothing if there is no word.
   *
   * <p>How many rows have a word nobody knows beforehand. Left to guess, PostgreSQL takes two words
   * for so rare that it may read and sort all there is; of a CASE it assumes half, and reads back
   * from the newest one until there are enough.
   *
   * @param shown expressions of SQL
   */
  static String condition(List<String> words, String... shown) {
    return words.isEmpty()
        ? ""
        : (" AND CASE WHEN concat_ws(E'\\n', %s) COLLATE \"default\" ILIKE ALL (:%s)"
                + " THEN true ELSE false END")
            .formatted(String.join(", ", shown), PARAM);
  }

  /** What that condition needs. */
  static Map<String, Object> params(List<String> words) {
    return words.isEmpty()
        ? Map.of()
        : Map.of(PARAM, words.stream().map(Words::pattern).toArray(String[]::new));
  }

  private static String pattern(String word) {
    return "%" + StoredJson.text(word).replaceAll("[\\\\%_]", "\\\\$0") + "%";
  }
}
