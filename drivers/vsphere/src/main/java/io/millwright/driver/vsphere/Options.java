package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

/**
 * Reads machines with our notes in their extra options. A vCenter gives single options, which
 * spares it and us the hundred others that a machine has; from a server that does not know such
 * paths all are read.
 */
final class Options {
  static final String ALL = "config.extraConfig";

  /** What of a machine's options is read. */
  static final List<String> KEYS = List.of(VmFacts.MARK, VmFacts.DEFINITION, VmFacts.PENDING);

  private static final List<String> DEVICES = List.of(VmFacts.DEVICES);

  private final Collector collector;
  private final AtomicBoolean single = new AtomicBoolean(true);

  Options(Vim vim) {
    this.collector = new Collector(vim);
  }

  static String path(String key) {
    return ALL + "[\"" + key + "\"]";
  }

  private List<String> paths(List<String> more) {
    List<String> out = new ArrayList<>(VmFacts.PATHS);
    out.addAll(more);
    if (single.get()) {
      KEYS.forEach(key -> out.add(path(key)));
    } else {
      out.add(ALL);
    }
    return out;
  }

  Collector.Found read(Ref machine) throws DriverException, VimFault {
    boolean tried = single.get();
    try {
      Collector.Found found = collector.read(machine, paths(DEVICES).toArray(String[]::new));
      if (!tried || !unknown(found)) {
        return found;
      }
    } catch (VimFault e) {
      if (!tried || !e.is("InvalidProperty")) {
        throw e;
      }
    }
    single.set(false);
    return collector.read(machine, paths(DEVICES).toArray(String[]::new));
  }

  /**
   * Reads all machines there are, with their versions and without their devices.
   *
   * @param empty what they are taken into; asked again if all have to be read anew
   */
  <T> T list(Supplier<T> empty, BiConsumer<T, Collector.Found> take)
      throws DriverException, VimFault {
    boolean tried = single.get();
    AtomicBoolean unknown = new AtomicBoolean();
    try {
      T out =
          all(
              empty,
              (into, found) -> {
                unknown.compareAndSet(false, tried && unknown(found));
                if (!unknown.get()) {
                  take.accept(into, found);
                }
              });
      if (!unknown.get()) {
        return out;
      }
    } catch (VimFault e) {
      if (!tried || !e.is("InvalidProperty")) {
        throw e;
      }
    }
    single.set(false);
    return all(empty, take);
  }

  private <T> T all(Supplier<T> empty, BiConsumer<T, Collector.Found> take)
      throws DriverException, VimFault {
    return collector.list(
        List.of("VirtualMachine"), "VirtualMachine", paths(Definitions.VERSION), empty, take);
  }

  /** Sets an option of a machine; an empty one is taken away. */
  static void note(Element spec, String key, String value) {
    spec.add(
        new Element("extraConfig")
            .type("OptionValue")
            .add("key", key)
            .add(new Element("value").type("string").holding(value)));
  }

  private static boolean unknown(Collector.Found found) {
    return KEYS.stream().anyMatch(k -> "InvalidProperty".equals(found.faults().get(path(k))));
  }
}
