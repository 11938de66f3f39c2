package io.millwright.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import org.junit.jupiter.api.Test;

/** That all of a disk's file has come, as libvirt of Debian 12 tells its length. */
final class PoolTransferTest {
  private static final String VOLUME =
      """
      <volume type='file'>
        <name>data.qcow2</name>
        <capacity unit='bytes'>1073741824</capacity>
        <allocation unit='bytes'>200704</allocation>
        <physical unit='bytes'>197120</physical>
      </volume>
      """;

  @Test
  void aFileThatEndsTooSoonIsNoDisk() throws Exception {
    PoolTransfer.requireWhole(VOLUME, 197120);
    PoolTransfer.requireWhole("<volume/>", 1); // of a libvirt that does not tell
    for (long got : new long[] {0, 131072, 197119, 262144}) {
      assertThatThrownBy(() -> PoolTransfer.requireWhole(VOLUME, got))
          .isInstanceOfSatisfying(
              DriverException.class, e -> assertThat(e.kind()).isEqualTo(FaultKind.UNREACHABLE));
    }
  }
}
