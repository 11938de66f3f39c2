package io.millwright.engine.port;

import io.millwright.model.Usage;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * What machines used lately, as their hypervisors told it. It is in the database because the node
 * that looks at a hypervisor is not the one that is asked; nothing depends on it, and a crash of
 * the database may lose it.
 */
public interface Measurements {
  /** For how long it is kept. */
  Duration KEPT = Duration.ofMinutes(30);

  /** What was told of a machine in one round. */
  record Taken(Instant at, Usage usage) {}

  /** Adds a look at a hypervisor, and drops what is older than {@link #KEPT}. */
  void add(UUID hypervisor, Instant at, Collection<Usage> usages);

  /** Of one machine, the oldest first. */
  List<Taken> of(UUID machine);

  /** Of the last two looks at each hypervisor, for each of these machines, the older one first. */
  Map<UUID, List<Taken>> latest(Collection<UUID> machines);
}
