package io.millwright.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class FaultKindsTest {
  /** As libvirt 9.0 words them. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "9|10|operation failed: domain 'web' already exists with uuid 1|CONFLICT",
        "90|18|storage volume 'a' exists already|CONFLICT",
        "55|10|Requested operation is not valid: domain is not running|CONFLICT",
        "1|10|internal error: process exited while connecting to monitor: unsupported machine"
            + " type|REFUSED",
        "1|10|internal error: process exited while connecting to monitor: Cannot allocate"
            + " memory|CAPACITY",
        "1|10|internal error: unexpected async job|UNREACHABLE",
        "38|18|cannot extend file '/p/a': No space left on device|CAPACITY",
        "38|0|Cannot get interface MTU on 'brx': No such device|REFUSED",
        "38|7|Failed to connect socket to '/run/s': Connection refused|UNREACHABLE",
        "38|7|End of file while reading data: Input/output error|UNREACHABLE",
        "38|7|unable to connect to server at 'h:16514': No route to host|UNREACHABLE",
        "45|13|authentication failed: Failed to start SASL|REFUSED",
        "68|10|Timed out during operation: cannot acquire state change lock|UNREACHABLE",
        "67|10|unsupported configuration: machine type does not support it|UNSUPPORTED",
        "27|20|XML error: no|REFUSED"
      })
  void knowsWhatLibvirtMeans(int code, int part, String words, FaultKind kind) {
    assertThat(FaultKinds.kind(new LibvirtError(code, part, words))).isEqualTo(kind);
  }

  @Test
  void keepsTheWordsForTheOperator() {
    DriverException e =
        FaultKinds.translate(new LibvirtError(38, 18, "cannot open '/secret/path'"));
    assertThat(e.forUser()).doesNotContain("/secret/path");
    assertThat(e.forOperator()).contains("/secret/path", "38");
  }

  @Test
  void aPoolThatDoesNotRunIsToldWithWhatStartsIt() {
    DriverException e =
        FaultKinds.translate(
            new LibvirtError(
                55,
                18,
                "Requested operation is not valid: storage pool 'millwright' is not active"));
    assertThat(e.forUser())
        .startsWith("Storage pool millwright is not running; ")
        .contains("virsh pool-start millwright");
    assertThat(FaultKinds.stoppedPool(new LibvirtError(55, 10, "domain is not running"))).isEmpty();
  }

  @Test
  void hostKeysAreTakenOnlyWhenTheyLookLikeKeys() {
    String key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwZ";
    assertThat(QemuAgent.key(key + " root@host\n")).contains(key);
    assertThat(QemuAgent.key(key)).contains(key);
    assertThat(QemuAgent.key(key + "\nssh-rsa more")).isEmpty();
    assertThat(QemuAgent.key("")).isEmpty();
  }
}
