package io.millwright.driver.proxmox;

import io.millwright.driver.DriverException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Where everything is, in one listing: nodes, storages, and every VM with its tags. */
record Cluster(List<Node> nodes, List<Storage> storages, List<Guest> guests) {

  record Node(String name, boolean online, int cores, long memory) {}

  /** A storage as one node has it. */
  record Storage(String node, String name, List<String> contents, long free) {
    boolean takes(String... wanted) {
      return contents.containsAll(List.of(wanted));
    }
  }

  /**
   * What has a number: a VM, or a container, which is none of our business but has one as well.
   *
   * @param name may lag behind for seconds, and so may state and sizes
   * @param lock what it is being used for, or an empty text
   */
  record Guest(
      int number,
      String node,
      boolean machine,
      String name,
      String status,
      List<String> tags,
      String lock,
      int cores,
      long memory) {
    /** The note that it carries and that was made for it, whoever made it. */
    Optional<Label> label() {
      return Label.among(tags, number);
    }

    /** True if it is still being made; then it has no tags yet. */
    boolean unfinished() {
      return lock.equals("create");
    }
  }

  static Cluster read(Api api) throws DriverException, PveFault {
    List<Node> nodes = new ArrayList<>();
    List<Storage> storages = new ArrayList<>();
    List<Guest> guests = new ArrayList<>();
    for (JsonNode row : api.get(Api.path("cluster", "resources"))) {
      switch (row.path("type").asString("")) {
        case "node" ->
            nodes.add(
                new Node(
                    row.path("node").asString(""),
                    row.path("status").asString("").equals("online"),
                    row.path("maxcpu").asInt(0),
                    row.path("maxmem").asLong(0)));
        case "storage" ->
            storages.add(
                new Storage(
                    row.path("node").asString(""),
                    row.path("storage").asString(""),
                    List.of(row.path("content").asString("").split(",")),
                    row.path("maxdisk").asLong(0) - row.path("disk").asLong(0)));
        case "qemu", "lxc" -> guests.add(guest(row, row.path("node").asString("")));
        default -> {} // networks and what later versions may have
      }
    }
    return new Cluster(List.copyOf(nodes), List.copyOf(storages), List.copyOf(guests));
  }

  /** A row of this listing, or of that of one node, which does not tell its own name. */
  static Guest guest(JsonNode row, String node) {
    return new Guest(
        row.path("vmid").asInt(0),
        node,
        !row.path("type").asString("qemu").equals("lxc"),
        Api.text(row, "name", r -> "VM " + r.path("vmid").asInt(0)),
        row.path("status").asString("unknown"),
        Options.tags(row.path("tags").asString("")),
        row.path("lock").asString(""),
        Math.max(row.path("maxcpu").asInt(0), row.path("cpus").asInt(0)),
        row.path("maxmem").asLong(0));
  }

  Optional<Guest> at(int number) {
    return guests.stream().filter(g -> g.number() == number).findFirst();
  }

  Stream<Guest> machines() {
    return guests.stream().filter(Guest::machine);
  }

  /** Where our machines and disks go. */
  record Place(Node node, Storage storage, Storage files) {}

  /**
   * The place that the settings name, or the only one that there is.
   *
   * @throws DriverException REFUSED with what there is
   */
  Place place(Settings settings) throws DriverException {
    Node node =
        one(
            "node",
            settings.node(),
            nodes.stream().filter(n -> settings.node() != null || n.online()).toList(),
            Node::name,
            n -> true,
            "");
    List<Storage> here = storages.stream().filter(s -> s.node().equals(node.name())).toList();
    return new Place(
        node,
        one(
            "storage",
            settings.storage(),
            here,
            Storage::name,
            s -> s.takes("images"),
            " with the content images"),
        one(
            "files",
            settings.files(),
            here,
            Storage::name,
            s -> s.takes("import", "iso"),
            " with the contents import and iso"));
  }

  private static <T> T one(
      String setting,
      @Nullable String wanted,
      List<T> all,
      java.util.function.Function<T, String> name,
      Predicate<T> fits,
      String how)
      throws DriverException {
    List<T> fitting = all.stream().filter(fits).toList();
    String there =
        fitting.isEmpty()
            ? "there is none" + how + " that the token may see"
            : "there is " + String.join(", ", fitting.stream().map(name).sorted().toList()) + how;
    if (wanted == null) {
      if (fitting.size() == 1) {
        return fitting.getFirst();
      }
      throw Guests.refused(
          "settings." + setting + " is needed to say which: " + there + ".", setting);
    }
    return fitting.stream()
        .filter(t -> name.apply(t).equals(wanted))
        .findFirst()
        .orElseThrow(() ->
            Guests.refused(
                "settings." + setting + ": " + wanted + " is not among them: " + there + ".",
                setting));
  }
}
