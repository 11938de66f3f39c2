package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.LifecycleEvents;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Hears of changes: one request waits at the server for the next version of all machines' states,
 * whatever their number. The first subscriber starts it.
 */
final class VmEvents implements LifecycleEvents, AutoCloseable {
  private static final int WAIT_SECONDS = 30;
  private static final Duration ANSWER = Duration.ofSeconds(WAIT_SECONDS + 30L);
  private static final Duration PAUSE = Duration.ofSeconds(5);
  private static final String ID = "config.instanceUuid";

  private final Vim vim;
  private final Duration pause;
  private final List<Consumer<UUID>> listeners = new CopyOnWriteArrayList<>();
  private @Nullable Thread thread;
  private volatile boolean closed;

  /** True once all that is there was listed; before that nothing of it is news. */
  private volatile boolean listed;

  VmEvents(Vim vim) {
    this(vim, PAUSE);
  }

  /**
   * @param pause before it listens again after the connection was lost
   */
  VmEvents(Vim vim, Duration pause) {
    this.vim = vim;
    this.pause = pause;
  }

  @Override
  public synchronized void subscribe(Consumer<UUID> listener) {
    listeners.add(listener);
    if (thread == null && !closed) {
      thread = Thread.ofVirtual().name("vsphere-events").start(this::listen);
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    if (thread != null) {
      thread.interrupt();
    }
  }

  private void listen() {
    // What was known when the connection was lost: what differs after it is told.
    Map<Ref, Known> known = new HashMap<>();
    while (!closed) {
      try {
        follow(known);
      } catch (VimFault e) {
        vim.forgetViews();
      } catch (DriverException e) {
        // A hypervisor that does not answer has its say elsewhere; events are nudges.
      }
      try {
        Thread.sleep(pause);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  /**
   * @param uid null until it is told
   */
  private record Known(@Nullable UUID uid, String power, String version) {
    static final Known NOTHING = new Known(null, "", "");

    Known with(Element change) {
      String value = change.text("val");
      return switch (change.text("name")) {
        case ID -> new Known(uuid(value), power, version);
        case "runtime.powerState" -> new Known(uid, value, version);
        case "config.changeVersion" -> new Known(uid, power, value);
        default -> this;
      };
    }

    private static @Nullable UUID uuid(String text) {
      try {
        return UUID.fromString(text.toLowerCase(Locale.ROOT));
      } catch (IllegalArgumentException e) {
        return null;
      }
    }
  }

  /** Returns by an exception only, or when closed. */
  private void follow(Map<Ref, Known> known) throws DriverException, VimFault {
    Ref collector =
        Vim.value(vim.call(vim.content().properties(), "CreatePropertyCollector")).ref();
    try {
      vim.call(
          collector,
          "CreateFilter",
          Collector.filter(
                  vim.view("VirtualMachine"),
                  "view",
                  "VirtualMachine",
                  List.of(ID, "runtime.powerState", "config.changeVersion", "name"))
              .named("spec"),
          new Element("partialUpdates").holding("true"));
      String version = "";
      Set<Ref> seen = new HashSet<>();
      // The listing that it begins with may come in several parts.
      boolean begins = true;
      while (!closed) {
        Element set =
            Vim.value(
                vim.call(
                    ANSWER,
                    collector,
                    "WaitForUpdatesEx",
                    new Element("version").holding(version),
                    new Element("options").add("maxWaitSeconds", WAIT_SECONDS)));
        if (!set.text("version").isEmpty()) {
          version = set.text("version");
        }
        for (Element filter : set.all("filterSet").toList()) {
          for (Element update : filter.all("objectSet").toList()) {
            take(update, known, seen, begins);
          }
        }
        if (begins && !set.text("truncated").equals("true")) {
          gone(known, seen);
          begins = false;
          listed = true;
        }
      }
    } finally {
      if (!closed) {
        destroy(collector);
      }
    }
  }

  private void destroy(Ref collector) throws DriverException {
    try {
      vim.call(collector, "DestroyPropertyCollector");
    } catch (VimFault e) {
      // It has ended with its session.
    }
  }

  private void take(Element update, Map<Ref, Known> known, Set<Ref> seen, boolean begins)
      throws DriverException, VimFault {
    Ref machine = update.find("obj").map(Element::ref).orElse(new Ref("", ""));
    if (update.text("kind").equals("leave")) {
      Known last = known.remove(machine);
      tell(last);
      return;
    }
    seen.add(machine);
    Known before = known.getOrDefault(machine, Known.NOTHING);
    Known now = before;
    for (Element change : update.all("changeSet").toList()) {
      now = now.with(change);
    }
    if (now.uid() == null && !begins) {
      // One that was just being made when it was told of.
      Collector.Found found = new Collector(vim).read(machine, ID);
      now = new Known(Known.uuid(found.text(ID)), now.power(), now.version());
    }
    known.put(machine, now);
    if (listed && (!begins || !now.equals(before))) {
      tell(now);
    }
  }

  /** Those that left while nobody listened. */
  private void gone(Map<Ref, Known> known, Set<Ref> seen) {
    Set<Ref> left = new HashSet<>(known.keySet());
    left.removeAll(seen);
    left.forEach(machine -> tell(known.remove(machine)));
  }

  private void tell(@Nullable Known known) {
    if (known != null && known.uid() != null) {
      UUID uid = known.uid();
      listeners.forEach(listener -> listener.accept(uid));
    }
  }
}
