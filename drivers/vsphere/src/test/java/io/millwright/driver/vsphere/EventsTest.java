package io.millwright.driver.vsphere;

import static io.millwright.driver.vsphere.FakeVcenter.fault;
import static io.millwright.driver.vsphere.FakeVcenter.ref;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.InstantSource;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What is told of changes when the server tells what is there in parts, and when it forgets who
 * listens. That nothing was told is seen by what is told next, since all comes in order.
 */
final class EventsTest {
  private static final String LOST = fault("ManagedObjectNotFound", "has been deleted", "");

  private final FakeVcenter vcenter = new FakeVcenter();
  private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
  private final BlockingQueue<UUID> told = new LinkedBlockingQueue<>();
  private VmEvents events;

  @BeforeEach
  void listen() throws Exception {
    vcenter.answer(
        "CreatePropertyCollector",
        c -> "<returnval type=\"PropertyCollector\">collector</returnval>");
    vcenter.answer("CreateFilter", c -> "<returnval type=\"PropertyFilter\">filter</returnval>");
    vcenter.answer("DestroyPropertyCollector", c -> "");
    vcenter.answer("WaitForUpdatesEx", c -> next());
    events =
        new VmEvents(
            new Vim(Settings.read(vcenter.settings()), InstantSource.system()), Duration.ZERO);
    events.subscribe(told::add);
  }

  @AfterEach
  void close() {
    events.close();
    vcenter.close();
  }

  private String next() {
    try {
      String answer = answers.poll(10, TimeUnit.SECONDS);
      return answer == null ? "" : answer;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "";
    }
  }

  private static UUID uid(int machine) {
    return new UUID(0x1234567889ab7cdeL, machine);
  }

  private static String set(int version, boolean truncated, String... updates) {
    return "<returnval><version>"
        + version
        + "</version><filterSet>"
        + ref("filter", "PropertyFilter", "filter")
        + String.join("", updates)
        + "</filterSet>"
        + (truncated ? "<truncated>true</truncated>" : "")
        + "</returnval>";
  }

  private static String part(int version, String... updates) {
    return set(version, true, updates);
  }

  private static String last(int version, String... updates) {
    return set(version, false, updates);
  }

  private static String there(int machine, String changeVersion) {
    return update("enter", machine, change("config.instanceUuid", uid(machine).toString()))
        .replace("</objectSet>", change("config.changeVersion", changeVersion) + "</objectSet>");
  }

  private static String changed(int machine, String changeVersion) {
    return update("modify", machine, change("config.changeVersion", changeVersion));
  }

  private static String update(String kind, int machine, String changes) {
    return "<objectSet><kind>"
        + kind
        + "</kind>"
        + ref("obj", "VirtualMachine", "vm-" + machine)
        + changes
        + "</objectSet>";
  }

  private static String change(String name, String value) {
    return "<changeSet><name>"
        + name
        + "</name><op>assign</op><val xsi:type=\"xsd:string\">"
        + value
        + "</val></changeSet>";
  }

  private UUID told() throws InterruptedException {
    return told.poll(10, TimeUnit.SECONDS);
  }

  @Test
  void whatIsThereFirstIsNotToldThoughItComesInPartsAndWhatChangesThenIs() throws Exception {
    answers.add(part(1, there(1, "a")));
    answers.add(part(2, there(2, "a")));
    answers.add(last(3, there(3, "a")));
    answers.add(last(4, changed(2, "b")));
    assertThat(told()).isEqualTo(uid(2));
    answers.add(last(5, update("leave", 3, "")));
    assertThat(told()).isEqualTo(uid(3));
    assertThat(told).isEmpty();
  }

  @Test
  void afterAConnectionWasLostOnlyWhatChangedMeanwhileIsToldThoughItComesInParts()
      throws Exception {
    answers.add(part(1, there(1, "a"), there(2, "a")));
    answers.add(last(2, there(3, "a"), there(4, "a")));
    answers.add(LOST);
    // The second is gone, the third was changed, the fifth is new.
    answers.add(part(1, there(1, "a")));
    answers.add(part(2, there(3, "b")));
    answers.add(last(3, there(4, "a"), there(5, "a")));
    assertThat(told()).isEqualTo(uid(3));
    assertThat(told()).isEqualTo(uid(5));
    assertThat(told()).isEqualTo(uid(2));
    answers.add(last(4, changed(1, "b")));
    assertThat(told()).isEqualTo(uid(1));
    assertThat(told).isEmpty();
  }

  @Test
  void aFirstListingThatBreaksOffIsNoNewsWhenItIsListedAnew() throws Exception {
    answers.add(part(1, there(1, "a")));
    answers.add(LOST);
    answers.add(part(1, there(1, "a")));
    answers.add(last(2, there(2, "a")));
    answers.add(last(3, changed(1, "b")));
    assertThat(told()).isEqualTo(uid(1));
    assertThat(told).isEmpty();
  }

  @Test
  void whatWasMadeWhileNobodyListenedIsToldThoughNothingWasThereBefore() throws Exception {
    answers.add(last(1));
    answers.add(LOST);
    answers.add(last(1, there(1, "a")));
    assertThat(told()).isEqualTo(uid(1));
  }
}
