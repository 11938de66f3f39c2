package io.millwright.driver.proxmox;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Locks;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.proxmox.Cluster.Guest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Finds machines and disks by their marks, and says whose they are. */
final class Guests {
  /** How soon to ask again for what is being made. */
  static final Duration POLL = Duration.ofSeconds(3);

  /** Where a holder has its disk. */
  static final String HELD = "scsi0";

  /** In the name of a volume, the number of the VM that it belongs to. */
  private static final Pattern OWNER = Pattern.compile("[:/]vm-([0-9]{3,9})-");

  private final Api api;
  private final Tasks tasks;
  private final Settings settings;
  private final String installation;
  private final Locks<UUID> locks = new Locks<>();

  /** A foreign machine as it was when its uid was read. */
  private record Known(String name, List<String> tags, UUID uid) {}

  private final Map<Integer, Known> foreign = new ConcurrentHashMap<>();

  Guests(Api api, Tasks tasks, Settings settings, String installation) {
    this.api = api;
    this.tasks = tasks;
    this.settings = settings;
    this.installation = installation;
  }

  String installation() {
    return installation;
  }

  /** Acts on one resource, one after the other. */
  <T> T alone(UUID uid, Api.Work<T> work) throws DriverException {
    try (Locks.Held _ = locks.take(uid)) {
      return api.act(work);
    } catch (InterruptedException e) {
      throw DriverException.interrupted(e);
    }
  }

  /** What a VM is configured to have from its next start. */
  Options options(Guest guest) throws DriverException, PveFault {
    return Options.of(api.get(path(guest, "config")));
  }

  /**
   * Who has a volume.
   *
   * @param at where it is plugged in, or in what way it is known there
   */
  record User(Guest guest, String at) {}

  /**
   * Which of these have the volume, in whatever way: from their next start, now, for what runs has
   * what it was started with, or in a snapshot.
   */
  List<User> users(List<Guest> all, String volume) throws DriverException, PveFault {
    return api.each(all, guest -> use(guest, volume)).stream().flatMap(Optional::stream).toList();
  }

  private Optional<User> use(Guest guest, String volume) throws DriverException, PveFault {
    try {
      Options next = options(guest);
      Options current = options(guest, Map.of("current", "1"));
      for (Options options : List.of(next, current)) {
        Optional<User> plugged =
            options.disks().stream()
                .filter(d -> d.volume().equals(volume))
                .map(d -> new User(guest, d.at()))
                .findFirst();
        if (plugged.isPresent()) {
          return plugged;
        }
      }
      if (next.volumes().contains(volume) || current.volumes().contains(volume)) {
        return Optional.of(new User(guest, "unused"));
      }
      for (JsonNode snapshot : api.get(path(guest, "snapshot"))) {
        String name = snapshot.path("name").asString("");
        if (!name.equals("current")
            && options(guest, Map.of("snapshot", name)).volumes().contains(volume)) {
          return Optional.of(new User(guest, "snapshot " + name));
        }
      }
      return Optional.empty();
    } catch (PveFault e) {
      if (e.says("does not exist")) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private Options options(Guest guest, Map<String, String> which) throws DriverException, PveFault {
    return Options.of(api.get(path(guest, "config"), which));
  }

  static String path(Guest guest, Object... rest) {
    return Api.path("nodes", guest.node(), "qemu", guest.number())
        + (rest.length == 0 ? "" : Api.path(rest));
  }

  // ----------------------------------------------------------------------------------- whose it is

  boolean isOurs(Guest guest) {
    return guest
        .label()
        .filter(label -> label.mark().installation().equals(installation))
        .isPresent();
  }

  /**
   * True if a volume that a machine has is a disk of ours, by the number in its name; also if
   * nobody holds it any more and the number is one of those that only we give.
   */
  boolean isOurs(Cluster cluster, String volume) {
    Matcher m = OWNER.matcher(volume);
    if (!m.find()) {
      return false;
    }
    int number = Integer.parseInt(m.group(1));
    Optional<Guest> holder = cluster.at(number);
    return holder.isPresent()
        ? isOurs(holder.get()) && holder.get().label().flatMap(Label::disk).isPresent()
        : number >= settings.numbers().from() && number <= settings.numbers().to();
  }

  /** Our machine of this uid. */
  Optional<Guest> machine(Cluster cluster, UUID uid) {
    return cluster
        .machines()
        .filter(this::isOurs)
        .filter(
            g -> g.label().filter(l -> l.role() == null && l.mark().uid().equals(uid)).isPresent())
        .findFirst();
  }

  /** Ours of this uid, or all others that have it; one that is ours counts, and no copy of it. */
  List<Guest> all(Cluster cluster, UUID uid) throws DriverException, PveFault {
    Optional<Guest> ours = machine(cluster, uid);
    return ours.isPresent()
        ? List.of(ours.get())
        : foreign(cluster).entrySet().stream()
            .filter(e -> e.getValue().equals(uid))
            .map(Map.Entry::getKey)
            .toList();
  }

  /** That somebody else has made it is in its mark, and it is neither defined nor removed. */
  static void requireMade(Guest guest) throws DriverException {
    if (guest.label().filter(label -> label.mark().imported()).isPresent()) {
      throw conflict(
          "The machine was made by somebody else; Millwright neither changes nor removes it.",
          "VM " + guest.number());
    }
  }

  /** The machine, if it is there and ours. */
  Optional<Guest> find(Cluster cluster, Mark mark) throws DriverException, PveFault {
    requireOurs(mark);
    Optional<Guest> ours = machine(cluster, mark.uid());
    if (ours.isEmpty()) {
      for (Guest other : all(cluster, mark.uid())) {
        throw conflict("The machine there is not ours.", "VM " + other.number());
      }
    }
    return ours;
  }

  Guest need(Cluster cluster, Mark mark) throws DriverException, PveFault {
    return find(cluster, mark)
        .orElseThrow(
            () -> conflict("There is no such machine on the hypervisor.", mark.uid().toString()));
  }

  void requireOurs(Mark mark) throws DriverException {
    if (!mark.installation().equals(installation)) {
      throw conflict("It belongs to another installation of Millwright.", mark.toString());
    }
  }

  /**
   * The uids of all machines that are not ours. The listing does not tell them: each is read once,
   * and again when its name or tags have changed.
   */
  Map<Guest, UUID> foreign(Cluster cluster) throws DriverException, PveFault {
    List<Guest> all = cluster.machines().filter(g -> !isOurs(g)).toList();
    foreign.keySet().retainAll(all.stream().map(Guest::number).toList());
    List<Guest> unknown =
        all.stream()
            .filter(g -> {
              Known known = foreign.get(g.number());
              return known == null
                  || !known.name().equals(g.name())
                  || !known.tags().equals(g.tags());
            })
            .toList();
    Map<Guest, UUID> out = new ConcurrentHashMap<>();
    var _ =
        api.each(
            unknown,
            guest -> {
              out.put(guest, uid(guest));
              return guest;
            });
    for (Guest guest : all) {
      Known known = foreign.get(guest.number());
      if (known != null) {
        out.putIfAbsent(guest, known.uid());
      }
    }
    return out;
  }

  private UUID uid(Guest guest) throws DriverException, PveFault {
    UUID otherwise =
        UUID.nameUUIDFromBytes(("VM " + guest.number()).getBytes(StandardCharsets.UTF_8));
    Optional<Label> others = guest.label().filter(label -> label.role() == null);
    UUID uid;
    try {
      uid =
          others.isPresent() ? others.get().mark().uid() : options(guest).uuid().orElse(otherwise);
    } catch (PveFault e) {
      if (e.status() == 401) {
        throw e;
      }
      // On a node that does not answer, being made, or not ours to read: it has a uid all the same.
      return otherwise;
    }
    foreign.put(guest.number(), new Known(guest.name(), guest.tags(), uid));
    return uid;
  }

  /** The volume that a holder has in its configuration, or an empty text. */
  String held(Guest holder) throws DriverException, PveFault {
    return Options.properties(options(holder).text(HELD), "file").getOrDefault("file", "");
  }

  /**
   * The disk of a holder, by its configuration and not by its number, which a volume that a dead
   * creation left has in its name as well.
   *
   * @param all as {@link Contents#disks} tells them
   */
  Optional<Contents.Volume> held(Guest holder, Map<Integer, List<Contents.Volume>> all)
      throws DriverException, PveFault {
    String volume = held(holder);
    return all.getOrDefault(holder.number(), List.of()).stream()
        .filter(v -> v.id().equals(volume))
        .findFirst();
  }

  /** The VM that holds a disk of ours. */
  Optional<Guest> holder(Cluster cluster, ObjectName disk) {
    return cluster
        .machines()
        .filter(this::isOurs)
        .filter(g -> g.label().flatMap(Label::disk).filter(disk::equals).isPresent())
        .findFirst();
  }

  // -------------------------------------------------------------------------------------- numbers

  /**
   * The number under which a new VM is made.
   *
   * @param making what makes it already, or null
   */
  record Number(int number, Outcome.@Nullable Running making) {}

  /**
   * It follows from what it is for: whoever begins again after a crash comes to the same one, and
   * finds what was begun.
   */
  Number number(Cluster cluster, String purpose) throws DriverException, PveFault {
    Settings.Numbers range = settings.numbers();
    long first = purpose.hashCode() * 0x9E3779B97F4A7C15L >>> 1;
    for (int i = 0; i < range.count(); i++) {
      int number = range.from() + Math.floorMod(first + i, range.count());
      Optional<Guest> there = cluster.at(number);
      if (there.isEmpty()) {
        return new Number(number, null);
      }
      if (there.get().unfinished() && there.get().label().isEmpty()) {
        return new Number(number, unfinished(there.get()));
      }
    }
    throw new DriverException(
        FaultKind.CAPACITY, "All VM numbers of settings.numbers are taken; give it a wider range.");
  }

  /** Nothing is known of it but its number, and that somebody makes it or has ceased to. */
  private Outcome.Running unfinished(Guest there) throws DriverException, PveFault {
    return new Outcome.Running(
        tasks
            .active(there.node(), there.number(), "qmcreate")
            .orElseThrow(() ->
                conflict(
                    "VM "
                        + there.number()
                        + " on the hypervisor was left half-made and nobody works on it; have it"
                        + " removed there.",
                    "VM " + there.number() + " has the lock create and no task")),
        POLL);
  }

  /**
   * Makes a VM; begun by somebody else at the same time is as good.
   *
   * @param place where it begins to be
   * @return {@link Outcome.Running} if it goes on after this time
   */
  Outcome make(Cluster.Place place, int number, Map<String, String> values, Duration patience)
      throws DriverException, PveFault {
    Map<String, String> all = new java.util.LinkedHashMap<>(values);
    all.put("vmid", Integer.toString(number));
    if (settings.pool() != null) {
      all.put("pool", settings.pool());
    }
    JsonNode answer = api.post(Api.path("nodes", place.node().name(), "qemu"), all);
    return tasks.finish(answer, patience)
        ? Outcome.DONE
        : new Outcome.Running(answer.asString(""), POLL);
  }

  /** Removes a VM with what is its own. */
  void destroy(Guest guest) throws DriverException, PveFault {
    try {
      tasks.finish(
          api.delete(path(guest), Map.of("purge", "1", "destroy-unreferenced-disks", "0")),
          "the removal of VM " + guest.number());
    } catch (PveFault e) {
      if (!e.says("does not exist")) {
        throw e;
      }
    }
  }

  static DriverException conflict(String forUser, String forOperator) {
    return new DriverException(FaultKind.CONFLICT, forUser, forOperator, null);
  }

  static DriverException refused(String forUser, String forOperator) {
    return new DriverException(FaultKind.REFUSED, forUser, forOperator, null);
  }
}
