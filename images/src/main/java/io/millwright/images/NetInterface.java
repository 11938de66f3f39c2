package io.millwright.images;

import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A network interface as it shall be in the running system. */
public sealed interface NetInterface {
  /** Under which the system and other interfaces of the same machine know it. */
  String name();

  IpConfig ip();

  /** Names of the interfaces that it is made of; they carry no addresses. */
  default List<String> members() {
    return List.of();
  }

  /**
   * A network card.
   *
   * @param name that it is given, if it is known by its MAC address
   * @param mac by which it is known. Null in a machine with one card means that card, whatever the
   *     kernel calls it; in one with several the card that the kernel itself calls by this name
   */
  record Ethernet(String name, @Nullable Mac mac, IpConfig ip) implements NetInterface {}

  /**
   * A switch within the machine, for guests and containers of its own.
   *
   * @param members names of cards, bonds and VLANs that are plugged into it; may be none
   */
  record Bridge(String name, List<String> members, IpConfig ip) implements NetInterface {
    public Bridge {
      members = List.copyOf(members);
    }
  }

  /**
   * Several cards as one.
   *
   * @param members names of the cards
   */
  record Bond(String name, MachineSpec.BondMode mode, List<String> members, IpConfig ip)
      implements NetInterface {
    public Bond {
      members = List.copyOf(members);
    }
  }

  /**
   * A tagged interface.
   *
   * @param link name of the card or bond that carries it
   * @param id its tag, 1 to 4094
   */
  record Vlan(String name, String link, int id, IpConfig ip) implements NetInterface {}
}
