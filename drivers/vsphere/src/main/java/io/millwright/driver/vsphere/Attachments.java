package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;

/**
 * Which files the machines of a datastore have as disks or in their drives, foreign machines as
 * well.
 *
 * <p>vSphere has no index of that: it takes a look at all machines. One whose devices cannot be
 * read may have any disk.
 */
final class Attachments {
  private static final int ATTEMPTS = 3;

  private final Collector collector;
  private final Definitions definitions;
  private final ReentrantLock lock = new ReentrantLock();
  private final AtomicLong begun = new AtomicLong();
  private Definitions.Look seen = new Definitions.Look(Map.of(), Map.of());
  private Ref datastore = new Ref("", "");
  private long done;

  Attachments(Collector collector, Definitions definitions) {
    this.collector = collector;
    this.definitions = definitions;
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
              seen.known().entrySet().stream()
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
          return seen.known().values().stream()
              .flatMap(hardware -> hardware.files().stream())
              .collect(Collectors.toUnmodifiableSet());
        });
  }

  private void requireAllRead() throws DriverException {
    if (!seen.unread().isEmpty()) {
      Map.Entry<Ref, Definitions.Unread> first = seen.unread().entrySet().iterator().next();
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
      throw DriverException.interrupted(e);
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
    datastore = of;
    // Who was removed since it was listed may have come back as another one.
    for (int attempt = 1; ; attempt++) {
      Map<Ref, String> versions = new LinkedHashMap<>();
      Collector.Found told =
          collector.follow(
              of,
              "vm",
              "VirtualMachine",
              Definitions.VERSION,
              found -> versions.put(found.ref(), Definitions.version(found)));
      if (!told.faults().isEmpty()) {
        throw Machines.conflict(
            "Whether a machine has the disk cannot be told, for which machines the datastore has"
                + " cannot be read.",
            of + " " + told.faults());
      }
      seen = definitions.look(versions);
      if (seen.known().size() + seen.unread().size() == versions.size() || attempt == ATTEMPTS) {
        return;
      }
    }
  }
}
