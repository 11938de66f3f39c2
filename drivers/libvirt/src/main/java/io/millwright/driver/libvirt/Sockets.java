package io.millwright.driver.libvirt;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;

/** The functions of the C library that make a socket whose number is known. */
interface Sockets extends Library {
  /** Loads the library when it is first asked for. */
  final class Loaded {
    static final Sockets SOCKETS = Native.load("c", Sockets.class);

    private Loaded() {}
  }

  static Sockets get() {
    return Loaded.SOCKETS;
  }

  int socket(int family, int type, int protocol);

  int connect(int socket, Pointer address, int length);

  int close(int descriptor);
}
