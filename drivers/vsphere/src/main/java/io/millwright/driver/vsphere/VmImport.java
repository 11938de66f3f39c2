package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.Import;
import io.millwright.driver.Mark;
import io.millwright.driver.Outcome;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Machines of others, of which nothing but our mark in their extra options is written. */
final class VmImport implements Import {
  private static final String TEMPLATE = "config.template";
  private static final String FIRMWARE = "config.firmware";
  private static final String VERSION = "config.changeVersion";

  private final Vim vim;
  private final Tasks tasks;
  private final Machines machines;
  private final Collector collector;
  private final ToolsAgent agent;
  private final String installation;

  VmImport(Vim vim, Tasks tasks, Machines machines, ToolsAgent agent, String installation) {
    this.vim = vim;
    this.tasks = tasks;
    this.machines = machines;
    this.collector = new Collector(vim);
    this.agent = agent;
    this.installation = installation;
  }

  private void requireOurs(Mark mark) throws DriverException {
    if (!mark.installation().equals(installation)) {
      throw Machines.conflict("It belongs to another installation of Millwright.", mark.toString());
    }
  }

  /**
   * What can be taken over.
   *
   * @param more what was read of it before the facts
   */
  private record Candidate(VmFacts facts, Collector.Found more) {}

  private Candidate need(UUID uid) throws DriverException, VimFault {
    List<Ref> all = machines.all(uid);
    if (all.size() > 1) {
      // On a host without a vCenter one whose files were copied has the UUID of the first one.
      throw Machines.conflict(
          "Several machines on the hypervisor have this UUID; give all but one another.",
          uid + ": " + all);
    }
    if (!all.isEmpty()) {
      Collector.Found more = collector.read(all.getFirst(), TEMPLATE, FIRMWARE, VERSION);
      if (more.text(TEMPLATE).equals("true")) {
        throw Machines.conflict(
            "It is a template, which never runs; make a machine of it first.",
            all.getFirst().toString());
      }
      Optional<VmFacts> facts = machines.at(all.getFirst());
      if (facts.isPresent()) {
        return new Candidate(facts.get(), more);
      }
    }
    throw Machines.conflict("There is no such machine on the hypervisor.", uid.toString());
  }

  @Override
  public Found look(UUID uid) throws DriverException {
    return vim.act(() -> {
      Candidate there = need(uid);
      return new Found(
          there.more().text(FIRMWARE).equals("efi") ? Firmware.UEFI : Firmware.BIOS,
          there.facts().noted(),
          there.facts().disks().stream().map(VmImport::disk).toList(),
          agent.addresses(there.facts()).orElse(Map.of()));
    });
  }

  private static Disk disk(VmFacts.Disk disk) {
    String raw = disk.device().text("backing", "deviceName");
    return new Disk(
        disk.file().isEmpty() ? raw : disk.file(), size(disk.device().number("capacityInKB")));
  }

  private static @Nullable ByteSize size(long kib) {
    return kib < 1024 ? null : ByteSize.ofMib(kib >> 10);
  }

  @Override
  public Outcome take(Mark mark) throws DriverException {
    requireOurs(mark);
    return machines.act(
        mark.uid(),
        () -> {
          Candidate there = need(mark.uid());
          Mark noted = there.facts().noted();
          if (noted != null) {
            requireTakeable(noted, mark);
          }
          if (!mark.equals(noted)) {
            // The version was read before the mark: vSphere refuses if another was faster.
            Element spec = new Element("spec");
            String version = there.more().text(VERSION);
            if (!version.isEmpty()) {
              spec.add("changeVersion", version);
            }
            write(there.facts(), spec, VmFacts.note(mark));
          }
          return Outcome.DONE;
        });
  }

  /** A mark of ours with another uid was copied along with a machine, and says nothing of this. */
  private void requireTakeable(Mark there, Mark mark) throws DriverException {
    if (!there.installation().equals(installation)) {
      throw Machines.conflict(
          "The machine belongs to another installation of Millwright.", there.toString());
    }
    if (there.sameOwner(mark) && !there.imported()) {
      throw Machines.conflict("Millwright has made the machine itself.", there.toString());
    }
  }

  @Override
  public Outcome release(Mark mark) throws DriverException {
    requireOurs(mark);
    return machines.act(
        mark.uid(),
        () -> {
          for (Ref each : machines.all(mark.uid())) {
            release(each, mark);
          }
          return Outcome.DONE;
        });
  }

  private void release(Ref machine, Mark mark) throws DriverException, VimFault {
    VmFacts there = machines.at(machine).orElse(null);
    Mark noted = there == null ? null : there.noted();
    if (there == null || noted == null || !noted.sameOwner(mark)) {
      return;
    }
    if (!noted.imported()) {
      throw Machines.conflict("Millwright has made the machine itself.", noted.toString());
    }
    try {
      write(there, new Element("spec"), ""); // one that is empty is taken away
    } catch (VimFault e) {
      if (!e.is("ManagedObjectNotFound")) {
        throw e;
      }
    }
  }

  private void write(VmFacts there, Element spec, String note) throws DriverException, VimFault {
    Options.note(spec, VmFacts.MARK, note);
    tasks.run(there.ref(), "ReconfigVM_Task", spec);
  }
}
