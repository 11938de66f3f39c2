package io.millwright.engine.port;

import io.millwright.model.Kind;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

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

  /**
   * Notes who declared a source.
   *
   * @param account null for a token that is nobody's
   */
  void declaredBy(UUID source, @Nullable UUID account);

  /** Notes who approved a commit of a source; as {@link #declaredBy}. */
  void approvedBy(UUID source, @Nullable UUID account);

  /**
   * Account of the person who wants what a source asks for, if it is known.
   *
   * @param approved true for whoever approved its commit, false for whoever declared it last
   */
  Optional<UUID> person(UUID source, boolean approved);
}
