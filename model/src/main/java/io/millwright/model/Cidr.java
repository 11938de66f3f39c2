package io.millwright.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.math.BigInteger;

/**
 * An address range with a prefix length, such as {@code 10.0.0.0/24}.
 *
 * @param network the lowest address; its host bits are zero
 * @param prefix number of leading bits that are fixed
 */
public record Cidr(Ip network, int prefix) {
  public Cidr {
    int bits = network.v6() ? 128 : 32;
    if (prefix < 0 || prefix > bits) {
      throw new IllegalArgumentException("the prefix length is 0 to " + bits);
    }
    BigInteger size = BigInteger.ONE.shiftLeft(bits - prefix);
    BigInteger rest = network.value().mod(size);
    if (rest.signum() != 0) {
      throw new IllegalArgumentException(
          "host bits are set; the range is written "
              + new Ip(network.v6(), network.value().subtract(rest))
              + "/"
              + prefix);
    }
  }

  @JsonCreator
  public static Cidr parse(String text) {
    int slash = text.indexOf('/');
    if (slash < 0 || !text.substring(slash + 1).matches("[0-9]{1,3}")) {
      throw new IllegalArgumentException("a range looks like 10.0.0.0/24 or fd00:1::/64");
    }
    return new Cidr(
        Ip.parse(text.substring(0, slash)), Integer.parseInt(text.substring(slash + 1)));
  }

  public boolean v6() {
    return network.v6();
  }

  /** The highest address; of an IPv4 range the broadcast address. */
  public Ip last() {
    int bits = v6() ? 128 : 32;
    return new Ip(
        v6(),
        network.value().add(BigInteger.ONE.shiftLeft(bits - prefix)).subtract(BigInteger.ONE));
  }

  public boolean contains(Ip ip) {
    return ip.v6() == v6() && ip.compareTo(network) >= 0 && ip.compareTo(last()) <= 0;
  }

  public boolean overlaps(Cidr other) {
    return contains(other.network) || other.contains(network);
  }

  /**
   * True if a machine can have this address: inside, and for IPv4 (up to /30) neither the network
   * nor the broadcast address, for IPv6 (up to /126) not the subnet-router anycast address of RFC
   * 4291 section 2.6.1.
   */
  public boolean usable(Ip ip) {
    if (!contains(ip)) {
      return false;
    }
    if (v6()) {
      return prefix > 126 || !ip.equals(network);
    }
    return prefix > 30 || !(ip.equals(network) || ip.equals(last()));
  }

  @JsonValue
  @Override
  public String toString() {
    return network + "/" + prefix;
  }
}
