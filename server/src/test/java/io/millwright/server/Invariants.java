package io.millwright.server;

import io.millwright.driver.NetworkServices.Records;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Tx;
import io.millwright.engine.reconcile.Invariants.Broken;
import io.millwright.engine.reconcile.Invariants.Seen;
import io.millwright.model.Kind;
import io.millwright.model.NetworkSpec;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import io.millwright.model.VolumeStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;

/**
 * The server's own invariants asked of a test's world, seen past the engine; and one that only a
 * test can know: no data disk that was ever there is lost.
 */
final class Invariants {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final World world;

  /** Every data disk that was ever seen. */
  private final Set<String> dataDisks = new HashSet<>();

  /** Those that were copies of volumes when last looked, and not yet anything of their own. */
  private final Set<String> copies = new HashSet<>();

  Invariants(World world) {
    this.world = world;
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
    return ask(world.published(), io.millwright.engine.reconcile.Invariants::atRest);
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
      List<String> out = new ArrayList<>();
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
