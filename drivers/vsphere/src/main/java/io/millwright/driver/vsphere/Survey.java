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
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Looks at what is there: all machines in one listing, page by page, and our directory in one. */
final class Survey {
  private final Vim vim;
  private final Collector collector;
  private final Options options;
  private final Machines machines;
  private final Place.Finder places;
  private final DatastoreFiles files;

  Survey(Vim vim, Options options, Machines machines, Place.Finder places, DatastoreFiles files) {
    this.vim = vim;
    this.collector = new Collector(vim);
    this.options = options;
    this.machines = machines;
    this.places = places;
    this.files = files;
  }

  /**
   * What was taken of machines.
   *
   * @param sizes of their disks by name, in KiB, for those that the datastore does not tell
   * @param linked names of disks that are linked to an image and so do not grow
   * @param unreadable of how many machines something was not told, by why
   */
  private record Seen(
      List<Observation.Machine> machines,
      Map<String, Long> sizes,
      Set<String> linked,
      Map<String, Integer> unreadable) {
    Seen() {
      this(new ArrayList<>(), new HashMap<>(), new HashSet<>(), new TreeMap<>());
    }

    void take(VmFacts machine, String installation, @Nullable Place place) {
      for (VmFacts.Disk disk : machine.disks()) {
        sizes.put(disk.name(), disk.device().number("capacityInKB"));
        if (disk.linked()) {
          linked.add(disk.name());
        }
      }
      machines.add(machine.seen(installation, place));
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
          Place known = place;
          seen = options.list(Seen::new, (into, found) -> take(found, known, into));
        }
        case Scope.One(var uid) -> {
          one = machines.at(uid);
          if (one.isPresent()) {
            seen.take(one.get(), files.installation(), place);
          }
        }
      }
      seen.unreadable()
          .forEach(
              (fault, n) -> gaps.add("Of " + n + " machines not all can be read: " + fault + "."));
      List<Observation.Disk> disks = new ArrayList<>();
      List<Observation.Medium> media = new ArrayList<>();
      List<String> images = new ArrayList<>();
      Observation.Host host = null;
      if (place != null) {
        stored(place, scope, seen, disks, media, images, gaps);
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
          host,
          List.copyOf(gaps));
    });
  }

  private void take(Collector.Found found, @Nullable Place place, Seen into) {
    found.faults().values().stream()
        .filter(f -> f.equals("NoPermission"))
        .findFirst()
        .ifPresent(
            f -> into.unreadable().merge("the privilege System.Read is missing", 1, Integer::sum));
    VmFacts machine = VmFacts.of(found, files.installation());
    if (!machine.nameless()) {
      into.take(machine, files.installation(), place);
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
    for (DatastoreFiles.Entry entry : entries) {
      String file = entry.name();
      if (file.endsWith(DatastoreFiles.MEDIUM)) {
        name(file, DatastoreFiles.MEDIUM).map(Observation.Medium::new).ifPresent(media::add);
        files
            .sha256(file.substring(0, file.length() - DatastoreFiles.MEDIUM.length()))
            .ifPresent(images::add);
      } else if (file.endsWith(DatastoreFiles.DISK)) {
        String stem = file.substring(0, file.length() - DatastoreFiles.DISK.length());
        files.sha256(stem).ifPresent(images::add);
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
