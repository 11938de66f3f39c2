package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.Metrics;
import io.millwright.model.ByteSize;
import io.millwright.model.Usage;
import io.millwright.model.Usage.Flow;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What machines use, as the performance manager measures it every 20 seconds: one listing of the
 * machines, and one query for each page of those that run.
 */
final class PerformanceCounters implements Metrics {
  private static final int INTERVAL = 20;

  private static final String CPU = "cpu.usage.average"; // hundredths of a percent of all its cores
  private static final String MEMORY = "mem.consumed.average"; // KiB
  // Also where a datastore is no block device, of which the counters of the group "disk" tell only.
  private static final String READ = "virtualDisk.read.average"; // KiB a second, for each disk
  private static final String WRITTEN = "virtualDisk.write.average";
  private static final String RECEIVED = "net.received.average"; // KiB a second
  private static final String SENT = "net.transmitted.average";

  /** Each with the instance to ask for: the sum of all, or every one. */
  private static final Map<String, String> WANTED =
      Map.of(CPU, "", MEMORY, "", READ, "*", WRITTEN, "*", RECEIVED, "", SENT, "");

  private final Vim vim;
  private final Collector collector;

  /** The server's own numbers for these counters, by name. */
  private volatile @Nullable Map<String, Integer> numbers;

  PerformanceCounters(Vim vim) {
    this.vim = vim;
    this.collector = new Collector(vim);
  }

  private record Running(Ref ref, UUID uid, long cores) {}

  @Override
  public List<Usage> usage(Set<UUID> machines) throws DriverException {
    if (machines.isEmpty()) {
      return List.of();
    }
    return vim.act(() -> {
      List<Running> running =
          collector.list(
              List.of("VirtualMachine"),
              "VirtualMachine",
              List.of(
                  "summary.config.instanceUuid",
                  "summary.config.numCpu",
                  "summary.runtime.powerState"),
              ArrayList<Running>::new,
              (into, found) -> {
                UUID uid = VmFacts.uuid(found.text("summary.config.instanceUuid"));
                if (machines.contains(uid)
                    && found.text("summary.runtime.powerState").equals("poweredOn")) {
                  into.add(new Running(found.ref(), uid, found.number("summary.config.numCpu")));
                }
              });
      List<Usage> out = new ArrayList<>();
      for (int from = 0; from < running.size(); from += Collector.PAGE) {
        out.addAll(query(running.subList(from, Math.min(running.size(), from + Collector.PAGE))));
      }
      return List.copyOf(out);
    });
  }

  private List<Usage> query(List<Running> page) throws DriverException, VimFault {
    Map<String, Integer> known = numbers();
    Element[] specs =
        page.stream().map(machine -> spec(machine.ref(), known)).toArray(Element[]::new);
    Element answer;
    try {
      answer = vim.call(vim.content().performance(), "QueryPerf", specs);
    } catch (VimFault e) {
      if (!e.is("ManagedObjectNotFound")) {
        throw e;
      }
      return List.of(); // one was removed meanwhile; the others are told of in the next round
    }
    Map<Ref, Element> byMachine = new HashMap<>();
    answer
        .all("returnval")
        .forEach(each -> each.find("entity").ifPresent(e -> byMachine.put(e.ref(), each)));
    List<Usage> out = new ArrayList<>();
    for (Running machine : page) {
      Element told = byMachine.get(machine.ref());
      if (told != null) {
        usage(machine, sums(told), known, out);
      }
    }
    return out;
  }

  private static Element spec(Ref machine, Map<String, Integer> known) {
    Element out = new Element("querySpec").add(machine.as("entity")).add("maxSample", 1);
    WANTED.forEach((counter, instance) -> {
      Integer number = known.get(counter);
      if (number != null) {
        out.add(new Element("metricId").add("counterId", number).add("instance", instance));
      }
    });
    return out.add("intervalId", INTERVAL).add("format", "normal");
  }

  /** The newest value of each counter, summed up over its instances; none without a sample. */
  private static Map<Integer, Long> sums(Element told) {
    Map<Integer, Long> out = new HashMap<>();
    if (told.find("sampleInfo").isEmpty()) {
      return out;
    }
    told.all("value")
        .forEach(series -> {
          // A series has a value for each sample; the simulator leaves zeros out.
          long newest =
              series
                  .all("value")
                  .reduce((older, newer) -> newer)
                  .map(value -> Long.parseLong(value.text()))
                  .orElse(0L);
          if (newest >= 0) { // -1: not known
            out.merge(
                series.find("id").map(id -> (int) id.number("counterId")).orElse(0),
                newest,
                Long::sum);
          }
        });
    return out;
  }

  private static void usage(
      Running machine, Map<Integer, Long> sums, Map<String, Integer> known, List<Usage> out) {
    if (sums.isEmpty()) {
      return; // it was just started
    }
    Map<String, Long> values = new HashMap<>();
    known.forEach((counter, number) -> {
      Long value = sums.get(number);
      if (value != null) {
        values.put(counter, value);
      }
    });
    Long cpu = values.get(CPU);
    Long memory = values.get(MEMORY);
    out.add(
        new Usage(
            machine.uid(),
            cpu == null ? null : new Flow.Measured(cpu / 10_000.0 * machine.cores() * 1e9),
            memory == null ? null : ByteSize.ofMib(memory >> 10),
            bytes(values.get(READ)),
            bytes(values.get(WRITTEN)),
            bytes(values.get(RECEIVED)),
            bytes(values.get(SENT))));
  }

  private static @Nullable Flow bytes(@Nullable Long kib) {
    return kib == null ? null : new Flow.Measured(kib * 1024.0);
  }

  private Map<String, Integer> numbers() throws DriverException, VimFault {
    Map<String, Integer> there = numbers;
    if (there != null) {
      return there;
    }
    Map<String, Integer> out = new HashMap<>();
    collector
        .read(vim.content().performance(), "perfCounter")
        .get("perfCounter")
        .ifPresent(all ->
            all.children()
                .forEach(counter -> {
                  String name =
                      String.join(
                          ".",
                          key(counter, "groupInfo"),
                          key(counter, "nameInfo"),
                          counter.text("rollupType").toLowerCase(Locale.ROOT));
                  if (WANTED.containsKey(name)) {
                    out.put(name, (int) counter.number("key"));
                  }
                }));
    numbers = Map.copyOf(out);
    return out;
  }

  private static String key(Element counter, String part) {
    return counter.find(part).map(p -> p.text("key")).orElse("");
  }
}
