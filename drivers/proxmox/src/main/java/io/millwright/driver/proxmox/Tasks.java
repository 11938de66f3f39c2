package io.millwright.driver.proxmox;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.StringNode;

/**
 * Follows work that Proxmox VE does in the background. The name of a task, its UPID, tells the node
 * that does it.
 */
final class Tasks {
  /** How long an act waits for work that is quick as a rule. */
  static final Duration PATIENCE = Duration.ofSeconds(45);

  /** For whoever would begin from the start if it gave up, such as with a large upload. */
  static final Duration LEISURE = Duration.ofHours(6);

  private static final Duration FIRST_LOOK = Duration.ofMillis(20);
  private static final Duration LAST_LOOK = Duration.ofSeconds(1);

  private final Api api;
  private final Duration patience;

  Tasks(Api api, Duration patience) {
    this.api = api;
    this.patience = patience;
  }

  Duration patience() {
    return patience;
  }

  /** Waits for what a request has begun; some are done at once and name no task. */
  void finish(JsonNode answer, String what) throws DriverException, PveFault {
    finish(answer, patience, what);
  }

  /** As {@link #finish(JsonNode, String)}, waiting so long. */
  void finish(JsonNode answer, Duration patience, String what) throws DriverException, PveFault {
    if (!finish(answer, patience)) {
      throw new DriverException(
          FaultKind.UNREACHABLE,
          "The hypervisor has not finished yet.",
          what + " is still under way as " + answer.asString(""),
          null);
    }
  }

  /** False if it goes on after this time. */
  boolean finish(JsonNode answer, Duration patience) throws DriverException, PveFault {
    String upid = answer.isString() ? answer.asString("") : "";
    if (!upid.startsWith("UPID:")) {
      return true;
    }
    long end = System.nanoTime() + patience.toNanos();
    Duration pause = FIRST_LOOK;
    while (true) {
      JsonNode status = api.get(Api.path("nodes", node(upid), "tasks", upid, "status"));
      if (status.path("status").asString("").equals("stopped")) {
        String exit = status.path("exitstatus").asString("");
        if (exit.equals("OK") || exit.startsWith("WARNINGS")) {
          return true;
        }
        throw new PveFault(500, exit);
      }
      if (System.nanoTime() - end >= 0) {
        return false;
      }
      try {
        Thread.sleep(pause);
      } catch (InterruptedException e) {
        throw DriverException.interrupted(e);
      }
      pause = pause.multipliedBy(2).compareTo(LAST_LOOK) > 0 ? LAST_LOOK : pause.multipliedBy(2);
    }
  }

  /** Waits for what somebody else has begun, however it ends. */
  void awaitEnd(String upid) throws DriverException, PveFault {
    try {
      var _ = finish(StringNode.valueOf(upid), LEISURE);
    } catch (PveFault e) {
      if (e.status() == 401) {
        throw e;
      }
    }
  }

  /** Tasks of this kind that go on at a node, as far as the token may see them. */
  List<String> active(String node, String kind) throws DriverException, PveFault {
    List<String> out = new ArrayList<>();
    for (JsonNode task :
        api.get(Api.path("nodes", node, "tasks"), Map.of("typefilter", kind, "source", "active"))) {
      if (task.path("type").asString("").equals(kind) && task.path("endtime").isMissingNode()) {
        out.add(task.path("upid").asString(""));
      }
    }
    return List.copyOf(out);
  }

  private static String node(String upid) {
    String[] parts = upid.split(":", 3);
    return parts.length < 3 ? "" : parts[1];
  }

  /** The task of this kind that works on a machine now, whoever has begun it. */
  Optional<String> active(String node, int number, String kind) throws DriverException, PveFault {
    JsonNode all =
        api.get(
            Api.path("nodes", node, "tasks"),
            Map.of("vmid", Integer.toString(number), "typefilter", kind, "source", "active"));
    for (JsonNode task : all) {
      // What has ended a moment ago is still listed, with its end.
      if (task.path("type").asString("").equals(kind)
          && task.path("id").asString("").equals(Integer.toString(number))
          && task.path("endtime").isMissingNode()) {
        return Optional.of(task.path("upid").asString(""));
      }
    }
    return Optional.empty();
  }
}
