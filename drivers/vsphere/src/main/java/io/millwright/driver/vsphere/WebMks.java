package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Mark;
import io.millwright.driver.Screen;
import java.net.URI;
import org.jspecify.annotations.Nullable;

/** Screens by tickets of vSphere's kind {@code webmks}, which viewers in browsers know. */
final class WebMks implements Screen {
  private static final String PROTOCOL = "webmks";

  private final Vim vim;
  private final Machines machines;
  private final Settings settings;

  WebMks(Vim vim, Machines machines, Settings settings) {
    this.vim = vim;
    this.machines = machines;
    this.settings = settings;
  }

  @Override
  public Ticket ticket(Mark mark) throws DriverException {
    return machines.alone(
        mark.uid(),
        () -> {
          VmFacts there = machines.need(mark);
          if (!there.power().equals("poweredOn")) {
            throw Machines.conflict("The machine does not run.", there.power());
          }
          Element made =
              Vim.value(
                  vim.call(
                      there.ref(), "AcquireTicket", new Element("ticketType").holding(PROTOCOL)));
          return new Ticket(url(made), PROTOCOL, thumbprint(made));
        });
  }

  /** As newer ones tell it themselves, or as is made of what older ones tell. */
  private URI url(Element made) throws DriverException {
    String told = made.text("url");
    // Without a host it is that of who was asked.
    String host = made.text("host").isEmpty() ? settings.url().getHost() : made.text("host");
    String port = made.text("port").isEmpty() ? "443" : made.text("port");
    String ticket = made.text("ticket");
    try {
      if (told.isEmpty() && !ticket.isEmpty()) {
        String name = host.contains(":") && !host.startsWith("[") ? "[" + host + "]" : host;
        return URI.create("wss://" + name + ":" + port + "/ticket/" + ticket);
      }
      URI url = URI.create(told);
      if ("wss".equals(url.getScheme()) && url.getHost() != null) {
        return url;
      }
    } catch (IllegalArgumentException e) {
      // What it was is a secret.
    }
    throw new DriverException(
        FaultKind.UNSUPPORTED, "The hypervisor gave no ticket that opens a screen.");
  }

  private static @Nullable String thumbprint(Element made) {
    String told = made.text("sslThumbprint");
    return told.isEmpty() ? null : told;
  }
}
