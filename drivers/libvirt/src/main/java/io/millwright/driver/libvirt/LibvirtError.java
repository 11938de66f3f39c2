package io.millwright.driver.libvirt;

import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** A call to libvirt failed; the code and the words are libvirt's own. */
final class LibvirtError extends Exception {
  private static final long serialVersionUID = 1L;

  // virErrorNumber
  static final int INTERNAL_ERROR = 1;
  static final int NO_MEMORY = 2;
  static final int NO_SUPPORT = 3;
  static final int NO_CONNECT = 5;
  static final int INVALID_CONN = 6;
  static final int OPERATION_FAILED = 9;
  static final int DOM_EXIST = 28;
  static final int OPERATION_DENIED = 29;
  static final int SYSTEM_ERROR = 38;
  static final int RPC = 39;
  static final int NO_DOMAIN = 42;
  static final int AUTH_FAILED = 45;
  static final int NO_STORAGE_POOL = 49;
  static final int NO_STORAGE_VOL = 50;
  static final int OPERATION_INVALID = 55;
  static final int CONFIG_UNSUPPORTED = 67;
  static final int OPERATION_TIMEOUT = 68;
  static final int ARGUMENT_UNSUPPORTED = 74;
  static final int AUTH_CANCELLED = 79;
  static final int NO_DOMAIN_METADATA = 80;
  static final int OPERATION_UNSUPPORTED = 84;
  static final int AGENT_UNRESPONSIVE = 86;
  static final int ACCESS_DENIED = 88;
  static final int STORAGE_VOL_EXIST = 90;
  static final int AUTH_UNAVAILABLE = 94;
  static final int AGENT_UNSYNCED = 97;
  static final int DEVICE_MISSING = 99;

  private final int code;
  private final int domain;

  LibvirtError(int code, int domain, String message) {
    super(message);
    this.code = code;
    this.domain = domain;
  }

  int code() {
    return code;
  }

  /** virErrorDomain: which part of libvirt speaks. */
  int domain() {
    return domain;
  }

  boolean is(int... codes) {
    for (int each : codes) {
      if (code == each) {
        return true;
      }
    }
    return false;
  }

  String words() {
    return String.valueOf(getMessage());
  }

  /** The error of the last call on this thread: libvirt keeps one for each. */
  static LibvirtError last() {
    Pointer error = Libvirt.get().virGetLastError();
    if (error == null) {
      return new LibvirtError(0, 0, "libvirt told no reason");
    }
    Pointer message = error.getPointer(8);
    return new LibvirtError(error.getInt(0), error.getInt(4), message == null ? "" : utf8(message));
  }

  static int check(int result) throws LibvirtError {
    if (result < 0) {
      throw last();
    }
    return result;
  }

  static Pointer check(@Nullable Pointer result) throws LibvirtError {
    if (result == null) {
      throw last();
    }
    return result;
  }

  static String utf8(Pointer text) {
    return text.getString(0, StandardCharsets.UTF_8.name());
  }
}
