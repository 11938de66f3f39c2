package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.model.Names;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a vCenter or a host has besides machines: datacenters, clusters, pools, datastores, networks
 * and folders, as one tree of names.
 */
final class Inventory {
  static final Set<String> DATACENTERS = Set.of("Datacenter");
  static final Set<String> COMPUTE = Set.of("ComputeResource", "ClusterComputeResource");
  static final Set<String> POOLS = Set.of("ResourcePool", "VirtualApp");
  static final Set<String> DATASTORES = Set.of("Datastore");
  static final Set<String> FOLDERS = Set.of("Folder");
  static final Set<String> NETWORKS =
      Set.of("Network", "DistributedVirtualPortgroup", "OpaqueNetwork");
  private static final List<String> ALL =
      List.of(
          "Datacenter",
          "Folder",
          "ComputeResource",
          "ResourcePool",
          "Datastore",
          "Network",
          "DistributedVirtualSwitch");

  private static final int SHOWN = 20;

  /**
   * An object with its name.
   *
   * @param parent null for the root
   */
  record Item(Ref ref, String name, @Nullable Ref parent) {}

  private final Map<Ref, Item> items = new HashMap<>();

  /** So that a machine's networks are found at once, however many things there are. */
  private final Map<String, List<Item>> named = new HashMap<>();

  static Inventory read(Collector collector) throws DriverException, VimFault {
    return collector.list(
        ALL, "ManagedEntity", List.of("name", "parent"), Inventory::new, Inventory::take);
  }

  private void take(Collector.Found found) {
    Item item =
        new Item(
            found.ref(), found.text("name"), found.get("parent").map(Element::ref).orElse(null));
    if (items.put(item.ref(), item) == null) {
      named.computeIfAbsent(item.name(), _ -> new ArrayList<>()).add(item);
    }
  }

  /** The names that lead to it, without the four folders that every datacenter has. */
  List<String> path(Ref ref) {
    List<String> out = new ArrayList<>();
    Item at = items.get(ref);
    while (at != null) {
      Item parent = at.parent() == null ? null : items.get(at.parent());
      boolean hidden =
          FOLDERS.contains(at.ref().type())
              && parent != null
              && DATACENTERS.contains(parent.ref().type());
      if (!hidden) {
        out.addFirst(at.name());
      }
      at = parent;
    }
    return out;
  }

  private boolean within(Ref ref, @Nullable Ref top) {
    Item at = items.get(ref);
    while (at != null && top != null && !at.ref().equals(top)) {
      at = at.parent() == null ? null : items.get(at.parent());
    }
    return at != null;
  }

  String name(Ref ref) {
    Item item = items.get(ref);
    return item == null ? "" : item.name();
  }

  /** Where the datacenter lies, as the datastores' addresses have it. */
  String datacenterPath(Ref datacenter) {
    return String.join("/", path(datacenter));
  }

  private List<Item> of(Set<String> kinds, @Nullable Ref top) {
    return items.values().stream()
        .filter(i -> is(i, kinds, top))
        .sorted(Comparator.comparing(Item::name))
        .toList();
  }

  private boolean is(Item item, Set<String> kinds, @Nullable Ref top) {
    return kinds.contains(item.ref().type()) && !item.ref().equals(top) && within(item.ref(), top);
  }

  private List<Item> called(String name, Set<String> kinds, @Nullable Ref top) {
    return named.getOrDefault(name, List.of()).stream().filter(i -> is(i, kinds, top)).toList();
  }

  /** The port group or network of this name or path, if there is exactly one. */
  Optional<Ref> network(String wanted, Ref datacenter) {
    List<Item> found = matching(NETWORKS, datacenter, wanted);
    return found.size() == 1 ? Optional.of(found.getFirst().ref()) : Optional.empty();
  }

  private List<Item> matching(Set<String> kinds, @Nullable Ref top, String wanted) {
    List<Item> exact = called(wanted, kinds, top);
    if (!exact.isEmpty() || !wanted.contains("/")) {
      return exact;
    }
    List<String> steps = Arrays.stream(wanted.split("/")).filter(s -> !s.isEmpty()).toList();
    return steps.isEmpty()
        ? List.of()
        : called(steps.getLast(), kinds, top).stream()
            .filter(i -> {
              List<String> path = path(i.ref());
              return path.size() >= steps.size()
                  && path.subList(path.size() - steps.size(), path.size()).equals(steps);
            })
            .toList();
  }

  /**
   * The one that is meant.
   *
   * @param what in the words of a user, as the setting is called
   * @param wanted its name or the end of its path, or null if there is but one
   * @param top only what lies below this counts, or null
   * @throws DriverException REFUSED, with what there is, if there is none or more than one
   */
  Ref choose(String what, Set<String> kinds, @Nullable String wanted, @Nullable Ref top)
      throws DriverException {
    if (wanted == null) {
      List<Item> all = of(kinds, top);
      if (all.size() == 1) {
        return all.getFirst().ref();
      }
      throw refused(
          all.isEmpty()
              ? "There is no " + what + " on the hypervisor."
              : "The hypervisor has more than one "
                  + what
                  + "; say which in its settings: "
                  + names(all)
                  + ".");
    }
    List<Item> found = matching(kinds, top, wanted);
    if (found.size() == 1) {
      return found.getFirst().ref();
    }
    if (found.isEmpty()) {
      throw refused(
          "The hypervisor has no "
              + what
              + " "
              + Names.quote(wanted)
              + "; there are: "
              + names(of(kinds, top))
              + ".");
    }
    throw refused(
        "The hypervisor has more than one "
            + what
            + " "
            + Names.quote(wanted)
            + "; write more of its path: "
            + found.stream()
                .map(i -> String.join("/", path(i.ref())))
                .sorted()
                .collect(Collectors.joining(", "))
            + ".");
  }

  private static String names(List<Item> items) {
    if (items.isEmpty()) {
      return "none";
    }
    String out =
        items.stream().limit(SHOWN).map(Item::name).distinct().collect(Collectors.joining(", "));
    return items.size() > SHOWN ? out + " and " + (items.size() - SHOWN) + " more" : out;
  }

  private static DriverException refused(String why) {
    return new DriverException(FaultKind.REFUSED, why);
  }
}
