package io.millwright.driver;

/**
 * Facet: what a running machine shows on its screen, with its keyboard and mouse, as the bytes of
 * RFB (RFC 6143). The server passes them on, so nobody else has to reach the hypervisor, and the
 * machine's screen listens on no port there.
 */
public interface Vnc {
  /**
   * Opens it. Whether others see the same screen meanwhile is between them and the hypervisor.
   *
   * @throws DriverException CONFLICT if the machine does not run or has no screen, UNSUPPORTED if
   *     this hypervisor is reached by a way that passes no screens
   */
  SerialConsole.Session open(Mark mark) throws DriverException;
}
