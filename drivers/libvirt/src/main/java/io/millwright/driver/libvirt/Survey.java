package io.millwright.driver.libvirt;

import io.millwright.driver.DriverException;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.driver.libvirt.Handle.Domain;
import io.millwright.driver.libvirt.Handle.Pool;
import io.millwright.driver.libvirt.Handle.Volume;
import io.millwright.model.ByteSize;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Looks at what is there: the states of all machines in one call, their list in another, and then
 * one small call for the definition of each and for the size of each disk of ours, for libvirt has
 * no call for all definitions. Nothing is remembered from one time to the next.
 */
final class Survey {
  private final Line line;
  private final Acceleration acceleration;
  private final PoolFiles files;
  private final String installation;

  Survey(Line line, Acceleration acceleration, PoolFiles files, String installation) {
    this.line = line;
    this.acceleration = acceleration;
    this.files = files;
    this.installation = installation;
  }

  Observation observe(Scope scope) throws DriverException {
    Instant at = Instant.now();
    return line.call(connection -> {
      List<String> gaps = new ArrayList<>();
      List<Observation.Machine> machines =
          switch (scope) {
            case Scope.All _ -> all(connection);
            case Scope.One(UUID uid) -> one(connection, uid);
          };
      List<Observation.Disk> disks = new ArrayList<>();
      List<Observation.Medium> media = new ArrayList<>();
      List<String> images = new ArrayList<>();
      List<String> halfImages = new ArrayList<>();
      Predicate<ObjectName> wanted =
          name -> !(scope instanceof Scope.One(UUID uid)) || name.mark().uid().equals(uid);
      Observation.Host host = null;
      try (Pool pool = files.pool(connection)) {
        // A log goes with its machine. That of one which is gone, by hand say, is a file like
        // others.
        Set<UUID> there =
            machines.stream().map(Observation.Machine::uid).collect(Collectors.toSet());
        stored(
            pool,
            wanted,
            log -> !there.contains(log.mark().uid()),
            disks,
            media,
            images,
            halfImages,
            gaps);
        if (scope instanceof Scope.All) {
          host = host(connection, pool.available());
        }
      } catch (DriverException e) {
        gaps.add(e.forUser());
      } catch (LibvirtError e) {
        if (!connection.alive()) {
          throw e;
        }
        gaps.add(
            FaultKinds.stoppedPool(e)
                .orElse("The storage pool cannot be looked at: " + FaultKinds.operator(e)));
      }
      if (scope instanceof Scope.All && host == null) {
        host = host(connection, 0);
      }
      return new Observation(
          at,
          List.copyOf(machines),
          List.copyOf(disks),
          List.copyOf(media),
          images.stream().sorted().toList(),
          halfImages.stream().sorted().toList(),
          host,
          List.copyOf(gaps));
    });
  }

  private Observation.Host host(Connection connection, long free) throws LibvirtError {
    Connection.Node node = connection.node();
    return new Observation.Host(
        connection.version(),
        acceleration.kvm(connection) ? "kvm" : "emulation",
        node.processors(),
        ByteSize.ofMib(node.memory() / ByteSize.MIB),
        ByteSize.ofMib(free / ByteSize.MIB),
        connection.endpoint());
  }

  // ----------------------------------------------------------------------------------- machines

  private List<Observation.Machine> all(Connection connection) throws LibvirtError {
    List<Domain> domains = connection.domains();
    try {
      Map<UUID, Domain.State> states = connection.states();
      Set<UUID> passing = connection.passing();
      List<Observation.Machine> out = new ArrayList<>(domains.size());
      for (Domain domain : domains) {
        Optional<DomainFacts> facts = facts(domain, Domain.XML_INACTIVE, installation);
        if (facts.isPresent()) {
          Domain.State state = states.get(facts.get().uid());
          // One that was defined between the two calls has a definition and no state yet.
          out.add(
              seen(
                  facts.get(),
                  state != null ? state : stateOf(domain),
                  !passing.contains(facts.get().uid())));
        }
      }
      return out;
    } finally {
      Handle.closeAll(domains);
    }
  }

  private List<Observation.Machine> one(Connection connection, UUID uid) throws LibvirtError {
    try (Domain domain = connection.domain(uid)) {
      if (domain == null) {
        return List.of();
      }
      Optional<DomainFacts> facts = facts(domain, Domain.XML_INACTIVE, installation);
      return facts.isEmpty()
          ? List.of()
          : List.of(seen(facts.get(), stateOf(domain), lasts(domain)));
    }
  }

  /** What its document says, or nothing if it is gone or is none of anybody's business. */
  static Optional<DomainFacts> facts(Domain domain, int flags, String installation)
      throws LibvirtError {
    try {
      String xml = domain.xml(flags);
      return DomainFacts.probe(xml)
          ? Optional.empty()
          : Optional.of(DomainFacts.read(xml, installation));
    } catch (LibvirtError e) {
      if (e.is(LibvirtError.NO_DOMAIN)) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** Its state; one that is gone does not run. */
  static Domain.State stateOf(Domain domain) throws LibvirtError {
    try {
      return domain.state();
    } catch (LibvirtError e) {
      if (e.is(LibvirtError.NO_DOMAIN)) {
        return new Domain.State(Domain.SHUTOFF, 0);
      }
      throw e;
    }
  }

  private static boolean lasts(Domain domain) throws LibvirtError {
    try {
      return domain.persistent();
    } catch (LibvirtError e) {
      if (e.is(LibvirtError.NO_DOMAIN)) {
        return false;
      }
      throw e;
    }
  }

  private static Observation.Machine seen(DomainFacts facts, Domain.State state, boolean lasting) {
    return new Observation.Machine(
        facts.uid(),
        facts.name(),
        facts.mark(),
        state(state),
        facts.cores(),
        facts.memory(),
        facts.devices(),
        List.copyOf(facts.disks()),
        List.copyOf(facts.nics()),
        facts.medium(),
        facts.installer(),
        lasting,
        facts.mark() == null || facts.mark().imported()
            ? List.of()
            : List.copyOf(facts.foreignDisks()));
  }

  private static Observation.State state(Domain.State state) {
    return switch (state.state()) {
      case Domain.SHUTOFF ->
          state.reason() == Domain.SHUTOFF_CRASHED
              ? Observation.State.CRASHED
              : Observation.State.STOPPED;
      case Domain.CRASHED -> Observation.State.CRASHED;
      case Domain.PAUSED, Domain.PMSUSPENDED -> Observation.State.PAUSED;
      // Also one that is shutting down: until it has ended it holds its disks.
      default -> Observation.State.RUNNING;
    };
  }

  // ------------------------------------------------------------------------------------ storage

  private void stored(
      Pool pool,
      Predicate<ObjectName> wanted,
      Predicate<ObjectName> left,
      List<Observation.Disk> disks,
      List<Observation.Medium> media,
      List<String> images,
      List<String> halfImages,
      List<String> gaps)
      throws LibvirtError {
    List<Volume> volumes = pool.volumes();
    try {
      PoolFiles.Listing listing = files.sort(volumes);
      for (Map.Entry<ObjectName, Volume> disk : listing.disks().entrySet()) {
        if (wanted.test(disk.getKey())) {
          // Of one that is being written it may not be known yet, and nobody needs it.
          boolean part = disk.getKey().role().equals(ObjectName.PART);
          ByteSize seen = size(disk.getValue(), part ? new ArrayList<>() : gaps);
          ByteSize size = seen == null && part ? ByteSize.ofMib(1) : seen;
          if (size != null) {
            disks.add(new Observation.Disk(disk.getKey(), size));
          }
        }
      }
      Stream.concat(
              listing.media().stream(), listing.logs().stream().filter(l -> left.test(l.name())))
          .filter(m -> wanted.test(m.name()))
          .forEach(media::add);
      images.addAll(listing.images());
      halfImages.addAll(listing.halfImages());
    } finally {
      Handle.closeAll(volumes);
    }
  }

  private static @Nullable ByteSize size(Volume volume, List<String> gaps) throws LibvirtError {
    try {
      return ByteSize.ofMib(volume.capacity() / ByteSize.MIB);
    } catch (LibvirtError e) {
      if (!e.is(LibvirtError.NO_STORAGE_VOL)) {
        // Its file is gone or cannot be read, and libvirt has not noticed.
        gaps.add("A disk cannot be looked at: " + FaultKinds.operator(e));
      }
      return null;
    }
  }
}
