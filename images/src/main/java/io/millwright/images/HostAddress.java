package io.millwright.images;

import io.millwright.model.Cidr;
import io.millwright.model.Ip;
import java.math.BigInteger;

/**
 * The address of one host with the prefix length of the subnet that it stands in.
 *
 * @param ip the host's own address
 * @param prefix number of leading bits that its neighbours share
 */
public record HostAddress(Ip ip, int prefix) {
  public HostAddress {
    if (prefix < 0 || prefix > (ip.v6() ? 128 : 32)) {
      throw new IllegalArgumentException("the prefix length is 0 to " + (ip.v6() ? 128 : 32));
    }
  }

  /** Reads {@code 10.0.0.5/24} or {@code fd00::5/64}. */
  public static HostAddress parse(String text) {
    int slash = text.indexOf('/');
    if (slash < 0 || !text.substring(slash + 1).matches("[0-9]{1,3}")) {
      throw new IllegalArgumentException("an address looks like 10.0.0.5/24 or fd00::5/64 here");
    }
    return new HostAddress(
        Ip.parse(text.substring(0, slash)), Integer.parseInt(text.substring(slash + 1)));
  }

  public boolean v6() {
    return ip.v6();
  }

  /** The subnet around it. */
  public Cidr subnet() {
    BigInteger size = BigInteger.ONE.shiftLeft((v6() ? 128 : 32) - prefix);
    return new Cidr(new Ip(v6(), ip.value().subtract(ip.value().mod(size))), prefix);
  }

  @Override
  public String toString() {
    return ip + "/" + prefix;
  }
}
