package io.millwright.driver.proxmox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What comes from people. */
final class SettingsTest {
  private static Map<String, String> good() {
    return new HashMap<>(
        Map.of(
            "url",
            "https://pve.example.com:8006",
            "token",
            "mw@pve!millwright",
            "secret",
            "s3cret"));
  }

  @ParameterizedTest
  @CsvSource({
    "url, http://pve.example.com:8006, write https://",
    "url, https://u:p@pve.example.com:8006, write https://",
    "url, pve.example.com, write https://",
    "url, https://pve.example.com:8006/pve-docs, write https://",
    "token, root, USER@REALM!ID",
    "token, mw@pve!millwright=s3cret, USER@REALM!ID",
    "fingerprint, AB:CD, 64 hexadecimal digits",
    "ca, nonsense, PEM",
    "numbers, 1-5, 100 to 999999999",
    "numbers, 2000-2010, at least 1000 apart",
    "numbers, many, two numbers",
    "storag, x, storage"
  })
  void saysWhatIsWrongAndWhatWouldBeRight(String key, String value, String says) {
    Map<String, String> settings = good();
    settings.put(key, value);
    assertThatThrownBy(() -> Settings.read(settings))
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(FaultKind.REFUSED);
              assertThat(e.forUser()).contains("settings." + key, says);
              assertThat(e.forUser().replace(value, "")).doesNotContain("s3cret");
            });
  }

  @Test
  void whatIsNeededIsAskedFor() {
    assertThatThrownBy(() -> Settings.read(Map.of()))
        .isInstanceOfSatisfying(
            DriverException.class,
            e ->
                assertThat(e.forUser())
                    .contains("settings.url", "settings.token", "settings.secret"));
  }

  @Test
  void aSecretThatCannotStandInAHeaderIsRefusedWithoutBeingShown() {
    Map<String, String> settings = good();
    settings.put("secret", "two\nlines");
    assertThatThrownBy(() -> Settings.read(settings))
        .hasMessageContaining("settings.secret")
        .hasMessageNotContaining("lines");
  }

  @Test
  void readsWhatPeopleCopy() throws Exception {
    Map<String, String> settings = good();
    settings.put("fingerprint", "ab:".repeat(31) + "ab");
    settings.put("url", "https://pve.example.com:8006/#v1:0:=node%2Fpve1");
    settings.put("token", "a.b-c@pam!x_1");
    settings.put("numbers", "5000-8999");
    Settings read = Settings.read(settings);
    assertThat(read.fingerprint()).isEqualTo("AB".repeat(32));
    assertThat(read.url()).hasToString("https://pve.example.com:8006/");
    assertThat(read.numbers()).isEqualTo(new Settings.Numbers(5000, 8999));
    assertThat(read.toString()).doesNotContain("s3cret");
  }
}
