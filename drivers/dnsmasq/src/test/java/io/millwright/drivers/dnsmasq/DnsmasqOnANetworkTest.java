package io.millwright.drivers.dnsmasq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.NetworkServices;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.NetworkServices.Reservation;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** DHCP with a real client, and disks that say no. Needs root, dnsmasq-base and busybox. */
@Tag("netns")
class DnsmasqOnANetworkTest {
  private static final String OURS = "0a0b0c0d";
  private static final UUID UID = UUID.fromString("01900000-0000-7000-8000-000000000001");
  private static final UUID UID2 = UUID.fromString("01900000-0000-7000-8000-000000000002");
  private static final String CARD = "52:54:00:00:00:01";
  private static final String CARD2 = "52:54:00:00:00:02";
  private static final String CARD3 = "52:54:00:00:00:03";

  @TempDir Path home;

  private static Records records(UUID uid, String hostname, String mac, String ip) {
    return new Records(
        uid,
        hostname,
        "lab.test",
        List.of(
            new Reservation(
                Mac.parse(mac), Ip.parse("fd00:99::" + (uid.getLeastSignificantBits() & 15))),
            new Reservation(Mac.parse(mac), Ip.parse(ip))),
        List.of(Ip.parse(ip)));
  }

  /** inotify tells dnsmasq within milliseconds; a lease would go on for an hour. */
  private static void soon(ThrowingRunnable assertion) {
    await()
        .pollInterval(Duration.ofMillis(20))
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(assertion);
  }

  @Test
  void reservationsAreServedChangedAndWithdrawnWithoutARestart() throws Exception {
    try (TestNetwork network = new TestNetwork(home);
        RunningDnsmasq dnsmasq =
            RunningDnsmasq.startIn(network.serverNamespace(), TestNetwork.SERVER_INTERFACE, home);
        NetworkServices services = dnsmasq.open(OURS)) {
      assertThat(network.dhcp(CARD)).isEmpty();

      services.publish(records(UID, "hello", CARD, "10.99.0.5"));
      assertThat(network.dhcp(CARD)).isEqualTo("10.99.0.5 hello lab.test 3600");

      services.publish(records(UID, "hello", CARD, "10.99.0.6"));
      assertThat(network.dhcp(CARD)).isEqualTo("10.99.0.6 hello lab.test 3600");

      // Another card under the same address: dnsmasq takes that only after it forgot the first.
      services.publish(records(UID2, "other", CARD3, "10.99.0.7"));
      services.publish(records(UID2, "other", CARD2, "10.99.0.7"));
      assertThat(network.dhcp(CARD2)).isEqualTo("10.99.0.7 other lab.test 3600");

      // The same, where the first was another machine's.
      services.publish(records(UID2, "other", CARD2, "10.99.0.8"));
      services.withdraw(UID2);
      services.publish(records(UID, "hello", CARD3, "10.99.0.8"));
      assertThat(network.dhcp(CARD3)).isEqualTo("10.99.0.8 hello lab.test 3600");

      services.withdraw(UID);
      await()
          .pollInterval(Duration.ofMillis(100))
          .atMost(Duration.ofSeconds(20))
          .untilAsserted(() -> assertThat(network.dhcp(CARD3)).isEmpty());
      assertThat(dnsmasq.alive()).isTrue();
    }
  }

  @Test
  void aWithdrawnMachinesNameIsGoneAtOnceWhileItsLeaseGoesOn() throws Exception {
    try (TestNetwork network = new TestNetwork(home);
        RunningDnsmasq dnsmasq =
            RunningDnsmasq.startIn(network.serverNamespace(), TestNetwork.SERVER_INTERFACE, home);
        NetworkServices services = dnsmasq.open(OURS)) {
      // With a domain and without: dnsmasq would name a lease by other rules in each case.
      for (String domain : List.of("lab.test", "")) {
        String name = domain.isEmpty() ? "hello" : "hello.lab.test";
        Records hello =
            new Records(
                UID,
                "hello",
                domain,
                List.of(new Reservation(Mac.parse(CARD), Ip.parse("10.99.0.5"))),
                List.of(Ip.parse("10.99.0.5"), Ip.parse("10.99.0.9")));
        services.publish(hello);
        assertThat(network.dhcp(CARD)).isEqualTo("10.99.0.5 hello lab.test 3600");
        soon(() -> {
          assertThat(network.dig(name)).containsExactly("10.99.0.5", "10.99.0.9");
          assertThat(network.dig("-x", "10.99.0.5")).containsExactly(name + ".");
        });

        services.withdraw(UID);

        soon(() -> {
          for (String question : List.of("hello.lab.test", "hello")) {
            assertThat(network.dig(question)).isEmpty();
          }
          assertThat(network.dig("-x", "10.99.0.5")).isEmpty();
          assertThat(network.dig("-x", "10.99.0.9")).isEmpty();
        });
        // Nor does a signal bring it back, though the lease is still there.
        services.publish(records(UID2, "other", CARD2, "10.99.0.7"));
        services.withdraw(UID2);
        assertThat(network.dig(name)).isEmpty();
        assertThat(Files.readString(home.resolve("leases"))).contains(CARD + " 10.99.0.5");
      }

      // The address is free for the card that has the lease, under whatever name.
      services.publish(records(UID2, "other", CARD, "10.99.0.5"));
      assertThat(network.dhcp(CARD)).isEqualTo("10.99.0.5 other lab.test 3600");
      soon(() -> assertThat(network.dig("-x", "10.99.0.5")).containsExactly("other.lab.test."));
      assertThat(network.dig("hello.lab.test")).isEmpty();
    }
  }

  @Test
  void aGuestCannotGiveItselfAName() throws Exception {
    try (TestNetwork network = new TestNetwork(home);
        RunningDnsmasq dnsmasq =
            RunningDnsmasq.startIn(network.serverNamespace(), TestNetwork.SERVER_INTERFACE, home);
        NetworkServices services = dnsmasq.open(OURS)) {
      // Reserved under a name that cannot stand in its line, so the guest's own is the only one.
      services.publish(
          new Records(
              UID,
              "12h",
              "",
              List.of(new Reservation(Mac.parse(CARD), Ip.parse("10.99.0.5"))),
              List.of()));
      assertThat(network.dhcp(CARD, "-x", "hostname:claimed")).startsWith("10.99.0.5 ");
      assertThat(Files.readString(home.resolve("leases"))).contains("10.99.0.5 claimed");
      assertThat(network.dig("claimed")).isEmpty();
      assertThat(network.dig("claimed.lab.test")).isEmpty();
      assertThat(network.dig("-x", "10.99.0.5")).isEmpty();
    }
  }

  @Test
  void aHostNameThatLooksLikeALeaseTimeIsAHostName() throws Exception {
    try (TestNetwork network = new TestNetwork(home);
        RunningDnsmasq dnsmasq =
            RunningDnsmasq.startIn(network.serverNamespace(), TestNetwork.SERVER_INTERFACE, home);
        NetworkServices services = dnsmasq.open(OURS, Map.of("leaseSeconds", "300"))) {
      services.publish(records(UID, "12h", CARD, "10.99.0.5"));
      assertThat(network.dhcp(CARD)).isEqualTo("10.99.0.5 12h lab.test 300");
    }
  }

  @Test
  void aFullDiskIsACapacityFaultAndLeavesNoPartOfAFile() throws Exception {
    Path disk = Files.createDirectory(home.resolve("disk"));
    TestNetwork.run("mount", "-t", "tmpfs", "-o", "size=64k", "mwtest", disk.toString());
    try (RunningDnsmasq dnsmasq = RunningDnsmasq.start(disk);
        NetworkServices services = dnsmasq.open(OURS)) {
      services.publish(records(UID, "hello", CARD, "10.99.0.5"));
      Path ballast = disk.resolve("ballast");
      // As much as fits, by a program that says so by failing
      assertThatExceptionOfType(java.io.IOException.class)
          .isThrownBy(
              () -> TestNetwork.run("dd", "if=/dev/zero", "of=" + ballast, "bs=4096", "count=64"));

      assertThatExceptionOfType(DriverException.class)
          .isThrownBy(() -> services.publish(records(UID2, "more", CARD2, "10.99.0.6")))
          .satisfies(e -> assertThat(e.kind()).isEqualTo(FaultKind.CAPACITY));

      assertThat(services.observe()).containsOnlyKeys(UID);
      try (Stream<Path> files = Files.list(disk)) {
        assertThat(files.filter(f -> f.getFileName().toString().startsWith("."))).isEmpty();
      }
      Files.delete(ballast);
      services.publish(records(UID2, "more", CARD2, "10.99.0.6"));
      assertThat(services.observe()).containsOnlyKeys(UID, UID2);
    } finally {
      TestNetwork.run("umount", disk.toString());
    }
  }

  @Test
  void aDirectoryThatMayNotBeWrittenIsARefusal() throws Exception {
    Path disk = Files.createDirectory(home.resolve("disk"));
    Files.createDirectories(disk.resolve("dhcp"));
    Files.createDirectories(disk.resolve("hosts"));
    TestNetwork.run("mount", "--bind", disk.toString(), disk.toString());
    try {
      TestNetwork.run("mount", "-o", "remount,bind,ro", disk.toString());
      try (NetworkServices services =
          new DnsmasqProvider()
              .open(
                  Map.of(
                      "directory", disk.toString(),
                      "pidFile", disk + "/pid",
                      "dnsPidFile", disk + "/dns.pid"),
                  OURS)) {
        assertThatExceptionOfType(DriverException.class)
            .isThrownBy(() -> services.publish(records(UID, "hello", CARD, "10.99.0.5")))
            .satisfies(e -> assertThat(e.kind()).isEqualTo(FaultKind.REFUSED));
      }
    } finally {
      TestNetwork.run("umount", disk.toString());
    }
  }
}
