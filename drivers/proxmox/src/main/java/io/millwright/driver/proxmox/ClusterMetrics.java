package io.millwright.driver.proxmox;

import io.millwright.driver.DriverException;
import io.millwright.driver.Metrics;
import io.millwright.model.ByteSize;
import io.millwright.model.Usage;
import io.millwright.model.Usage.Flow;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** What machines use, out of the cluster's one listing. */
final class ClusterMetrics implements Metrics {
  private final Api api;
  private final Guests guests;

  ClusterMetrics(Api api, Guests guests) {
    this.api = api;
    this.guests = guests;
  }

  @Override
  public List<Usage> usage(Set<UUID> machines) throws DriverException {
    return api.act(() -> {
      List<Usage> out = new ArrayList<>();
      for (JsonNode row : api.get(Api.path("cluster", "resources"))) {
        if (row.path("type").asString("").equals("qemu")
            && row.path("status").asString("").equals("running")) {
          Cluster.Guest guest = Cluster.guest(row, row.path("node").asString(""));
          guest
              .label()
              .filter(label -> guests.isOurs(guest) && label.role() == null)
              .map(label -> label.mark().uid())
              .filter(machines::contains)
              .ifPresent(uid -> out.add(usage(uid, row)));
        }
      }
      return List.copyOf(out);
    });
  }

  private static Usage usage(UUID uid, JsonNode row) {
    JsonNode cpu = row.path("cpu"); // of all its cores: 1 is all of them
    return new Usage(
        uid,
        cpu.isNumber()
            ? new Flow.Measured(cpu.asDouble(0) * row.path("maxcpu").asInt(0) * 1e9)
            : null,
        row.path("mem").isNumber() ? ByteSize.ofMib(row.path("mem").asLong(0) >> 20) : null,
        counted(row, "diskread"),
        counted(row, "diskwrite"),
        counted(row, "netin"),
        counted(row, "netout"));
  }

  private static @Nullable Flow counted(JsonNode row, String field) {
    return row.path(field).isNumber() ? new Flow.Counted(row.path(field).asLong(0)) : null;
  }
}
