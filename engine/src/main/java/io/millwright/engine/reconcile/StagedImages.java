package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.engine.outside.Busy;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Orphans.Unneeded;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes images from hypervisors that nobody needs there any more.
 *
 * <p>An image's own end does so on all of them, but for what a machine still has then. Unlike other
 * things that are nobody's, nothing is lost with an image, so no person need decide: if it is
 * needed again, it is staged again.
 */
final class StagedImages {
  private static final Logger LOG = LoggerFactory.getLogger(StagedImages.class);

  private final Store store;
  private final Outside outside;
  private final InstantSource clock;

  StagedImages(Store store, Outside outside, InstantSource clock) {
    this.store = store;
    this.outside = outside;
    this.clock = clock;
  }

  /**
   * Of these, those that somebody needs: an image that is declared is the same, or a machine has or
   * had its system from it. Rather one too many: while any image is being made, what comes of that
   * is not known yet.
   *
   * @param but an image that does not count
   */
  static Set<String> needed(Tx tx, List<String> sha256, @Nullable UUID but) {
    if (sha256.isEmpty()) {
      return Set.of();
    }
    List<Resource<?, ?>> images =
        images(tx).stream().filter(image -> !image.uid().equals(but)).toList();
    if (!tx.operations().busy(images.stream().map(Resource::uid).toList()).isEmpty()) {
      return Set.copyOf(sha256);
    }
    Set<String> declared =
        images.stream().flatMap(StagedImages::sha256).collect(Collectors.toSet());
    return sha256.stream()
        .filter(s -> declared.contains(s) || hasMachine(tx, s))
        .collect(Collectors.toSet());
  }

  /** All that an image was, is and may become, as far as that is known. */
  static Stream<String> sha256(Resource<?, ?> image) {
    ImageSpec.Source source = ((ImageSpec) image.spec()).origin();
    return Stream.concat(
            Stream.ofNullable(source == null ? null : source.sha256()),
            ((ImageStatus) image.status())
                .builds().stream().flatMap(b -> Stream.ofNullable(b.sha256())))
        .distinct();
  }

  private static boolean hasMachine(Tx tx, String sha256) {
    return Stream.of("status.imageSha256", "status.former.imageSha256")
        .anyMatch(path ->
            !tx.resources()
                .list(
                    new Resources.Query(
                        Kind.MACHINE, null, Selector.ALL, Map.of(path, sha256), 1, null))
                .items()
                .isEmpty());
  }

  private static List<Resource<?, ?>> images(Tx tx) {
    return tx.resources().all(Resources.Query.of(Kind.IMAGE, null));
  }

  /** Removes what two complete listings and ten minutes have shown that nobody needs. */
  void look(Resource<HypervisorSpec, HypervisorStatus> hypervisor, Observation seen) {
    if (!seen.complete()) {
      return;
    }
    record Known(List<Unneeded> before, Set<String> now) {}
    Known known =
        store.read(
            tx -> new Known(tx.orphans().images(hypervisor.uid()), unneeded(tx, staged(seen))));
    boolean settled =
        known.before().stream().allMatch(u -> u.listings() >= 2)
            && known
                .now()
                .equals(known.before().stream().map(Unneeded::sha256).collect(Collectors.toSet()));
    Instant now = clock.instant();
    if (!settled) {
      store.write(tx -> tx.orphans().unneeded(hypervisor.uid(), known.now(), now));
    }
    for (Unneeded each : known.before()) {
      boolean ripe = each.listings() >= 2 && !now.isBefore(each.foundAt().plus(Sweep.GRACE));
      if (ripe && known.now().contains(each.sha256())) {
        try {
          // What was read above is older than what was removed since.
          if (!store.read(tx -> unneeded(tx, List.of(each.sha256()))).isEmpty()) {
            unstage(hypervisor, each.sha256());
          }
        } catch (DriverException e) {
          LOG.info("{}: {} stays there: {}", hypervisor.title(), each.sha256(), e.forOperator());
        } catch (Busy e) {
          return;
        }
      }
    }
  }

  private static Set<String> unneeded(Tx tx, List<String> sha256) {
    Set<String> out = new HashSet<>(sha256);
    out.removeAll(needed(tx, sha256, null));
    return out;
  }

  /**
   * Removes all from a hypervisor that is given up, half-copied ones as well. What a disk is backed
   * by stays; so does what is listed by another one, which may have the same storage.
   */
  void leave(Resource<HypervisorSpec, HypervisorStatus> hypervisor) throws DriverException {
    Observation seen = complete(hypervisor);
    Set<String> staged = new HashSet<>(staged(seen));
    Observation.Host host = seen.host();
    List<Resource<HypervisorSpec, HypervisorStatus>> neighbours =
        host == null ? List.of() : neighbours(hypervisor, host);
    if (!staged.isEmpty()) {
      for (Resource<HypervisorSpec, HypervisorStatus> other : neighbours) {
        staged(complete(other)).forEach(staged::remove);
      }
    }
    if (host != null && neighbours.isEmpty()) {
      // Not each hypervisor shows what was copied of an image before the copying was broken off.
      store.read(StagedImages::images).forEach(image -> sha256(image).forEach(staged::add));
    }
    for (String sha256 : staged) {
      unstage(hypervisor, sha256);
    }
  }

  private static List<String> staged(Observation seen) {
    return Stream.concat(seen.images().stream(), seen.halfImages().stream()).distinct().toList();
  }

  private Observation complete(Resource<HypervisorSpec, HypervisorStatus> hypervisor)
      throws DriverException {
    Observation seen = outside.call(hypervisor, d -> d.observe(new Scope.All()));
    if (!seen.complete()) {
      throw new DriverException(
          FaultKind.UNREACHABLE,
          hypervisor.title() + " could not be seen completely: " + String.join("; ", seen.gaps()));
    }
    return seen;
  }

  private List<Resource<HypervisorSpec, HypervisorStatus>> neighbours(
      Resource<HypervisorSpec, HypervisorStatus> of, Observation.Host host) {
    return store.read(tx ->
        tx
            .resources()
            .list(
                new Resources.Query(
                    Kind.HYPERVISOR,
                    null,
                    Selector.ALL,
                    Map.of("status.endpoint", host.endpoint()),
                    1000,
                    null))
            .items()
            .stream()
            .filter(h -> !h.uid().equals(of.uid()) && !h.deleting())
            .map(h -> h.as(HypervisorSpec.class, HypervisorStatus.class))
            .toList());
  }

  private void unstage(Resource<HypervisorSpec, HypervisorStatus> hypervisor, String sha256)
      throws DriverException {
    try {
      outside.call(
          hypervisor,
          d -> MachineActs.facet(d, HypervisorDriver::disks, "has no disks").unstage(sha256));
    } catch (DriverException e) {
      if (e.kind() != FaultKind.CONFLICT && e.kind() != FaultKind.UNSUPPORTED) {
        throw e;
      }
      LOG.debug("{}: {} stays there: {}", hypervisor.title(), sha256, e.forOperator());
    }
  }
}
