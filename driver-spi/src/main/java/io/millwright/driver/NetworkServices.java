package io.millwright.driver;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** Publishes DHCP reservations and DNS names of one network, without restarting anything. */
public interface NetworkServices extends AutoCloseable {
  /**
   * What one machine has on one network.
   *
   * @param uid of the machine
   * @param hostname without domain
   * @param domain of the network, or empty
   * @param reservations what its cards get by DHCP
   * @param addresses under which it is found by name, forward and backward
   */
  record Records(
      UUID uid,
      String hostname,
      String domain,
      List<Reservation> reservations,
      List<Ip> addresses) {}

  /** An address that DHCP keeps for a card. */
  record Reservation(Mac mac, Ip ip) {}

  /** What is published by this installation, by machine. */
  Map<UUID, Records> observe() throws DriverException;

  /** What is published of one machine; a driver that can look it up alone does. */
  default Optional<Records> find(UUID uid) throws DriverException {
    return Optional.ofNullable(observe().get(uid));
  }

  /**
   * Fails if what is published is served to nobody now, because who serves it does not run; asked
   * often, and cheap.
   */
  default void check() throws DriverException {}

  /** Publishes the records of a machine in place of those that it had. */
  Outcome publish(Records records) throws DriverException;

  /** Withdraws all records of a machine. */
  Outcome withdraw(UUID uid) throws DriverException;

  @Override
  void close();
}
