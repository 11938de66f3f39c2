package io.millwright.engine.image;

import io.millwright.model.Cidr;
import io.millwright.model.Ip;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;

/**
 * Which addresses images are fetched from. Whoever may declare an image has the server ask for a
 * URL; so none may lead to what listens on the server's own machine and link only, such as a
 * cloud's metadata service, unless the operator says so.
 *
 * @param inside what may be reached all the same
 */
public record Reach(List<Cidr> inside) {
  /** Nothing of the server's own machine and link. */
  public static final Reach OUTSIDE = new Reach(List.of());

  /** Where some clouds have their metadata service, though it is no address of the link. */
  private static final Cidr METADATA = Cidr.parse("fd00:ec2::254/128");

  public Reach {
    inside = List.copyOf(inside);
  }

  /** Whether a connection may go to this address. */
  public boolean allows(InetAddress address) {
    Ip ip = ip(address.getAddress());
    return inside.stream().anyMatch(c -> c.v6() == ip.v6() && c.contains(ip)) || !local(address);
  }

  private static Ip ip(byte[] bytes) {
    return new Ip(bytes.length == 16, new BigInteger(1, bytes));
  }

  private static boolean local(InetAddress address) {
    byte[] bytes = address.getAddress();
    return address.isLoopbackAddress()
        || address.isLinkLocalAddress()
        || address.isAnyLocalAddress()
        || address.isMulticastAddress()
        || bytes[0] == 0 && bytes.length == 4
        || bytes.length == 16 && (METADATA.contains(ip(bytes)) || embedsLocal(bytes));
  }

  /** An IPv4 address in one of IPv6: translated (RFC 6052), tunnelled (RFC 3056) or compatible. */
  private static boolean embedsLocal(byte[] v6) {
    boolean translated =
        v6[0] == 0 && v6[1] == 0x64 && v6[2] == (byte) 0xff && v6[3] == (byte) 0x9b;
    boolean tunnelled = v6[0] == 0x20 && v6[1] == 0x02;
    boolean compatible = true;
    for (int i = 0; i < 12; i++) {
      compatible &= v6[i] == 0;
    }
    int at = tunnelled ? 2 : 12;
    if (!translated && !tunnelled && !compatible) {
      return false;
    }
    try {
      return local(InetAddress.getByAddress(Arrays.copyOfRange(v6, at, at + 4)));
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e); // four bytes are an address
    }
  }
}
