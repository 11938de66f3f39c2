package io.millwright.driver.proxmox;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What Proxmox VE's faults mean to us; the one place that knows. It has a status of its own for a
 * few of them; for all others it is 500 and a sentence.
 */
final class FaultKinds {
  /** {@code Permission check failed (/vms/100, VM.Config.Disk|VM.Config.CDROM)}. */
  private static final Pattern PRIVILEGE =
      Pattern.compile("Permission check failed \\(([^,()]+), *([^()]+)\\)");

  private static final Pattern LOCKED = Pattern.compile("is locked \\(([a-z-]+)\\)");

  private FaultKinds() {}

  /** A thing that is in the way, and the sentence about it. */
  private record Meaning(FaultKind kind, String sentence) {}

  /** By a part of Proxmox VE's sentence; the first that fits counts. */
  private static final Map<String, Meaning> MEANINGS = meanings();

  private static Map<String, Meaning> meanings() {
    Meaning full =
        new Meaning(FaultKind.CAPACITY, "The storage is full; make room, or use another one.");
    Meaning busy =
        new Meaning(
            FaultKind.CONFLICT,
            "Other work on this machine goes on on the hypervisor; it has to end first.");
    Meaning node =
        new Meaning(
            FaultKind.UNREACHABLE, "The node of the cluster that has it does not answer now.");
    Map<String, Meaning> out = new java.util.LinkedHashMap<>();
    out.put("No space left on device", full);
    out.put("not enough free space", full);
    out.put("insufficient free space", full);
    out.put("out of space", full);
    out.put("Disk quota exceeded", full);
    out.put(
        "Cannot allocate memory",
        new Meaning(FaultKind.CAPACITY, "The node has not enough memory for this machine."));
    out.put("can't lock file", busy);
    out.put("is locked (", busy);
    out.put("detected modified configuration", busy);
    out.put(
        "already exists",
        new Meaning(FaultKind.CONFLICT, "Something else on the hypervisor has this number."));
    out.put(
        "protection mode enabled",
        new Meaning(
            FaultKind.CONFLICT,
            "It is protected on the hypervisor; take the protection away there."));
    out.put(
        "checksum mismatch",
        new Meaning(FaultKind.REFUSED, "The image has another checksum than it should have."));
    out.put(
        "shrinking disks is not supported",
        new Meaning(FaultKind.REFUSED, "A disk cannot be made smaller."));
    Meaning contents =
        new Meaning(
            FaultKind.REFUSED,
            "The storage does not take this; see to its contents: images for disks, import and iso"
                + " for images and media.");
    out.put("' content", contents);
    out.put("content type", contents);
    out.put("content-type", contents);
    out.put("no quorum", node);
    out.put("no route to host", node);
    out.put("No route to host", node);
    out.put("Connection refused", node);
    out.put("Connection timed out", node);
    return out;
  }

  static DriverException translate(PveFault fault) {
    Meaning meaning = meaning(fault);
    return new DriverException(
        meaning.kind(), meaning.sentence(), fault.status() + " " + fault.words(), fault);
  }

  private static Meaning meaning(PveFault fault) {
    return switch (fault.status()) {
      case 401 ->
          new Meaning(
              FaultKind.REFUSED,
              "The hypervisor refused the token; check token and secret in its settings.");
      case 403 -> permission(fault);
      case 400 -> new Meaning(FaultKind.REFUSED, "The hypervisor refused a value of the request.");
      case 404 ->
          new Meaning(FaultKind.CONFLICT, "What this is about is not on the hypervisor any more.");
      case 413 ->
          new Meaning(FaultKind.REFUSED, "The hypervisor does not take a file of this length.");
      case 500 -> sentence(fault);
      case 501 ->
          new Meaning(
              FaultKind.UNSUPPORTED,
              "The hypervisor does not know this request; it may be too old for this driver.");
      case 595, 596, 597, 598, 599 ->
          new Meaning(
              FaultKind.UNREACHABLE, "The node of the cluster that has it does not answer now.");
      default ->
          fault.status() / 100 == 5
              ? new Meaning(
                  FaultKind.UNREACHABLE,
                  "The hypervisor does not answer, or not so that it can be trusted.")
              : new Meaning(
                  FaultKind.REFUSED,
                  "What answers there is no Proxmox VE, or refuses this; check its url.");
    };
  }

  private static Meaning permission(PveFault fault) {
    Matcher m = PRIVILEGE.matcher(fault.words());
    return new Meaning(
        FaultKind.REFUSED,
        m.find()
            ? "The hypervisor's token lacks the privilege "
                + m.group(2).replace("|", " or ")
                + " on "
                + m.group(1)
                + "; grant it, or use another token."
            : "The hypervisor's token may not do this; grant it more, or use another token.");
  }

  private static Meaning sentence(PveFault fault) {
    Matcher locked = LOCKED.matcher(fault.words());
    if (locked.find()) {
      return new Meaning(
          FaultKind.CONFLICT,
          "The machine is locked on the hypervisor for " + locked.group(1) + ".");
    }
    if (fault.says("does not exist", "no such")) {
      return new Meaning(
          FaultKind.CONFLICT, "What this is about is not on the hypervisor any more.");
    }
    return MEANINGS.entrySet().stream()
        .filter(e -> fault.says(e.getKey()))
        .map(Map.Entry::getValue)
        .findFirst()
        .orElse(
            new Meaning(
                FaultKind.CONFLICT,
                "Something on the hypervisor is in the way, or is in another state."));
  }
}
