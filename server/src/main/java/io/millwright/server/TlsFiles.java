package io.millwright.server;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.millwright.server.Main.CannotStartException;
import io.millwright.server.ServerSettings.Tls;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.ssl.pem.PemContent;

/** Looks at a certificate and its key before anything is started with them. */
final class TlsFiles {
  private static final byte[] PROBE = "probe".getBytes(UTF_8);

  private TlsFiles() {}

  /**
   * Refuses what nobody could be spoken to with.
   *
   * @throws CannotStartException naming the file and what is wrong
   */
  static void check(Tls tls) throws CannotStartException {
    List<X509Certificate> chain;
    try {
      chain = PemContent.load(tls.certificate()).getCertificates();
    } catch (IOException | RuntimeException e) {
      throw wrong("--tls-cert " + tls.certificate() + " is no readable PEM certificate", e);
    }
    PrivateKey key;
    try {
      key = PemContent.load(tls.key()).getPrivateKey();
    } catch (IOException | RuntimeException e) {
      throw wrong("--tls-key " + tls.key() + " is no readable PEM key without password", e);
    }
    if (chain.isEmpty()) {
      throw wrong("--tls-cert " + tls.certificate() + " holds no certificate", null);
    }
    if (key == null) {
      throw wrong("--tls-key " + tls.key() + " holds no private key", null);
    }
    if (!belongs(key, chain.getFirst().getPublicKey())) {
      throw wrong("--tls-key " + tls.key() + " is not the key of the first certificate", null);
    }
  }

  /**
   * Believes who is known by one of these certificates, and nobody else.
   *
   * @throws CannotStartException naming the file and what is wrong
   */
  static SSLContext trusting(String setting, Path file) throws CannotStartException {
    try {
      KeyStore known = KeyStore.getInstance(KeyStore.getDefaultType());
      known.load(null, null);
      for (X509Certificate each : PemContent.load(file).getCertificates()) {
        known.setCertificateEntry(Integer.toString(known.size()), each);
      }
      if (known.size() == 0) {
        throw wrong(setting + " " + file + " holds no certificate", null);
      }
      TrustManagerFactory trust =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(known);
      SSLContext out = SSLContext.getInstance("TLS");
      out.init(null, trust.getTrustManagers(), null);
      return out;
    } catch (IOException | GeneralSecurityException | RuntimeException e) {
      throw wrong(setting + " " + file + " is no readable PEM certificate", e);
    }
  }

  private static boolean belongs(PrivateKey key, PublicKey other) {
    String way =
        switch (key.getAlgorithm()) {
          case "RSA" -> "SHA256withRSA";
          case "EC" -> "SHA256withECDSA";
          default -> key.getAlgorithm(); // EdDSA names itself
        };
    try {
      Signature signature = Signature.getInstance(way);
      signature.initSign(key);
      signature.update(PROBE);
      byte[] signed = signature.sign();
      signature.initVerify(other);
      signature.update(PROBE);
      return signature.verify(signed);
    } catch (GeneralSecurityException e) {
      return false;
    }
  }

  private static CannotStartException wrong(String message, @Nullable Exception e) {
    return new CannotStartException(message, e);
  }
}
