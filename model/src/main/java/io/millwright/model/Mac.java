package io.millwright.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.HexFormat;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * A unicast Ethernet address.
 *
 * @param text lower case, with colons
 */
public record Mac(@JsonValue String text) implements Comparable<Mac> {
  private static final Pattern TEXT = Pattern.compile("[0-9a-f]{2}(:[0-9a-f]{2}){5}");

  public Mac {
    if (!TEXT.matcher(text).matches()) {
      throw new IllegalArgumentException("a MAC address looks like 52:54:00:12:34:56");
    }
    if ((Integer.parseInt(text.substring(0, 2), 16) & 1) == 1) {
      throw new IllegalArgumentException("this MAC address is a multicast one");
    }
  }

  @JsonCreator
  public static Mac parse(String text) {
    return new Mac(text.toLowerCase(Locale.ROOT).replace('-', ':'));
  }

  /**
   * The n-th address of QEMU's own range 52:54:00, which hypervisors other than QEMU take as well.
   *
   * @param n the lower 24 bits count
   */
  public static Mac ofQemu(int n) {
    HexFormat hex = HexFormat.of();
    return new Mac(
        "52:54:00:"
            + hex.toHexDigits((byte) (n >> 16))
            + ":"
            + hex.toHexDigits((byte) (n >> 8))
            + ":"
            + hex.toHexDigits((byte) n));
  }

  @Override
  public int compareTo(Mac other) {
    return text.compareTo(other.text);
  }

  @Override
  public String toString() {
    return text;
  }
}
