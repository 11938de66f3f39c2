package io.millwright.driver.proxmox;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.MachineDefinition.Nic;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import io.millwright.model.Mac;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/** What is read out of answers in the shapes that real installations give. */
final class RecordedTest {
  private static ByteSize gib(int n) {
    return ByteSize.ofMib(n * 1024L);
  }

  @Test
  void sizesOfDisksAreReadAsProxmoxVeWritesThem() {
    Map<String, ByteSize> wanted =
        Map.of(
            "32G", gib(32),
            "0.5T", gib(512),
            "1536M", ByteSize.ofMib(1536),
            "4194304K", gib(4),
            "1073741824", gib(1));
    wanted.forEach((text, size) ->
        assertThat(new Options(Map.of("scsi0", "a:b,size=" + text)).disks())
            .extracting(Options.Plugged::size)
            .containsExactly(size));
    for (String nonsense : List.of("", "G", "4X", "528K", "-1G")) {
      assertThat(new Options(Map.of("scsi0", "a:b,size=" + nonsense)).disks())
          .extracting(Options.Plugged::size)
          .containsOnlyNulls();
    }
  }

  @Test
  void aConfigurationIsReadAsPeopleAndProgramsWriteIt() {
    Options options = Options.of(FakePve.recorded("config").path("data"));
    assertThat(options.cores()).isEqualTo(4);
    assertThat(options.memoryMib()).isEqualTo(2048);
    assertThat(options.uuid()).contains(UUID.fromString("0b5a0f3c-3b65-4c0e-9a4f-0a3f1c2d4e5f"));
    assertThat(options.disks())
        .containsExactly(
            new Options.Plugged("scsi0", "local-lvm:vm-100-disk-1", "system", gib(32)),
            new Options.Plugged("scsi2", "local-lvm:vm-900-disk-0", "mw-data", gib(8)),
            new Options.Plugged("scsi10", "local-lvm:vm-100-disk-3", null, gib(8)));
    assertThat(options.volumes())
        .contains("local-lvm:vm-100-disk-0", "local-lvm:vm-100-disk-2", "local-lvm:vm-900-disk-0");
    assertThat(options.medium()).isEqualTo("local:iso/debian-12.iso");
    assertThat(options.nics())
        .containsExactly(
            new Nic(Mac.parse("bc:24:11:0a:0b:0c"), "vmbr0", null, 7, 1400),
            new Nic(Mac.parse("bc:24:11:0a:0b:0d"), "vmbr1", null, null, null));
  }

  @Test
  void aConfigurationThatSomebodyHasBentDoesNotStopAnything() {
    Options options =
        new Options(
            Map.of(
                "memory", "current=1024",
                "cores", "many",
                "smbios1", "uuid=nonsense",
                "net0", "nonsense",
                "net1", "model=virtio,macaddr=BC:24:11:0A:0B:0E,bridge=vnet1",
                "ide2", "none,media=cdrom",
                "scsi0", "file=local:100/vm-100-disk-0.qcow2"));
    assertThat(options.memoryMib()).isEqualTo(1024);
    assertThat(options.cores()).isEqualTo(1);
    assertThat(options.uuid()).isEmpty();
    assertThat(options.medium()).isEmpty();
    assertThat(options.nics())
        .containsExactly(new Nic(Mac.parse("bc:24:11:0a:0b:0e"), "vnet1", null, null, null));
    assertThat(options.disks())
        .containsExactly(new Options.Plugged("scsi0", "local:100/vm-100-disk-0.qcow2", null, null));
  }

  @Test
  void aCardIsReadBackAsItWasWritten() {
    for (Nic nic :
        List.of(
            new Nic(Mac.ofQemu(1), "vmbr0", null, null, null),
            new Nic(Mac.ofQemu(2), "vmbr0", null, 4094, 9000))) {
      for (Devices devices : Devices.values()) {
        Options read = new Options(Map.of("net0", Options.card(nic, devices)));
        assertThat(read.nics()).containsExactly(nic);
        assertThat(read.devices(_ -> true)).isEqualTo(devices);
      }
    }
  }

  @Test
  void aSizeIsWrittenExactly() {
    assertThat(Options.gibibytes(ByteSize.ofMib(64))).isEqualTo("0.0625");
    assertThat(Options.gibibytes(ByteSize.ofMib(1))).isEqualTo("0.0009765625");
    assertThat(Options.gibibytes(ByteSize.parse("10GiB"))).isEqualTo("10");
  }

  @Test
  void whatAMachineDoesIsToldByQemu() {
    JsonNode status = FakePve.recorded("status-current").path("data");
    assertThat(Power.of(status)).isEqualTo(Observation.State.RUNNING);
    tools.jackson.databind.node.ObjectNode other =
        (tools.jackson.databind.node.ObjectNode) status.deepCopy();
    assertThat(Power.of(other.put("qmpstatus", "paused"))).isEqualTo(Observation.State.PAUSED);
    assertThat(Power.of(other.put("qmpstatus", "guest-panicked")))
        .isEqualTo(Observation.State.CRASHED);
    assertThat(Power.of(other.put("qmpstatus", "shutdown"))).isEqualTo(Observation.State.STOPPED);
    assertThat(Power.of(other.put("status", "stopped"))).isEqualTo(Observation.State.STOPPED);
  }

  @Test
  void aNoteCountsOnlyForTheNumberThatItWasMadeFor() {
    Mark mark = new Mark("0a0b0c0d", UUID.fromString("01234567-89ab-7cde-8f01-23456789abcd"), 12);
    Label machine = new Label(mark, null, 1234567);
    Label disk = Label.of(new ObjectName(mark, ObjectName.DATA), 1234568);
    for (Label label : List.of(machine, disk)) {
      assertThat(Label.parse(label.toString())).contains(label);
      assertThat(label.toString()).matches("[a-z0-9_][a-z0-9_+.-]*"); // as a tag has to be
    }
    for (String other : List.of("", "prod", "mw-0a0b0c0d", machine + "x", "x" + machine)) {
      assertThat(Label.parse(other)).as(other).isEmpty();
    }
    JsonNode row = FakePve.recorded("cluster-resources").path("data").get(0);
    tools.jackson.databind.node.ObjectNode tagged =
        (tools.jackson.databind.node.ObjectNode) row.deepCopy();
    tagged.put("tags", "prod;" + machine);
    assertThat(Cluster.guest(tagged, "pve1").label()).isEmpty();
    assertThat(Cluster.guest(tagged.put("vmid", 1234567), "pve1").label()).contains(machine);
  }

  static Stream<JsonNode> errors() {
    return StreamSupport.stream(FakePve.recorded("errors").spliterator(), false);
  }

  @ParameterizedTest
  @MethodSource("errors")
  void anErrorHasItsKindAndKeepsItsWords(JsonNode error) {
    String words = error.path("body").path("message").asString("").strip();
    DriverException failure =
        FaultKinds.translate(new PveFault(error.path("status").asInt(0), words));
    assertThat(failure.kind()).isEqualTo(FaultKind.valueOf(error.path("kind").asString("")));
    assertThat(failure.forUser()).contains(error.path("says").asString("")).endsWith(".");
    assertThat(failure.forOperator()).contains(words);
  }
}
