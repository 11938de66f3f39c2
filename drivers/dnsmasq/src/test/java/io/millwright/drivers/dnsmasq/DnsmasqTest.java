package io.millwright.drivers.dnsmasq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.NetworkServices;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.NetworkServices.Reservation;
import io.millwright.driver.NetworkServicesProvider;
import io.millwright.driver.Outcome;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a real dnsmasq, without its DHCP. */
class DnsmasqTest {
  private static final UUID UID = UUID.fromString("01900000-0000-7000-8000-000000000001");
  private static final String OURS = "0a0b0c0d";
  private static final String FILE = "mw-" + OURS + "-" + UID;
  private static final Ip V4 = Ip.parse("10.99.0.5");
  private static final Ip V6 = Ip.parse("fd00:99::5");
  private static final Ip OTHER = Ip.parse("10.99.0.6");
  private static final Mac MAC = Mac.parse("52:54:00:00:00:01");
  private static final Records HELLO =
      new Records(
          UID,
          "hello",
          "lab.test",
          List.of(new Reservation(MAC, V4), new Reservation(MAC, V6)),
          List.of(V4, V6));

  @TempDir Path home;
  private RunningDnsmasq dnsmasq;
  private NetworkServices services;

  @BeforeEach
  void start() throws Exception {
    dnsmasq = RunningDnsmasq.start(home);
    services = dnsmasq.open(OURS);
  }

  @AfterEach
  void stop() throws Exception {
    dnsmasq.close();
  }

  private static void soon(ThrowingRunnable assertion) {
    await()
        .pollInterval(Duration.ofMillis(10))
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(assertion);
  }

  private static DriverException failure(
      org.assertj.core.api.ThrowableAssert.ThrowingCallable act) {
    return assertThatExceptionOfType(DriverException.class).isThrownBy(act).actual();
  }

  @Test
  void namesAnswerForwardAndBackwardWithoutARestart() throws Exception {
    List<Long> pids = dnsmasq.pids();
    services.publish(HELLO);
    soon(() -> {
      assertThat(dnsmasq.addresses("hello.lab.test")).containsExactly("10.99.0.5", "fd00:99::5");
      assertThat(dnsmasq.addresses("hello")).containsExactly("10.99.0.5", "fd00:99::5");
      assertThat(dnsmasq.names(V4)).containsExactly("hello.lab.test.");
      assertThat(dnsmasq.names(V6)).containsExactly("hello.lab.test.");
    });

    services.publish(new Records(UID, "bye", "lab.test", HELLO.reservations(), List.of(OTHER)));
    soon(() -> {
      assertThat(dnsmasq.addresses("bye.lab.test")).containsExactly("10.99.0.6");
      assertThat(dnsmasq.names(OTHER)).containsExactly("bye.lab.test.");
      assertThat(dnsmasq.addresses("hello.lab.test")).isEmpty();
      assertThat(dnsmasq.names(V6)).isEmpty();
    });

    services.withdraw(UID);
    soon(() -> {
      assertThat(dnsmasq.addresses("bye.lab.test")).isEmpty();
      assertThat(dnsmasq.names(OTHER)).isEmpty();
    });
    assertThat(dnsmasq.pids()).isEqualTo(pids);
    assertThat(dnsmasq.alive()).isTrue();
  }

  @Test
  void aFirstPublicationNeedsNoReloadAndAnUnchangedOneNoWrite() throws Exception {
    int before = dnsmasq.reloads();
    services.publish(HELLO);
    soon(() -> assertThat(dnsmasq.addresses("hello.lab.test")).hasSize(2));
    FileTime longAgo = FileTime.from(Instant.EPOCH);
    Files.setLastModifiedTime(dnsmasq.dhcpFile(FILE), longAgo);
    Files.setLastModifiedTime(dnsmasq.hostsFile(FILE), longAgo);

    assertThat(services.publish(HELLO)).isEqualTo(Outcome.DONE);

    assertThat(Files.getLastModifiedTime(dnsmasq.dhcpFile(FILE))).isEqualTo(longAgo);
    assertThat(Files.getLastModifiedTime(dnsmasq.hostsFile(FILE))).isEqualTo(longAgo);
    assertThat(dnsmasq.reloads()).isEqualTo(before);
  }

  @Test
  void changesOfManyMachinesShareReloads() throws Exception {
    int machines = 60;
    List<Records> all = new ArrayList<>();
    for (int n = 0; n < machines; n++) {
      Ip ip = Ip.parse("10.99.1." + n);
      all.add(
          new Records(
              new UUID(1, n),
              "m" + n,
              "",
              List.of(new Reservation(Mac.ofQemu(n), ip)),
              List.of(ip)));
      services.publish(all.getLast());
    }
    int before = dnsmasq.reloads();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Outcome>> acts =
          all.stream().map(r -> threads.submit(() -> services.withdraw(r.uid()))).toList();
      for (Future<Outcome> act : acts) {
        assertThat(act.get()).isEqualTo(Outcome.DONE);
      }
    }
    soon(() -> assertThat(dnsmasq.addresses("m7")).isEmpty());
    assertThat(dnsmasq.reloads() - before).isBetween(1, machines / 4);
  }

  @Test
  void withoutDnsmasqRecordsAreWrittenForItsNextStartAndTheActFails() throws Exception {
    services.check();
    dnsmasq.stop();
    DriverException failed = failure(() -> services.publish(HELLO));
    assertThat(failed.kind()).isEqualTo(FaultKind.UNREACHABLE);
    assertThat(failed).hasMessageContaining("start dnsmasq");
    assertThat(failure(services::check)).hasMessageContaining("start dnsmasq");

    dnsmasq.startAgain();
    services.check();
    soon(() -> assertThat(dnsmasq.addresses("hello.lab.test")).hasSize(2));
    assertThat(services.publish(HELLO)).isEqualTo(Outcome.DONE);
    assertThat(services.observe()).containsEntry(UID, HELLO);
  }

  @Test
  void namesThatNobodyServesAreNotPublishedButCanBeWithdrawn() throws Exception {
    dnsmasq.stopNames();
    assertThat(failure(() -> services.publish(HELLO)))
        .hasMessageContaining("start dnsmasq")
        .satisfies(e -> assertThat(((DriverException) e).forOperator()).contains("dns.pid"));

    assertThat(services.withdraw(UID)).isEqualTo(Outcome.DONE);
    assertThat(services.observe()).isEmpty();
  }

  @Test
  void aChangeWithoutDnsmasqIsNotObservedAsPublishedUntilItWasTold() throws Exception {
    services.publish(HELLO);
    Records moved =
        new Records(UID, "hello", "lab.test", List.of(new Reservation(MAC, OTHER)), List.of(OTHER));
    Path pidFile = home.resolve("pid");
    byte[] pid = Files.readAllBytes(pidFile);
    Files.delete(pidFile); // it runs on, and nobody can say where

    assertThat(failure(() -> services.publish(moved)).kind()).isEqualTo(FaultKind.UNREACHABLE);
    assertThat(services.observe().get(UID)).isNotEqualTo(moved);

    Files.write(pidFile, pid);
    int before = dnsmasq.reloads();
    assertThat(services.publish(moved)).isEqualTo(Outcome.DONE);
    assertThat(services.observe()).containsEntry(UID, moved);
    soon(() -> assertThat(dnsmasq.reloads()).isEqualTo(before + 1));
  }

  @Test
  void withdrawingIsDoneWithoutDnsmasq() throws Exception {
    services.publish(HELLO);
    dnsmasq.stop();
    assertThat(services.withdraw(UID)).isEqualTo(Outcome.DONE);
    assertThat(services.observe()).isEmpty();
  }

  @Test
  void aChangeThatACrashCutShortIsFinishedByTheNextAct() throws Exception {
    services.publish(HELLO);
    // As if the process had died after it put the new DHCP file in place.
    Files.writeString(dnsmasq.dhcpFile(FILE), "52:54:00:00:00:02,10.99.0.5,hello.lab.test\n");
    Records wanted =
        new Records(
            UID,
            "hello",
            "lab.test",
            List.of(new Reservation(Mac.parse("52:54:00:00:00:02"), V4)),
            HELLO.addresses());
    assertThat(services.observe().get(UID)).isNotEqualTo(wanted);
    int before = dnsmasq.reloads();

    assertThat(services.publish(wanted)).isEqualTo(Outcome.DONE);

    assertThat(services.observe()).containsEntry(UID, wanted);
    soon(() -> assertThat(dnsmasq.reloads()).isEqualTo(before + 1));
  }

  @Test
  void aWithdrawalThatACrashCutShortIsSeenAndFinished() throws Exception {
    services.publish(HELLO);
    Files.delete(dnsmasq.dhcpFile(FILE));
    assertThat(services.observe()).containsOnlyKeys(UID);
    int before = dnsmasq.reloads();

    assertThat(services.withdraw(UID)).isEqualTo(Outcome.DONE);

    assertThat(services.observe()).isEmpty();
    soon(() -> assertThat(dnsmasq.reloads()).isEqualTo(before + 1));
  }

  @Test
  void aFileThatSomebodyEditedIsNotObservedAsPublishedAndIsPutRight() throws Exception {
    services.publish(HELLO);
    String good = Files.readString(dnsmasq.hostsFile(FILE));
    for (String edited :
        List.of(
            good + "10.99.0.200 hello\n",
            "",
            "garbage\n",
            good.replace("10.99.0.5", "10.99.0.55"),
            good.replace("10.99.0.5 ", "ten "),
            "\u0000\u00ff")) {
      Files.writeString(dnsmasq.hostsFile(FILE), edited);
      assertThat(services.observe()).containsOnlyKeys(UID);
      Records seen = services.observe().get(UID);
      // One edit is as good a file as any; what counts is that it is not what was declared.
      assertThat(seen).isNotEqualTo(HELLO);
      services.publish(HELLO);
      assertThat(Files.readString(dnsmasq.hostsFile(FILE))).isEqualTo(good);
    }
  }

  @Test
  void filesOfOthersAreLeftAlone() throws Exception {
    List<String> names =
        List.of("mw-11223344-" + UID, "mw-" + OURS + "-not-a-uid", "people", ".hidden");
    for (String name : names) {
      Files.writeString(dnsmasq.hostsFile(name), "10.99.0.9 " + "theirs\n");
    }
    services.publish(HELLO);
    services.withdraw(UID);
    assertThat(services.observe()).isEmpty();
    for (String name : names) {
      assertThat(dnsmasq.hostsFile(name)).hasContent("10.99.0.9 theirs");
    }
  }

  @Test
  void nothingIsLeftBesideTheWatchedDirectories() throws Exception {
    Path fresh = home.resolve(".dhcp." + FILE + ".fresh");
    Path old = home.resolve(".dhcp." + FILE + ".old");
    Path theirs = home.resolve(".dhcp.mw-11223344-" + UID + ".old");
    for (Path file : List.of(fresh, old, theirs)) {
      Files.createFile(file);
    }
    Files.setLastModifiedTime(old, FileTime.from(Instant.EPOCH));
    Files.setLastModifiedTime(theirs, FileTime.from(Instant.EPOCH));

    services.publish(HELLO);

    try (Stream<Path> files = Files.list(home)) {
      assertThat(files.filter(f -> f.getFileName().toString().startsWith(".")))
          .containsExactlyInAnyOrder(fresh, theirs);
    }
  }

  @Test
  void onlyAProcessNamedDnsmasqIsEverSignalled() throws Exception {
    services.publish(HELLO);
    for (String content :
        List.of(
            Long.toString(ProcessHandle.current().pid()), "1", "-1", "0", "", "x", "999999999")) {
      Files.writeString(home.resolve("pid"), content);
      assertThat(failure(() -> services.publish(HELLO)).kind()).isEqualTo(FaultKind.UNREACHABLE);
    }
  }

  @Test
  void aMissingDirectoryIsUnknownAndNotEmpty() throws Exception {
    NetworkServices elsewhere =
        new DnsmasqProvider()
            .open(
                Map.of(
                    "directory", home + "/nowhere",
                    "pidFile", home + "/pid",
                    "dnsPidFile", home + "/dns.pid"),
                OURS);
    assertThat(failure(elsewhere::observe).kind()).isEqualTo(FaultKind.UNREACHABLE);
    assertThat(failure(() -> elsewhere.publish(HELLO)).kind()).isEqualTo(FaultKind.UNREACHABLE);
    assertThat(failure(() -> elsewhere.withdraw(UID)).kind()).isEqualTo(FaultKind.UNREACHABLE);
    assertThat(home.resolve("nowhere")).doesNotExist();
  }

  @Test
  void twoIpv4ReservationsOfOneCardAreRefused() {
    Records two =
        new Records(
            UID,
            "hello",
            "",
            List.of(new Reservation(MAC, V4), new Reservation(MAC, OTHER)),
            List.of());
    assertThat(failure(() -> services.publish(two)))
        .hasMessageContaining("only one IPv4 address")
        .satisfies(e -> assertThat(((DriverException) e).kind()).isEqualTo(FaultKind.REFUSED));
  }

  @Test
  void aNameThatLooksLikeALeaseTimeIsNoneInItsFile() throws Exception {
    for (String word : List.of("12h", "300", "infinite", "ignore")) {
      services.publish(new Records(UID, word, "lab.test", HELLO.reservations(), HELLO.addresses()));
      assertThat(Files.readString(dnsmasq.dhcpFile(FILE)).lines())
          .allMatch(l -> l.endsWith("," + word + ".lab.test"));
      services.publish(new Records(UID, word, "", HELLO.reservations(), HELLO.addresses()));
      assertThat(Files.readString(dnsmasq.dhcpFile(FILE)).lines()).noneMatch(l -> l.contains(word));
    }
  }

  @Test
  void anInterruptedThreadEndsItsActAndLeavesNoDoubt() throws Exception {
    services.publish(HELLO);
    Records moved =
        new Records(UID, "hello", "lab.test", List.of(new Reservation(MAC, OTHER)), List.of(OTHER));
    Thread.currentThread().interrupt();
    DriverException failed = failure(() -> services.publish(moved));
    assertThat(Thread.interrupted()).isTrue();
    assertThat(failed.kind()).isEqualTo(FaultKind.UNREACHABLE);
    assertThat(services.publish(moved)).isEqualTo(Outcome.DONE);
    assertThat(services.observe()).containsEntry(UID, moved);
  }

  @Test
  void isFoundByItsNameAndRefusesSettingsThatMakeNoSense() {
    NetworkServicesProvider provider =
        ServiceLoader.load(NetworkServicesProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(p -> p.describe().name().equals("dnsmasq"))
            .findFirst()
            .orElseThrow();
    for (Map<String, String> settings :
        List.of(
            Map.<String, String>of(),
            Map.of("directory", "/a"),
            Map.of("directory", "/a", "pidFile", "/b"),
            Map.of("directory", "a", "pidFile", "/b", "dnsPidFile", "/c"),
            Map.of("directory", "/a\u0000", "pidFile", "/b", "dnsPidFile", "/c"),
            Map.of("directory", "/a", "pidFile", "/b", "dnsPidFile", "/c", "leaseSeconds", "119"),
            Map.of("directory", "/a", "pidFile", "/b", "dnsPidFile", "/c", "leaseSeconds", "1h"),
            Map.of("directory", "/a", "pidFile", "/b", "dnsPidFile", "/c", "pidfile", "/d"))) {
      assertThat(failure(() -> provider.open(settings, OURS)).kind()).isEqualTo(FaultKind.REFUSED);
    }
    Map<String, String> one = Map.of("directory", "/a", "pidFile", "/b", "dnsPidFile", "/x/../b");
    assertThat(failure(() -> provider.open(one, OURS)))
        .hasMessageContaining("names of deleted machines");
  }
}
