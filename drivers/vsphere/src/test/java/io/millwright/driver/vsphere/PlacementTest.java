package io.millwright.driver.vsphere;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.testkit.VcenterLab;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** That a machine goes where the settings say by name, as somebody else sees it. */
@Tag("vsphere")
final class PlacementTest {
  private static final String INSTALLATION = "0a0b0c0d";

  private static Ref made(Vcenter vcenter, Ref target, String method, Element... arguments)
      throws DriverException {
    return vcenter.vim.act(() -> Vim.value(vcenter.vim.call(target, method, arguments)).ref());
  }

  private static Element name(String name) {
    return new Element("name").holding(name);
  }

  private static Collector.Found read(Vcenter vcenter, Ref of, String... properties)
      throws DriverException {
    return vcenter.vim.act(() -> new Collector(vcenter.vim).read(of, properties));
  }

  private static Ref one(Vcenter vcenter, Ref of, String property) throws DriverException {
    return read(vcenter, of, property).get(property).orElseThrow().ref();
  }

  private static Element share(String name) {
    return new Element(name)
        .add("reservation", 0)
        .add("expandableReservation", true)
        .add("limit", -1)
        .add(new Element("shares").add("shares", 4000).add("level", "normal"));
  }

  private static Ref pool(Vcenter vcenter, Ref below, String name) throws DriverException {
    return made(
        vcenter,
        below,
        "CreateResourcePool",
        name(name),
        new Element("spec").add(share("cpuAllocation")).add(share("memoryAllocation")));
  }

  private static Ref datastore(Vcenter vcenter, Ref cluster, String name, Path directory)
      throws DriverException {
    Ref out = new Ref("", "");
    for (Ref host : read(vcenter, cluster, "host").refs("host")) {
      out =
          made(
              vcenter,
              one(vcenter, host, "configManager.datastoreSystem"),
              "CreateLocalDatastore",
              name(name),
              new Element("path").holding(directory.toString()));
    }
    return out;
  }

  @Test
  void machinesAndDisksGoWhereTheSettingsSay(@TempDir Path directory) throws Exception {
    Vcenter vcenter = new Vcenter(VcenterLab.start(), true);
    try (VcenterLab _ = vcenter.lab) {
      Place usual = vcenter.vim.act(() -> vcenter.places.get());
      Ref pool = pool(vcenter, one(vcenter, usual.compute(), "resourcePool"), "second");
      Ref ours = made(vcenter, usual.folder(), "CreateFolder", name("ours"));
      Ref theirs = made(vcenter, usual.folder(), "CreateFolder", name("theirs"));
      Ref folder = made(vcenter, ours, "CreateFolder", name("web"));
      made(vcenter, theirs, "CreateFolder", name("web"));
      Ref datastore = datastore(vcenter, usual.compute(), "fast", directory);

      Map<String, String> settings = new HashMap<>(vcenter.settings());
      settings.put("resourcePool", "second");
      settings.put("folder", "ours/web");
      settings.put("datastore", "fast");
      assertPlaced(vcenter, settings, pool, folder, datastore, "fast");

      // And elsewhere by other names, so that neither is what vSphere would have taken by itself.
      settings.put("resourcePool", "DC0_C0_RP1");
      settings.remove("folder");
      settings.put("datastore", usual.datastoreName());
      assertPlaced(
          vcenter,
          settings,
          usual.pool(),
          usual.folder(),
          usual.datastore(),
          usual.datastoreName());
    }
  }

  private static void assertPlaced(
      Vcenter vcenter,
      Map<String, String> settings,
      Ref pool,
      Ref folder,
      Ref datastore,
      String datastoreName)
      throws Exception {
    Mark mark = new Mark(INSTALLATION, UUID.randomUUID(), 1);
    ObjectName disk = new ObjectName(mark, ObjectName.SYSTEM);
    try (HypervisorDriver driver = new VsphereProvider().open(settings, INSTALLATION)) {
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
      Ref machine = vcenter.machine(mark.uid());
      assertThat(one(vcenter, machine, "resourcePool")).isEqualTo(pool);
      assertThat(one(vcenter, machine, "parent")).isEqualTo(folder);
      assertThat(read(vcenter, machine, "datastore").refs("datastore")).containsExactly(datastore);
      Collector.Found found = read(vcenter, machine, "config.files.vmPathName", VmFacts.DEVICES);
      assertThat(found.text("config.files.vmPathName")).startsWith("[" + datastoreName + "] ");
      assertThat(VmFacts.disks(VmFacts.devices(found)))
          .extracting(VmFacts.Disk::file)
          .containsExactly("[" + datastoreName + "] millwright/" + disk + ".vmdk");
    }
  }
}
