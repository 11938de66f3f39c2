package io.millwright.images;

import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import java.util.List;

/** A network interface as it shall be in the running system. */
public sealed interface NetInterface {
  /** Under which the system and other interfaces of the same machine know it. */
  String name();

  IpConfig ip();

  /** A network card, known by its MAC address and given its name by us. */
  record Ethernet(String name, Mac mac, IpConfig ip) implements NetInterface {}

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
