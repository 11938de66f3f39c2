package io.millwright.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.math.BigInteger;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.regex.Pattern;

/**
 * An IPv4 or IPv6 address, as a number.
 *
 * @param v6 which of the two
 * @param value unsigned, 32 or 128 bits
 */
public record Ip(boolean v6, BigInteger value) implements Comparable<Ip> {
  /** The longest literal is an IPv6 address that ends like an IPv4 address. */
  private static final int LONGEST = 45;

  private static final Pattern V4 = Pattern.compile("[0-9]{1,3}(\\.[0-9]{1,3}){3}");
  private static final Pattern V6 = Pattern.compile("[0-9a-fA-F:.]*:[0-9a-fA-F:.]*");

  public Ip {
    if (value.signum() < 0 || value.bitLength() > (v6 ? 128 : 32)) {
      throw new IllegalArgumentException("out of the range of addresses");
    }
  }

  /** Reads a literal; never asks DNS. */
  @JsonCreator
  public static Ip parse(String text) {
    if (text.length() > LONGEST) {
      throw new IllegalArgumentException("an address looks like 10.0.0.5 or fd00::5");
    }
    try {
      if (V4.matcher(text).matches()) {
        for (String part : text.split("\\.", -1)) {
          if (part.length() > 1 && part.startsWith("0") || Integer.parseInt(part) > 255) {
            throw new IllegalArgumentException("an IPv4 address looks like 10.0.0.5");
          }
        }
        return new Ip(false, new BigInteger(1, InetAddress.ofLiteral(text).getAddress()));
      }
      if (V6.matcher(text).matches()) {
        InetAddress address = InetAddress.ofLiteral(text);
        if (!(address instanceof Inet4Address)) {
          return new Ip(true, new BigInteger(1, address.getAddress()));
        }
      }
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("an address looks like 10.0.0.5 or fd00::5", e);
    }
    throw new IllegalArgumentException("an address looks like 10.0.0.5 or fd00::5");
  }

  public Ip plus(long n) {
    return new Ip(v6, value.add(BigInteger.valueOf(n)));
  }

  public InetAddress toInetAddress() {
    int size = v6 ? 16 : 4;
    byte[] bytes = new byte[size];
    byte[] raw = value.toByteArray();
    int n = Math.min(raw.length, size);
    System.arraycopy(raw, raw.length - n, bytes, size - n, n);
    try {
      // Inet6Address by name, because InetAddress makes an IPv4 address of ::ffff:0:0/96.
      return v6 ? Inet6Address.getByAddress(null, bytes, -1) : InetAddress.getByAddress(bytes);
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e); // the length is always right
    }
  }

  @Override
  public int compareTo(Ip other) {
    return v6 == other.v6 ? value.compareTo(other.value) : Boolean.compare(v6, other.v6);
  }

  /** RFC 5952 for IPv6. */
  @JsonValue
  @Override
  public String toString() {
    if (!v6) {
      return toInetAddress().getHostAddress();
    }
    int[] groups = new int[8];
    for (int i = 0; i < 8; i++) {
      groups[i] = value.shiftRight(112 - 16 * i).intValue() & 0xffff;
    }
    int bestAt = -1;
    int bestLen = 1; // RFC 5952 4.2.2: a single zero group is not shortened
    for (int i = 0; i < 8; i++) {
      int len = 0;
      while (i + len < 8 && groups[i + len] == 0) {
        len++;
      }
      if (len > bestLen) {
        bestAt = i;
        bestLen = len;
      }
    }
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      if (i == bestAt) {
        out.append("::");
        i += bestLen - 1;
      } else {
        if (out.length() > 0 && out.charAt(out.length() - 1) != ':') {
          out.append(':');
        }
        out.append(Integer.toHexString(groups[i]));
      }
    }
    return out.toString();
  }
}
