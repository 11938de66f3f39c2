package io.millwright.images;

import java.util.Optional;

/** The one card by which an installer reaches the network, if it can use no more than one. */
final class InstallerCard {
  private InstallerCard() {}

  /** The card with the default route, else any with an address of its own. */
  static Optional<NetInterface.Ethernet> of(InstallSpec spec) {
    for (boolean v6 : new boolean[] {false, true}) {
      if (spec.uplink(v6) instanceof NetInterface.Ethernet card) {
        return Optional.of(card);
      }
    }
    return spec.cards().stream()
        .filter(card -> card.ip().has(false) || card.ip().has(true))
        .findFirst();
  }
}
