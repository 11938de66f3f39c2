package io.millwright.driver.proxmox;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.GuestCommands;
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

/**
 * What QEMU's agent in a guest says of its cards, and commands that it runs; its SSH keys are not
 * read.
 */
final class QemuAgent implements GuestAgent, GuestCommands {
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
      return there.isEmpty() ? Optional.empty() : ask(there.get());
    });
  }

  /** As {@link #ask(Mark)}, of anybody's machine. */
  Optional<Facts> ask(Guest there) throws DriverException, PveFault {
    try {
      JsonNode answer =
          api.get(Guests.path(there, "agent", "network-get-interfaces"), Map.of(), PATIENCE);
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
  }

  @Override
  public long begin(Mark mark, List<String> command) throws DriverException {
    return api.act(() -> {
      String path = path(mark, "exec");
      try {
        return api.post(path, "command", command).path("pid").asLong();
      } catch (PveFault e) {
        throw refused(e, FaultKind.REFUSED);
      }
    });
  }

  @Override
  public Optional<Ended> ended(Mark mark, long begun) throws DriverException {
    return api.act(() -> {
      JsonNode how;
      try {
        how = api.get(path(mark, "exec-status"), Map.of("pid", Long.toString(begun)));
      } catch (PveFault e) {
        throw refused(e, FaultKind.CONFLICT);
      }
      if (!how.path("exited").asBoolean(false)) {
        return Optional.empty();
      }
      int code =
          how.has("signal")
              ? 128 + (how.path("signal").asInt(0) & 127)
              : how.path("exitcode").asInt(0) & 255;
      return Optional.of(
          new Ended(code, how.path("out-data").asString("") + how.path("err-data").asString("")));
    });
  }

  private String path(Mark mark, String act) throws DriverException, PveFault {
    Guest there =
        guests
            .find(Cluster.read(api), mark)
            .orElseThrow(
                () -> new DriverException(FaultKind.CONFLICT, "There is no such machine."));
    return Guests.path(there, "agent", act);
  }

  /** A token that may not is told as everywhere; what is left are the agent's own words. */
  private static DriverException refused(PveFault e, FaultKind kind) throws PveFault {
    if (e.says("is not running", "No QEMU guest agent", "got timeout")) {
      return new DriverException(
          FaultKind.CONFLICT, "No guest agent answers in the machine.", e.words(), e);
    }
    if (e.status() != 500) {
      throw e;
    }
    return new DriverException(
        kind,
        "The agent in the machine refuses: " + e.words().replaceFirst("[.\\s]*$", "."),
        e.words(),
        e);
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
