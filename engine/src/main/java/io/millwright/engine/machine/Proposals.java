package io.millwright.engine.machine;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec.Interface;
import io.millwright.model.NetworkSpec.Subnet;
import io.millwright.model.Range;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * What a machine that is not made yet would be given, by the same order as when it is reserved: the
 * next address that is free. Nothing is reserved, so another machine may be quicker.
 */
final class Proposals {
  /**
   * One thing that stands in a preview and is nobody's yet.
   *
   * @param of the interface or volume that would have it
   * @param field ipv4, ipv6, mac or serial
   */
  record Proposed(String of, String field, String value) {}

  /** How many addresses are looked through, as many as an IPv4 network may sensibly have. */
  private static final int MOST = 1 << 20;

  private final Function<String, Set<Ip>> taken;
  private final boolean cards;
  private final Map<String, Set<Ip>> gone = new HashMap<>();
  private final List<Proposed> list = new ArrayList<>();

  /**
   * @param taken the addresses of a network, by its name, that somebody has
   * @param cards true if its cards get MAC addresses
   */
  Proposals(Function<String, Set<Ip>> taken, boolean cards) {
    this.taken = taken;
    this.cards = cards;
  }

  /** Keeps an address that the same machine asks for by number. */
  void keep(String network, Ip ip) {
    goneOf(network).add(ip);
  }

  private Set<Ip> goneOf(String network) {
    return gone.computeIfAbsent(network, n -> new HashSet<>(taken.apply(n)));
  }

  /** The next free address of a subnet, or nothing if there is none. */
  Optional<Ip> address(Interface face, Subnet subnet) {
    String network = Objects.requireNonNull(face.network(), "what has an address has a network");
    Set<Ip> passed = goneOf(network);
    Range range = subnet.allocationRange();
    Ip at = range.from();
    for (int i = 0; i < MOST && at.compareTo(range.to()) <= 0; i++) {
      if (!passed.contains(at) && subnet.allocatable(at)) {
        passed.add(at);
        list.add(new Proposed(face.name(), at.v6() ? "ipv6" : "ipv4", at.toString()));
        return Optional.of(at);
      }
      Ip last = at;
      at =
          subnet.exclude().stream()
              .filter(r -> r.contains(last))
              .map(Range::to)
              .findFirst()
              .orElse(at); // excluded ranges of IPv6 are too long to walk through
      if (at.compareTo(range.to()) >= 0) {
        break; // the address after it may not exist
      }
      at = at.plus(1);
    }
    return Optional.empty();
  }

  /** True if its cards get MAC addresses. */
  boolean cards() {
    return cards;
  }

  /** Stands for the MAC that a card will get, which is drawn by lot. */
  Mac mac(String card) {
    Mac mac = Mac.ofQemu(list.size() + 1);
    list.add(new Proposed(card, "mac", mac.text()));
    return mac;
  }

  /** Stands for the serial that a volume's disk will have. */
  String serial(String volume) {
    String serial = "serial-" + (list.size() + 1);
    list.add(new Proposed(volume, "serial", serial));
    return serial;
  }

  /** All that was proposed so far. */
  List<Proposed> list() {
    return List.copyOf(list);
  }
}
