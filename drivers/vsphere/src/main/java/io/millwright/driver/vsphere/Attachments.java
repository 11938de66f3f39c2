package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Which files the machines of a datastore have as disks or in their drives, foreign machines as
 * well.
 *
 * <p>vSphere has no index of that: it takes a look at all machines. Their devices are kilobytes
 * each, so each look reads only the version of each definition, and the devices of those whose
 * version is another than when they were last read. What is remembered has no say of its own: a
 * machine that tells no version is read each time, and one whose devices cannot be read may have
 * any disk.
 */
final class Attachments {
  private static final String DEVICES = "config.hardware.device";
  private static final List<String> VERSION = List.of("config.changeVersion", "config.modified");
  private static final List<String> PATHS =
      List.of("name", "config.changeVersion", "config.modified", DEVICES);
  private static final int ATTEMPTS = 3;

  private record Known(String version, Set<String> files) {}

  private final Collector collector;
  private final ReentrantLock lock = new ReentrantLock();
  private final AtomicLong begun = new AtomicLong();
  private final Map<Ref, Known> known = new HashMap<>();
  private final Map<Ref, String> unread = new LinkedHashMap<>();
  private Ref datastore = new Ref("", "");
  private long done;

  Attachments(Collector collector) {
    this.collector = collector;
  }

  /**
   * Who has this file among its disks, below one of them, or in a drive.
   *
   * @throws DriverException CONFLICT if nobody is known to, but not of all machines can be told
   */
  List<Ref> holders(Ref of, String path) throws DriverException, VimFault {
    String file = VmFacts.inDatastore(path);
    return afterLook(
        of,
        () -> {
          List<Ref> out =
              known.entrySet().stream()
                  .filter(e -> e.getValue().files().contains(file))
                  .map(Map.Entry::getKey)
                  .toList();
          if (out.isEmpty()) {
            requireAllRead();
          }
          return out;
        });
  }

  /**
   * All files that machines have as disks, or below them, as they are called within the datastore.
   *
   * @throws DriverException CONFLICT if not of all machines can be told
   */
  Set<String> files(Ref of) throws DriverException, VimFault {
    return afterLook(
        of,
        () -> {
          requireAllRead();
          return known.values().stream()
              .flatMap(k -> k.files().stream())
              .collect(Collectors.toUnmodifiableSet());
        });
  }

  private void requireAllRead() throws DriverException {
    if (!unread.isEmpty()) {
      Map.Entry<Ref, String> first = unread.entrySet().iterator().next();
      throw Machines.conflict(
          "Whether a machine has the disk cannot be told, for the devices of one cannot be read.",
          first.getKey() + " " + first.getValue());
    }
  }

  private <T> T afterLook(Ref of, Vim.Work<T> work) throws DriverException, VimFault {
    // A look that was begun after this was asked will do, whoever began it.
    long asked = begun.get();
    try {
      lock.lockInterruptibly();
    } catch (InterruptedException e) {
      throw Vim.interrupted(e);
    }
    try {
      if (done <= asked || !of.equals(datastore)) {
        long now = begun.incrementAndGet();
        look(of);
        done = now;
      }
      return work.get();
    } finally {
      lock.unlock();
    }
  }

  private void look(Ref of) throws DriverException, VimFault {
    for (int attempt = 1; ; attempt++) {
      try {
        lookOnce(of);
        return;
      } catch (VimFault e) {
        // One of them was removed since it was listed.
        if (!e.is("ManagedObjectNotFound") || attempt == ATTEMPTS) {
          throw e;
        }
      }
    }
  }

  private void lookOnce(Ref of) throws DriverException, VimFault {
    if (!of.equals(datastore)) {
      known.clear();
      datastore = of;
    }
    unread.clear();
    Map<Ref, String> versions = new LinkedHashMap<>();
    collector.follow(
        of, "vm", "VirtualMachine", VERSION, found -> versions.put(found.ref(), version(found)));
    known.keySet().retainAll(versions.keySet());
    List<Ref> changed = new ArrayList<>();
    versions.forEach((machine, version) -> {
      Known before = known.get(machine);
      if (before == null || version.isBlank() || !version.equals(before.version())) {
        known.remove(machine);
        unread.put(machine, "was not told of");
        changed.add(machine);
      }
    });
    // Version and devices are of one answer: what was read cannot be older than what it is called.
    collector.read(
        changed,
        PATHS,
        found -> {
          if (found.get(DEVICES).isPresent()) {
            known.put(found.ref(), new Known(version(found), files(found)));
            unread.remove(found.ref());
          } else {
            unread.put(
                found.ref(),
                found.text("name") + ": " + found.faults().getOrDefault(DEVICES, "has no devices"));
          }
        });
  }

  private static String version(Collector.Found found) {
    return VERSION.stream().map(found::text).collect(Collectors.joining(" "));
  }

  private static Set<String> files(Collector.Found found) {
    List<Element> devices = found.get(DEVICES).map(Element::children).orElse(List.of());
    return Stream.concat(
            VmFacts.disks(devices).stream().flatMap(d -> d.files().stream()),
            VmFacts.drives(devices)
                .map(d -> VmFacts.inDatastore(d.text("backing", "fileName")))
                .filter(file -> !file.isEmpty()))
        .collect(Collectors.toUnmodifiableSet());
  }
}
