package io.millwright.driver.vsphere;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.HexFormat;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;

/** Whose certificate is believed; that none is looked at cannot be asked for. */
final class Trust {
  private Trust() {}

  /** How many certificates this text holds. */
  static int certificates(String pem) {
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

  static SSLContext of(Settings settings) {
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, managers(settings), null);
      return context;
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalStateException("every JDK has TLS", e);
    }
  }

  private static TrustManager[] managers(Settings settings)
      throws GeneralSecurityException, IOException {
    if (settings.thumbprint() != null) {
      return new TrustManager[] {new Pinned(settings.thumbprint())};
    }
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    KeyStore store = null;
    if (settings.ca() != null) {
      store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      int n = 0;
      for (Certificate each : read(settings.ca())) {
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
