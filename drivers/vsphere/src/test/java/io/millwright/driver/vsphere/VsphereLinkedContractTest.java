package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The contract, kept with system disks that are linked to their images. All else is as it is with
 * copies of them, so a build takes what is about disks, and {@code -Dnightly=true} takes all.
 */
@Tag("vsphere")
@ExtendWith(VsphereLinkedContractTest.OfDisks.class)
final class VsphereLinkedContractTest extends VsphereContractTest {
  @Override
  protected HypervisorDriver open(String installation) throws DriverException {
    Map<String, String> settings = new HashMap<>(vcenterUnderTest().settings());
    settings.put("linkedClones", "true");
    // Nothing long is waited for within a call, so that each such act is asked for again.
    return new VsphereHypervisor(
        Settings.read(settings), installation, InstantSource.system(), Duration.ZERO);
  }

  @Override
  protected boolean disksAreBackedByTheirImage() {
    return true;
  }

  /** vSphere does not let them. */
  @Override
  protected boolean disksOfImagesGrow() {
    return false;
  }

  static final class OfDisks implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      return context.getTestMethod().isEmpty()
              || context.getTags().contains(DISKS)
              || Boolean.getBoolean("nightly")
          ? ConditionEvaluationResult.enabled("")
          : ConditionEvaluationResult.disabled("not about disks");
    }
  }
}
