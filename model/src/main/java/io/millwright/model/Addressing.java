package io.millwright.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/** How an interface comes by its IPv4 or IPv6 address; one word or one address in a manifest. */
public sealed interface Addressing {

  /** Static; Millwright chooses a free address of the network's subnet. */
  record Auto() implements Addressing {
    @Override
    public String toString() {
      return "auto";
    }
  }

  /** Static; the user chose. */
  record Fixed(Ip ip) implements Addressing {
    @Override
    public String toString() {
      return ip.toString();
    }
  }

  /** By DHCP, or DHCPv6; Millwright reserves the address by MAC where the network lets it. */
  record Dhcp() implements Addressing {
    @Override
    public String toString() {
      return "dhcp";
    }
  }

  /** By router advertisements (RFC 4862); IPv6 only. */
  record Slaac() implements Addressing {
    @Override
    public String toString() {
      return "slaac";
    }
  }

  /** No address of this family. */
  record None() implements Addressing {
    @Override
    public String toString() {
      return "none";
    }
  }

  /** Reads {@code auto}, {@code dhcp}, {@code slaac}, {@code none} or an address. */
  @JsonCreator
  static Addressing parse(String text) {
    return switch (text) {
      case "auto" -> new Auto();
      case "dhcp" -> new Dhcp();
      case "slaac" -> new Slaac();
      case "none" -> new None();
      default -> {
        try {
          yield new Fixed(Ip.parse(text));
        } catch (IllegalArgumentException e) {
          throw new IllegalArgumentException(
              "write auto, dhcp, slaac (IPv6), none, or an address such as 10.0.0.5", e);
        }
      }
    };
  }

  @JsonValue
  default String text() {
    return toString();
  }
}
