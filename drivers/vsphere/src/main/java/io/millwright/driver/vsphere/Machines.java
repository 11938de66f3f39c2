package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Mark;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;

/** Finds machines by their uid, and says whose they are. */
final class Machines {
  private static final int LOCKS = 64;

  private final Vim vim;
  private final Options options;
  private final String installation;
  private final ReentrantLock[] locks = new ReentrantLock[LOCKS];

  Machines(Vim vim, Options options, String installation) {
    this.vim = vim;
    this.options = options;
    this.installation = installation;
    for (int i = 0; i < LOCKS; i++) {
      locks[i] = new ReentrantLock();
    }
  }

  /** Acts on one machine, one after the other. */
  <T> T alone(UUID uid, Vim.Work<T> work) throws DriverException {
    ReentrantLock lock = locks[Math.floorMod(uid.hashCode(), LOCKS)];
    try {
      lock.lockInterruptibly();
    } catch (InterruptedException e) {
      throw Vim.interrupted(e);
    }
    try {
      return vim.act(work);
    } finally {
      lock.unlock();
    }
  }

  /** Whoever it belongs to. */
  Optional<VmFacts> at(UUID uid) throws DriverException, VimFault {
    Element answer =
        Vim.value(
            vim.call(
                vim.content().search(),
                "FindByUuid",
                new Element("uuid").holding(uid.toString()),
                new Element("vmSearch").holding("true"),
                new Element("instanceUuid").holding("true")));
    return answer.text().isEmpty() ? Optional.empty() : at(answer.ref());
  }

  /** All that have this UUID: a vCenter sees to it that it is one, a host without does not. */
  List<Ref> all(UUID uid) throws DriverException, VimFault {
    return vim.call(
            vim.content().search(),
            "FindAllByUuid",
            new Element("uuid").holding(uid.toString()),
            new Element("vmSearch").holding("true"),
            new Element("instanceUuid").holding("true"))
        .all("returnval")
        .map(Element::ref)
        .toList();
  }

  Optional<VmFacts> at(Ref ref) throws DriverException, VimFault {
    try {
      return Optional.of(VmFacts.of(options.read(ref), installation));
    } catch (VimFault e) {
      if (e.is("ManagedObjectNotFound")) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** The machine, if it is there and ours. */
  Optional<VmFacts> find(Mark mark) throws DriverException, VimFault {
    if (!mark.installation().equals(installation)) {
      throw conflict("It belongs to another installation of Millwright.", mark.toString());
    }
    Optional<VmFacts> there = at(mark.uid());
    if (there.isPresent()) {
      Mark found = there.get().mark();
      if (found == null || !found.sameOwner(mark)) {
        throw conflict("The machine there is not ours.", there.get().ref().toString());
      }
    }
    return there;
  }

  VmFacts need(Mark mark) throws DriverException, VimFault {
    return find(mark)
        .orElseThrow(
            () -> conflict("There is no such machine on the hypervisor.", mark.uid().toString()));
  }

  static DriverException conflict(String forUser, String forOperator) {
    return new DriverException(FaultKind.CONFLICT, forUser, forOperator, null);
  }
}
