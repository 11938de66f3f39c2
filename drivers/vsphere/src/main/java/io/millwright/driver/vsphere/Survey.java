package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.model.ByteSize;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Looks at what is there: all machines in one listing, page by page, and our directory in one. */
final class Survey {
  private final Vim vim;
  private final Collector collector;
  private final Options options;
  private final Definitions definitions;
  private final Machines machines;
  private final Place.Finder places;
  private final DatastoreFiles files;

  Survey(
      Vim vim,
      Options options,
      Definitions definitions,
      Machines machines,
      Place.Finder places,
      DatastoreFiles files) {
    this.vim = vim;
    this.collector = new Collector(vim);
    this.options = options;
    this.definitions = definitions;
    this.machines = machines;
    this.places = places;
    this.files = files;
  }

  /**
   * What was taken of machines.
   *
   * @param sizes of their disks by name, in KiB, for those that the datastore does not tell
   * @param linked names of disks that are linked to an image and so do not grow
   */
  private record Seen(
      List<Observation.Machine> machines, Map<String, Long> sizes, Set<String> linked) {
    Seen() {
      this(new ArrayList<>(), new HashMap<>(), new HashSet<>());
    }

    void take(VmFacts machine, Hardware hardware, @Nullable Place place) {
      for (Hardware.Disk disk : hardware.disks()) {
        sizes.put(disk.name(), disk.kib());
        if (disk.linked()) {
          linked.add(disk.name());
        }
      }
      machines.add(machine.seen(hardware, place));
    }
  }

  /**
   * Machines without their devices.
   *
   * @param unreadable those of which the account may not read all
   */
  private record Listed(List<VmFacts> machines, Map<Ref, String> versions, Set<Ref> unreadable) {
    Listed() {
      this(new ArrayList<>(), new LinkedHashMap<>(), new HashSet<>());
    }

    void take(Collector.Found found, String installation) {
      if (found.faults().containsValue("NoPermission")) {
        unreadable.add(found.ref());
      }
      VmFacts machine = VmFacts.of(found, installation);
      if (!machine.nameless()) {
        machines.add(machine);
        versions.put(found.ref(), Definitions.version(found));
      }
    }
  }

  Observation observe(Scope scope) throws DriverException {
    Instant at = Instant.now();
    return vim.act(() -> {
      List<String> gaps = new ArrayList<>();
      Place place = null;
      try {
        place = places.get();
      } catch (DriverException e) {
        // The machines can be seen all the same; a connection that is lost is lost for them too.
        gaps.add(e.forUser());
      }
      Seen seen = new Seen();
      Optional<VmFacts> one = Optional.empty();
      switch (scope) {
        case Scope.All _ -> {
          list(place, seen, gaps);
        }
        case Scope.One(var uid) -> {
          one = machines.at(uid);
          if (one.isPresent()) {
            seen.take(one.get(), one.get().hardware(files.installation()), place);
          }
        }
      }
      List<Observation.Disk> disks = new ArrayList<>();
      List<Observation.Medium> media = new ArrayList<>();
      List<String> images = new ArrayList<>();
      List<String> halfImages = new ArrayList<>();
      Observation.Host host = null;
      if (place != null) {
        stored(place, scope, seen, disks, media, images, halfImages, gaps);
        one.flatMap(machine -> moved(machine, disks)).ifPresent(gaps::add);
        if (scope instanceof Scope.All) {
          host = host(place);
        }
      }
      return new Observation(
          at,
          List.copyOf(seen.machines()),
          List.copyOf(disks),
          List.copyOf(media),
          List.copyOf(images),
          halfImages.stream().filter(sha256 -> !images.contains(sha256)).distinct().toList(),
          host,
          List.copyOf(gaps));
    });
  }

  private void list(@Nullable Place place, Seen into, List<String> gaps)
      throws DriverException, VimFault {
    Listed listed =
        options.list(Listed::new, (all, found) -> all.take(found, files.installation()));
    Definitions.Look look = definitions.look(listed.versions());
    definitions.retain(listed.versions().keySet());
    for (VmFacts machine : listed.machines()) {
      Hardware hardware = look.known().get(machine.ref());
      Definitions.Unread unread = look.unread().get(machine.ref());
      if (hardware != null) {
        into.take(machine, hardware, place);
      } else if (unread != null) {
        into.take(machine, Hardware.NONE, place);
        if (!unread.orphaned()) {
          listed.unreadable().add(machine.ref());
        }
      }
    }
    if (!listed.unreadable().isEmpty()) {
      gaps.add(
          "Of "
              + listed.unreadable().size()
              + " machines not all can be read: the privilege System.Read is missing.");
    }
  }

  /**
   * A disk that is not where it was put, nor under its name, while the machine has one that we do
   * not know: it was moved, and is not to be made anew as one that is gone. Whoever moves a machine
   * to another datastore has its disks renamed as well.
   */
  private static Optional<String> moved(VmFacts machine, List<Observation.Disk> stored) {
    Wanted wanted = machine.wanted();
    if (wanted == null) {
      return Optional.empty();
    }
    List<String> known = wanted.disks().stream().map(MachineDefinition.Disk::name).toList();
    Optional<String> missing =
        known.stream()
            .filter(name -> machine.disks().stream().noneMatch(d -> d.name().equals(name)))
            .filter(name -> stored.stream().noneMatch(d -> d.name().toString().equals(name)))
            .findFirst();
    Optional<String> other =
        machine.disks().stream()
            .filter(d -> ObjectName.parse(d.name()).isEmpty())
            .map(VmFacts.Disk::file)
            .findFirst();
    return missing.flatMap(name ->
        other.map(file ->
            "The machine's disk "
                + name
                + " is not in its place any more, but the machine has "
                + file
                + "; if that is it, move it back and give it its name, and else unplug it."));
  }

  private void stored(
      Place place,
      Scope scope,
      Seen seen,
      List<Observation.Disk> disks,
      List<Observation.Medium> media,
      List<String> images,
      List<String> halfImages,
      List<String> gaps)
      throws DriverException, VimFault {
    String ours = "mw-" + files.installation() + "-";
    List<String> patterns =
        switch (scope) {
          case Scope.All _ -> List.of(ours + "*");
          case Scope.One(var uid) -> List.of(ours + uid + "-*", files.image("*"));
        };
    List<DatastoreFiles.Entry> entries =
        files.search(place, patterns).values().stream()
            .sorted(Comparator.comparing(DatastoreFiles.Entry::name))
            .toList();
    List<Observation.Medium> halves = new ArrayList<>();
    for (DatastoreFiles.Entry entry : entries) {
      String file = entry.name();
      if (file.endsWith(DatastoreFiles.UPLOAD)) {
        name(file, DatastoreFiles.UPLOAD)
            .map(name -> new Observation.Medium(name, false))
            .ifPresent(halves::add);
        files
            .sha256(file.substring(0, file.length() - DatastoreFiles.UPLOAD.length()))
            .ifPresent(halfImages::add);
      } else if (file.endsWith(DatastoreFiles.MEDIUM)) {
        name(file, DatastoreFiles.MEDIUM).map(Observation.Medium::new).ifPresent(media::add);
        files
            .sha256(file.substring(0, file.length() - DatastoreFiles.MEDIUM.length()))
            .ifPresent(images::add);
      } else if (file.endsWith(DatastoreFiles.DISK)) {
        String stem = file.substring(0, file.length() - DatastoreFiles.DISK.length());
        files.sha256(stem).ifPresent(images::add);
        if (stem.endsWith(ImageUpload.PART)) {
          files
              .sha256(stem.substring(0, stem.length() - ImageUpload.PART.length()))
              .ifPresent(halfImages::add);
        }
        Optional<ObjectName> name = name(file, DatastoreFiles.DISK);
        if (name.isPresent()) {
          long kib =
              entry.capacityKib() > 0 ? entry.capacityKib() : seen.sizes().getOrDefault(stem, 0L);
          if (kib == 0) {
            gaps.add("The datastore does not tell the size of a disk: " + stem + ".");
          }
          disks.add(
              new Observation.Disk(
                  name.get(),
                  ByteSize.ofMib(Math.max(1, kib >> 10)),
                  !seen.linked().contains(stem)));
        }
      }
    }
    Set<ObjectName> whole =
        media.stream().map(Observation.Medium::name).collect(Collectors.toSet());
    halves.stream().filter(half -> !whole.contains(half.name())).forEach(media::add);
  }

  private Optional<ObjectName> name(String file, String ending) {
    return VmFacts.objectName(file, ending, files.installation()).flatMap(ObjectName::parse);
  }

  private Observation.Host host(Place place) throws DriverException, VimFault {
    Collector.Found compute = collector.read(place.compute(), "summary");
    Element summary = compute.get("summary").orElse(new Element("summary"));
    Collector.Found datastore = collector.read(place.datastore(), "summary.freeSpace");
    return new Observation.Host(
        vim.content().version(),
        "hardware",
        (int) summary.number("numCpuThreads"),
        ByteSize.ofMib(summary.number("totalMemory") >> 20),
        ByteSize.ofMib(datastore.number("summary.freeSpace") >> 20),
        vim.content().endpoint());
  }
}
