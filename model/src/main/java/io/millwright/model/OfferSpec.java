package io.millwright.model;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * An entry of the catalogue: manifests with holes, and the form that fills them. One in the project
 * shared is offered to all projects.
 *
 * <p>Where ${{ name }} stands in a text of the manifests, the parameter of this name is put in; a
 * text that is nothing else becomes the value itself, a number or a truth value too. Put in is what
 * was read, not what is written, so that a value stays a value whatever it contains.
 *
 * @param title what people see of it in the catalogue; its name if not given
 * @param description what one gets, and for what it is good
 * @param parameters what is asked for, in this order
 * @param manifests what is declared: Machine, Volume, Profile, Group or Pool, each without a
 *     project, since it is the one that orders; $${{ is written for ${{
 */
public record OfferSpec(
    @Nullable String title,
    @Nullable String description,
    @Default List<Parameter> parameters,
    List<JsonNode> manifests)
    implements Spec {
  private static final int LONGEST_TITLE = 100;
  private static final int LONGEST_DESCRIPTION = 4000;
  private static final int MOST_MANIFESTS = 20;
  private static final int MOST_PARAMETERS = 50;
  private static final Pattern NAME = Pattern.compile("[a-z][a-zA-Z0-9]{0,39}");
  private static final Pattern INTEGER = Pattern.compile("-?(0|[1-9][0-9]{0,17})");

  public OfferSpec {
    parameters = parameters == null ? List.of() : List.copyOf(parameters);
    manifests = List.copyOf(manifests);
  }

  /** What a parameter can be. */
  public enum Type {
    /** Text. */
    STRING,
    /** A whole number. */
    INTEGER,
    /** One of the options. */
    ENUM,
    /** True or false. */
    BOOLEAN
  }

  /**
   * Something that is asked for.
   *
   * @param name as it stands in the manifests: a lower-case letter, then at most 39 letters and
   *     digits
   * @param type what it can be
   * @param title what people see beside the field; its name if not given
   * @param description what it is good for
   * @param preset what it is if nobody says otherwise; it must be given if there is none
   * @param example shown in the empty field; a string without preset needs one, so that the offer
   *     can be tried when it is published
   * @param pattern of a string: the regular expression, as Java has them, that all of it must match
   * @param maxLength of a string: characters at most, 1 to 65536; 200 if not given
   * @param min of an integer: the least
   * @param max of an integer: the greatest
   * @param options of an enum: what can be chosen, 1 to 200
   */
  public record Parameter(
      String name,
      Type type,
      @Nullable String title,
      @Nullable String description,
      @Nullable String preset,
      @Nullable String example,
      @Nullable String pattern,
      @Nullable Integer maxLength,
      @Nullable Long min,
      @Nullable Long max,
      @Default List<String> options) {
    private static final int LONGEST = 65_536;
    private static final int USUAL = 200;
    private static final int MOST_OPTIONS = 200;
    private static final int LONGEST_PATTERN = 500;

    public Parameter {
      options = options == null ? List.of() : List.copyOf(options);
    }

    /** Something that it may be, to try the offer with; null if there is none. */
    public @Nullable String sample() {
      if (preset != null || example != null) {
        return preset != null ? preset : example;
      }
      return switch (type) {
        case STRING -> null;
        case INTEGER -> Long.toString(min != null ? min : max != null ? max : 1);
        case ENUM -> options.isEmpty() ? null : options.getFirst();
        case BOOLEAN -> "false";
      };
    }

    /** Reports what is wrong with a value that somebody gave it. */
    public void check(String value, Violations at) {
      switch (type) {
        case STRING -> checkText(value, at);
        case INTEGER -> checkNumber(value, at);
        case ENUM ->
            at.require(
                options.contains(value),
                Names.quote(value)
                    + " is none of "
                    + options.stream().map(Names::quote).collect(Collectors.joining(", "))
                    + Names.hint(value, options));
        case BOOLEAN ->
            at.require(
                value.equals("true") || value.equals("false"),
                "must be true or false, not " + Names.quote(value));
      }
    }

    private void checkText(String value, Violations at) {
      int most = maxLength == null ? USUAL : maxLength;
      if (value.codePointCount(0, value.length()) > most) {
        at.add("is longer than " + most + " characters");
      } else if (pattern != null) {
        switch (Patience.matches(pattern, value)) {
          case YES -> {}
          case NO -> at.add(Names.quote(value) + " does not match " + Names.quote(pattern));
          case GAVE_UP -> at.add("takes too long to compare with " + Names.quote(pattern));
        }
      }
    }

    private void checkNumber(String value, Violations at) {
      if (!INTEGER.matcher(value).matches()) {
        at.add("must be a whole number such as 4, not " + Names.quote(value));
        return;
      }
      long n = Long.parseLong(value);
      if ((min != null && n < min) || (max != null && n > max)) {
        at.add(
            "must be "
                + (min == null
                    ? "at most " + max
                    : max == null ? "at least " + min : min + " to " + max)
                + ", not "
                + value);
      }
    }

    private void check(Violations at) {
      at.field("name")
          .require(
              NAME.matcher(name).matches(),
              Names.quote(name)
                  + " must be a lower-case letter, then at most 39 letters and digits");
      checkWords(title, description, at);
      only(Type.STRING, pattern, "pattern", at);
      only(Type.STRING, maxLength, "maxLength", at);
      only(Type.INTEGER, min, "min", at);
      only(Type.INTEGER, max, "max", at);
      only(Type.ENUM, options.isEmpty() ? null : options, "options", at);
      if (pattern != null) {
        try {
          Pattern.compile(pattern);
          at.field("pattern")
              .require(pattern.length() <= LONGEST_PATTERN, "is longer than " + LONGEST_PATTERN);
        } catch (PatternSyntaxException | StackOverflowError e) {
          at.field("pattern").add("is no regular expression that Java understands");
          return;
        }
      }
      at.field("maxLength")
          .require(
              maxLength == null || (maxLength >= 1 && maxLength <= LONGEST),
              "must be 1 to " + LONGEST);
      at.field("max").require(min == null || max == null || min <= max, "is less than min");
      if (type == Type.ENUM) {
        at.field("options")
            .require(
                !options.isEmpty() && options.size() <= MOST_OPTIONS,
                "must be 1 to " + MOST_OPTIONS + " words to choose from");
        at.field("options")
            .require(new HashSet<>(options).size() == options.size(), "has one twice");
      }
      if (preset != null) {
        check(preset, at.field("preset"));
      }
      if (example != null) {
        check(example, at.field("example"));
      }
      at.field("example")
          .require(
              type != Type.STRING || sample() != null,
              "is missing: a string needs a preset or an example, with which the offer is tried");
    }

    private void only(Type of, @Nullable Object given, String field, Violations at) {
      at.field(field)
          .require(
              given == null || type == of,
              "is for the type " + of.name().toLowerCase(java.util.Locale.ROOT) + " only");
    }
  }

  @Override
  public void check(Violations at) {
    checkWords(title, description, at);
    at.field("parameters")
        .require(parameters.size() <= MOST_PARAMETERS, "has more than " + MOST_PARAMETERS);
    Set<String> names = new HashSet<>();
    for (int i = 0; i < parameters.size(); i++) {
      Violations here = at.field("parameters").index(i);
      parameters.get(i).check(here);
      here.field("name").require(names.add(parameters.get(i).name()), "stands here twice");
    }
    at.field("manifests")
        .require(
            !manifests.isEmpty() && manifests.size() <= MOST_MANIFESTS,
            "must be 1 to " + MOST_MANIFESTS + " manifests");
    for (int i = 0; i < manifests.size(); i++) {
      Violations here = at.field("manifests").index(i);
      // One from outside is whole, and says so where it fails; here all that matters is its start.
      for (String hash : manifests.get(i).findValuesAsString("passwordHash")) {
        here.require(
            !hash.startsWith("$") || hash.startsWith("${{"),
            "has the passwordHash of somebody, which all who may order would read: make it a"
                + " parameter");
      }
    }
  }

  private static void checkWords(
      @Nullable String title, @Nullable String description, Violations at) {
    if (title != null) {
      at.field("title")
          .require(
              !title.isBlank() && title.length() <= LONGEST_TITLE && Names.isPlain(title),
              "must be one line of 1 to " + LONGEST_TITLE + " characters");
    }
    if (description != null) {
      at.field("description")
          .require(
              description.length() <= LONGEST_DESCRIPTION,
              "is longer than " + LONGEST_DESCRIPTION + " characters");
    }
  }

  /** The kinds that may stand in the manifests: those that whoever orders may declare. */
  public static List<String> kinds() {
    List<String> out = new ArrayList<>();
    for (Kind kind : List.of(Kind.MACHINE, Kind.VOLUME, Kind.PROFILE, Kind.GROUP, Kind.POOL)) {
      out.add(kind.title());
    }
    return out;
  }

  /** Compares with a pattern that somebody else wrote, and not for ever. */
  private enum Patience {
    YES,
    NO,
    GAVE_UP;

    private static final int LOOKS = 1_000_000;

    static Patience matches(String pattern, String value) {
      try {
        Matcher matcher = Pattern.compile(pattern).matcher(new Watched(value, new int[] {LOOKS}));
        return matcher.matches() ? YES : NO;
      } catch (Tired | StackOverflowError e) {
        return GAVE_UP;
      }
    }

    /** Backtracking looks at the same characters over and over; this counts. */
    private record Watched(CharSequence text, int[] left) implements CharSequence {
      @Override
      public int length() {
        return text.length();
      }

      @Override
      public char charAt(int index) {
        if (left[0]-- <= 0) {
          throw new Tired();
        }
        return text.charAt(index);
      }

      @Override
      public CharSequence subSequence(int start, int end) {
        return new Watched(text.subSequence(start, end), left);
      }

      @Override
      public String toString() {
        return text.toString();
      }
    }

    private static final class Tired extends RuntimeException {
      private static final long serialVersionUID = 1L;

      Tired() {
        super("too many looks", null, false, false);
      }
    }
  }
}
