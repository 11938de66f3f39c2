package io.millwright.driver.vsphere;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.MachineDefinition;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import io.millwright.model.Mac;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What comes from people, and what is written into machines. */
final class SettingsTest {
  private static Map<String, String> good() {
    return new HashMap<>(
        Map.of("url", "https://vc.example.com", "user", "u", "password", "s3cret"));
  }

  @ParameterizedTest
  @CsvSource({
    "url, http://vc.example.com, write https://",
    "url, https://u:p@vc.example.com, write https://",
    "url, vc.example.com, write https://",
    "url, https://vc.example.com/ui, write https://",
    "thumbprint, AB:CD, 64 hexadecimal digits",
    "ca, nonsense, PEM",
    "directory, ../etc, no name of a directory",
    "guestInfo, maybe, true or false",
    "datastor, x, datastore"
  })
  void saysWhatIsWrongAndWhatWouldBeRight(String key, String value, String says) {
    Map<String, String> settings = good();
    settings.put(key, value);
    assertThatThrownBy(() -> Settings.read(settings))
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(FaultKind.REFUSED);
              assertThat(e.forUser()).contains("settings." + key, says).doesNotContain("s3cret");
            });
  }

  @Test
  void whatIsNeededIsAskedFor() {
    assertThatThrownBy(() -> Settings.read(Map.of()))
        .isInstanceOfSatisfying(
            DriverException.class,
            e ->
                assertThat(e.forUser())
                    .contains("settings.url", "settings.user", "settings.password"));
  }

  @Test
  void readsThumbprintsAsTheyAreCopied() throws Exception {
    Map<String, String> settings = good();
    settings.put("thumbprint", "ab:".repeat(31) + "ab");
    settings.put("url", "https://vc.example.com:8443/sdk");
    Settings read = Settings.read(settings);
    assertThat(read.thumbprint()).isEqualTo("AB".repeat(32));
    assertThat(read.url()).hasToString("https://vc.example.com:8443/");
    assertThat(read.toString()).doesNotContain("s3cret");
  }

  @Test
  void aDefinitionIsReadBackAsItWasNoted() {
    Wanted wanted =
        new Wanted(
            2,
            512,
            Firmware.UEFI,
            Devices.PARAVIRTUAL,
            List.of(
                new MachineDefinition.Disk("mw-a", "system"),
                new MachineDefinition.Disk("mw-b", "mw1, 2")),
            List.of(
                new MachineDefinition.Nic(Mac.ofQemu(1), null, "A, B/c: d", 7, 9000),
                new MachineDefinition.Nic(Mac.ofQemu(2), null, "lan", null, null)));
    assertThat(Wanted.decode(wanted.encode())).contains(wanted);
    Wanted emulated =
        new Wanted(1, 64, Firmware.BIOS, Devices.EMULATED, wanted.disks(), wanted.nics());
    assertThat(Wanted.decode(emulated.encode())).contains(emulated);
    // As it was noted before there was a choice.
    assertThat(Wanted.decode("1 2 512 uefi").orElseThrow().devices())
        .isEqualTo(Devices.PARAVIRTUAL);
    for (String other : List.of("", "x", "2 1 1 bios", "1 1 x bios", "1 1 1 bios nic:nonsense")) {
      assertThat(Wanted.decode(other)).as(other).isEmpty();
    }
  }

  /** The first boot makes the same name of the same serial: see data-disks.sh. */
  @Test
  void aDataDiskIsNamedAfterItsSerial() {
    assertThat(VmCompute.diskUuid("mw-12345678"))
        .isEqualTo("60 00 c2 9b 3d 3d 36 46-81 b4 de 93 80 5d 0b 69");
  }
}
