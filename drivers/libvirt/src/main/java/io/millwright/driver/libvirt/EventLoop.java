package io.millwright.driver.libvirt;

import java.util.concurrent.TimeUnit;

/**
 * The thread on which libvirt tells of events, answers keepalives and feeds consoles: one for the
 * whole process, as the library has it, and for the whole of its life, for it cannot be taken back.
 * Nothing may block on it.
 */
final class EventLoop {
  private static boolean runs;

  private EventLoop() {}

  /** To be called before a connection is opened, which else has no events for ever. */
  static synchronized void ensure() throws LibvirtError {
    if (!runs) {
      LibvirtError.check(Libvirt.get().virEventRegisterDefaultImpl());
      Thread.ofPlatform().name("libvirt-events").daemon().start(EventLoop::run);
      runs = true;
    }
  }

  private static void run() {
    while (true) {
      if (Libvirt.get().virEventRunDefaultImpl() < 0) {
        // poll failed; without this pause a lasting failure would burn a core
        java.util.concurrent.locks.LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
      }
    }
  }
}
