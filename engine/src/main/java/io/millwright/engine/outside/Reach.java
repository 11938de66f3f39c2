package io.millwright.engine.outside;

import io.millwright.model.Cidr;
import io.millwright.model.Ip;
import java.io.IOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import org.jspecify.annotations.Nullable;

/**
 * Where people may have the server go, be it for an image, a source or a webhook. What listens on
 * its own machine or link, such as a cloud's metadata service, takes callers at their word because
 * they can reach it; nobody may borrow that from the server, unless its operator says so.
 *
 * <p>The JDK's clients look a name up by themselves when they connect, so what was checked before
 * need not be where they go. {@link #connect} looks at the very address that it connects to.
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

  /** It was to go where it must not. */
  public static final class RefusedException extends IOException {
    private static final long serialVersionUID = 1L;

    RefusedException(String why) {
      super(why);
    }
  }

  /** Why a connection must not go to this address, if so; in words that follow the address. */
  public Optional<String> refusal(InetAddress address) {
    InetAddress meant = meant(address);
    return (local(address) || local(meant)) && !allowed(address) && !allowed(meant)
        ? Optional.of(
            "is an address of the server's own machine or link, where it goes for nobody; its"
                + " operator can allow that with --may-reach")
        : Optional.empty();
  }

  /**
   * As {@link #refusal(InetAddress)}, of the host of a URL if that is written as an address or says
   * by itself that it is here; what any other name means is seen when it is asked for.
   */
  public Optional<String> refusalOfHost(String url) {
    try {
      // A zone, as in [fe80::1%eth0], says by which link, and not that it is none.
      String host = Objects.toString(URI.create(url).getHost(), "").replaceFirst("%[^]]*", "");
      return host.equals("localhost") || host.startsWith("[") || host.matches("[0-9.]+")
          ? refusal(InetAddress.getByName(host)).map(why -> host + " " + why)
          : Optional.empty();
    } catch (UnknownHostException | IllegalArgumentException e) {
      return Optional.empty(); // that it is no URL is said elsewhere
    }
  }

  /**
   * A connection to the host of a URL, with TLS for https; whatever says nothing for so long is
   * given up, here and in what is read from it.
   *
   * @throws RefusedException if its name leads to where the server must not go
   * @throws IOException if none of its addresses answers, or not with a certificate that is trusted
   */
  public Socket connect(URI url, Duration patience) throws IOException {
    String host = url.getHost();
    boolean secure = "https".equalsIgnoreCase(url.getScheme());
    int port = url.getPort() >= 0 ? url.getPort() : secure ? 443 : 80;
    IOException last = new UnknownHostException(host);
    for (InetAddress address : InetAddress.getAllByName(host)) {
      Optional<String> refusal = refusal(address);
      if (refusal.isPresent()) {
        throw new RefusedException(
            url + " leads to " + address.getHostAddress() + ", which " + refusal.get());
      }
      Socket socket = new Socket();
      try {
        socket.connect(new InetSocketAddress(address, port), (int) patience.toMillis());
        socket.setSoTimeout((int) patience.toMillis());
        return secure ? secured(socket, host, port) : socket;
      } catch (IOException e) {
        socket.close();
        last = e;
      }
    }
    throw last;
  }

  private static Socket secured(Socket plain, String host, int port) throws IOException {
    SSLSocket socket =
        (SSLSocket)
            ((SSLSocketFactory) SSLSocketFactory.getDefault())
                .createSocket(plain, host, port, true);
    SSLParameters parameters = socket.getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    socket.setSSLParameters(parameters);
    socket.startHandshake();
    return socket;
  }

  private boolean allowed(@Nullable InetAddress address) {
    if (address == null) {
      return false;
    }
    Ip ip = ip(address);
    return inside.stream().anyMatch(net -> net.v6() == ip.v6() && net.contains(ip));
  }

  private static Ip ip(InetAddress address) {
    byte[] bytes = address.getAddress();
    return new Ip(bytes.length == 16, new BigInteger(1, bytes));
  }

  private static boolean local(@Nullable InetAddress address) {
    if (address == null) {
      return false;
    }
    byte[] bytes = address.getAddress();
    return isOwn(address)
        || address.isLoopbackAddress()
        || address.isLinkLocalAddress()
        || address.isAnyLocalAddress()
        || address.isMulticastAddress()
        || (bytes.length == 4 && (bytes[0] == 0 || bytes[0] == (byte) 255))
        || (bytes.length == 16 && METADATA.contains(ip(address)));
  }

  /** Of whatever card: what listens on all of them listens on loopback too. */
  private static boolean isOwn(InetAddress address) {
    try {
      return NetworkInterface.getByInetAddress(address) != null;
    } catch (SocketException e) {
      return true; // nobody knows, so it may be
    }
  }

  /**
   * The IPv4 address within one of IPv6 by which a gateway reaches it: translated (RFC 6052),
   * tunnelled (RFC 3056) or compatible (RFC 4291, 2.5.5.1).
   */
  private static @Nullable InetAddress meant(InetAddress address) {
    byte[] v6 = address.getAddress();
    if (v6.length != 16) {
      return null;
    }
    boolean translated =
        v6[0] == 0 && v6[1] == 0x64 && v6[2] == (byte) 0xff && v6[3] == (byte) 0x9b;
    boolean tunnelled = v6[0] == 0x20 && v6[1] == 0x02;
    boolean compatible = true;
    for (int i = 0; i < 12; i++) {
      compatible &= v6[i] == 0;
    }
    if (!translated && !tunnelled && !compatible) {
      return null;
    }
    int at = tunnelled ? 2 : 12;
    try {
      return InetAddress.getByAddress(Arrays.copyOfRange(v6, at, at + 4));
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e); // four bytes are an address
    }
  }
}
