package io.millwright.driver.vsphere;

import static io.millwright.driver.vsphere.FakeVcenter.fault;
import static io.millwright.driver.vsphere.FakeVcenter.property;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.Compute;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.driver.testkit.HypervisorContract;
import io.millwright.driver.testkit.VcenterLab;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** How a guest is asked to stop. */
final class ShutdownTest {
  private static final String INSTALLATION = "0a0b0c0d";
  private static final String TASK = "<returnval type=\"Task\">task-search</returnval>";

  private final Mark mark = new Mark(INSTALLATION, UUID.randomUUID(), 1);

  private static VsphereHypervisor open(FakeVcenter vcenter) throws DriverException {
    return new VsphereHypervisor(
        Settings.read(vcenter.settings()),
        INSTALLATION,
        InstantSource.system(),
        Duration.ofMillis(50));
  }

  private void is(FakeVcenter vcenter, String power) {
    vcenter.answer("FindByUuid", c -> "<returnval type=\"VirtualMachine\">vm-1</returnval>");
    vcenter.object(
        "VirtualMachine",
        "vm-1",
        property("name", "xsd:string", "web")
            + property("summary.config.instanceUuid", "xsd:string", mark.uid().toString())
            + property("runtime.powerState", "VirtualMachinePowerState", power)
            + property(
                Options.path(VmFacts.MARK).replace("\"", "&quot;"),
                "OptionValue",
                "<key>"
                    + VmFacts.MARK
                    + "</key><value xsi:type=\"xsd:string\">"
                    + VmFacts.note(mark)
                    + "</value>"));
  }

  @Test
  @Tag("vsphere")
  void whoIsAskedToStopIsWaitedForAndIsOff() throws Exception {
    Vcenter vcenter = new Vcenter(VcenterLab.shared(), true);
    try (HypervisorDriver driver =
        new VsphereProvider().open(vcenter.settings(), mark.installation())) {
      Compute compute = driver.compute().orElseThrow();
      compute.define(
          new MachineDefinition(
              mark,
              "vm-" + mark.uid(),
              1,
              ByteSize.ofMib(128),
              Firmware.BIOS,
              List.of(),
              List.of(),
              null));
      compute.start(mark);
      assertThat(compute.stop(mark, false)).isInstanceOf(Outcome.Running.class);
      HypervisorContract.finished(() -> compute.stop(mark, false));
      assertThat(
              driver
                  .observe(new Scope.One(mark.uid()))
                  .machine(mark.uid())
                  .map(Observation.Machine::state))
          .contains(Observation.State.STOPPED);
      assertThat(vcenter.look(mark.uid())).contains("poweredOff");
      assertThat(compute.remove(mark)).isEqualTo(Outcome.DONE);
    }
  }

  @Test
  void aGuestWithoutToolsKeepsItsPowerUntilThatIsAskedFor() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter)) {
      is(vcenter, "poweredOn");
      vcenter.answer("ShutdownGuest", c -> fault("ToolsUnavailable", "no tools", ""));
      vcenter.answer("PowerOffVM_Task", c -> TASK);
      Compute compute = driver.compute().orElseThrow();
      assertThatThrownBy(() -> compute.stop(mark, false))
          .isInstanceOfSatisfying(
              DriverException.class,
              e -> {
                assertThat(e.kind()).isEqualTo(FaultKind.CONFLICT);
                assertThat(e.forUser()).contains("its tools do not run", "cut the power");
                assertThat(e.forOperator()).contains("ToolsUnavailable");
              });
      assertThat(vcenter.calls).doesNotContain("PowerOffVM_Task");
      assertThat(compute.stop(mark, true)).isEqualTo(Outcome.DONE);
      assertThat(vcenter.calls).containsOnlyOnce("PowerOffVM_Task", "ShutdownGuest");
    }
  }

  @Test
  void oneThatIsSuspendedIsWokenSoThatItHears() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter)) {
      is(vcenter, "suspended");
      vcenter.answer("PowerOnVM_Task", c -> TASK);
      vcenter.answer("ShutdownGuest", c -> "");
      assertThat(driver.compute().orElseThrow().stop(mark, false))
          .isInstanceOf(Outcome.Running.class);
      assertThat(vcenter.calls).containsSubsequence("PowerOnVM_Task", "ShutdownGuest");
    }
  }

  @Test
  void oneThatWentOffBeforeItWasAskedHasStopped() throws Exception {
    try (FakeVcenter vcenter = new FakeVcenter();
        VsphereHypervisor driver = open(vcenter)) {
      is(vcenter, "poweredOn");
      vcenter.answer(
          "ShutdownGuest",
          c -> {
            is(vcenter, "poweredOff");
            return fault("InvalidPowerState", "it is off", "");
          });
      assertThat(driver.compute().orElseThrow().stop(mark, false)).isEqualTo(Outcome.DONE);
    }
  }
}
