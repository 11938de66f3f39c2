package io.millwright.api;

import io.millwright.api.MetricsApi.LoadView;
import io.millwright.api.MetricsApi.MachineLoadView;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot.GaugeDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a monitoring system is told. Everything is a gauge: some hypervisors count bytes, others
 * tell rates only, and a series must mean the same for all machines.
 */
final class Scrape {
  /** What is older is not what a machine uses now: its hypervisor does not answer, say. */
  private static final Duration FRESH = Duration.ofMinutes(2);

  private static final int MOST_HYPERVISORS = 1000;

  private Scrape() {}

  /** One number of each machine. */
  private record Series(String name, String help, Figure value) {}

  private interface Figure {
    @Nullable Number of(LoadView load);
  }

  private static final List<Series> SERIES =
      List.of(
          new Series("cpu_cores", "Cores that are busy.", LoadView::cores),
          new Series("memory_bytes", "Memory that it takes.", LoadView::memoryBytes),
          new Series("disk_read_bytes_per_second", "Read from its disks.", LoadView::diskReadBytes),
          new Series(
              "disk_written_bytes_per_second", "Written to its disks.", LoadView::diskWrittenBytes),
          new Series(
              "received_bytes_per_second", "Received by its cards.", LoadView::receivedBytes),
          new Series("sent_bytes_per_second", "Sent by its cards.", LoadView::sentBytes));

  /**
   * @param everything true to tell of the server and the hypervisors as well
   */
  static MetricSnapshots of(Tx tx, List<MachineLoadView> machines, boolean everything) {
    MetricSnapshots.Builder out = MetricSnapshots.builder();
    Instant oldest = Instant.now().minus(FRESH);
    for (Series series : SERIES) {
      GaugeSnapshot.Builder gauge = gauge("millwright_machine_" + series.name(), series.help());
      for (MachineLoadView machine : machines) {
        LoadView latest = machine.latest();
        Number value =
            latest == null || latest.at().isBefore(oldest) ? null : series.value().of(latest);
        if (value != null) {
          point(gauge, value, labels(machine));
        }
      }
      out.metricSnapshot(gauge.build());
    }
    GaugeSnapshot.Builder cores = gauge("millwright_machine_size_cores", "Cores that it has.");
    GaugeSnapshot.Builder memory =
        gauge("millwright_machine_size_memory_bytes", "Memory that it has.");
    machines.forEach(m -> {
      point(cores, m.cores(), labels(m));
      point(memory, m.memoryBytes(), labels(m));
    });
    out.metricSnapshot(cores.build()).metricSnapshot(memory.build());
    if (everything) {
      house(tx, out);
    }
    return out.build();
  }

  private static Labels labels(MachineLoadView machine) {
    String hypervisor = machine.hypervisor();
    return Labels.of(
        "project", machine.project(),
        "machine", machine.machine(),
        "hypervisor", hypervisor == null ? "" : hypervisor);
  }

  private static void house(Tx tx, MetricSnapshots.Builder out) {
    GaugeSnapshot.Builder resources = gauge("millwright_resources", "Declared resources.");
    tx.resources()
        .count()
        .forEach((kind, n) ->
            point(resources, n, Labels.of("kind", kind.toString().toLowerCase(Locale.ROOT))));
    GaugeSnapshot.Builder up =
        gauge(
            "millwright_hypervisor_up",
            "1 if it answered and could be seen completely when it was looked at last.");
    for (Resource<?, ?> found :
        tx.resources()
            .list(
                new Resources.Query(
                    Kind.HYPERVISOR, null, Selector.ALL, Map.of(), MOST_HYPERVISORS, null))
            .items()) {
      Resource<HypervisorSpec, HypervisorStatus> hypervisor =
          found.as(HypervisorSpec.class, HypervisorStatus.class);
      List<Condition> says = hypervisor.status().conditions();
      point(
          up,
          Condition.holds(says, Condition.READY) || Condition.renewed(says) ? 1 : 0,
          Labels.of("project", hypervisor.project(), "hypervisor", hypervisor.name()));
    }
    double behind = tx.journal().behind().toMillis() / 1000.0;
    Runtime jvm = Runtime.getRuntime();
    out.metricSnapshot(resources.build())
        .metricSnapshot(up.build())
        .metricSnapshot(
            one(
                "millwright_journal_behind_seconds",
                "Age of the oldest line of the journal that cannot be read yet.",
                behind))
        .metricSnapshot(
            one(
                "millwright_server_heap_bytes",
                "Heap that the server uses.",
                jvm.totalMemory() - jvm.freeMemory()))
        .metricSnapshot(
            one(
                "millwright_server_threads",
                "Platform threads of the server.",
                ManagementFactory.getThreadMXBean().getThreadCount()))
        .metricSnapshot(
            one(
                "millwright_server_uptime_seconds",
                "Since the server was started.",
                ManagementFactory.getRuntimeMXBean().getUptime() / 1000.0));
  }

  private static GaugeSnapshot.Builder gauge(String name, String help) {
    return GaugeSnapshot.builder().name(name).help(help);
  }

  private static GaugeSnapshot one(String name, String help, Number value) {
    GaugeSnapshot.Builder out = gauge(name, help);
    point(out, value, Labels.EMPTY);
    return out.build();
  }

  private static void point(GaugeSnapshot.Builder gauge, Number value, Labels labels) {
    gauge.dataPoint(
        GaugeDataPointSnapshot.builder().value(value.doubleValue()).labels(labels).build());
  }
}
