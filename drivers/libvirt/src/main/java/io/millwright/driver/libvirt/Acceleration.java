package io.millwright.driver.libvirt;

import io.millwright.driver.libvirt.Handle.Domain;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Finds out whether machines are to be run with KVM.
 *
 * <p>That /dev/kvm exists, and that libvirt announces KVM, proves nothing: inside some virtual
 * machines guests then hang, or crawl. So a guest without any device is run, whose firmware finds
 * nothing to boot and resets at once; that reset, which libvirt takes for a shutdown, proves that
 * the guest's code has run from its first instruction through setting up memory, timers and PCI.
 * The same guest in emulation is the measure: KVM that costs more of the processor is not taken.
 * Time by the clock would say more of the host's other work than of KVM.
 */
final class Acceleration {
  /** What the operator chose. */
  enum Choice {
    AUTO,
    KVM,
    EMULATION
  }

  /** For each trial, on a host under load; the emulated guest needs 0.2 s on an idle one. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** The most of the processor that KVM may need where there is no emulation to compare with. */
  private static final Duration MOST = Duration.ofSeconds(1);

  /** One that went between two looks has shown nothing, and is tried again. */
  private static final int TRIALS = 3;

  /** After its reset the guest is there for as long as its process takes to end. */
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

  private final Choice choice;
  private @Nullable Boolean known;

  Acceleration(Choice choice) {
    this.choice = choice;
  }

  /**
   * Whether to use KVM; tried out when it is first asked. The lock is held meanwhile: two trials at
   * once would slow each other down.
   */
  synchronized boolean kvm(Connection connection) throws LibvirtError {
    if (known == null) {
      boolean found =
          switch (choice) {
            case KVM -> true;
            case EMULATION -> false;
            case AUTO -> connection.offers("kvm") && works(connection);
          };
      if (Thread.currentThread().isInterrupted()) {
        return found; // a trial that was broken off decides nothing for those to come
      }
      known = found;
    }
    return known;
  }

  private static boolean works(Connection connection) throws LibvirtError {
    OptionalLong emulated =
        connection.offers("qemu")
            ? cpuToReset(connection, "qemu", Long.MAX_VALUE)
            : OptionalLong.empty();
    // Real KVM needs a third of what emulation does; what crawls, five times as much.
    return cpuToReset(connection, "kvm", emulated.orElse(MOST.toNanos())).isPresent();
  }

  /**
   * What the processors spent on the guest until it reset, in nanoseconds, or nothing if it did not
   * start or did not reset before it had spent more than this.
   */
  private static OptionalLong cpuToReset(Connection connection, String type, long most)
      throws LibvirtError {
    for (int trial = 0; trial < TRIALS; trial++) {
      // From its first instruction on: to start QEMU costs more than all that follows.
      try (Domain guest = connection.pausedTransient(TrialGuest.xml(type, devices -> {}))) {
        try {
          return cpuToReset(guest, most);
        } finally {
          // It may have gone by itself meanwhile; if not, it goes with the connection.
          var _ = Libvirt.get().virDomainDestroyFlags(guest.pointer, 0);
        }
      } catch (LibvirtError e) {
        if (!connection.alive()) {
          throw e;
        }
        if (!e.is(LibvirtError.NO_DOMAIN)) {
          return OptionalLong.empty(); // QEMU could not even be started so
        }
      }
    }
    return OptionalLong.empty();
  }

  private static OptionalLong cpuToReset(Domain guest, long most) throws LibvirtError {
    long end = System.nanoTime() + PATIENCE.toNanos();
    long before = guest.spent().cpuNanos();
    long spent = 0;
    LibvirtError.check(Libvirt.get().virDomainResume(guest.pointer));
    while (System.nanoTime() < end && !Thread.currentThread().isInterrupted()) {
      Domain.Spent now = guest.spent();
      // Of a process that has just ended nothing is told any more.
      spent = Math.max(spent, now.cpuNanos() - before);
      if (spent > most) {
        break;
      }
      if (now.state() == Domain.SHUTDOWN) {
        return OptionalLong.of(spent);
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
    return OptionalLong.empty();
  }
}
