package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Where the settings say that machines and disks go.
 *
 * @param compute the cluster or single host
 * @param folder of new machines; where one was moved to by hand does not matter
 */
record Place(
    Inventory inventory,
    Ref datacenter,
    Ref compute,
    Ref pool,
    Ref datastore,
    String datastoreName,
    Ref browser,
    Ref folder) {

  /** Finds it, and remembers it for a while. */
  static final class Finder {
    private static final Duration KEPT = Duration.ofSeconds(60);

    private final Settings settings;
    private final Collector collector;
    private @Nullable Place last;
    private long until;

    Finder(Settings settings, Collector collector) {
      this.settings = settings;
      this.collector = collector;
    }

    private synchronized @Nullable Place last() {
      return System.nanoTime() - until < 0 ? last : null;
    }

    private synchronized void keep(Place place) {
      last = place;
      until = System.nanoTime() + KEPT.toNanos();
    }

    /** Has the next one look again. */
    synchronized void forget() {
      last = null;
    }

    Place get() throws DriverException, VimFault {
      Place kept = last();
      if (kept != null) {
        return kept;
      }
      Place found = find();
      keep(found);
      return found;
    }

    private Place find() throws DriverException, VimFault {
      Inventory all = Inventory.read(collector);
      Ref datacenter = all.choose("datacenter", Inventory.DATACENTERS, settings.datacenter(), null);
      Ref compute = all.choose("cluster", Inventory.COMPUTE, settings.cluster(), datacenter);
      Ref datastore =
          all.choose("datastore", Inventory.DATASTORES, settings.datastore(), datacenter);
      Ref pool =
          settings.resourcePool() == null
              ? ref(collector.read(compute, "resourcePool"), "resourcePool")
              : all.choose("resourcePool", Inventory.POOLS, settings.resourcePool(), compute);
      Ref machines = ref(collector.read(datacenter, "vmFolder"), "vmFolder");
      Ref folder =
          settings.folder() == null
              ? machines
              : all.choose("folder", Inventory.FOLDERS, settings.folder(), machines);
      return new Place(
          all,
          datacenter,
          compute,
          pool,
          datastore,
          all.name(datastore),
          ref(collector.read(datastore, "browser"), "browser"),
          folder);
    }

    private static Ref ref(Collector.Found found, String property) {
      return found.get(property).map(Element::ref).orElse(new Ref("", ""));
    }
  }
}
