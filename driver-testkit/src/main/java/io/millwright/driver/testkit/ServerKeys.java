package io.millwright.driver.testkit;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * The key and certificate of a server on loopback that a test has, so that drivers are tested over
 * real TLS.
 */
public final class ServerKeys {
  private static final char[] SECRET = "secret".toCharArray();
  private static final String ALIAS = "server";
  private static final Map<List<String>, ServerKeys> MADE = new HashMap<>();

  private final KeyStore store;
  private final Certificate certificate;

  private ServerKeys(KeyStore store) throws GeneralSecurityException {
    this.store = store;
    this.certificate = store.getCertificate(ALIAS);
  }

  /**
   * Keys are made by a program, which takes a second: once for each kind of certificate.
   *
   * @param validity arguments of keytool, none for a certificate that is valid for a while
   */
  public static synchronized ServerKeys of(List<String> validity) {
    return MADE.computeIfAbsent(validity, ServerKeys::make);
  }

  /** Of a certificate that is of the past. */
  public static ServerKeys expired() {
    return of(List.of("-startdate", "-30d", "-validity", "10"));
  }

  private static ServerKeys make(List<String> validity) {
    try {
      Path directory = Files.createTempDirectory("server-keys");
      Path file = directory.resolve("keys");
      List<String> command =
          new ArrayList<>(
              List.of(
                  Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                  "-genkeypair",
                  "-alias",
                  ALIAS,
                  "-J-XX:TieredStopAtLevel=1",
                  "-keyalg",
                  "EC",
                  "-groupname",
                  "secp256r1",
                  "-dname",
                  "CN=fake",
                  "-ext",
                  "san=ip:127.0.0.1",
                  "-storetype",
                  "PKCS12",
                  "-storepass",
                  new String(SECRET),
                  "-keystore",
                  file.toString()));
      command.addAll(validity);
      Lab.run(command);
      try (InputStream in = Files.newInputStream(file)) {
        KeyStore out = KeyStore.getInstance("PKCS12");
        out.load(in, SECRET);
        return new ServerKeys(out);
      } finally {
        Files.delete(file);
        Files.delete(directory);
      }
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** For the server. */
  public SSLContext context() {
    try {
      KeyManagerFactory keys =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keys.init(store, SECRET);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(keys.getKeyManagers(), null, null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The certificate, which is its own authority. */
  public String pem() {
    try {
      return "-----BEGIN CERTIFICATE-----\n"
          + Base64.getMimeEncoder().encodeToString(certificate.getEncoded())
          + "\n-----END CERTIFICATE-----\n";
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Its fingerprint as people copy it, with colons. */
  public String fingerprint(String algorithm) {
    try {
      return HexFormat.ofDelimiter(":")
          .withUpperCase()
          .formatHex(MessageDigest.getInstance(algorithm).digest(certificate.getEncoded()));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }
}
