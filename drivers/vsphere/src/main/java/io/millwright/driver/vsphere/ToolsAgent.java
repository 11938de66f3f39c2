package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.Mark;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What VMware's tools in a guest report; they know nothing of SSH keys. */
final class ToolsAgent implements GuestAgent {
  private final Vim vim;
  private final Machines machines;
  private final Collector collector;

  ToolsAgent(Vim vim, Machines machines) {
    this.vim = vim;
    this.machines = machines;
    this.collector = new Collector(vim);
  }

  @Override
  public Optional<Facts> ask(Mark mark) throws DriverException {
    return vim.act(() -> {
      Optional<VmFacts> there = machines.find(mark);
      Optional<Map<Mac, List<Ip>>> told = Optional.empty();
      if (there.isPresent()) {
        told = addresses(there.get());
      }
      return told.map(addresses -> new Facts(addresses, List.of()));
    });
  }

  /** What the tools of anybody's machine report; nothing if they do not run. */
  Optional<Map<Mac, List<Ip>>> addresses(VmFacts machine) throws DriverException, VimFault {
    if (!machine.power().equals("poweredOn")) {
      return Optional.empty();
    }
    Collector.Found guest = collector.read(machine.ref(), "guest.toolsRunningStatus", "guest.net");
    if (!guest.text("guest.toolsRunningStatus").equals("guestToolsRunning")) {
      return Optional.empty();
    }
    Map<Mac, List<Ip>> out = new LinkedHashMap<>();
    for (Element card : guest.get("guest.net").map(Element::children).orElse(List.of())) {
      try {
        Mac mac = Mac.parse(card.text("macAddress").toLowerCase(Locale.ROOT));
        out.put(mac, addresses(card));
      } catch (IllegalArgumentException e) {
        // a card without an address of its own, such as a tunnel
      }
    }
    return Optional.of(out);
  }

  private static List<Ip> addresses(Element card) {
    List<Ip> out = new ArrayList<>();
    card.all("ipAddress")
        .forEach(address -> {
          try {
            Ip ip = Ip.parse(address.text());
            InetAddress inet = ip.toInetAddress();
            if (!inet.isLoopbackAddress() && !inet.isLinkLocalAddress()) {
              out.add(ip);
            }
          } catch (IllegalArgumentException e) {
            // tools of some guests write other things here
          }
        });
    return List.copyOf(out);
  }
}
