package io.millwright.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.engine.port.Groups;
import io.millwright.engine.port.Measurements;
import io.millwright.engine.port.Quarantine;
import io.millwright.engine.port.Reports.Report;
import io.millwright.engine.port.Requests.Answered;
import io.millwright.engine.port.Tokens.Token;
import io.millwright.model.ByteSize;
import io.millwright.model.Kind;
import io.millwright.model.MachineTemplate;
import io.millwright.model.Metadata;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Operation.Target;
import io.millwright.model.Operation.Verb;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.Usage;
import io.millwright.model.Usage.Flow;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/**
 * What the store promises of tokens, wrong passwords, requests and reports, and of its
 * housekeeping.
 */
@NullUnmarked
abstract class SmallPortsContract extends DatabaseTest {
  private static byte[] sha(int n) {
    byte[] out = new byte[32];
    out[0] = (byte) n;
    return out;
  }

  private Token token(String name, Instant expiresAt, int n) {
    Token token = new Token(uid(), name, now(), expiresAt);
    store.write(tx -> tx.tokens().insert(token, sha(n)));
    return token;
  }

  private Optional<Token> find(int n) {
    return store.read(tx -> tx.tokens().find(sha(n)));
  }

  private Optional<Duration> wrongPassword() {
    return store.inTransaction(tx -> tx.sessions().attempt("anna"));
  }

  /**
   * How long is to be waited after so many wrong passwords in a row, for each of which one waited.
   */
  private long waitAfter(int wrong) {
    jdbc.sql("DELETE FROM attempt").update();
    for (int i = 0; i < wrong; i++) {
      // The clock is the database's: that the time is over is brought about there.
      jdbc.sql("UPDATE attempt SET until = clock_timestamp()").update();
      assertThat(wrongPassword()).as("try %d", i + 1).isEmpty();
    }
    String span = "SELECT round(extract(epoch FROM until - at)) FROM attempt";
    long seconds = jdbc.sql(span).query(Long.class).single();
    if (seconds > 60) { // what is short may be over by now, on a busy machine
      Duration told = wrongPassword().orElseThrow();
      assertThat(told.toSeconds()).isBetween(seconds - 60, seconds);
      // One that comes too early is not counted.
      assertThat(jdbc.sql(span).query(Long.class).single()).isEqualTo(seconds);
    }
    return seconds;
  }

  @Test
  void eachWrongPasswordDoublesTheTimeToWaitUpToAQuarterOfAnHour() {
    assertThat(waitAfter(4)).isZero();
    assertThat(IntStream.rangeClosed(5, 17).mapToLong(this::waitAfter))
        .containsExactly(1L, 2L, 4L, 8L, 16L, 32L, 64L, 128L, 256L, 512L, 900L, 900L, 900L);
    assertThat(waitAfter(100)).isEqualTo(900);
    store.write(tx -> tx.sessions().succeeded("anna"));
    assertThat(wrongPassword()).isEmpty();
  }

  @Test
  void tokensAreFoundByTheirHashWhileTheyAreInForce() {
    Token admin = token("admin", null, 1);
    Token ci = token("ci", now().plusSeconds(3600), 2);
    Token old = token("old", now().minusSeconds(1), 3);
    assertThat(find(1)).contains(admin);
    assertThat(find(2)).contains(ci);
    assertThat(find(3)).isEmpty();
    assertThat(find(4)).isEmpty();
    assertThat(store.<List<Token>>read(tx -> tx.tokens().list())).containsExactly(admin, ci);
    assertThat(store.<Optional<Token>>read(tx -> tx.tokens().find(ci.uid()))).contains(ci);
    assertThat(store.<Optional<Token>>read(tx -> tx.tokens().find(old.uid()))).isEmpty();
    ProblemException taken =
        catchThrowableOfType(ProblemException.class, () -> token("ci", null, 5));
    assertThat(taken.problem().type()).isEqualTo(Problem.Type.CONFLICT);
    token("old", null, 6); // the name of one that has expired is free
    assertThat(this.<Boolean>tx(tx -> tx.tokens().revoke("ci"))).isTrue();
    assertThat(this.<Boolean>tx(tx -> tx.tokens().revoke("ci"))).isFalse();
    assertThat(find(2)).isEmpty();
  }

  @Test
  void whatIsInQuarantineIsKeptWithItsDeclaration() {
    Resource<?, ?> host = add(hypervisor("attic", "h"));
    Metadata metadata =
        new Metadata(
            "orders",
            "attic",
            Map.of("app", "shop"),
            Map.of("note", "keep"),
            uid(),
            3,
            1,
            now(),
            null);
    Resource<VolumeSpec, VolumeStatus> volume =
        new Resource<>(
            Kind.VOLUME,
            metadata,
            new VolumeSpec(
                ByteSize.ofMib(512),
                "h",
                VolumeSpec.Reclaim.DELETE,
                2,
                null,
                null,
                VolumeSpec.Detach.LIVE),
            new VolumeStatus(List.of(), "mw-x-data", "mw-1", ByteSize.ofMib(512), null, null));
    Quarantine.Entry entry =
        new Quarantine.Entry(volume, host.uid(), "mw-x-data", now(), now().plusSeconds(60), false);
    store.write(tx -> tx.quarantine().put(entry));
    store.write(tx -> tx.quarantine().put(entry)); // a crash may have hidden the first time
    assertThat(store.<List<Quarantine.Entry>>read(tx -> tx.quarantine().list("attic")))
        .containsExactly(entry);
    assertThat(store.<List<Quarantine.Entry>>read(tx -> tx.quarantine().list("elsewhere")))
        .isEmpty();
    assertThat(store.<List<Quarantine.Entry>>read(tx -> tx.quarantine().on(host.uid())))
        .containsExactly(entry);
    ProblemException used =
        catchThrowableOfType(
            ProblemException.class, () -> store.write(tx -> tx.resources().remove(host.uid())));
    assertThat(used.problem().type()).isEqualTo(Problem.Type.CONFLICT);
    store.write(tx -> tx.quarantine().empty(entry.uid()));
    assertThat(this.<Optional<Quarantine.Entry>>tx(tx -> tx.quarantine().lock(entry.uid())))
        .hasValueSatisfying(e -> assertThat(e.emptying()).isTrue());
    store.write(tx -> tx.quarantine().remove(entry.uid()));
    assertThat(store.<Optional<Quarantine.Entry>>read(tx -> tx.quarantine().find(entry.uid())))
        .isEmpty();
    store.write(tx -> tx.resources().remove(host.uid()));
  }

  @Test
  void whatMachinesUseIsKeptForAWhile() {
    UUID host = UUID.randomUUID();
    UUID one = UUID.randomUUID();
    UUID other = UUID.randomUUID();
    Usage counts =
        new Usage(
            one,
            new Flow.Counted(5_000_000_000L),
            ByteSize.ofMib(64),
            new Flow.Counted(1),
            null,
            new Flow.Measured(3),
            null);
    Usage measures =
        new Usage(other, new Flow.Measured(4), null, null, new Flow.Counted(2), null, null);
    Instant begin = now();
    for (int minute = 0; minute <= 40; minute += 10) {
      Instant at = begin.plusSeconds(60L * minute);
      store.write(tx -> tx.measurements().add(host, at, List.of(counts, measures)));
    }
    List<Measurements.Taken> history = store.read(tx -> tx.measurements().of(one));
    assertThat(history)
        .extracting(Measurements.Taken::at)
        .containsExactly(
            begin.plusSeconds(600),
            begin.plusSeconds(1200),
            begin.plusSeconds(1800),
            begin.plusSeconds(2400));
    assertThat(history.getLast().usage()).isEqualTo(counts);
    Map<UUID, List<Measurements.Taken>> latest =
        store.read(tx -> tx.measurements().latest(List.of(one, other)));
    assertThat(latest.get(one)).isEqualTo(history.subList(2, 4));
    assertThat(latest.get(other)).hasSize(2).last().extracting(t -> t.usage()).isEqualTo(measures);
    assertThat(
            store.<Map<UUID, List<Measurements.Taken>>>read(
                tx -> tx.measurements().latest(List.of(other))))
        .containsOnlyKeys(other);
  }

  @Test
  void aRequestWaitsForAnotherOfTheSameKey() throws Exception {
    AtomicInteger done = new AtomicInteger();
    List<Answered> answers =
        together(
            8,
            20,
            () ->
                store.inTransaction(tx ->
                    tx.requests()
                        .find("admin", "k")
                        .orElseGet(() -> {
                          Answered answered =
                              new Answered("00", 201, "{}", "" + done.incrementAndGet());
                          tx.requests().insert("admin", "k", answered);
                          return answered;
                        })));
    assertThat(done).hasValue(1);
    assertThat(answers).containsOnly(new Answered("00", 201, "{}", "1"));
    assertThat(this.<Boolean>tx(tx -> tx.requests().find("ci", "k").isPresent())).isFalse();
    jdbc.sql("UPDATE request SET at = at - interval '25 hours' WHERE key = 'k'").update();
    store.write(tx -> {
      assertThat(tx.requests().find("admin", "k").isPresent()).isFalse();
      tx.requests().insert("admin", "k", new Answered("01", 200, "{}", "b"));
    });
    assertThat(this.<String>tx(tx -> tx.requests().find("admin", "k").orElseThrow().bodySha256()))
        .isEqualTo("01");
  }

  @Test
  void whatAFirstBootIsAtIsToldUntilItsEnd() {
    UUID machine = uid();
    Instant at = Instant.parse("2026-01-01T00:00:00Z");
    assertThat(told(machine, 1, at)).isTrue();
    assertThat(told(machine, 2, at.plusMillis(400))).as("at once again").isFalse();
    assertThat(told(machine, 3, at.plusMillis(600))).isTrue();
    assertThat(store.read(tx -> tx.reports().find(machine, "d")).orElseThrow())
        .isEqualTo(new Report(machine, "d", at.plusMillis(600), false, "{\"n\":3}"));
    assertThat(this.<Boolean>tx(tx -> tx.reports().add(machine, "d", "{\"n\":4}"))).isTrue();
    assertThat(told(machine, 5, Instant.now().plusSeconds(60))).isFalse();
    assertThat(this.<Boolean>tx(tx -> tx.reports().add(machine, "d", "{\"n\":6}"))).isFalse();
    Report end = store.read(tx -> tx.reports().find(machine, "d")).orElseThrow();
    assertThat(end.ended()).isTrue();
    assertThat(end.body()).isEqualTo("{\"n\":4}");
    assertThat(end.at()).as("when the end came").isAfter(at.plusSeconds(60));
  }

  private boolean told(UUID machine, int n, Instant at) {
    return this.<Boolean>tx(tx -> tx.reports().tell(machine, "d", "{\"n\":" + n + "}", at));
  }

  @Test
  void aReportIsKeptOnce() {
    UUID machine = uid();
    assertThat(this.<Boolean>tx(tx -> tx.reports().add(machine, "d1", "{\"a\":1}"))).isTrue();
    assertThat(this.<Boolean>tx(tx -> tx.reports().add(machine, "d1", "{}"))).isFalse();
    assertThat(this.<Boolean>tx(tx -> tx.reports().add(machine, "d2", "{\0}"))).isTrue();
    assertThat(store.read(tx -> tx.reports().find(machine, "d1")).orElseThrow().body())
        .isEqualTo("{\"a\":1}");
    store.write(tx -> tx.reports().remove(machine, "d2"));
    assertThat(this.<Boolean>tx(tx -> tx.reports().add(machine, "d2", "{}"))).isTrue();
    assertThat(store.<Boolean>read(tx -> tx.reports().find(machine, "d3").isPresent())).isFalse();
  }

  @Test
  void housekeepingDropsWhatIsOldAndNothingElse() {
    UUID target = uid();
    Operation old = operation(target);
    Operation active = operation(target);
    store.write(tx -> {
      tx.operations().log(old.uid(), "s", List.of("x"));
      tx.operations().log(active.uid(), "s", List.of("x"));
      tx.requests().insert("t", "old", new Answered("", 200, "", ""));
      tx.requests().insert("t", "new", new Answered("", 200, "", ""));
      tx.addresses().allocate(target, subnet("10.0.0.0/24", null), target, "a");
      tx.addresses().release(target, Map.of(), Map.of());
      tx.addresses().allocate(target, subnet("10.0.0.0/24", null), target, "b");
    });
    jdbc.sql(
            "UPDATE operation SET ended_at = ended_at - interval '91 days',"
                + " created_at = created_at - interval '91 days'")
        .update();
    jdbc.sql("UPDATE request SET at = at - interval '25 hours' WHERE key = 'old'").update();
    jdbc.sql("UPDATE address SET cooling_until = cooling_until - interval '2 days'").update();
    jdbc.sql("UPDATE journal SET at = at - interval '8 days'").update();
    add(machine("kept", "m"));
    Housekeeping housekeeping = new Housekeeping(database, Housekeeping.Kept.DEFAULT);
    housekeeping.run();
    assertThat(count("operation WHERE uid = '" + old.uid() + "'")).isZero();
    assertThat(count("operation_log WHERE operation = '" + old.uid() + "'")).isZero();
    assertThat(count("operation WHERE uid = '" + active.uid() + "'")).isOne();
    assertThat(count("operation_log WHERE operation = '" + active.uid() + "'")).isOne();
    assertThat(count("request WHERE token = 't'")).isOne();
    assertThat(count("address")).isOne();
    assertThat(count("journal")).isOne();
    housekeeping.run();
    assertThat(count("journal")).isOne();
  }

  @Test
  void whatCannotBeDroppedKeepsNothingElse() {
    store.write(tx -> tx.requests().insert("kept", "old", new Answered("", 200, "", "")));
    jdbc.sql("UPDATE request SET at = at - interval '25 hours' WHERE token = 'kept'").update();
    Housekeeping housekeeping = new Housekeeping(database, Housekeeping.Kept.DEFAULT);
    jdbc.sql("ALTER TABLE journal_floor RENAME TO away").update();
    try {
      assertThatThrownBy(housekeeping::run).hasMessageContaining("lines of the journal");
    } finally {
      jdbc.sql("ALTER TABLE away RENAME TO journal_floor").update();
    }
    assertThat(count("request WHERE token = 'kept'")).isZero();
  }

  @Test
  void theLastRevisionsAreKeptAndThoseInUse() {
    UUID group = add(machine("revisions", "g")).uid();
    UUID member = add(machine("revisions", "g-0")).uid();
    store.write(
        tx -> tx.groups().put(new Groups.Member(member, group, 0, null, 7, null, null, "", false)));
    for (int i = 1; i <= Groups.REVISIONS + 20; i++) {
      int number = i;
      store.write(tx ->
          tx.groups().add(group, new Groups.Revision(number, template(number), now(), "ann")));
    }
    List<Integer> kept =
        store.<List<Groups.Revision>>read(tx -> tx.groups().revisions(group)).stream()
            .map(Groups.Revision::number)
            .toList();
    assertThat(kept).hasSize(Groups.REVISIONS + 1).startsWith(7, 21);
    assertThat(store.<Optional<Integer>>read(tx -> tx.groups().same(group, template(50))))
        .contains(50);
    assertThat(store.<Optional<Integer>>read(tx -> tx.groups().same(group, template(9)))).isEmpty();
    assertThat(store.read(tx -> tx.groups().revision(group, 7)).orElseThrow().machine())
        .isEqualTo(template(7));
    assertThat(store.<Boolean>read(tx -> tx.groups().revision(group, 8).isPresent())).isFalse();
  }

  private static MachineTemplate template(int number) {
    return StoredJson.read(
        "{\"image\": \"debian\", \"size\": \"s" + number + "\"}", MachineTemplate.class);
  }

  private Operation operation(UUID target) {
    return tx(tx ->
        tx.operations()
            .insert(
                new Operation(
                    uid(),
                    "p",
                    Verb.CREATE,
                    new Target(Kind.MACHINE, target, "m"),
                    1,
                    new State.Pending(),
                    "admin",
                    now(),
                    null,
                    null,
                    false,
                    0,
                    List.of())));
  }

  private int count(String from) {
    return jdbc.sql("SELECT count(*) FROM " + from).query(Integer.class).single();
  }
}
