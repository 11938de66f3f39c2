package io.millwright.engine;

import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.NetworkServices.Reservation;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.model.Addressing;
import io.millwright.model.ByteSize;
import io.millwright.model.ImageSpec;
import io.millwright.model.Ip;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineSpec.Interface;
import io.millwright.model.MachineStatus;
import io.millwright.model.NetworkSpec;
import io.millwright.model.Resource;
import io.millwright.planner.Card;
import io.millwright.planner.MachineFacts;
import io.millwright.planner.MachineGoal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Turns what was declared and observed of a machine into what the planner takes; pure. */
public final class MachineGoals {
  private MachineGoals() {}

  /** What shall be. */
  public static MachineGoal goal(ResolvedMachine r, String installation) {
    MachineSpec spec = r.machine().spec();
    MachineStatus status = r.machine().status();
    String disk = Objects.requireNonNull(status.disk(), "a declared machine has a disk's name");
    String pinned = status.imageSha256();
    Map<String, Integer> records = new TreeMap<>();
    records(r).forEach((network, published) -> records.put(network, published.hashCode()));
    return new MachineGoal(
        !r.machine().deleting(),
        spec.power(),
        r.size().cores(),
        r.size().memory(),
        r.size().disk(),
        r.image().name(),
        pinned == null ? r.image().status().sha256() : pinned,
        disk,
        status.readyBy() != null,
        r.image().spec().firstBoot() == ImageSpec.FirstBoot.NONE ? null : seedName(disk),
        r.volumes().stream()
            .map(v -> Objects.requireNonNullElse(v.status().object(), "volume " + v.name()))
            .toList(),
        r.nics().stream().map(MachineGoals::card).toList(),
        records,
        spec.readyTimeoutSeconds());
  }

  private static Card card(MachineDefinition.Nic nic) {
    List<String> said = new ArrayList<>();
    if (nic.bridge() != null) {
      said.add("bridge " + nic.bridge());
    }
    if (nic.network() != null) {
      said.add("network " + nic.network());
    }
    if (said.isEmpty()) {
      return new Card(nic.mac(), null);
    }
    if (nic.vlan() != null) {
      said.add("VLAN " + nic.vlan());
    }
    if (nic.mtu() != null) {
      said.add("MTU " + nic.mtu());
    }
    return new Card(nic.mac(), String.join(", ", said));
  }

  /** A seed belongs to one system disk: both carry the same generation. */
  static String seedName(String disk) {
    ObjectName name = ObjectName.parse(disk).orElseThrow();
    return new ObjectName(name.mark(), ObjectName.SEED).toString();
  }

  /**
   * What is.
   *
   * @param published records of this machine, by network; only of networks that could be asked
   */
  public static MachineFacts facts(
      UUID uid, Observation seen, @Nullable String sha256, Map<String, Records> published) {
    MachineFacts.Vm vm =
        seen.machine(uid)
            .filter(m -> m.mark() != null)
            .map(m ->
                new MachineFacts.Vm(
                    m.state() == Observation.State.RUNNING,
                    m.cores(),
                    m.memory(),
                    m.disks(),
                    m.nics().stream().map(MachineGoals::card).toList(),
                    m.medium()))
            .orElse(null);
    Map<String, ByteSize> disks = new TreeMap<>();
    for (Observation.Disk disk : seen.disks()) {
      if (disk.name().mark().uid().equals(uid) && disk.name().role().equals(ObjectName.SYSTEM)) {
        disks.put(disk.name().toString(), disk.size());
      }
    }
    List<String> media =
        seen.media().stream()
            .filter(m -> m.name().mark().uid().equals(uid))
            .map(m -> m.name().toString())
            .sorted()
            .toList();
    Map<String, Integer> records = new TreeMap<>();
    published.forEach((network, r) -> records.put(network, r.hashCode()));
    return new MachineFacts(
        vm, disks, media, sha256 != null && seen.images().contains(sha256), records);
  }

  /** Of a machine of which nothing can be there yet. */
  public static MachineFacts nothing() {
    return new MachineFacts(null, Map.of(), List.of(), false, Map.of());
  }

  /**
   * What shall be published of a machine, by name of the network; only where somebody publishes.
   */
  public static Map<String, Records> records(ResolvedMachine r) {
    Map<String, Records> out = new LinkedHashMap<>();
    r.networks()
        .forEach((name, network) -> {
          if (network.spec().services() != null) {
            out.put(name, records(r, name, network.spec()));
          }
        });
    return out;
  }

  private static Records records(ResolvedMachine r, String name, NetworkSpec network) {
    List<Reservation> reservations = new ArrayList<>();
    List<Ip> addresses = new ArrayList<>();
    for (Interface face : r.addressed()) {
      if (!name.equals(face.network())) {
        continue;
      }
      for (boolean v6 : new boolean[] {false, true}) {
        Addressing way = ResolvedMachine.addressing(face, network, v6);
        r.address(face, v6)
            .ifPresent(ip -> {
              addresses.add(ip);
              if (way instanceof Addressing.Dhcp) {
                r.mac(face).ifPresent(mac -> reservations.add(new Reservation(mac, ip)));
              }
            });
      }
    }
    String domain = network.domain();
    return new Records(
        r.uid(), r.hostname(), domain == null ? "" : domain, reservations, addresses);
  }

  /** The mark of a machine's object of this generation. */
  public static Mark mark(Resource<?, ?> machine, String installation) {
    return new Mark(installation, machine.uid(), machine.generation());
  }
}
