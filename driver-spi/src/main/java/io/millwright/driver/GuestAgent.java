package io.millwright.driver;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Facet: the agent inside a guest. */
public interface GuestAgent {
  /**
   * What the agent says.
   *
   * @param addresses by MAC, without loopback and link-local ones
   * @param hostKeys public SSH host keys, as in known_hosts without the host
   */
  record Facts(Map<Mac, List<Ip>> addresses, List<String> hostKeys) {}

  /** Asks the agent; nothing if none answers within two seconds or so. */
  Optional<Facts> ask(Mark mark) throws DriverException;
}
