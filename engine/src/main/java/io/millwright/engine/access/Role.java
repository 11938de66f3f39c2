package io.millwright.engine.access;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What somebody is, in one project or in all of them; each role may do what those before it may.
 */
public enum Role {
  /** Sees everything. */
  @JsonProperty("viewer")
  VIEWER,
  /** Has machines. */
  @JsonProperty("user")
  USER,
  /** Says what machines are made of. */
  @JsonProperty("operator")
  OPERATOR,
  /** Says who else may do what. */
  @JsonProperty("admin")
  ADMIN;

  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  public static List<String> words() {
    return Arrays.stream(values()).map(Role::word).toList();
  }

  public static Optional<Role> ofWord(String word) {
    return Arrays.stream(values()).filter(r -> r.word().equals(word)).findFirst();
  }

  boolean atLeast(Role other) {
    return compareTo(other) >= 0;
  }

  /** The stronger one; null is none. */
  static @Nullable Role max(@Nullable Role a, @Nullable Role b) {
    return a == null ? b : b == null || a.atLeast(b) ? a : b;
  }

  /** The weaker one; null is none. */
  static @Nullable Role min(@Nullable Role a, @Nullable Role b) {
    return a == null || b == null ? null : a.atLeast(b) ? b : a;
  }

  @Override
  public String toString() {
    return word();
  }
}
