package io.millwright.driver.proxmox;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.Mark;
import io.millwright.driver.proxmox.Cluster.Guest;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/** What QEMU's agent in a guest says of its cards; its SSH keys are not read. */
final class QemuAgent implements GuestAgent {
  /** An agent that is not there makes Proxmox VE itself wait for a few seconds. */
  private static final Duration PATIENCE = Duration.ofSeconds(3);

  private final Api api;
  private final Guests guests;

  QemuAgent(Api api, Guests guests) {
    this.api = api;
    this.guests = guests;
  }

  @Override
  public Optional<Facts> ask(Mark mark) throws DriverException {
    return api.act(() -> {
      Optional<Guest> there = guests.find(Cluster.read(api), mark);
      if (there.isEmpty()) {
        return Optional.empty();
      }
      try {
        JsonNode answer =
            api.get(
                Guests.path(there.get(), "agent", "network-get-interfaces"), Map.of(), PATIENCE);
        return Optional.of(new Facts(addresses(answer.path("result")), List.of()));
      } catch (PveFault e) {
        if (e.says("guest agent", "not running", "got timeout")) {
          return Optional.empty();
        }
        throw e;
      } catch (DriverException e) {
        if (e.kind() == FaultKind.UNREACHABLE
            && e.getCause() instanceof java.net.http.HttpTimeoutException) {
          return Optional.empty();
        }
        throw e;
      }
    });
  }

  private static Map<Mac, List<Ip>> addresses(JsonNode cards) {
    Map<Mac, List<Ip>> out = new LinkedHashMap<>();
    for (JsonNode card : cards) {
      try {
        Mac mac = Mac.parse(card.path("hardware-address").asString("").toLowerCase(Locale.ROOT));
        List<Ip> ips = new ArrayList<>();
        for (JsonNode each : card.path("ip-addresses")) {
          Ip ip = Ip.parse(each.path("ip-address").asString(""));
          InetAddress inet = ip.toInetAddress();
          if (!inet.isLoopbackAddress() && !inet.isLinkLocalAddress()) {
            ips.add(ip);
          }
        }
        if (!card.path("name").asString("").equals("lo")) {
          out.put(mac, List.copyOf(ips));
        }
      } catch (IllegalArgumentException e) {
        // a card without an address of its own, such as a tunnel
      }
    }
    return out;
  }
}
