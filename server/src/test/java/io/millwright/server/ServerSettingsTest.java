package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.Cidr;
import io.millwright.server.ServerSettings.Address;
import io.millwright.server.ServerSettings.UsageException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ServerSettingsTest {
  @Test
  void nothingNeedsToBeSaid() throws UsageException {
    ServerSettings settings = ServerSettings.parse(List.of());
    assertThat(settings.data()).isEqualTo(Path.of("/var/lib/millwright"));
    assertThat(settings.listen()).isEqualTo(new Address("127.0.0.1", 7070));
    assertThat(settings.doors()).isEmpty();
    assertThat(settings.database()).isNull();
    assertThat(settings.printToken()).isFalse();
    assertThat(settings.replaceKey()).isFalse();
  }

  @Test
  void everythingCanBe() throws UsageException {
    ServerSettings settings =
        ServerSettings.parse(
            List.of(
                "--data=/srv/mw",
                "--listen",
                "[::1]:0",
                "--door",
                "10.0.0.1:81",
                "--door=[fd00::1]:81",
                "--database",
                "jdbc:postgresql://db:5432/mw",
                "--database-user",
                "mw",
                "--database-password-file",
                "/run/pw",
                "--print-token",
                "--replace-key"));
    assertThat(settings.data()).isEqualTo(Path.of("/srv/mw"));
    assertThat(settings.listen().url()).isEqualTo("http://[::1]:0");
    assertThat(settings.doors()).hasSize(2).last().hasToString("[fd00::1]:81");
    assertThat(settings.database()).isNotNull();
    assertThat(settings.printToken()).isTrue();
    assertThat(settings.replaceKey()).isTrue();
  }

  @Test
  void otherMachinesAreSpokenToByTlsOrThroughAProxy() throws UsageException {
    ServerSettings settings =
        ServerSettings.parse(
            List.of("--listen", "0.0.0.0:7070", "--tls-cert", "c.pem", "--tls-key", "k.pem"));
    assertThat(settings.tls()).isNotNull();
    assertThat(settings.url(7443)).isEqualTo("https://0.0.0.0:7443");
    ServerSettings proxied =
        ServerSettings.parse(List.of("--listen", "10.0.0.7:7070", "--behind-proxy"));
    assertThat(proxied.tls()).isNull();
    assertThat(proxied.proxies()).isEmpty();
    assertThat(ServerSettings.parse(List.of("--behind-proxy", "--print-token")).proxies())
        .isEmpty();
    assertThat(
            ServerSettings.parse(List.of("--behind-proxy", "10.0.0.5,fd00:1::7,192.0.2.0/29"))
                .proxies())
        .extracting(Cidr::toString)
        .containsExactly("10.0.0.5/32", "fd00:1::7/128", "192.0.2.0/29");
    assertThat(ServerSettings.parse(List.of("--behind-proxy=10.0.0.5")).proxies()).hasSize(1);
    assertThat(proxied.url(7070)).isEqualTo("http://10.0.0.7:7070");
  }

  @Test
  void aProviderOfIdentitiesNeedsLittle() throws UsageException {
    ServerSettings settings =
        ServerSettings.parse(
            List.of(
                "--oidc-issuer=https://id.example/realms/a",
                "--oidc-client-id",
                "mw",
                "--oidc-client-secret-file",
                "/run/secret",
                "--url",
                "https://mill.example"));
    ServerSettings.Oidc oidc = settings.oidc();
    assertThat(oidc).isNotNull();
    assertThat(oidc.name()).isEqualTo("id.example");
    assertThat(oidc.groupsClaim()).isEqualTo("groups");
    assertThat(oidc.secretFile()).isEqualTo(Path.of("/run/secret"));
    assertThat(oidc.site()).hasToString("https://mill.example");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--dta x | did you mean \"--data\"?",
        "serve | there is no setting \"serve\"",
        "--data | needs a value",
        "--data --door 1.2.3.4:5 | --data needs a value",
        "--data= | needs a value",
        "--data a --data b | given twice",
        "--print-token=yes | takes no value",
        "--behind-proxy 10.0.0.5, | \"\" is no address of a proxy",
        "--behind-proxy nginx | is no address of a proxy",
        "--behind-proxy= | is no address of a proxy",
        "--listen 7070 | no address with a port",
        "--listen :7070 | no address with a port",
        "--listen 127.0.0.1:70000 | no address with a port",
        "--listen ::1:7070 | brackets",
        "--listen 0.0.0.0:7070 | tokens would pass in clear; give --tls-cert and --tls-key, or",
        "--listen millwright.example:7070 | tokens would pass in clear",
        "--tls-cert a.pem | belong together",
        "--tls-key a.pem | belong together",
        "--door 0.0.0.0:81 | under which machines reach it",
        "--database mysql://x | looks like jdbc:postgresql:",
        "--database-user mw | --database is missing",
        "--database jdbc:postgresql://h/d?user=a&password=b | --database-password-file",
        "--may-reach here | no range of addresses, such as",
        "--oidc-client-id mw | --oidc-issuer is missing, to which --oidc-client-id belongs",
        "--oidc-issuer https://id.example | --oidc-client-id is missing",
        "--oidc-issuer http://id.example --oidc-client-id mw | no URL with https",
        "--oidc-issuer ftp:x --oidc-client-id mw | no URL with https",
        "--oidc-issuer https://id.example --oidc-client-id m --oidc-scopes email | must be among"
            + " them",
        "--oidc-issuer https://id.example --oidc-client-id m --url https://m.example/x | no path"
      })
  void whatMakesNoSenseIsExplained(String line, String message) {
    assertThatThrownBy(() -> ServerSettings.parse(List.of(line.strip().split(" "))))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining(message.strip());
  }
}
