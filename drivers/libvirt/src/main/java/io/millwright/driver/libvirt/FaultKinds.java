package io.millwright.driver.libvirt;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What libvirt's errors mean to us; the one place that knows. */
final class FaultKinds {
  private static final Pattern STOPPED = Pattern.compile("storage pool '([^']+)' is not active");

  private FaultKinds() {}

  static DriverException translate(LibvirtError error) {
    FaultKind kind = kind(error);
    return new DriverException(kind, sentence(kind, error), operator(error), error);
  }

  static String operator(LibvirtError error) {
    return "libvirt error " + error.code() + " of part " + error.domain() + ": " + error.words();
  }

  static FaultKind kind(LibvirtError error) {
    String words = error.words().toLowerCase(Locale.ROOT);
    if (words.contains("no space left")
        || words.contains("cannot allocate memory")
        || words.contains("disk quota exceeded")
        || words.contains("exceeds available space")
        || words.contains("not enough free space")) {
      return FaultKind.CAPACITY;
    }
    return switch (error.code()) {
      case LibvirtError.NO_MEMORY -> FaultKind.CAPACITY;
      case LibvirtError.AUTH_FAILED,
          LibvirtError.AUTH_CANCELLED,
          LibvirtError.AUTH_UNAVAILABLE,
          LibvirtError.ACCESS_DENIED,
          LibvirtError.OPERATION_DENIED ->
          FaultKind.REFUSED;
      case LibvirtError.DOM_EXIST,
          LibvirtError.STORAGE_VOL_EXIST,
          LibvirtError.OPERATION_INVALID,
          LibvirtError.NO_DOMAIN,
          LibvirtError.NO_STORAGE_VOL ->
          FaultKind.CONFLICT;
      case LibvirtError.NO_SUPPORT,
          LibvirtError.CONFIG_UNSUPPORTED,
          LibvirtError.OPERATION_UNSUPPORTED,
          LibvirtError.ARGUMENT_UNSUPPORTED ->
          FaultKind.UNSUPPORTED;
      case LibvirtError.NO_CONNECT,
          LibvirtError.INVALID_CONN,
          LibvirtError.RPC,
          LibvirtError.OPERATION_TIMEOUT ->
          FaultKind.UNREACHABLE;
      case LibvirtError.SYSTEM_ERROR ->
          // The client's own socket, as against a device or file that QEMU was to open.
          error.domain() == 7 || error.domain() == 13 || words.contains("socket")
              ? FaultKind.UNREACHABLE
              : FaultKind.REFUSED;
      case LibvirtError.OPERATION_FAILED -> {
        if (words.contains("already exists") || words.contains("already in use")) {
          yield FaultKind.CONFLICT;
        }
        yield words.contains("timed out") ? FaultKind.UNREACHABLE : FaultKind.REFUSED;
      }
      case LibvirtError.INTERNAL_ERROR ->
          // QEMU read the definition and said no; of all else one cannot know how far it got.
          words.contains("process exited while connecting to monitor")
              ? FaultKind.REFUSED
              : FaultKind.UNREACHABLE;
      default -> FaultKind.REFUSED;
    };
  }

  /** What to do where it is a storage pool that does not run, as after a restart of its host. */
  static Optional<String> stoppedPool(LibvirtError error) {
    Matcher stopped = STOPPED.matcher(error.words());
    return error.is(LibvirtError.OPERATION_INVALID) && stopped.find()
        ? Optional.of(
            "Storage pool %1$s is not running; on the hypervisor's host: virsh pool-start %1$s, and virsh pool-autostart %1$s so that it starts with it."
                .formatted(stopped.group(1)))
        : Optional.empty();
  }

  private static String sentence(FaultKind kind, LibvirtError error) {
    Optional<String> stopped = stoppedPool(error);
    if (stopped.isPresent()) {
      return stopped.get();
    }
    if (error.is(
        LibvirtError.AUTH_FAILED, LibvirtError.AUTH_CANCELLED, LibvirtError.AUTH_UNAVAILABLE)) {
      return "The hypervisor refused the login; check user and password in its settings.";
    }
    return switch (kind) {
      case CAPACITY -> "The hypervisor has not enough memory or disk for this.";
      case CONFLICT -> "Something on the hypervisor is in the way, or is in another state.";
      case UNREACHABLE -> "The hypervisor does not answer, or not so that it can be trusted.";
      case UNSUPPORTED -> "The hypervisor cannot do this.";
      case REFUSED, BUG -> "The hypervisor refused the request.";
    };
  }
}
