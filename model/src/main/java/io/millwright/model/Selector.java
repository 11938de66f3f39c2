package io.millwright.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A label selector: requirements that must all hold.
 *
 * <p>Written as {@code app=web,tier!=test,owner,!old}.
 */
public record Selector(List<Requirement> requirements) {
  public static final Selector ALL = new Selector(List.of());

  private static final Pattern FORM =
      Pattern.compile("(!?)([A-Za-z0-9./_-]{1,317})(?:(==|=|!=)([A-Za-z0-9._-]{0,63}))?");

  public Selector {
    requirements = List.copyOf(requirements);
  }

  /** One requirement. */
  public sealed interface Requirement {
    record Equal(String key, String value) implements Requirement {}

    /** Holds for resources without the label as well. */
    record NotEqual(String key, String value) implements Requirement {}

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
    for (String part : text.split(",", -1)) {
      Matcher m = FORM.matcher(part.strip());
      boolean not = m.matches() && m.group(1).equals("!");
      if (!m.matches() || (not && m.group(3) != null)) {
        throw ProblemException.invalid(
            field,
            Names.quote(part) + " is no requirement; write key=value, key!=value, key or !key");
      }
      String key = m.group(2);
      if (m.group(3) == null) {
        out.add(not ? new Requirement.Absent(key) : new Requirement.Present(key));
      } else if (m.group(3).equals("!=")) {
        out.add(new Requirement.NotEqual(key, m.group(4)));
      } else {
        out.add(new Requirement.Equal(key, m.group(4)));
      }
    }
    return new Selector(out);
  }

  public boolean matches(Map<String, String> labels) {
    return requirements.stream()
        .allMatch(r ->
            switch (r) {
              case Requirement.Equal e -> e.value().equals(labels.get(e.key()));
              case Requirement.NotEqual n -> !n.value().equals(labels.get(n.key()));
              case Requirement.Present p -> labels.containsKey(p.key());
              case Requirement.Absent a -> !labels.containsKey(a.key());
            });
  }
}
