package io.millwright.driver;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.Socket;
import java.net.SocketException;
import java.net.http.HttpTimeoutException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateNotYetValidException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/**
 * Whose certificate is believed, for drivers that speak over TLS; that none is looked at cannot be
 * asked for.
 */
public final class Trust {
  private static final Pattern FINGERPRINT = Pattern.compile("[0-9A-F]{40}|[0-9A-F]{64}");

  /** JDK's words for an end of the connection in good order, which has no cause of its own. */
  private static final Set<@Nullable String> ENDED =
      new HashSet<>(
          List.of(
              "Remote host terminated the handshake",
              "closing inbound before receiving peer's close_notify"));

  private Trust() {}

  /** A fingerprint as {@link #of} takes it, however it was copied. */
  public static String fingerprint(String text) {
    return text.replaceAll("[: ]", "").toUpperCase(Locale.ROOT);
  }

  /** True if this is the SHA-256 or SHA-1 of a certificate in hexadecimal digits. */
  public static boolean isFingerprint(String text) {
    return FINGERPRINT.matcher(text).matches();
  }

  /** How many certificates this text holds. */
  public static int certificates(String pem) {
    try {
      return read(pem).size();
    } catch (CertificateException e) {
      return 0;
    }
  }

  private static Collection<? extends Certificate> read(String pem) throws CertificateException {
    return CertificateFactory.getInstance("X.509")
        .generateCertificates(new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII)));
  }

  /**
   * Believes one certificate, or those that some authorities have signed; without both, those that
   * Java's own authorities have.
   *
   * @param ca certificates in PEM, or null
   * @param fingerprint of the server's own certificate in hexadecimal digits without colons: 64 are
   *     SHA-256, 40 are SHA-1; or null
   */
  public static SSLContext of(@Nullable String ca, @Nullable String fingerprint) {
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, managers(ca, fingerprint), null);
      return context;
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalStateException("every JDK has TLS", e);
    }
  }

  /**
   * What a request that got no answer means.
   *
   * @param settings the names of those by which is told whom to believe
   */
  public static DriverException failed(IOException e, String settings) {
    for (Throwable at = e; at != null; at = at.getCause()) {
      if (outOfDate(at)) {
        return new DriverException(
            FaultKind.REFUSED,
            "The hypervisor's certificate has expired, or is not valid yet ("
                + reason(at)
                + "): give the hypervisor a new one, and check the clocks of both.",
            String.valueOf(at.getMessage()),
            e);
      }
    }
    for (Throwable at = e; at != null; at = at.getCause()) {
      if (at instanceof CertificateException) {
        return new DriverException(
            FaultKind.REFUSED,
            "The hypervisor's certificate is not one to be believed: "
                + reason(at)
                + ". Check "
                + settings
                + " in its settings.",
            String.valueOf(at.getMessage()),
            e);
      }
    }
    if (e instanceof SSLException && !brokenOff(e)) {
      return new DriverException(
          FaultKind.REFUSED,
          "No TLS connection to the hypervisor can be made; check its url.",
          words(e),
          e);
    }
    return new DriverException(
        FaultKind.UNREACHABLE,
        e instanceof HttpTimeoutException
            ? "The hypervisor did not answer in time."
            : "The hypervisor does not answer, or not so that it can be trusted.",
        words(e),
        e);
  }

  /** True if the other side was gone in the middle of it, such as while it restarts. */
  private static boolean brokenOff(IOException e) {
    for (Throwable at = e; at != null; at = at.getCause()) {
      if (at instanceof EOFException
          || at instanceof SocketException
          || at instanceof ClosedChannelException
          || (at instanceof SSLException && ENDED.contains(at.getMessage()))) {
        return true;
      }
    }
    return false;
  }

  /** JDK's HTTP client wraps its causes and leaves the words of the commonest away. */
  private static String words(IOException e) {
    for (Throwable at = e; at != null; at = at.getCause()) {
      if (at instanceof UnresolvedAddressException) {
        return "there is no address of this name";
      }
      String message = at.getMessage();
      if (message != null && !message.isBlank()) {
        return message.strip();
      }
    }
    return e instanceof ConnectException ? "connection refused" : e.getClass().getSimpleName();
  }

  /** No setting of ours helps then. */
  private static boolean outOfDate(Throwable problem) {
    return problem instanceof CertificateExpiredException
        || problem instanceof CertificateNotYetValidException;
  }

  private static String reason(Throwable problem) {
    Throwable at = problem;
    while (at.getCause() != null) {
      at = at.getCause();
    }
    String words = String.valueOf(at.getMessage()).strip();
    return words.endsWith(".") ? words.substring(0, words.length() - 1) : words;
  }

  private static TrustManager[] managers(@Nullable String ca, @Nullable String fingerprint)
      throws GeneralSecurityException, IOException {
    if (fingerprint != null) {
      return new TrustManager[] {new Pinned(fingerprint)};
    }
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    KeyStore store = null;
    if (ca != null) {
      store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      int n = 0;
      for (Certificate each : read(ca)) {
        store.setCertificateEntry("ca" + n++, each);
      }
    }
    factory.init(store);
    for (TrustManager each : factory.getTrustManagers()) {
      if (each instanceof X509ExtendedTrustManager authorities) {
        return new TrustManager[] {new Signed(authorities)};
      }
    }
    throw new NoSuchAlgorithmException("no trust manager for X.509");
  }

  /** Believes a server's certificate while it is valid, and no client's. */
  private abstract static class Checked extends X509ExtendedTrustManager {
    @Override
    public final void checkClientTrusted(X509Certificate[] chain, String type)
        throws CertificateException {
      throw new CertificateException("a client is not looked at");
    }

    @Override
    public final void checkClientTrusted(X509Certificate[] chain, String type, Socket socket)
        throws CertificateException {
      checkClientTrusted(chain, type);
    }

    @Override
    public final void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine)
        throws CertificateException {
      checkClientTrusted(chain, type);
    }
  }

  /** One that these authorities have signed, for the server's name. */
  private static final class Signed extends Checked {
    private final X509ExtendedTrustManager authorities;

    Signed(X509ExtendedTrustManager authorities) {
      this.authorities = authorities;
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type)
        throws CertificateException {
      authorities.checkServerTrusted(chain, type);
      // Java does not ask this of a certificate that is an authority of its own.
      chain[0].checkValidity();
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket)
        throws CertificateException {
      authorities.checkServerTrusted(chain, type, socket);
      chain[0].checkValidity();
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine)
        throws CertificateException {
      authorities.checkServerTrusted(chain, type, engine);
      chain[0].checkValidity();
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return authorities.getAcceptedIssuers();
    }
  }

  /** This one only; what name it has does not matter, for that it is this one is more. */
  private static final class Pinned extends Checked {
    private final String thumbprint;

    Pinned(String thumbprint) {
      this.thumbprint = thumbprint;
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type)
        throws CertificateException {
      try {
        MessageDigest digest =
            MessageDigest.getInstance(thumbprint.length() == 64 ? "SHA-256" : "SHA-1");
        String there =
            HexFormat.of().withUpperCase().formatHex(digest.digest(chain[0].getEncoded()));
        if (!there.equals(thumbprint)) {
          throw new CertificateException(
              "the server's certificate has the thumbprint " + there + ", not " + thumbprint);
        }
        chain[0].checkValidity();
      } catch (NoSuchAlgorithmException e) {
        throw new CertificateException(e);
      }
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket)
        throws CertificateException {
      checkServerTrusted(chain, type);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine)
        throws CertificateException {
      checkServerTrusted(chain, type);
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
