package io.millwright.engine.port;

import io.millwright.model.Kind;
import io.millwright.model.NetworkSpec;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import io.millwright.model.SizeSpec;
import io.millwright.model.Spec;
import io.millwright.model.Status;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The declared resources. Each insert, change and removal writes its line into the journal by
 * itself, so that watchers miss nothing.
 */
public interface Resources {
  /** So many are on a page at most. */
  int MOST = 1000;

  /**
   * Which resources to list.
   *
   * @param project null for all
   * @param fields equality on {@code metadata.name}, and on paths into spec and status such as
   *     {@code spec.image} or {@code status.hypervisor}; the condition {@code status.ready} takes
   *     {@code true}, {@code false} and {@code unknown}
   * @param limit at most {@link #MOST}
   * @param cursor of an earlier page, or null
   * @param among the projects of which the asker may know, or null for all
   */
  record Query(
      Kind kind,
      @Nullable String project,
      Selector labels,
      Map<String, String> fields,
      int limit,
      @Nullable String cursor,
      @Nullable Set<String> among) {
    /** Among all projects. */
    public Query(
        Kind kind,
        @Nullable String project,
        Selector labels,
        Map<String, String> fields,
        int limit,
        @Nullable String cursor) {
      this(kind, project, labels, fields, limit, cursor, null);
    }

    /** All of a kind in a project, or in all for null, as many in a page as may be. */
    public static Query of(Kind kind, @Nullable String project) {
      return new Query(kind, project, Selector.ALL, Map.of(), MOST, null);
    }
  }

  /** A resource that is gone, of which outside objects may still turn up. */
  record Tombstone(
      UUID uid,
      Kind kind,
      String project,
      String name,
      @Nullable UUID hypervisor,
      Instant deletedAt) {}

  Optional<Resource<?, ?>> find(Kind kind, String project, String name);

  /** What a resource is found by. */
  record Name(Kind kind, String project, String name) {}

  /** Those of these names that are there, read together, in no order. */
  List<Resource<?, ?>> find(Collection<Name> names);

  Optional<Resource<?, ?>> find(UUID uid);

  /** Those of these uids that are there, read together, in no order. */
  List<Resource<?, ?>> known(Collection<UUID> uids);

  /** Those of these uids that belong to a resource. */
  Set<UUID> declared(Collection<UUID> uids);

  /** As {@code find}, and nobody else can change it before this transaction ends. */
  Optional<Resource<?, ?>> lock(Kind kind, String project, String name);

  Optional<Resource<?, ?>> lock(UUID uid);

  /**
   * As {@code lock}, and nobody can begin to refer to it before this transaction ends either: for
   * who asks whether it is referred to, and acts upon that.
   */
  Optional<Resource<?, ?>> lockAlone(Kind kind, String project, String name);

  /** As {@code find}, and nobody can change it before this transaction ends; others may do so. */
  Optional<Resource<?, ?>> hold(UUID uid);

  /** Locks it without reading it; false if it is gone or of another generation by now. */
  boolean lock(UUID uid, long generation);

  /** In the order of project and name. */
  Page<Resource<?, ?>> list(Query query);

  /** All of them, page after page, in the order of project and name. */
  default List<Resource<?, ?>> all(Query query) {
    List<Resource<?, ?>> out = new ArrayList<>();
    Query next = query;
    while (true) {
      Page<Resource<?, ?>> page = list(next);
      out.addAll(page.items());
      if (page.next() == null) {
        return out;
      }
      next =
          new Query(
              query.kind(),
              query.project(),
              query.labels(),
              query.fields(),
              query.limit(),
              page.next(),
              query.among());
    }
  }

  /** How many there are of each kind; for metrics. */
  Map<Kind, Long> count();

  /** Names of all projects that have a resource, sorted. */
  List<String> projects();

  /** Says whose a resource is from now on: of a person, or of nobody. */
  void own(UUID uid, @Nullable UUID account);

  /**
   * Adds a resource.
   *
   * @throws io.millwright.model.ProblemException CONFLICT if there is one of this kind, project and
   *     name; if it is being deleted the detail says so
   */
  void insert(Resource<?, ?> resource);

  /**
   * Puts a changed declaration in place: labels, annotations, spec and deletion time as given, the
   * generation as given, the revision raised by one.
   */
  void update(Resource<?, ?> resource);

  /**
   * Puts a status in place and raises the revision, if it differs from the one that is there.
   *
   * @param reason one word in CamelCase for the journal
   * @param message one sentence for the journal; empty for a change not worth telling
   */
  void updateStatus(UUID uid, Status status, String reason, String message);

  /**
   * Removes a resource and leaves a tombstone; its MACs and its own references go with it.
   *
   * @throws io.millwright.model.ProblemException CONFLICT if another one refers to it
   */
  void remove(UUID uid);

  Optional<Tombstone> tombstone(UUID uid);

  /**
   * Something of a resource that is gone was seen on this hypervisor: there its tombstone has it
   * from now on.
   */
  void turnedUp(UUID uid, UUID hypervisor);

  /** True if a declared volume has the disk of this object name. */
  boolean hasDisk(String object);

  /** The disks of those of these that are volumes and were made: their own, and their copies. */
  Map<UUID, Set<String>> disks(Collection<UUID> volumes);

  /** True if a declared machine has something on this hypervisor besides where it is. */
  boolean elsewhere(String hypervisor);

  /**
   * Sets which resources this one refers to, in place of those before.
   *
   * @throws io.millwright.model.ProblemException CONFLICT if one of the new ones is gone by now, or
   *     is being deleted
   */
  void refer(UUID from, Collection<UUID> to);

  /** Takes back that one refers to these. */
  void unrefer(UUID from, Collection<UUID> to);

  /** Titles of the resources that refer to this one, at most {@code limit}, sorted. */
  List<Resource<?, ?>> referrers(UUID to, int limit);

  /** Says on which hypervisor a machine or volume lives, for {@link #on}. */
  void place(UUID uid, @Nullable UUID hypervisor);

  /** A machine in short, with what its size gives it. */
  record Sized(UUID uid, String project, String name, @Nullable String hypervisor, SizeSpec size) {}

  /**
   * All machines, by project and name; of ten thousand no more than this is read.
   *
   * @param project null for all
   * @param among the projects of which the asker may know, or null for all
   */
  List<Sized> sized(@Nullable String project, @Nullable Set<String> among);

  /** Which of these are machines that are placed and on a network with just these services. */
  Set<UUID> served(NetworkSpec.Services services, Collection<UUID> among);

  /** All machines and volumes that live on this hypervisor, in no order. */
  List<Resource<?, ?>> on(UUID hypervisor);

  /**
   * Uids of what lives on other hypervisors that list the same machines as this one does.
   *
   * @param endpoint as this one was found to be
   */
  Set<UUID> onNeighbours(UUID hypervisor, String endpoint);

  /** Cores and memory in MiB that were promised to machines on each hypervisor. */
  Map<UUID, long[]> committed();

  /** Convenience: narrows {@link #find(Kind, String, String)} to its kind. */
  default <S extends Spec, T extends Status> Optional<Resource<S, T>> find(
      Kind kind, String project, String name, Class<S> spec, Class<T> status) {
    return find(kind, project, name).map(r -> r.as(spec, status));
  }
}
