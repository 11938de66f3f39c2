package io.millwright.engine.webhook;

import io.millwright.model.Cidr;
import io.millwright.model.Ip;
import io.millwright.model.Violations;
import io.millwright.model.WebhookSpec;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.util.List;
import java.util.Objects;

/**
 * Where webhooks may lead. What listens on this machine, or on its link, takes callers at their
 * word because they can reach it; a project must not borrow that from the server. It is asked about
 * the very address that is connected to, so that no name can mean one thing first and another then.
 *
 * @param allowed by the operator all the same
 */
public record Targets(List<Cidr> allowed) {
  /** Nothing besides what anybody may reach. */
  public static final Targets PUBLIC = new Targets(List.of());

  public Targets {
    allowed = List.copyOf(allowed);
  }

  /** A webhook leads to where it must not. */
  static final class RefusedException extends IOException {
    private static final long serialVersionUID = 1L;

    RefusedException(InetAddress address) {
      super(
          address.getHostAddress()
              + " is this machine or its link, to which webhooks lead only if the operator allows"
              + " it");
    }
  }

  /** Refuses an address. */
  void require(InetAddress address) throws RefusedException {
    InetAddress meant = meant(address);
    if ((forbidden(address) || forbidden(meant)) && !isAllowed(address) && !isAllowed(meant)) {
      throw new RefusedException(address);
    }
  }

  /** Refuses at once what is written as an address; a name means what it means when it is asked. */
  public void check(WebhookSpec spec, Violations at) {
    try {
      String host = Objects.toString(URI.create(spec.url()).getHost(), "");
      if (host.equals("localhost") || host.startsWith("[") || host.matches("[0-9.]+")) {
        require(InetAddress.getByName(host));
      }
    } catch (RefusedException e) {
      at.add(String.valueOf(e.getMessage()));
    } catch (IOException | IllegalArgumentException e) {
      // what is no URL was said already
    }
  }

  private boolean isAllowed(InetAddress address) {
    // Without the interface that Java adds to an address of a link.
    Ip ip = Ip.parse(address.getHostAddress().replaceFirst("%.*", ""));
    return allowed.stream().anyMatch(net -> net.contains(ip));
  }

  private static boolean forbidden(InetAddress a) {
    byte[] raw = a.getAddress();
    return a.isLoopbackAddress()
        || a.isLinkLocalAddress()
        || a.isAnyLocalAddress()
        || a.isMulticastAddress()
        || (raw.length == 4 && (raw[0] == 0 || raw[0] == (byte) 255));
  }

  /** The IPv4 address within one of IPv6 by which a gateway reaches it, or the address itself. */
  private static InetAddress meant(InetAddress address) {
    byte[] raw = address.getAddress();
    if (raw.length != 16) {
      return address;
    }
    boolean compatible = true;
    for (int i = 0; i < 12; i++) {
      compatible &= raw[i] == 0;
    }
    boolean nat64 = raw[0] == 0 && raw[1] == 0x64 && raw[2] == (byte) 0xff && raw[3] == (byte) 0x9b;
    boolean sixToFour = raw[0] == 0x20 && raw[1] == 0x02;
    int at = sixToFour ? 2 : compatible || nat64 ? 12 : -1;
    if (at < 0) {
      return address;
    }
    try {
      return InetAddress.getByAddress(java.util.Arrays.copyOfRange(raw, at, at + 4));
    } catch (java.net.UnknownHostException e) {
      throw new IllegalStateException(e); // four bytes are an address
    }
  }
}
