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
import java.util.List;
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
    return factory.getTrustManagers();
  }

  /**
   * Believes one certificate only, for as long as it is valid. What name it has does not matter:
   * that it is this one is more than that its name is right.
   */
  private static final class Pinned extends X509ExtendedTrustManager {
    private final String thumbprint;

    Pinned(String thumbprint) {
      this.thumbprint = thumbprint;
    }

    private void check(X509Certificate[] chain) throws CertificateException {
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
    public void checkServerTrusted(X509Certificate[] chain, String type)
        throws CertificateException {
      check(chain);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket)
        throws CertificateException {
      check(chain);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine)
        throws CertificateException {
      check(chain);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type)
        throws CertificateException {
      throw new CertificateException("a client is not looked at");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket)
        throws CertificateException {
      checkClientTrusted(chain, type);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine)
        throws CertificateException {
      checkClientTrusted(chain, type);
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return List.<X509Certificate>of().toArray(X509Certificate[]::new);
    }
  }
}
