package io.millwright.driver.proxmox;

import io.millwright.driver.Observation;
import tools.jackson.databind.JsonNode;

/** What a machine is doing, in Proxmox VE's words and in QEMU's, which know more. */
final class Power {
  private Power() {}

  static Observation.State of(JsonNode status) {
    if (!status.path("status").asString("").equals("running")) {
      return Observation.State.STOPPED;
    }
    return switch (status.path("qmpstatus").asString("running")) {
      case "paused", "suspended", "prelaunch", "save-vm", "inmigrate" -> Observation.State.PAUSED;
      case "internal-error", "guest-panicked", "io-error" -> Observation.State.CRASHED;
      case "stopped", "shutdown" -> Observation.State.STOPPED;
      default -> Observation.State.RUNNING;
    };
  }
}
