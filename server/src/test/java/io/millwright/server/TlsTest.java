package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.api.Backend;
import io.millwright.server.Main.CannotStartException;
import io.millwright.server.ServerSettings.Address;
import io.millwright.server.ServerSettings.Tls;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The people's door with a certificate of its own, over real TLS. */
@Tag("database")
class TlsTest {
  private static final char[] PASSWORD = "changeit".toCharArray();

  @TempDir Path dir;

  /** A key and its certificate, signed by itself, for localhost. */
  private record Own(Tls files, KeyStore store) {}

  private Own own(String name, String algorithm) throws Exception {
    Path file = dir.resolve(name + ".p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "own",
                "-keyalg",
                algorithm,
                "-dname",
                "CN=localhost",
                "-ext",
                "SAN=dns:localhost,ip:127.0.0.1",
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
    return new Own(
        new Tls(
            pem(name + ".crt", "CERTIFICATE", store.getCertificate("own").getEncoded()),
            pem(name + ".key", "PRIVATE KEY", store.getKey("own", PASSWORD).getEncoded())),
        store);
  }

  private Path pem(String name, String what, byte[] bytes) throws Exception {
    String text = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes);
    return Files.writeString(
        dir.resolve(name),
        "-----BEGIN " + what + "-----\n" + text + "\n-----END " + what + "-----\n");
  }

  private static HttpClient trusting(KeyStore store) throws Exception {
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    KeyStore certificates = KeyStore.getInstance(KeyStore.getDefaultType());
    certificates.load(null, null);
    certificates.setCertificateEntry("own", store.getCertificate("own"));
    trust.init(certificates);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return HttpClient.newBuilder().sslContext(context).build();
  }

  @Test
  void whoTrustsItsCertificateIsSpokenToAndNobodyInClear() throws Exception {
    Own own = own("own", "EC");
    TlsFiles.check(own.files());
    try (World world = new World();
        Web web = Web.start(new Address("127.0.0.1", 0), own.files(), List.of(), backend(world))) {
      HttpRequest health =
          HttpRequest.newBuilder(URI.create("https://localhost:" + web.port() + "/api/v1/health"))
              .build();
      try (HttpClient knows = trusting(own.store())) {
        assertThat(knows.send(health, HttpResponse.BodyHandlers.ofString()).statusCode())
            .isEqualTo(200);
        HttpRequest clear =
            HttpRequest.newBuilder(URI.create("http://localhost:" + web.port() + "/api/v1/health"))
                .build();
        assertThat(knows.send(clear, HttpResponse.BodyHandlers.ofString()).statusCode())
            .isEqualTo(400);
      }
      try (HttpClient stranger = HttpClient.newHttpClient()) {
        assertThatThrownBy(() -> stranger.send(health, HttpResponse.BodyHandlers.ofString()))
            .isInstanceOf(SSLHandshakeException.class);
      }
    }
  }

  @Test
  void filesThatWillNotDoAreRefusedByName() throws Exception {
    Tls one = own("one", "RSA").files();
    Tls other = own("other", "RSA").files();
    TlsFiles.check(one);
    refused(new Tls(one.certificate(), other.key()), "is not the key of the first certificate");
    refused(new Tls(one.key(), one.key()), "one.key");
    refused(new Tls(one.certificate(), one.certificate()), "one.crt");
    refused(new Tls(dir.resolve("none.crt"), one.key()), "none.crt is no readable PEM certificate");
    refused(new Tls(one.certificate(), dir.resolve("none.key")), "none.key is no readable PEM key");
  }

  private static void refused(Tls tls, String why) {
    assertThatThrownBy(() -> TlsFiles.check(tls))
        .isInstanceOf(CannotStartException.class)
        .hasMessageContaining(why);
  }

  private static Backend backend(World world) {
    var engine = world.engine;
    return new Backend("test", world.store, engine, engine.access());
  }
}
