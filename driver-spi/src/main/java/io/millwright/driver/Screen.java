package io.millwright.driver;

import java.net.URI;
import org.jspecify.annotations.Nullable;

/** Facet: what a running machine shows on its screen, with its keyboard and mouse. */
public interface Screen {
  /**
   * Opens a screen once, without anything else to show: so it is a secret.
   *
   * @param url where a viewer connects, straight to the hypervisor
   * @param protocol that is spoken there, for example {@code webmks}
   * @param thumbprint of the certificate that answers there, or null if it is like any other
   */
  record Ticket(URI url, String protocol, @Nullable String thumbprint) {
    /** Without what opens it. */
    @Override
    public String toString() {
      return protocol + " at " + url.getHost();
    }
  }

  /**
   * Makes a ticket.
   *
   * @throws DriverException CONFLICT if the machine does not run, or is not ours
   */
  Ticket ticket(Mark mark) throws DriverException;
}
