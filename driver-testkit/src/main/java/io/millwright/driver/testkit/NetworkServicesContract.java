package io.millwright.driver.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.NetworkServices;
import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.NetworkServices.Reservation;
import io.millwright.driver.Outcome;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/**
 * What every driver for DHCP and DNS does. A driver's test inherits it and says how to connect.
 *
 * <p>Each test gets an outside system without records, on which several installations meet.
 */
public abstract class NetworkServicesContract {
  protected static final String OURS = "0a0b0c0d";
  protected static final String THEIRS = "11223344";

  /** A new connection to the outside system of the running test, on behalf of an installation. */
  protected abstract NetworkServices open(String installation) throws Exception;

  /** Records with a reservation and a name for each address; n tells machines apart. */
  protected static Records machine(int n) {
    Ip v4 = Ip.parse("10.99.0." + (10 + n));
    Ip v6 = Ip.parse("fd00:99::" + (10 + n));
    Mac mac = Mac.ofQemu(n);
    return new Records(
        new UUID(0x0190_0000_0000_7000L, 0x8000_0000_0000_0000L + n),
        "m" + n,
        "lab.test",
        List.of(new Reservation(mac, v4), new Reservation(mac, v6)),
        List.of(v4, v6));
  }

  @Test
  void nothingIsPublishedAtFirst() throws Exception {
    try (NetworkServices services = open(OURS)) {
      assertThat(services.observe()).isEmpty();
    }
  }

  @Test
  void whatIsPublishedIsObserved() throws Exception {
    Records records = machine(1);
    try (NetworkServices services = open(OURS)) {
      assertThat(services.publish(records)).isEqualTo(Outcome.DONE);
      assertThat(services.observe()).isEqualTo(Map.of(records.uid(), records));
    }
    try (NetworkServices another = open(OURS)) {
      assertThat(another.observe()).isEqualTo(Map.of(records.uid(), records));
    }
  }

  @Test
  void whatIsPublishedIsServed() throws Exception {
    try (NetworkServices services = open(OURS)) {
      services.check();
      services.publish(machine(1));
      services.check();
    }
  }

  @Test
  void oneMachineIsFoundAsItIsObserved() throws Exception {
    try (NetworkServices ours = open(OURS);
        NetworkServices theirs = open(THEIRS)) {
      ours.publish(machine(1));
      theirs.publish(machine(2));
      assertThat(ours.find(machine(1).uid())).contains(machine(1));
      assertThat(ours.find(machine(2).uid())).isEmpty();
      ours.withdraw(machine(1).uid());
      assertThat(ours.find(machine(1).uid())).isEmpty();
    }
  }

  @Test
  void orderAndEmptyPartsSurvive() throws Exception {
    Records base = machine(1);
    List<Reservation> two = new ArrayList<>(base.reservations());
    two.add(1, new Reservation(Mac.ofQemu(77), Ip.parse("10.99.0.77")));
    List<Records> shapes =
        List.of(
            new Records(base.uid(), "a", "", List.of(), List.of()),
            new Records(base.uid(), "a", "lab.test", List.of(), base.addresses()),
            new Records(base.uid(), "a", "", base.reservations(), List.of()),
            new Records(base.uid(), "12h", "", base.reservations(), base.addresses()),
            new Records(base.uid(), "a", "lab.test", two, base.addresses().reversed()));
    try (NetworkServices services = open(OURS)) {
      for (Records shape : shapes) {
        services.publish(shape);
        assertThat(services.observe()).isEqualTo(Map.of(base.uid(), shape));
      }
    }
  }

  @Test
  void publishingAgainChangesNothing() throws Exception {
    Records records = machine(1);
    try (NetworkServices services = open(OURS)) {
      services.publish(records);
      assertThat(services.publish(records)).isEqualTo(Outcome.DONE);
      assertThat(services.observe()).isEqualTo(Map.of(records.uid(), records));
    }
  }

  @Test
  void newRecordsTakeThePlaceOfTheOldOnes() throws Exception {
    Records before = machine(1);
    Records other = machine(2);
    Records after =
        new Records(
            before.uid(),
            "renamed",
            "other.test",
            List.of(new Reservation(Mac.ofQemu(9), Ip.parse("10.99.0.99"))),
            List.of(Ip.parse("10.99.0.99")));
    try (NetworkServices services = open(OURS)) {
      services.publish(before);
      services.publish(other);
      assertThat(services.publish(after)).isEqualTo(Outcome.DONE);
      assertThat(services.observe()).isEqualTo(Map.of(after.uid(), after, other.uid(), other));
    }
  }

  @Test
  void whatIsWithdrawnIsGoneAndTheRestStays() throws Exception {
    try (NetworkServices services = open(OURS)) {
      services.publish(machine(1));
      services.publish(machine(2));
      assertThat(services.withdraw(machine(1).uid())).isEqualTo(Outcome.DONE);
      assertThat(services.observe()).isEqualTo(Map.of(machine(2).uid(), machine(2)));
    }
  }

  @Test
  void withdrawingWhatIsNotThereIsDone() throws Exception {
    try (NetworkServices services = open(OURS)) {
      assertThat(services.withdraw(machine(1).uid())).isEqualTo(Outcome.DONE);
      services.publish(machine(1));
      services.withdraw(machine(1).uid());
      assertThat(services.withdraw(machine(1).uid())).isEqualTo(Outcome.DONE);
      assertThat(services.observe()).isEmpty();
    }
  }

  @Test
  void anAddressCanMoveToAnotherMachine() throws Exception {
    Records first = machine(1);
    Records second =
        new Records(
            machine(2).uid(),
            "m2",
            "lab.test",
            List.of(new Reservation(Mac.ofQemu(2), first.addresses().getFirst())),
            List.of(first.addresses().getFirst()));
    try (NetworkServices services = open(OURS)) {
      services.publish(first);
      services.withdraw(first.uid());
      assertThat(services.publish(second)).isEqualTo(Outcome.DONE);
      assertThat(services.observe()).isEqualTo(Map.of(second.uid(), second));
    }
  }

  @Test
  void recordsOfAnotherInstallationAreNeitherSeenNorTouched() throws Exception {
    try (NetworkServices ours = open(OURS);
        NetworkServices theirs = open(THEIRS)) {
      theirs.publish(machine(1));
      ours.publish(machine(2));
      assertThat(ours.observe().keySet()).containsExactly(machine(2).uid());
      assertThat(ours.withdraw(machine(1).uid())).isEqualTo(Outcome.DONE);
      ours.withdraw(machine(2).uid());
      assertThat(theirs.observe()).isEqualTo(Map.of(machine(1).uid(), machine(1)));
    }
  }

  @Test
  void namesThatAreNoneAreRefusedAndChangeNothing() throws Exception {
    Records good = machine(1);
    List<Records> bad =
        List.of(
            renamed(good, "two words", "lab.test"),
            renamed(good, "line\nbreak", "lab.test"),
            renamed(good, "a,ignore", "lab.test"),
            renamed(good, "../up", "lab.test"),
            renamed(good, "-dash", "lab.test"),
            renamed(good, "", "lab.test"),
            renamed(good, "a", "lab test"),
            renamed(good, "a", "lab.test\n10.0.0.1 bank"),
            renamed(good, "a", "#"));
    try (NetworkServices services = open(OURS)) {
      services.publish(good);
      for (Records records : bad) {
        assertThatExceptionOfType(DriverException.class)
            .isThrownBy(() -> services.publish(records))
            .satisfies(e -> assertThat(e.kind()).isEqualTo(FaultKind.REFUSED));
      }
      assertThat(services.observe()).isEqualTo(Map.of(good.uid(), good));
    }
  }

  private static Records renamed(Records records, String hostname, String domain) {
    return new Records(
        records.uid(), hostname, domain, records.reservations(), records.addresses());
  }

  @Test
  void manyActAtOnce() throws Exception {
    int machines = 40;
    try (NetworkServices services = open(OURS);
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Outcome>> acts = new ArrayList<>();
      for (int n = 0; n < machines; n++) {
        Records records = machine(n);
        acts.add(threads.submit(() -> services.publish(records)));
        acts.add(threads.submit(() -> services.publish(records)));
      }
      for (Future<Outcome> act : acts) {
        assertThat(act.get()).isEqualTo(Outcome.DONE);
      }
      assertThat(services.observe()).hasSize(machines).containsValue(machine(machines - 1));
      acts.clear();
      for (int n = 0; n < machines; n++) {
        UUID uid = machine(n).uid();
        acts.add(threads.submit(() -> services.withdraw(uid)));
      }
      for (Future<Outcome> act : acts) {
        assertThat(act.get()).isEqualTo(Outcome.DONE);
      }
      assertThat(services.observe()).isEmpty();
    }
  }
}
