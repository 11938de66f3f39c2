package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * What devices machines have.
 *
 * <p>These are kilobytes for each machine, so each look reads only the devices of those whose
 * definition has another version than when they were last read. What is remembered has no say of
 * its own: a machine that tells no version is read each time.
 */
final class Definitions {
  /** To be read of all machines before a look. */
  static final List<String> VERSION = List.of("config.changeVersion", "config.modified");

  private static final List<String> PATHS =
      List.of("name", "config.changeVersion", "config.modified", VmFacts.DEVICES);

  private record Known(String version, Hardware hardware) {}

  /**
   * What one look has shown. Who was removed meanwhile is in neither.
   *
   * @param unread why the devices of some cannot be told
   */
  record Look(Map<Ref, Hardware> known, Map<Ref, Unread> unread) {}

  /**
   * @param why type of the fault, or what was not told
   */
  record Unread(String name, String why) {
    private static final String NOTHING = "has no devices";

    /** True of one that is in the inventory, and on no host. */
    boolean orphaned() {
      return why.equals(NOTHING);
    }

    @Override
    public String toString() {
      return name.isEmpty() ? why : name + ": " + why;
    }
  }

  private final Collector collector;
  private final String installation;
  private final Map<Ref, Known> read = new ConcurrentHashMap<>();

  Definitions(Collector collector, String installation) {
    this.collector = collector;
    this.installation = installation;
  }

  static String version(Collector.Found found) {
    return VERSION.stream().map(found::text).collect(Collectors.joining(" "));
  }

  /**
   * @param versions of these machines, as they were just told
   */
  Look look(Map<Ref, String> versions) throws DriverException, VimFault {
    Look out = new Look(new HashMap<>(), new LinkedHashMap<>());
    List<Ref> changed = new ArrayList<>();
    versions.forEach((machine, version) -> {
      Known before = read.get(machine);
      if (before == null || version.isBlank() || !version.equals(before.version())) {
        out.unread().put(machine, new Unread("", "was not told of"));
        changed.add(machine);
      } else {
        out.known().put(machine, before.hardware());
      }
    });
    for (int from = 0; from < changed.size(); from += Collector.PAGE) {
      List<Ref> some = changed.subList(from, Math.min(from + Collector.PAGE, changed.size()));
      if (!read(some, out)) {
        for (Ref one : some) {
          if (!read(List.of(one), out)) {
            out.unread().remove(one);
          }
        }
      }
    }
    return out;
  }

  /** False if one of them is gone. */
  private boolean read(List<Ref> machines, Look into) throws DriverException, VimFault {
    try {
      collector.read(
          machines,
          PATHS,
          found -> {
            // Version and devices are of one answer: what was read cannot be older than what it is
            // called.
            if (found.get(VmFacts.DEVICES).isPresent()) {
              Hardware hardware = Hardware.of(VmFacts.devices(found), installation);
              read.put(found.ref(), new Known(version(found), hardware));
              into.known().put(found.ref(), hardware);
              into.unread().remove(found.ref());
            } else {
              into.unread()
                  .put(
                      found.ref(),
                      new Unread(
                          found.text("name"),
                          found.faults().getOrDefault(VmFacts.DEVICES, Unread.NOTHING)));
            }
          });
      return true;
    } catch (VimFault e) {
      if (e.is("ManagedObjectNotFound")) {
        return false;
      }
      throw e;
    }
  }

  /** Forgets all machines but these, which are all that there are. */
  void retain(Set<Ref> all) {
    read.keySet().retainAll(new HashSet<>(all));
  }
}
