package io.millwright.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/** Addresses from one to another, both included; one address alone is a range as well. */
public record Range(Ip from, Ip to) {
  public Range {
    if (from.v6() != to.v6() || from.compareTo(to) > 0) {
      throw new IllegalArgumentException("the first address of a range comes before its last");
    }
  }

  /** Reads {@code 10.0.0.5-10.0.0.9} or {@code 10.0.0.5}. */
  @JsonCreator
  public static Range parse(String text) {
    int dash = text.indexOf('-');
    if (dash < 0) {
      Ip only = Ip.parse(text.strip());
      return new Range(only, only);
    }
    return new Range(
        Ip.parse(text.substring(0, dash).strip()), Ip.parse(text.substring(dash + 1).strip()));
  }

  public boolean contains(Ip ip) {
    return ip.v6() == from.v6() && ip.compareTo(from) >= 0 && ip.compareTo(to) <= 0;
  }

  public boolean overlaps(Range other) {
    return from.v6() == other.from.v6()
        && from.compareTo(other.to) <= 0
        && other.from.compareTo(to) <= 0;
  }

  @JsonValue
  @Override
  public String toString() {
    return from.equals(to) ? from.toString() : from + "-" + to;
  }
}
