package io.millwright.model;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** What names may look like. */
public final class Names {
  /** RFC 1123 label: what DNS, libvirt, vSphere and file names all take. */
  private static final Pattern LABEL = Pattern.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");

  /** So many characters has a label at most. */
  public static final int LONGEST = 63;

  private static final Pattern DOMAIN =
      Pattern.compile(
          "(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*");
  private static final Pattern LABEL_KEY =
      Pattern.compile(
          "([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?");
  private static final Pattern LABEL_VALUE =
      Pattern.compile("([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?");

  /** A POSIX user name as Debian's adduser takes it. */
  private static final Pattern USER = Pattern.compile("[a-z_][-a-z0-9_]{0,31}");

  /** What can stand in a path of fields without quotes. */
  private static final Pattern WORD = Pattern.compile("[-A-Za-z0-9_./]{1,317}");

  /** More are not looked at: a hint is worth some work, but not all that an input asks for. */
  private static final int MOST_CANDIDATES = 200;

  /** Prefix of the labels and annotations that mean something to Millwright. */
  public static final String OURS = "millwright.io/";

  /** Label of what belongs to a group: the group's name. */
  public static final String GROUP = OURS + "group";

  /** Label of machines that wait in a pool: the pool's name. */
  public static final String POOL = OURS + "pool";

  /** Label of machines that were claimed from a pool: the pool's name. */
  public static final String CLAIMED_FROM = OURS + "claimed-from";

  /** Label of the machine by which a build is checked: the image's name. */
  public static final String TRIAL = OURS + "trial-of";

  /** Labels of machines whose names Millwright itself has made. */
  public static final Set<String> MEMBERSHIPS = Set.of(GROUP, POOL, CLAIMED_FROM, TRIAL);

  /** Annotation of what was ordered: the offer, as {@code project/name}. */
  public static final String ORDERED_FROM = OURS + "ordered-from";

  /** Label or annotation of members that leave first when their group is scaled in. */
  public static final String LEAVE_FIRST = OURS + "leave-first";

  private Names() {}

  public static boolean isWord(String s) {
    return WORD.matcher(s).matches();
  }

  public static boolean isLabel(String s) {
    return LABEL.matcher(s).matches();
  }

  public static boolean isDomain(String s) {
    return DOMAIN.matcher(s).matches();
  }

  public static boolean isUser(String s) {
    return USER.matcher(s).matches();
  }

  public static void checkLabel(String s, Violations at) {
    at.require(
        isLabel(s),
        quote(s)
            + " is no name: use 1 to 63 lower-case letters, digits and hyphens, no hyphen at the"
            + " ends");
  }

  public static void checkDomain(String s, Violations at) {
    at.require(isDomain(s), quote(s) + " is no domain name, such as lab.example.org");
  }

  /** Each of them, by its place in the list. */
  public static void checkDomains(List<String> domains, Violations at) {
    for (int i = 0; i < domains.size(); i++) {
      checkDomain(domains.get(i), at.index(i));
    }
  }

  public static void checkLabels(Map<String, String> labels, Violations at) {
    labels.forEach((k, v) -> {
      Violations here = at.field(isWord(k) ? k : quote(k));
      here.require(
          LABEL_KEY.matcher(k).matches(),
          quote(k)
              + " is no label key: write letters, digits, '-', '_' and '.', as in tier or"
              + " example.org/tier");
      here.require(
          LABEL_VALUE.matcher(v).matches(),
          quote(v) + " is no label value: at most 63 letters, digits, '-', '_' and '.'");
    });
  }

  /**
   * True for lines of any language: terminals obey control characters, and what overrides the
   * direction of letters shows a text as another one.
   */
  public static boolean isText(String s) {
    return s.codePoints()
        .allMatch(c ->
            switch (Character.getType(c)) {
              case Character.CONTROL -> c == '\n' || c == '\t';
              case Character.SURROGATE, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR ->
                  false;
              case Character.FORMAT ->
                  !((c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069));
              default -> true;
            });
  }

  /** Annotations have keys like those of labels, and any text as values that can be seen. */
  public static void checkAnnotations(Map<String, String> annotations, Violations at) {
    annotations.forEach((k, v) -> {
      Violations here = at.field(isWord(k) ? k : quote(k));
      here.require(LABEL_KEY.matcher(k).matches(), quote(k) + " is no annotation key");
      here.require(
          isText(v),
          quote(v)
              + " has characters that cannot be seen; leave them out, only line feeds and tabs may"
              + " stay");
    });
  }

  /** The text in quotes, cut short and with control characters made visible, for messages. */
  public static String quote(String s) {
    StringBuilder out = new StringBuilder("\"");
    s.codePoints()
        .limit(80)
        .forEach(c -> {
          if (!isPlain(c)) {
            out.append(String.format("\\u%04x", c));
          } else {
            out.appendCodePoint(c);
          }
        });
    return out.append(s.codePointCount(0, s.length()) > 80 ? "…\"" : "\"").toString();
  }

  /** True for text of one line in which everything can be seen. */
  public static boolean isPlain(String s) {
    return s.codePoints().allMatch(Names::isPlain);
  }

  private static boolean isPlain(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SURROGATE ->
          false;
      default -> true;
    };
  }

  /** The candidate that a user most likely meant, if one is near enough. */
  public static Optional<String> nearest(String word, Collection<String> candidates) {
    return candidates.stream()
        .limit(MOST_CANDIDATES)
        .filter(c ->
            distance(word.toLowerCase(java.util.Locale.ROOT), c.toLowerCase(java.util.Locale.ROOT))
                <= Math.max(1, c.length() / 3))
        .min(Comparator.comparingInt((String c) -> distance(word, c)).thenComparing(c -> c));
  }

  /** {@code (did you mean "x"?)} or nothing: other words can follow it. */
  public static String hint(String word, Collection<String> candidates) {
    return nearest(word, candidates).map(c -> " (did you mean " + quote(c) + "?)").orElse("");
  }

  /**
   * The least number of letters added, left out, replaced or swapped with their neighbour (optimal
   * string alignment), on words cut to 64 characters.
   */
  private static int distance(String first, String second) {
    String a = first.substring(0, Math.min(64, first.length()));
    String b = second.substring(0, Math.min(64, second.length()));
    int[][] d = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          d[i][j] = i + j;
          continue;
        }
        int cost = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
        d[i][j] = Math.min(Math.min(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + cost);
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
        }
      }
    }
    return d[a.length()][b.length()];
  }
}
