package io.millwright.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.MachineDefinition;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class DomainXmlTest {
  @ParameterizedTest
  @EnumSource(Samples.class)
  void writesTheGoldenDocument(Samples sample) throws Exception {
    String xml = sample.xml();
    if (Boolean.getBoolean("golden.update")) {
      Files.writeString(Path.of("src/test/resources/domains", sample.file()), xml);
      return;
    }
    assertThat(xml).isEqualTo(golden(sample));
  }

  private static String golden(Samples sample) throws IOException {
    try (InputStream in = DomainXmlTest.class.getResourceAsStream("/domains/" + sample.file())) {
      return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @ParameterizedTest
  @EnumSource(Samples.class)
  void isReadBackAsItWasWritten(Samples sample) throws Exception {
    MachineDefinition machine = sample.machine();
    DomainFacts facts = DomainFacts.read(sample.xml(), machine.mark().installation());
    assertThat(facts.uid()).isEqualTo(machine.mark().uid());
    assertThat(facts.name()).isEqualTo(machine.name());
    assertThat(facts.mark()).isEqualTo(machine.mark());
    assertThat(facts.cores()).isEqualTo(machine.cores());
    assertThat(facts.disks())
        .isEqualTo(machine.disks().stream().map(MachineDefinition.Disk::name).toList());
    assertThat(facts.nics()).isEqualTo(machine.nics());
    assertThat(facts.medium()).isEqualTo(machine.medium());
    assertThat(facts.installer()).isEqualTo(machine.installer() != null);
    assertThat(facts.devices()).isEqualTo(machine.devices());
    assertThat(DomainFacts.read(sample.xml(), "ffffffff").mark()).isNull();
    assertThat(DomainFacts.read(sample.xml(), "ffffffff").disks()).isEmpty();
  }

  @Test
  void onlyOurDisksAndTheDriveSayWhatItsDevicesAre() throws Exception {
    String xml = Samples.BIOS.xml();
    String installation = Samples.BIOS.machine().mark().installation();
    String more =
        "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>"
            + "<disk type='file' device='disk'><source file='/theirs'/><target dev='sdz'"
            + " bus='sata'/></disk></devices>";
    assertThat(DomainFacts.read(xml.replace("</devices>", more), installation).devices())
        .isEqualTo(Devices.PARAVIRTUAL);
    for (String other : List.of("bus=\"virtio\"", "bus=\"scsi\"", "model type=\"virtio\"")) {
      assertThat(xml).contains(other);
      String changed = xml.replaceFirst(other, other.replaceAll("virtio|scsi", "sata"));
      assertThat(DomainFacts.read(changed, installation).devices()).as(other).isNull();
    }
  }

  @Test
  void aLinuxBridgeCannotTag() {
    MachineDefinition machine = Samples.OPEN_VSWITCH.machine();
    assertThatThrownBy(() ->
            DomainXml.of(
                machine,
                new DomainXml.Placed(
                    false, null, false, List.of("/a.qcow2"), null, null, List.of())))
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(FaultKind.UNSUPPORTED);
              assertThat(e.forUser()).contains("VLAN 42", "openvswitch");
            });
  }

  @Test
  void whatNoDocumentCanHoldIsRefused() {
    MachineDefinition d = Samples.BIOS.machine();
    MachineDefinition machine =
        new MachineDefinition(
            d.mark(), "a\u0000b", 1, d.memory(), Firmware.BIOS, List.of(), List.of(), null);
    assertThatThrownBy(() ->
            DomainXml.of(
                machine,
                new DomainXml.Placed(false, null, false, List.of(), null, null, List.of())))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(FaultKind.REFUSED));
  }

  @Test
  void disksAreCountedAsLettersAre() {
    assertThat(List.of(0, 1, 25, 26, 27, 701, 702).stream().map(DomainXml::target))
        .containsExactly("vda", "vdb", "vdz", "vdaa", "vdab", "vdzz", "vdaaa");
  }
}
