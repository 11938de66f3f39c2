package io.millwright.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An amount of memory or disk.
 *
 * @param bytes the amount; a multiple of 1 MiB
 */
public record ByteSize(long bytes) implements Comparable<ByteSize> {
  public static final long MIB = 1L << 20;
  public static final long GIB = 1L << 30;
  private static final long TIB = 1L << 40;

  /**
   * No machine gets more memory and no disk is larger: x86 addresses no more, and beyond it a sum
   * over thousands of machines is no number any more.
   */
  public static final ByteSize MOST = new ByteSize(64 * TIB);

  private static final Pattern TEXT = Pattern.compile("([0-9]{1,13})(MiB|GiB|TiB|Mi|Gi|Ti)");

  public ByteSize {
    if (bytes < 0 || bytes % MIB != 0) {
      throw new IllegalArgumentException("a size is a whole number of MiB, such as 512MiB or 8GiB");
    }
  }

  public static ByteSize ofMib(long mib) {
    return new ByteSize(Math.multiplyExact(mib, MIB));
  }

  /** Reads {@code 512MiB}, {@code 8GiB}, {@code 1TiB}. */
  @JsonCreator
  public static ByteSize parse(String text) {
    Matcher m = TEXT.matcher(text);
    if (!m.matches()) {
      throw new IllegalArgumentException(
          "write a whole number with its unit, such as 512MiB, 8GiB or 1TiB");
    }
    long unit =
        switch (m.group(2).charAt(0)) {
          case 'M' -> MIB;
          case 'G' -> GIB;
          default -> TIB;
        };
    long count = Long.parseLong(m.group(1));
    if (count > Long.MAX_VALUE / unit) {
      throw new IllegalArgumentException("is more than any disk holds");
    }
    return new ByteSize(count * unit);
  }

  public long mib() {
    return bytes / MIB;
  }

  @Override
  public int compareTo(ByteSize other) {
    return Long.compare(bytes, other.bytes);
  }

  @JsonValue
  @Override
  public String toString() {
    if (bytes == 0) {
      return "0MiB";
    }
    if (bytes % TIB == 0) {
      return bytes / TIB + "TiB";
    }
    return bytes % GIB == 0 ? bytes / GIB + "GiB" : bytes / MIB + "MiB";
  }
}
