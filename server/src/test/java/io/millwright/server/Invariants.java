package io.millwright.server;

import io.millwright.driver.GuestCommands;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.ObjectName;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Tx;
import io.millwright.engine.reconcile.Invariants.Broken;
import io.millwright.engine.reconcile.Invariants.Seen;
import io.millwright.model.Kind;
import io.millwright.model.NetworkSpec;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import io.millwright.model.VolumeStatus;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The server's own invariants asked of a test's world, seen past the engine; and two that only a
 * test can know: no data disk that was ever there is lost, and no volume is formatted twice.
 */
final class Invariants {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final World world;

  /** Every data disk that was ever seen. */
  private final Set<String> dataDisks = new HashSet<>();

  /** Those that were copies of volumes when last looked, and not yet anything of their own. */
  private final Set<String> copies = new HashSet<>();

  /** Data disks on which a guest has made a file system. */
  private final Set<String> formatted = ConcurrentHashMap.newKeySet();

  private final Queue<String> formattedTwice = new ConcurrentLinkedQueue<>();

  Invariants(World world) {
    this.world = world;
  }

  /**
   * Guests that make file systems as a first boot does: on each data disk that their seed names, if
   * nothing is on it.
   *
   * @param filesystem makes one on the disk of this name
   */
  void format(SimulatedHypervisor there, Consumer<String> filesystem) {
    GuestBehaviour usual = there.guests();
    there.guests(guest -> {
      byte[] medium = guest.seed();
      String seed = medium == null ? "" : new String(medium, StandardCharsets.ISO_8859_1);
      List<String> found = new ArrayList<>();
      guest.definition().disks().stream()
          .skip(1) // its system
          .filter(disk -> seed.contains("\"data-disks\"") && seed.contains(disk.serial()))
          .forEach(disk -> {
            boolean blank = blank(there, disk);
            found.add("{\"serial\": \"%s\", \"formatted\": %s}".formatted(disk.serial(), blank));
            if (blank) {
              hasData(disk.name())
                  .ifPresent(other ->
                      formattedTwice.add(
                          disk.name() + " was formatted, and its volume's data are on " + other));
              format(disk.name(), filesystem);
            }
          });
      world.found(guest.definition().disks().getFirst().name(), String.join(", ", found));
      return usual.start(guest);
    });
    // The same program, for a disk that came when the system was up.
    there.commands((machine, command) -> {
      int program = command.indexOf("data-disks");
      if (program < 0) {
        return Optional.of(new GuestCommands.Ended(0, ""));
      }
      String serial = command.get(program + 1);
      Optional<MachineDefinition.Disk> disk =
          there.definition(machine).stream()
              .flatMap(d -> d.disks().stream())
              .filter(d -> serial.equals(d.serial()))
              .findFirst();
      if (disk.isEmpty()) {
        return Optional.of(new GuestCommands.Ended(1, "there is no " + serial));
      }
      boolean blank = blank(there, disk.get());
      if (blank) {
        format(disk.get().name(), filesystem);
      }
      return Optional.of(
          new GuestCommands.Ended(
              0, "millwright: volume " + serial + ": " + (blank ? "formatted" : "kept") + "\n"));
    });
  }

  private static boolean blank(SimulatedHypervisor there, MachineDefinition.Disk disk) {
    return there.content(disk.name()).filter(c -> c.length == 0).isPresent();
  }

  private void format(String disk, Consumer<String> filesystem) {
    if (!formatted.add(disk)) {
      formattedTwice.add(disk + " had a file system, and was formatted again");
    }
    filesystem.accept(disk);
  }

  /** The disk that the volume of this one has, if that is another one and not blank. */
  private Optional<String> hasData(String disk) {
    UUID volume = ObjectName.parse(disk).orElseThrow().mark().uid();
    return world
        .store
        .read(tx -> tx.resources().find(volume))
        .map(r -> ((VolumeStatus) r.status()).object())
        .filter(its -> !its.equals(disk))
        .filter(its ->
            Stream.of(world.hypervisor, world.second)
                .flatMap(h -> h.content(its).stream())
                .anyMatch(c -> c.length > 0));
  }

  /** Waits until all of them hold; fails with those that still do not. */
  void await() {
    Instant until = Instant.now().plus(PATIENCE);
    List<String> broken = broken();
    while (!broken.isEmpty() && Instant.now().isBefore(until)) {
      LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
      broken = broken();
    }
    if (!broken.isEmpty()) {
      throw new AssertionError("broken invariants:\n  " + String.join("\n  ", broken));
    }
  }

  /** What does not hold now, in words. */
  List<String> broken() {
    List<String> out = ask(world.published(), io.millwright.engine.reconcile.Invariants::atRest);
    world
        .store
        .read(tx -> io.millwright.engine.reconcile.Invariants.told(tx, world.secrets))
        .forEach(b -> out.add(b.what()));
    return out;
  }

  /** What may not be at any moment, also in the midst of work, in words. */
  List<String> unsafe() {
    return ask(Map.of(), io.millwright.engine.reconcile.Invariants::ever);
  }

  private List<String> ask(
      Map<UUID, Records> published, BiFunction<Tx, Seen, List<Broken>> invariants) {
    var places = List.of(world.outside(world.hypervisor), world.outside(world.second));
    return world.store.read(tx -> {
      Seen seen = new Seen(places, networks(tx, published), Set.of());
      List<String> out = new ArrayList<>(formattedTwice);
      invariants.apply(tx, seen).forEach(b -> out.add(b.what()));
      Set<String> there = io.millwright.engine.reconcile.Invariants.dataDisks(seen);
      copies(tx);
      there.stream().filter(disk -> !copies.contains(disk)).forEach(dataDisks::add);
      dataDisks.stream()
          .filter(disk -> !there.contains(disk))
          .forEach(disk -> out.add("the data disk " + disk + " is lost"));
      return out;
    });
  }

  /**
   * Learns which disks are copies of volumes that no machine had yet: these may go, as long as they
   * are not written to the end.
   */
  private void copies(Tx tx) {
    for (Resource<?, ?> volume : list(tx, Kind.VOLUME)) {
      VolumeStatus status = (VolumeStatus) volume.status();
      VolumeStatus.Copy copy = status.copy();
      if (copy != null && copy.stage() != VolumeStatus.Stage.WHOLE) {
        copies.add(copy.object());
      } else if (copy != null) {
        copies.remove(copy.object());
      }
      copies.remove(String.valueOf(status.object()));
    }
    tx.quarantine().list(null).forEach(e -> copies.remove(e.disk()));
  }

  private static List<Resource<?, ?>> list(Tx tx, Kind kind) {
    return tx.resources()
        .list(new Resources.Query(kind, null, Selector.ALL, Map.of(), 1000, null))
        .items();
  }

  /** All networks of a world are served by one. */
  private static Map<UUID, Map<UUID, Records>> networks(Tx tx, Map<UUID, Records> published) {
    Map<UUID, Map<UUID, Records>> out = new HashMap<>();
    list(tx, Kind.NETWORK).stream()
        .filter(n -> ((NetworkSpec) n.spec()).services() != null)
        .forEach(n -> out.put(n.uid(), published));
    return out;
  }
}
