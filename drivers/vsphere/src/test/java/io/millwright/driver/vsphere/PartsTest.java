package io.millwright.driver.vsphere;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.driver.testkit.VcenterLab;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Two hypervisors that are parts of one vCenter: a cluster, and a single host beside it. */
@Tag("vsphere")
class PartsTest {
  private final String installation = HexFormat.of().toHexDigits(new Random().nextInt());

  private static Observation.Host host(Observation seen) {
    return Objects.requireNonNull(seen.host());
  }

  private ObjectName make(HypervisorDriver driver) throws Exception {
    Mark mark = new Mark(installation, UUID.randomUUID(), 1);
    ObjectName disk = new ObjectName(mark, ObjectName.SYSTEM);
    assertThat(driver.disks().orElseThrow().create(disk, ByteSize.ofMib(16), null))
        .isEqualTo(Outcome.DONE);
    assertThat(
            driver
                .compute()
                .orElseThrow()
                .define(
                    new MachineDefinition(
                        mark,
                        "vm-" + mark.uid(),
                        1,
                        ByteSize.ofMib(128),
                        Firmware.BIOS,
                        List.of(new MachineDefinition.Disk(disk.toString(), "mwsystem")),
                        List.of(),
                        null)))
        .isEqualTo(Outcome.DONE);
    return disk;
  }

  private static void remove(HypervisorDriver driver, ObjectName disk) throws Exception {
    assertThat(driver.compute().orElseThrow().remove(disk.mark())).isEqualTo(Outcome.DONE);
    assertThat(driver.disks().orElseThrow().delete(disk)).isEqualTo(Outcome.DONE);
  }

  @Test
  void theyAreOfOneEndpointAndMachinesGoWhereEachHasItsPlace() throws Exception {
    Vcenter vcenter = new Vcenter(VcenterLab.shared(), true);
    Map<String, String> beside = new HashMap<>(vcenter.settings());
    beside.remove("resourcePool");
    beside.put("cluster", "DC0_H0");
    beside.put("directory", "east");
    VsphereProvider provider = new VsphereProvider();
    try (HypervisorDriver west = provider.open(vcenter.settings(), installation);
        HypervisorDriver east = provider.open(beside, installation)) {
      ObjectName inWest = make(west);
      ObjectName inEast = make(east);
      Observation fromWest = west.observe(new Scope.All());
      Observation fromEast = east.observe(new Scope.All());
      assertThat(host(fromEast).endpoint())
          .isEqualTo(host(fromWest).endpoint())
          .startsWith("vcenter ");
      assertThat(host(fromEast).memory()).isNotEqualTo(host(fromWest).memory());
      for (Observation each : List.of(fromWest, fromEast)) {
        assertThat(each.machine(inWest.mark().uid())).isPresent();
        assertThat(each.machine(inEast.mark().uid())).isPresent();
      }
      assertThat(fromWest.disks()).extracting(Observation.Disk::name).containsExactly(inWest);
      assertThat(fromEast.disks()).extracting(Observation.Disk::name).containsExactly(inEast);
      // Each as the engine takes it, and both as the invariants do.
      assertThat(fromWest.without(Set.of(inEast.mark().uid())).machine(inEast.mark().uid()))
          .isEmpty();
      Observation both = fromWest.and(fromEast);
      assertThat(both.machines()).doesNotHaveDuplicates().hasSameSizeAs(fromWest.machines());
      assertThat(both.disks())
          .extracting(Observation.Disk::name)
          .containsExactlyInAnyOrder(inWest, inEast);
      remove(east, inEast);
      assertThat(west.observe(new Scope.All()).machine(inWest.mark().uid())).isPresent();
      remove(west, inWest);
    }
  }
}
