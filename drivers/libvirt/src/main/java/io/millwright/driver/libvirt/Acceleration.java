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
 * The same guest in emulation is the measure: KVM that needs longer than that is not taken.
 */
final class Acceleration {
  /** What the operator chose. */
  enum Choice {
    AUTO,
    KVM,
    EMULATION
  }

  /** For the emulated guest, on a host under load; it needs 0.2 s on an idle one. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** The most that KVM ever gets. */
  private static final Duration LONGEST = Duration.ofSeconds(2);

  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

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
      known =
          switch (choice) {
            case KVM -> true;
            case EMULATION -> false;
            case AUTO -> connection.offers("kvm") && works(connection);
          };
    }
    return known;
  }

  private static boolean works(Connection connection) throws LibvirtError {
    OptionalLong emulated =
        connection.offers("qemu")
            ? nanosToReset(connection, "qemu", PATIENCE)
            : OptionalLong.empty();
    // Real KVM needs a third of what emulation does, on a loaded host too; what crawls, five times
    // as much.
    long most =
        Math.min(
            emulated.orElse(LONGEST.toNanos()) + TimeUnit.MILLISECONDS.toNanos(100),
            LONGEST.toNanos());
    return nanosToReset(connection, "kvm", Duration.ofNanos(most)).isPresent();
  }

  /** How long the guest took, or nothing if it did not start or did not reset in time. */
  private static OptionalLong nanosToReset(Connection connection, String type, Duration patience)
      throws LibvirtError {
    // From its first instruction on: on a loaded host to start QEMU takes longer than all that
    // follows, and
    // a guest that was let run meanwhile would seem to have needed nothing.
    try (Domain guest = connection.pausedTransient(TrialGuest.xml(type, devices -> {}))) {
      try {
        long begun = System.nanoTime();
        LibvirtError.check(Libvirt.get().virDomainResume(guest.pointer));
        long past = 0;
        while (past < patience.toNanos()) {
          Domain.State state = guest.state();
          past = System.nanoTime() - begun;
          if (state.state() == Domain.SHUTDOWN) {
            return OptionalLong.of(past);
          }
          if (Thread.interrupted()) {
            break;
          }
          LockSupport.parkNanos(POLL_NANOS);
        }
        return OptionalLong.empty();
      } finally {
        // It may have gone by itself meanwhile; if not, it goes with the connection.
        var _ = Libvirt.get().virDomainDestroyFlags(guest.pointer, 0);
      }
    } catch (LibvirtError e) {
      if (!connection.alive()) {
        throw e;
      }
      return OptionalLong.empty(); // QEMU could not even be started so
    }
  }
}
