package io.millwright.driver.libvirt;

import io.millwright.driver.DriverException;
import io.millwright.driver.Metrics;
import io.millwright.model.ByteSize;
import io.millwright.model.Usage;
import io.millwright.model.Usage.Flow;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What domains use, as libvirt counts it; all of them in one call. */
final class DomainMetrics implements Metrics {
  private final Line line;

  DomainMetrics(Line line) {
    this.line = line;
  }

  @Override
  public List<Usage> usage(Set<UUID> machines) throws DriverException {
    return line.call(connection ->
        connection.usage().entrySet().stream()
            .filter(domain -> machines.contains(domain.getKey()))
            .map(domain -> usage(domain.getKey(), domain.getValue()))
            .toList());
  }

  static Usage usage(UUID uid, Map<String, Long> told) {
    Long cpu = told.get("cpu.time");
    Long resident = told.get("balloon.rss"); // KiB
    return new Usage(
        uid,
        cpu == null ? null : new Flow.Counted(cpu),
        resident == null ? null : ByteSize.ofMib(resident >> 10),
        sum(told, "block", "rd.bytes"),
        sum(told, "block", "wr.bytes"),
        sum(told, "net", "rx.bytes"),
        sum(told, "net", "tx.bytes"));
  }

  /** Of all its disks or cards; nothing if they are not told of at all. */
  private static @Nullable Flow sum(Map<String, Long> told, String group, String number) {
    Long count = told.get(group + ".count");
    if (count == null) {
      return null;
    }
    long sum = 0;
    for (long i = 0; i < count; i++) {
      sum += told.getOrDefault(group + "." + i + "." + number, 0L);
    }
    return new Flow.Counted(sum);
  }
}
