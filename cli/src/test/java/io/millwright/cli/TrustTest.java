package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Base64;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.Test;

/** Whose certificate the command line takes for the server's, over real TLS. */
class TrustTest extends CliTestCase {
  private static final char[] PASSWORD = "changeit".toCharArray();

  /** A server with a certificate that it signed itself; that certificate, as a file. */
  private Path own(String name) throws Exception {
    Path file = dir.resolve(name + ".p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "own",
                "-J-XX:TieredStopAtLevel=1",
                "-keyalg",
                "EC",
                "-groupname",
                "secp256r1",
                "-dname",
                "CN=" + name,
                "-ext",
                "SAN=ip:127.0.0.1",
                "-storetype",
                "PKCS12",
                "-keystore",
                file.toString(),
                "-storepass",
                new String(PASSWORD))
            .inheritIO()
            .start();
    assertThat(keytool.waitFor()).isZero();
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(file)) {
      store.load(in, PASSWORD);
    }
    KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(store, PASSWORD);
    SSLContext tls = SSLContext.getInstance("TLS");
    tls.init(keys.getKeyManagers(), null, null);
    server.close();
    server = new FakeServer(tls);
    server.on("GET /projects/default/sizes", 200, "{\"items\":[]}");
    environment.put("MILLWRIGHT_SERVER", server.address());
    return Files.writeString(
        dir.resolve(name + ".pem"),
        "-----BEGIN CERTIFICATE-----\n"
            + Base64.getMimeEncoder().encodeToString(store.getCertificate("own").getEncoded())
            + "\n-----END CERTIFICATE-----\n");
  }

  @Test
  void onlyWhoIsTrustedIsSentAToken() throws Exception {
    Path another = own("another");
    Path certificate = own("own");

    Result stranger = run("get", "sizes", "-o", "json");
    assertThat(stranger.code()).isEqualTo(1);
    assertThat(stranger.err()).contains("shows no certificate that is trusted").hasLineCount(1);
    assertThat(run("get", "sizes", "-o", "json", "--ca", another.toString()).code()).isEqualTo(1);
    assertThat(server.seen()).isEmpty();

    assertThat(run("get", "sizes", "-o", "json", "--ca", certificate.toString()).code()).isZero();
    environment.put("MILLWRIGHT_CA", certificate.toString());
    assertThat(run("get", "sizes", "-o", "json").code()).isZero();
    assertThat(server.seen())
        .hasSize(2)
        .allSatisfy(seen -> assertThat(seen.header("Authorization")).isEqualTo("Bearer mwt_test"));
  }

  @Test
  void aFileWithoutCertificatesIsSaid() throws Exception {
    Path none = file("none.pem", "nothing");
    run("get", "sizes", "--ca", none.toString())
        .failed(2, none + " is no readable file with certificates in PEM");
  }
}
