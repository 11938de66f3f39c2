package io.millwright.driver.proxmox;

import io.millwright.driver.DriverException;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.Import;
import io.millwright.driver.Mark;
import io.millwright.driver.Outcome;
import io.millwright.driver.proxmox.Cluster.Guest;
import io.millwright.model.Firmware;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;

/**
 * Machines of others, of which nothing but our tag is written. Which tags there are is read from
 * the configuration: the listing of the cluster may be some seconds old.
 */
final class VmImport implements Import {
  private final Api api;
  private final Tasks tasks;
  private final Guests guests;
  private final QemuAgent agent;

  VmImport(Api api, Tasks tasks, Guests guests, QemuAgent agent) {
    this.api = api;
    this.tasks = tasks;
    this.guests = guests;
    this.agent = agent;
  }

  private record Candidate(Guest guest, Options options) {
    Optional<Label> label() {
      return Label.among(options.tags(), guest.number());
    }
  }

  private List<Guest> all(UUID uid) throws DriverException, PveFault {
    return guests.all(Cluster.read(api), uid);
  }

  private Candidate need(UUID uid) throws DriverException, PveFault {
    List<Guest> all = all(uid);
    if (all.isEmpty()) {
      throw Guests.conflict("There is no such machine on the hypervisor.", uid.toString());
    }
    if (all.size() > 1) {
      throw Guests.conflict(
          "Several machines on the hypervisor have this UUID; give all but one another.",
          uid + ": VMs " + all.stream().map(Guest::number).sorted().toList());
    }
    Options options = guests.options(all.getFirst());
    if (options.text("template").equals("1")) {
      throw Guests.conflict(
          "It is a template, which never runs; make a machine of it first.",
          "VM " + all.getFirst().number());
    }
    return new Candidate(all.getFirst(), options);
  }

  @Override
  public Found look(UUID uid) throws DriverException {
    return api.act(() -> {
      Candidate there = need(uid);
      return new Found(
          there.options().text("bios").equals("ovmf") ? Firmware.UEFI : Firmware.BIOS,
          there.label().map(Label::mark).orElse(null),
          there.options().disks().stream().map(d -> new Disk(d.volume(), d.size())).toList(),
          agent.ask(there.guest()).map(GuestAgent.Facts::addresses).orElse(Map.of()));
    });
  }

  @Override
  public Outcome take(Mark mark) throws DriverException {
    guests.requireOurs(mark);
    return guests.alone(
        mark.uid(),
        () -> {
          Candidate there = need(mark.uid());
          Optional<Label> label = there.label();
          if (label.isPresent()
              && !label.get().mark().installation().equals(guests.installation())) {
            throw Guests.conflict(
                "The machine belongs to another installation of Millwright.",
                label.get().toString());
          }
          if (label.isPresent() && !label.get().mark().imported()) {
            throw Guests.conflict(
                "Millwright has made the machine itself.", label.get().toString());
          }
          if (label.isEmpty()) {
            Set<String> tags = new TreeSet<>(there.options().tags());
            tags.add(new Label(mark, null, there.guest().number()).toString());
            tag(there, tags);
          }
          return Outcome.DONE;
        });
  }

  @Override
  public Outcome release(Mark mark) throws DriverException {
    guests.requireOurs(mark);
    return guests.alone(
        mark.uid(),
        () -> {
          for (Guest guest : all(mark.uid())) {
            try {
              release(new Candidate(guest, guests.options(guest)), mark);
            } catch (PveFault e) {
              if (!e.says("does not exist")) {
                throw e;
              }
            }
          }
          return Outcome.DONE;
        });
  }

  private void release(Candidate there, Mark mark) throws DriverException, PveFault {
    Label label = there.label().filter(l -> l.mark().sameOwner(mark)).orElse(null);
    if (label == null) {
      return;
    }
    if (!label.mark().imported()) {
      throw Guests.conflict("Millwright has made the machine itself.", label.toString());
    }
    Set<String> tags = new TreeSet<>(there.options().tags());
    tags.remove(label.toString());
    tag(there, tags);
  }

  /** Only over what was read: whoever was faster is looked at again. */
  private void tag(Candidate there, Set<String> tags) throws DriverException, PveFault {
    Map<String, String> change = new LinkedHashMap<>();
    if (tags.isEmpty()) {
      change.put("delete", "tags");
    } else {
      change.put("tags", String.join(";", tags));
    }
    if (!there.options().text("digest").isEmpty()) {
      change.put("digest", there.options().text("digest"));
    }
    tasks.finish(
        api.post(Guests.path(there.guest(), "config"), change),
        "the tagging of VM " + there.guest().number());
  }
}
