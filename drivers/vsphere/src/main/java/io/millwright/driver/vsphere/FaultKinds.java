package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;

/** What vSphere's faults mean to us; the one place that knows. */
final class FaultKinds {
  /** Ours, for an {@code InvalidState} of which was looked up that the host is the reason. */
  static final String IN_MAINTENANCE = "MillwrightHostInMaintenance";

  private FaultKinds() {}

  /**
   * @param object name of the object that a missing privilege is about, or an empty text
   */
  static DriverException translate(VimFault fault, String object) {
    FaultKind kind = kind(fault);
    return new DriverException(kind, sentence(kind, fault, object), fault.operator(), fault);
  }

  static FaultKind kind(VimFault fault) {
    String type = fault.type();
    return switch (type) {
      case "InvalidPowerState", "InvalidState", "InvalidDatastoreState" -> FaultKind.CONFLICT;
      case "NoPermission", "RestrictedVersion" -> FaultKind.REFUSED;
      case "NoDiskSpace",
          "OutOfBounds",
          "NoCompatibleHost",
          "NoCompatibleHostWithAccessToDevice",
          "InvalidHostState",
          "InvalidHostConnectionState",
          "NoActiveHostInCluster",
          "HostNotConnected",
          IN_MAINTENANCE,
          "QuotaExceeded",
          "FileTooLarge",
          "NotEnoughLicenses",
          "NotEnoughCpus" ->
          FaultKind.CAPACITY;
      case "NotSupported", "NotImplemented", "MethodNotFound", "MethodDisabled" ->
          FaultKind.UNSUPPORTED;
      case "HostCommunication",
          "HostNotReachable",
          "RequestCanceled",
          "Timedout",
          "NotAuthenticated",
          Tasks.GoesOn.TYPE ->
          FaultKind.UNREACHABLE;
      // What is in no list is mostly a state of theirs that passes, and is tried again: a file that
      // is locked, a datastore that cannot be reached, a task that goes on.
      default ->
          type.startsWith("Insufficient")
              ? FaultKind.CAPACITY
              : type.startsWith("Invalid") ? FaultKind.REFUSED : FaultKind.CONFLICT;
    };
  }

  private static String sentence(FaultKind kind, VimFault fault, String object) {
    return switch (fault.type()) {
      case "InvalidLogin" ->
          "The hypervisor refused the login; check user and password in its settings.";
      case "NoPermission" ->
          "The hypervisor's user lacks the privilege "
              + fault.detail().text("privilegeId")
              + (object.isEmpty() ? "" : " on " + object)
              + "; grant it, or use another user.";
      case "DuplicateName", "AlreadyExists" ->
          "The name "
              + fault.detail().text("name")
              + " is taken on the hypervisor by something else.";
      case Tasks.GoesOn.TYPE -> "The hypervisor has not finished yet.";
      case "NoDiskSpace" -> "The datastore is full; make room, or use another one.";
      case "InvalidHostState",
          "InvalidHostConnectionState",
          "NoActiveHostInCluster",
          "HostNotConnected",
          IN_MAINTENANCE ->
          "No host is in a state to do this, for example because of maintenance.";
      case "NoCompatibleHost", "NoCompatibleHostWithAccessToDevice" ->
          "No host of the cluster can run this machine now.";
      default ->
          switch (kind) {
            case CAPACITY -> "The hypervisor has not enough memory, processors or disk for this.";
            case CONFLICT -> "Something on the hypervisor is in the way, or is in another state.";
            case UNREACHABLE -> "The hypervisor does not answer, or not so that it can be trusted.";
            case UNSUPPORTED -> "The hypervisor cannot do this.";
            case REFUSED, BUG -> "The hypervisor refused the request.";
          };
    };
  }
}
