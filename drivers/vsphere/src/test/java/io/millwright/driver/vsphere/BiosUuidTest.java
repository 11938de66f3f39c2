package io.millwright.driver.vsphere;

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
import io.millwright.driver.testkit.VcenterLab;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A BIOS UUID says nothing: whoever copies a machine's files by hand and answers "I moved it" has
 * it twice.
 */
@Tag("vsphere")
final class BiosUuidTest {
  private final String installation = HexFormat.of().toHexDigits(new Random().nextInt());
  private final Mark mark = new Mark(installation, UUID.randomUUID(), 1);

  /** Of somebody else's machine, whose BIOS UUID is that of ours. */
  private final UUID foreign = UUID.randomUUID();

  private final Vcenter vcenter = new Vcenter(VcenterLab.shared(), true);
  private final HypervisorDriver driver =
      new VsphereProvider().open(vcenter.settings(), installation);

  BiosUuidTest() throws DriverException {}

  @BeforeEach
  void begin() throws Exception {
    vcenter.add(foreign, "theirs-" + foreign);
    Ref machine = vcenter.machine(foreign);
    vcenter.vim.act(() ->
        vcenter.tasks.run(
            machine, "ReconfigVM_Task", new Element("spec").add("uuid", mark.uid().toString())));
    assertThat(bios(foreign)).isEqualTo(mark.uid().toString());
    vcenter.power(foreign, "PowerOnVM_Task");
  }

  @AfterEach
  void clean() throws Exception {
    vcenter.power(foreign, "PowerOffVM_Task");
    vcenter.remove(foreign);
    vcenter.remove(mark.uid());
    driver.close();
  }

  private String bios(UUID machine) throws DriverException {
    return vcenter.vim.act(() ->
        new Collector(vcenter.vim)
            .read(vcenter.machine(machine), "config.uuid")
            .text("config.uuid"));
  }

  private Compute compute() {
    return driver.compute().orElseThrow();
  }

  private MachineDefinition machine() {
    return new MachineDefinition(
        mark,
        "vm-" + mark.uid(),
        1,
        ByteSize.ofMib(128),
        Firmware.BIOS,
        List.of(),
        List.of(),
        null);
  }

  private static void missing(ThrowingCallable act) {
    assertThatThrownBy(act)
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(FaultKind.CONFLICT);
              assertThat(e.forUser()).isEqualTo("There is no such machine on the hypervisor.");
            });
  }

  private void assertNotTouched() throws Exception {
    String before = vcenter.look(foreign);
    assertThat(driver.observe(new Scope.One(mark.uid())).machines()).isEmpty();
    assertThat(driver.observe(new Scope.All()).machine(mark.uid())).isEmpty();
    assertThat(driver.observe(new Scope.All()).machine(foreign).orElseThrow().mark()).isNull();
    missing(() -> compute().start(mark));
    missing(() -> compute().reset(mark));
    for (boolean force : new boolean[] {false, true}) {
      assertThat(compute().stop(mark, force)).isEqualTo(Outcome.DONE);
    }
    assertThat(compute().remove(mark)).isEqualTo(Outcome.DONE);

    // Nor is it in the way of ours, which is found beside it.
    assertThat(compute().define(machine())).isEqualTo(Outcome.DONE);
    assertThat(bios(mark.uid())).isEqualTo(bios(foreign));
    assertThat(compute().start(mark)).isEqualTo(Outcome.DONE);
    assertThat(driver.observe(new Scope.One(mark.uid())).machines())
        .singleElement()
        .satisfies(seen -> {
          assertThat(seen.mark()).isEqualTo(mark);
          assertThat(seen.state()).isEqualTo(Observation.State.RUNNING);
        });
    assertThat(compute().stop(mark, true)).isEqualTo(Outcome.DONE);
    assertThat(compute().remove(mark)).isEqualTo(Outcome.DONE);
    assertThat(vcenter.look(mark.uid())).isEmpty();
    assertThat(vcenter.look(foreign)).isEqualTo(before).contains("poweredOn");
  }

  @Test
  void aForeignMachineWithTheBiosUuidOfOursIsNotOurs() throws Exception {
    assertNotTouched();
  }

  @Test
  void norIsACopyThatHasItsMarkAsWell() throws Exception {
    vcenter.option(foreign, VmFacts.MARK, VmFacts.note(mark));
    assertNotTouched();
  }
}
