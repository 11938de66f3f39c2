package io.millwright.engine.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.ByteSize;
import io.millwright.model.VolumeStatus;
import io.millwright.model.VolumeStatus.Copy;
import io.millwright.model.VolumeStatus.Stage;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** To which disks a volume may be carried: what is on them is overwritten. */
class CarriageTest {
  private static boolean may(VolumeStatus... volumes) {
    return Carriage.objection("to", "there", List.of(volumes)).isEmpty();
  }

  private static VolumeStatus volume(String object, Copy copy) {
    return new VolumeStatus(List.of(), object, "mw-1", ByteSize.ofMib(64), null, copy);
  }

  @ParameterizedTest
  @EnumSource(Stage.class)
  void onlyACopyThatIsBeingMadeIsWritten(Stage stage) {
    assertThat(may(volume("from", new Copy("there", "to", stage)))).isEqualTo(stage == Stage.BEGUN);
  }

  @Test
  void aVolumeItselfAndACopyElsewhereAreNot() {
    Copy begun = new Copy("there", "to", Stage.BEGUN);
    assertThat(may(volume("other", null), volume("from", begun))).isTrue();
    assertThat(may(volume("to", null))).isFalse();
    assertThat(may(volume("to", begun))).isFalse();
    assertThat(may(volume("from", begun), volume("to", null))).isFalse();
    assertThat(may(volume("from", new Copy("elsewhere", "to", Stage.BEGUN)))).isFalse();
    assertThat(may(volume("from", new Copy("there", "another", Stage.BEGUN)))).isFalse();
    assertThat(may(volume("from", null))).isFalse();
    assertThat(may()).isFalse();
  }
}
