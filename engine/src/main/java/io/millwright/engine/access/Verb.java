package io.millwright.engine.access;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Everything that can be asked for; each operation of the API names one of these. */
public enum Verb {
  /** To sign in and out, and to look after what is one's own: password, sessions, tokens. */
  @JsonProperty("sign-in")
  SIGN_IN,
  /** To read. */
  @JsonProperty("view")
  VIEW,
  /** To declare something, new or not. */
  @JsonProperty("declare")
  DECLARE,
  /** To have something go. */
  @JsonProperty("delete")
  DELETE,
  /** To act on what is there: power, reset, rebuild, cancel, restore. */
  @JsonProperty("operate")
  OPERATE,
  /** To say yes or no to what others ask for. */
  @JsonProperty("approve")
  APPROVE,
  /** To sit at a machine's console. */
  @JsonProperty("console")
  CONSOLE,
  /** To look after the house: what lies about on hypervisors. */
  @JsonProperty("tend")
  TEND,
  /** To say who belongs to a project; without a project, who is there at all. */
  @JsonProperty("govern")
  GOVERN,
  /** To make projects and set their limits. */
  @JsonProperty("limit")
  LIMIT,
  /** To read who did what. */
  @JsonProperty("audit")
  AUDIT;

  public String word() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  public static List<String> words() {
    return Arrays.stream(values()).map(Verb::word).toList();
  }

  public static Optional<Verb> ofWord(String word) {
    return Arrays.stream(values()).filter(v -> v.word().equals(word)).findFirst();
  }

  @Override
  public String toString() {
    return word();
  }
}
