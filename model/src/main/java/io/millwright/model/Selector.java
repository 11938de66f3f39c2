package io.millwright.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A label selector: requirements that must all hold.
 *
 * <p>Written as {@code app=web,tier!=test,zone in (a,b),ring notin (c),owner,!old}, as Kubernetes
 * writes it.
 */
public record Selector(List<Requirement> requirements) {
  public static final Selector ALL = new Selector(List.of());

  private static final String VALUE = "[A-Za-z0-9._-]{0,63}";

  /** One requirement, up to the comma or the end after it. */
  private static final Pattern FORM =
      Pattern.compile(
          ("\\s*(?:!(?<absent>KEY)|(?<key>KEY)(?:\\s*(?<sign>==|=|!=)\\s*(?<value>VALUE)"
                  + "|\\s+(?<word>in|notin)\\s*\\((?<values>\\s*VALUE\\s*(?:,\\s*VALUE\\s*)*)\\))?)"
                  + "\\s*(?:(?<more>,)|$)")
              .replace("KEY", "[A-Za-z0-9./_-]{1,317}")
              .replace("VALUE", VALUE));

  public Selector {
    requirements = List.copyOf(requirements);
  }

  /** One requirement. */
  public sealed interface Requirement {
    /** The label has one of these values. */
    record In(String key, List<String> values) implements Requirement {}

    /** Holds for resources without the label as well. */
    record NotIn(String key, List<String> values) implements Requirement {}

    record Present(String key) implements Requirement {}

    record Absent(String key) implements Requirement {}
  }

  /**
   * Reads a selector.
   *
   * @throws ProblemException if it cannot be read
   */
  public static Selector parse(String field, String text) {
    if (text.isBlank()) {
      return ALL;
    }
    List<Requirement> out = new ArrayList<>();
    Matcher m = FORM.matcher(text);
    boolean more;
    do {
      if (!m.lookingAt()) {
        String rest = text.substring(m.regionStart()).strip();
        throw ProblemException.invalid(
            field,
            Names.quote(rest)
                + " is no requirement; write key=value, key!=value, key in (value,value),"
                + " key notin (value), key or !key");
      }
      out.add(requirement(m));
      more = m.group("more") != null;
      m.region(m.end(), text.length());
    } while (more);
    return new Selector(out);
  }

  private static Requirement requirement(Matcher m) {
    if (m.group("absent") != null) {
      return new Requirement.Absent(m.group("absent"));
    }
    String key = m.group("key");
    if (m.group("sign") == null && m.group("word") == null) {
      return new Requirement.Present(key);
    }
    List<String> values =
        m.group("word") == null
            ? List.of(m.group("value"))
            : List.of(m.group("values").strip().split("\\s*,\\s*", -1));
    return "!=".equals(m.group("sign")) || "notin".equals(m.group("word"))
        ? new Requirement.NotIn(key, values)
        : new Requirement.In(key, values);
  }

  public boolean matches(Map<String, String> labels) {
    return requirements.stream()
        .allMatch(r ->
            switch (r) {
              case Requirement.In i -> has(labels, i.key(), i.values());
              case Requirement.NotIn n -> !has(labels, n.key(), n.values());
              case Requirement.Present p -> labels.containsKey(p.key());
              case Requirement.Absent a -> !labels.containsKey(a.key());
            });
  }

  private static boolean has(Map<String, String> labels, String key, List<String> values) {
    return labels.containsKey(key) && values.contains(labels.get(key));
  }
}
