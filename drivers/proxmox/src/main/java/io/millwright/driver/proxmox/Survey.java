package io.millwright.driver.proxmox;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.driver.proxmox.Cluster.Guest;
import io.millwright.model.ByteSize;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Looks at what is there. One listing tells what is where and whose it is, one more of each node
 * what is running; what a machine has is told by no listing, so each of ours is read.
 */
final class Survey {
  private final Api api;
  private final Settings settings;
  private final Guests guests;
  private final Contents contents;
  private volatile @Nullable String endpoint;

  Survey(Api api, Settings settings, Guests guests, Contents contents) {
    this.api = api;
    this.settings = settings;
    this.guests = guests;
    this.contents = contents;
  }

  /** What is stored, and which of our disks each volume is. */
  private static final class Stored {
    final List<Observation.Disk> disks = new ArrayList<>();
    final Map<String, String> names = new HashMap<>();
    final List<Observation.Medium> media = new ArrayList<>();
    final Map<String, String> mediaNames = new HashMap<>();
    final List<String> images = new ArrayList<>();
    final List<String> halfImages = new ArrayList<>();
  }

  Observation observe(Scope scope) throws DriverException {
    Instant at = Instant.now();
    return api.act(() -> {
      Cluster cluster = Cluster.read(api);
      List<String> gaps = new ArrayList<>();
      Cluster.Place place = null;
      try {
        place = cluster.place(settings);
      } catch (DriverException e) {
        // The machines can be seen all the same.
        gaps.add(e.forUser());
      }
      Stored stored = new Stored();
      if (place != null) {
        stored(cluster, place, scope, stored, gaps);
      }
      List<Observation.Machine> seen =
          switch (scope) {
            case Scope.All _ -> all(cluster, stored, gaps);
            case Scope.One(var uid) -> one(cluster, uid, stored);
          };
      Observation.Host host = null;
      if (scope instanceof Scope.All && place != null) {
        host =
            new Observation.Host(
                "Proxmox VE " + api.get(Api.path("version")).path("version").asString(""),
                "kvm",
                place.node().cores(),
                ByteSize.ofMib(place.node().memory() >> 20),
                ByteSize.ofMib(Math.max(0, place.storage().free()) >> 20),
                endpoint(place.node().name()));
      }
      return new Observation(
          at,
          seen,
          List.copyOf(stored.disks),
          List.copyOf(stored.media),
          List.copyOf(stored.images),
          List.copyOf(stored.halfImages),
          host,
          List.copyOf(gaps));
    });
  }

  /** Each cluster, also that of a single node, has an authority of its own for certificates. */
  private String endpoint(String node) throws DriverException, PveFault {
    String known = endpoint;
    if (known == null) {
      String authority = "";
      for (JsonNode each : api.get(Api.path("nodes", node, "certificates", "info"))) {
        if (each.path("filename").asString("").equals("pve-root-ca.pem")) {
          authority = each.path("fingerprint").asString("");
        }
      }
      known = "proxmox " + (authority.isEmpty() ? settings.url().getAuthority() : authority);
      endpoint = known;
    }
    return known;
  }

  // ------------------------------------------------------------------------------------- storage

  private void stored(
      Cluster cluster, Cluster.Place place, Scope scope, Stored out, List<String> gaps)
      throws DriverException, PveFault {
    try {
      Map<Integer, List<Contents.Volume>> volumes = contents.disks(place);
      List<Guest> holders =
          cluster
              .machines()
              .filter(guests::isOurs)
              .filter(g -> g.label().flatMap(Label::disk).isPresent())
              .sorted(Comparator.comparing(g -> g.label().orElseThrow().toString()))
              .toList();
      for (Guest holder : holders) {
        ObjectName name = holder.label().flatMap(Label::disk).orElseThrow();
        Contents.Volume volume = held(holder, volumes);
        if (volume == null) {
          if (within(scope, name)) {
            gaps.add("The storage does not tell of a disk: " + name + ".");
          }
          continue;
        }
        out.names.put(volume.id(), name.toString());
        if (within(scope, name)) {
          out.disks.add(new Observation.Disk(name, ByteSize.ofMib(volume.size() >> 20)));
        }
      }
      Contents.Files files = contents.files(place);
      files
          .media()
          .forEach((name, volume) -> {
            out.mediaNames.put(volume.id(), name.toString());
            if (within(scope, name)) {
              out.media.add(new Observation.Medium(name));
            }
          });
      files.halfMedia().stream()
          .filter(name -> within(scope, name))
          .forEach(name -> out.media.add(new Observation.Medium(name, false)));
      files.images().stream()
          .map(Contents.Image::sha256)
          .distinct()
          .sorted()
          .forEach(out.images::add);
      out.halfImages.addAll(files.halfImages());
      out.halfImages.removeAll(out.images);
    } catch (PveFault e) {
      if (e.status() == 401) {
        throw e;
      }
      gaps.add(FaultKinds.translate(e).forUser());
    }
  }

  /**
   * Its configuration is read only where its number alone does not say it; null if that is not to
   * be had.
   */
  private Contents.@Nullable Volume held(Guest holder, Map<Integer, List<Contents.Volume>> volumes)
      throws DriverException, PveFault {
    List<Contents.Volume> ofNumber = volumes.getOrDefault(holder.number(), List.of());
    if (ofNumber.size() < 2) {
      return ofNumber.isEmpty() ? null : ofNumber.getFirst();
    }
    try {
      return guests.held(holder, volumes).orElse(null);
    } catch (PveFault e) {
      if (e.status() == 401) {
        throw e;
      }
      return null;
    }
  }

  private static boolean within(Scope scope, ObjectName name) {
    return switch (scope) {
      case Scope.All _ -> true;
      case Scope.One(var uid) -> name.mark().uid().equals(uid);
    };
  }

  // ------------------------------------------------------------------------------------ machines

  private List<Observation.Machine> one(Cluster cluster, UUID uid, Stored stored)
      throws DriverException, PveFault {
    Optional<Guest> ours = guests.machine(cluster, uid);
    if (ours.isPresent()) {
      return List.of(
          seen(
              ours.get(),
              guests.options(ours.get()),
              api.get(Guests.path(ours.get(), "status", "current")),
              stored));
    }
    for (Guest guest : guests.all(cluster, uid)) {
      JsonNode state = api.get(Guests.path(guest, "status", "current"));
      try {
        return List.of(seen(guest, uid, null, guests.options(guest), state, stored));
      } catch (PveFault e) {
        if (e.status() == 401) {
          throw e;
        }
        return List.of(foreign(guest, uid, state)); // what it has is not ours to read
      }
    }
    return List.of();
  }

  private List<Observation.Machine> all(Cluster cluster, Stored stored, List<String> gaps)
      throws DriverException, PveFault {
    Map<Integer, JsonNode> states = states(cluster, gaps);
    List<Observation.Machine> out = new ArrayList<>();
    List<Guest> ours =
        cluster
            .machines()
            .filter(guests::isOurs)
            .filter(g -> g.label().filter(l -> l.role() == null).isPresent())
            .filter(g -> states.containsKey(g.number()))
            .toList();
    long unseen =
        cluster
            .machines()
            .filter(guests::isOurs)
            .filter(g -> g.label().filter(l -> l.role() == null).isPresent())
            .filter(g -> !states.containsKey(g.number()))
            .count();
    if (unseen > 0) {
      gaps.add("Of " + unseen + " machines of ours the node does not tell what they are doing.");
    }
    List<Optional<Observation.Machine>> read =
        api.each(
            ours,
            guest -> {
              try {
                return Optional.of(
                    seen(
                        guest,
                        guests.options(guest),
                        Objects.requireNonNull(states.get(guest.number())),
                        stored));
              } catch (PveFault e) {
                if (e.status() == 401) {
                  throw e;
                }
                return Optional.empty();
              }
            });
    for (int i = 0; i < ours.size(); i++) {
      if (read.get(i).isPresent()) {
        out.add(read.get(i).get());
      } else {
        gaps.add("A machine of ours cannot be read: VM " + ours.get(i).number() + ".");
      }
    }
    Map<UUID, Observation.Machine> byUid = new LinkedHashMap<>();
    out.forEach(m -> byUid.put(m.uid(), m));
    guests
        .foreign(cluster)
        .forEach((guest, uid) -> {
          // One of the same uid as ours is a copy of it; ours counts.
          byUid.putIfAbsent(uid, foreign(guest, uid, states.get(guest.number())));
        });
    return List.copyOf(byUid.values());
  }

  /** What runs, by number; the listing of the cluster lags behind in this. */
  private Map<Integer, JsonNode> states(Cluster cluster, List<String> gaps)
      throws DriverException, PveFault {
    Map<Integer, JsonNode> out = new HashMap<>();
    List<String> nodes = cluster.machines().map(Guest::node).distinct().sorted().toList();
    List<Optional<JsonNode>> answers =
        api.each(
            nodes,
            node -> {
              try {
                return Optional.of(api.get(Api.path("nodes", node, "qemu"), Map.of("full", "1")));
              } catch (PveFault e) {
                if (e.status() == 401) {
                  throw e;
                }
                return Optional.empty();
              } catch (DriverException e) {
                if (e.kind() != FaultKind.UNREACHABLE || Thread.currentThread().isInterrupted()) {
                  throw e;
                }
                return Optional.empty();
              }
            });
    for (int i = 0; i < nodes.size(); i++) {
      if (answers.get(i).isEmpty()) {
        gaps.add("The node " + nodes.get(i) + " does not tell what runs on it.");
      }
      answers
          .get(i)
          .ifPresent(rows -> rows.forEach(row -> out.put(row.path("vmid").asInt(0), row)));
    }
    return out;
  }

  private Observation.Machine seen(Guest guest, Options options, JsonNode state, Stored stored) {
    Mark mark = guest.label().orElseThrow().mark();
    return seen(guest, mark.uid(), mark, options, state, stored);
  }

  private static Observation.Machine seen(
      Guest guest, UUID uid, @Nullable Mark mark, Options options, JsonNode state, Stored stored) {
    boolean made = mark != null && !mark.imported();
    return new Observation.Machine(
        uid,
        options.text("name").isEmpty() ? guest.name() : options.text("name"),
        mark,
        Power.of(state),
        options.cores(),
        ByteSize.ofMib(options.memoryMib()),
        options.devices(stored.names::containsKey),
        options.disks().stream()
            .map(d -> stored.names.get(d.volume()))
            .filter(Objects::nonNull)
            .toList(),
        options.nics(),
        stored.mediaNames.get(options.medium()),
        made && !options.medium(Options.VENDORS).isEmpty(),
        true,
        made
            ? options.disks().stream()
                .map(Options.Plugged::volume)
                .filter(volume -> !volume.isEmpty() && !stored.names.containsKey(volume))
                .map(volume -> volume.substring(volume.lastIndexOf('/') + 1))
                .toList()
            : List.of());
  }

  private static Observation.Machine foreign(Guest guest, UUID uid, @Nullable JsonNode state) {
    Guest now = state == null ? guest : Cluster.guest(state, guest.node());
    return new Observation.Machine(
        uid,
        now.name(),
        null,
        state == null
            ? guest.status().equals("running")
                ? Observation.State.RUNNING
                : Observation.State.STOPPED
            : Power.of(state),
        now.cores(),
        ByteSize.ofMib(now.memory() >> 20),
        null,
        List.of(),
        List.of(),
        null,
        false);
  }
}
