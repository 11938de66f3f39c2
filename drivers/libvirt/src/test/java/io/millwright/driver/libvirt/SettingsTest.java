package io.millwright.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SettingsTest {
  @Test
  void hasDefaults() throws DriverException {
    Settings settings = Settings.read(Map.of("uri", "qemu:///system"));
    assertThat(settings.pool()).isEqualTo("millwright");
    assertThat(settings.acceleration()).isEqualTo(Acceleration.Choice.AUTO);
    assertThat(settings.machineType()).isNull();
    assertThat(settings.openvswitch()).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "uri,not a uri,looks like qemu",
    "uri,'',looks like qemu",
    "uri,qemu:///sys tem,looks like qemu",
    "uri,foo://bar,no hypervisor",
    "uri,qumu:///system,did you mean \"qemu\"",
    "uri,qemu+shh://host/system,did you mean \"ssh\"",
    "uri,qemu:///sytem,/system or /session",
    "uri,qemu+ssh://host,/system or /session",
    "uri,qemu+ssh://root:s3cret@host/system,takes no password",
    "uri,qemu+ssh://root:s3cret@ho st,takes no password",
    "pool,a/../b,is no name",
    "acceleration,fast,'auto, kvm or emulation'",
    "machineType,q35 -x,looks like q35",
    "openvswitch,yes,true or false",
    "passwrod,x,password"
  })
  void saysWhatMakesNoSense(String key, String value, String says) {
    Map<String, String> given =
        key.equals("uri") ? Map.of(key, value) : Map.of("uri", "qemu:///system", key, value);
    assertThatThrownBy(() -> Settings.read(given))
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(FaultKind.REFUSED);
              assertThat(e.forUser()).contains("settings." + key, says).doesNotContain("s3cret");
            });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "qemu:///system",
        "qemu:///session",
        "qemu+unix:///system?socket=/run/x/libvirt-sock",
        "qemu+ssh://root@host:22/system?keyfile=/root/.ssh/id",
        "qemu+tls://[fd00::1]/system",
        "test:///default",
        "xen+tcp://host/",
        "esx://host/?no_verify=1",
        "hyperv://host"
      })
  void takesWhatLibvirtTakes(String uri) throws DriverException {
    assertThat(Settings.read(Map.of("uri", uri)).uri()).isEqualTo(uri);
  }

  private static String daemon(String uri) throws DriverException {
    return Settings.read(Map.of("uri", uri)).daemon();
  }

  @Test
  void knowsADaemonByHoweverItIsReached() throws DriverException {
    String system = daemon("qemu:///system");
    assertThat(daemon("qemu+ssh://root@one.example/system?keyfile=/k")).isEqualTo(system);
    assertThat(daemon("qemu+tls://two.example/system")).isEqualTo(system);
    assertThat(daemon("qemu:///session")).isNotEqualTo(system);
    assertThat(daemon("qemu+tls://two.example:16515/system")).isNotEqualTo(system);
    assertThat(daemon("qemu+unix:///system?socket=/run/b")).isNotEqualTo(system);
  }

  @Test
  void keepsThePasswordToItself() throws DriverException {
    Settings settings =
        Settings.read(Map.of("uri", "qemu:///system", "user", "u", "password", "s3cret"));
    assertThat(settings.toString()).doesNotContain("s3cret");
    assertThat(Settings.DESCRIPTION.settings())
        .filteredOn(s -> s.secret())
        .extracting(s -> s.name())
        .containsExactly("password");
  }
}
