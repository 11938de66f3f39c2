package io.millwright.engine.port;

import io.millwright.model.Kind;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Which resources are declared by which source. */
public interface Sourced {
  /**
   * One resource.
   *
   * @param going true once it was decided that it goes, since it stands in its source no more
   */
  record Entry(UUID uid, Kind kind, String project, String name, boolean going) {}

  /** All of a source, in the order of kind, project and name. */
  List<Entry> of(UUID source);

  /** Of these resources those that have a source, with the uid of that. */
  Map<UUID, UUID> sources(Collection<UUID> uids);

  /** From here on these are this source's, and stay. */
  void put(UUID source, Collection<UUID> uids);

  /** These go as soon as nothing needs them any more. */
  void leave(UUID source, Collection<UUID> uids);

  /** It has no source any more. */
  void release(UUID uid);
}
