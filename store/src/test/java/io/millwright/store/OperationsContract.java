package io.millwright.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.millwright.engine.port.Operations;
import io.millwright.engine.port.Operations.LogLine;
import io.millwright.engine.port.Page;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Metadata;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Operation.StepRecord;
import io.millwright.model.Operation.StepState;
import io.millwright.model.Operation.Target;
import io.millwright.model.Operation.Verb;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the store promises of operations. */
@NullUnmarked
abstract class OperationsContract extends DatabaseTest {
  private static final List<StepRecord> STEPS =
      List.of(
          StepRecord.planned("a", "make a"),
          StepRecord.planned("b", "make b")
              .begun(now())
              .at(40, "40 % \0")
              .ended(StepState.FAILED, "no", now()));

  private Operation begin(UUID target) {
    return begin("shop", target, "web");
  }

  private Operation begin(String project, UUID target, String name) {
    Operation operation = operation(project, target, name, 3);
    Operation added = tx(tx -> tx.operations().insert(operation));
    assertThat(added).isEqualTo(operation);
    return added;
  }

  private static Operation operation(String project, UUID target, String name, long generation) {
    return new Operation(
        uid(),
        project,
        Verb.CREATE,
        new Target(Kind.MACHINE, target, name),
        generation,
        new State.Pending(),
        "admin",
        now(),
        null,
        null,
        false,
        0,
        List.of());
  }

  /** Taken up, and of the generation of this one. */
  private Operation claimed(Resource<?, ?> target) {
    return tx(
            tx -> {
              tx.operations().insert(of(target));
              return tx.operations().claim(target.uid());
            })
        .orElseThrow();
  }

  private static Operation of(Resource<?, ?> target) {
    return operation(target.project(), target.uid(), target.name(), target.generation());
  }

  private Operation find(UUID uid) {
    return store.read(tx -> tx.operations().find(uid)).orElseThrow();
  }

  private boolean progress(Operation o, long epoch, State state, List<StepRecord> steps) {
    return tx(tx -> tx.operations().progress(o.uid(), epoch, state, steps)) != Operations.Hold.LOST;
  }

  private List<String> told(UUID uid) {
    return jdbc.sql("SELECT change || reason FROM journal WHERE uid = :uid ORDER BY xid, seq")
        .param("uid", uid)
        .query((row, n) -> row.getString(1))
        .list();
  }

  private String mark(UUID uid) {
    return jdbc.sql("SELECT xmin || ' ' || ctid FROM operation WHERE uid = :uid")
        .param("uid", uid)
        .query((row, n) -> row.getString(1))
        .single();
  }

  @Test
  void aNewOperationSupersedesTheOneBefore() {
    UUID target = uid();
    Operation first = begin(target);
    Operation second = begin(target);
    assertThat(find(first.uid()).state()).isInstanceOf(State.Superseded.class);
    assertThat(find(first.uid()).endedAt()).isNotNull();
    Operation active = store.read(tx -> tx.operations().active(target)).orElseThrow();
    assertThat(active).isEqualTo(second);
    assertThat(told(first.uid())).containsExactly("ADDEDRequested", "MODIFIEDSuperseded");
    assertThat(tx(tx -> tx.operations().claim(target)).orElseThrow().uid()).isEqualTo(second.uid());
    assertThat(progress(second, 1, new State.Succeeded(), List.of())).isTrue();
    assertThat(store.<Boolean>read(tx -> tx.operations().active(target).isPresent())).isFalse();
    Operation latest = store.read(tx -> tx.operations().latest(target)).orElseThrow();
    assertThat(latest.uid()).isEqualTo(second.uid());
  }

  @Test
  void ofManyBegunAtOnceOneStaysActive() throws Exception {
    UUID target = uid();
    List<Operation> all = together(8, 24, () -> begin(target));
    assertThat(all).hasSize(24);
    assertThat(
            all.stream().filter(o -> find(o.uid()).endedAt() == null).map(Operation::uid).toList())
        .containsExactly(store.read(tx -> tx.operations().active(target)).orElseThrow().uid());
  }

  @Test
  void onlyWhoTookItUpLastMayWrite() {
    Operation o = begin(uid());
    Operation mine = tx(tx -> tx.operations().claim(o.target().uid())).orElseThrow();
    assertThat(mine.epoch()).isEqualTo(1);
    assertThat(mine.state()).isInstanceOf(State.Running.class);
    assertThat(mine.startedAt()).isNotNull();
    assertThat(progress(mine, 1, new State.Running(), STEPS)).isTrue();

    Operation theirs = tx(tx -> tx.operations().claim(o.target().uid())).orElseThrow();
    assertThat(theirs.epoch()).isEqualTo(2);
    assertThat(theirs.startedAt()).isEqualTo(mine.startedAt());
    assertThat(theirs.steps().getLast().message()).isEqualTo("no");
    assertThat(theirs.steps().getLast().startedAt()).isEqualTo(STEPS.getLast().startedAt());
    String mark = mark(o.uid());
    assertThat(progress(mine, 1, new State.Succeeded(), List.of())).isFalse();
    assertThat(mark(o.uid())).isEqualTo(mark);

    State waiting = new State.Waiting("NoRoom", "no room\0", now().plusSeconds(5));
    assertThat(progress(theirs, 2, waiting, STEPS)).isTrue();
    assertThat(find(o.uid()).state().message()).isEqualTo("no room\ufffd");
    State kept = tx(tx -> tx.operations().claim(o.target().uid())).orElseThrow().state();
    assertThat(kept).isInstanceOf(State.Waiting.class);
    assertThat(progress(theirs, 3, new State.Failed("NoRoom", "none at all"), STEPS)).isTrue();
    assertThat(find(o.uid()).endedAt()).isNotNull();
    assertThat(progress(theirs, 3, new State.Running(), STEPS)).isFalse();
    assertThat(told(o.uid()))
        .containsExactly(
            "ADDEDRequested",
            "MODIFIEDRunning",
            "MODIFIEDRunning",
            "MODIFIEDWaiting",
            "MODIFIEDFailed");
  }

  @Test
  void noProgressIsNotWritten() {
    Operation o = begin(uid());
    assertThat(this.<Boolean>tx(tx -> tx.operations().claim(o.target().uid()).isPresent()))
        .isTrue();
    assertThat(progress(o, 1, new State.Running(), STEPS)).isTrue();
    String mark = mark(o.uid());
    assertThat(progress(o, 1, new State.Running(), STEPS)).isTrue();
    assertThat(mark(o.uid())).isEqualTo(mark);
    assertThat(progress(o, 0, new State.Running(), STEPS)).isFalse();
    assertThat(this.<Boolean>tx(tx -> tx.operations().claim(uid()).isPresent())).isFalse();
  }

  @Test
  void whatIsWrittenWithItsTargetNeedsTheTargetAsItWas() {
    Resource<MachineSpec, MachineStatus> target = add(machine("held", "m"));
    Operation mine = claimed(target);
    assertThat(hold(mine, new State.Running(), STEPS)).isEqualTo(Operations.Hold.MINE);
    assertThat(hold(mine, new State.Running(), STEPS)).isEqualTo(Operations.Hold.MINE);
    Operation theirs = tx(tx -> tx.operations().claim(target.uid())).orElseThrow();
    assertThat(hold(mine, new State.Running(), STEPS)).isEqualTo(Operations.Hold.LOST);
    assertThat(hold(theirs, new State.Running(), STEPS)).isEqualTo(Operations.Hold.MINE);
    Metadata metadata = target.metadata().raised();
    store.write(tx ->
        tx.resources()
            .update(new Resource<>(target.kind(), metadata, target.spec(), target.status())));
    assertThat(hold(theirs, new State.Running(), STEPS)).isEqualTo(Operations.Hold.LOST);
    assertThat(hold(theirs, new State.Succeeded(), STEPS)).isEqualTo(Operations.Hold.LOST);
    store.write(tx -> tx.resources().remove(target.uid()));
    assertThat(hold(theirs, new State.Succeeded(), STEPS)).isEqualTo(Operations.Hold.LOST);
    assertThat(find(mine.uid()).endedAt()).isNull();
  }

  /** Whether anything is to be written of the operation itself, or not. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whoWaitsForTheTargetSeesWhatBecameOfItMeanwhile(boolean changes) throws Exception {
    Resource<?, ?> target = add(machine("awaited", "m" + changes));
    Operation mine = claimed(target);
    List<StepRecord> steps = changes ? STEPS : List.of();
    try (ExecutorService other = Executors.newSingleThreadExecutor()) {
      Future<Operations.Hold> waits =
          tx(tx -> {
            tx.resources().lock(target.uid());
            Future<Operations.Hold> begun =
                other.submit(() -> hold(mine, new State.Running(), steps));
            await().until(this::somebodyWaits);
            // Of the same generation, as a repair is.
            tx.operations().insert(of(target));
            return begun;
          });
      assertThat(waits.get()).isEqualTo(Operations.Hold.LOST);
    }
  }

  private Operations.Hold hold(Operation operation, State state, List<StepRecord> steps) {
    return tx(tx -> tx.operations().progressHolding(operation, state, steps));
  }

  private boolean somebodyWaits() {
    return jdbc.sql("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        .query(Boolean.class)
        .single();
  }

  @Test
  void whatGoesOnCanBeAskedToStop() {
    Operation o = begin(uid());
    assertThat(this.<Boolean>tx(tx -> tx.operations().requestCancel(o.uid()))).isTrue();
    assertThat(this.<Boolean>tx(tx -> tx.operations().requestCancel(o.uid()))).isTrue();
    assertThat(find(o.uid()).cancelRequested()).isTrue();
    Operations.Hold hold =
        tx(tx -> tx.operations().progress(o.uid(), 0, new State.Running(), STEPS));
    assertThat(hold).isEqualTo(Operations.Hold.CANCEL_REQUESTED);
    assertThat(progress(o, 0, new State.Cancelled(), List.of())).isTrue();
    assertThat(this.<Boolean>tx(tx -> tx.operations().requestCancel(o.uid()))).isFalse();
    assertThat(this.<Boolean>tx(tx -> tx.operations().requestCancel(uid()))).isFalse();
    assertThat(told(o.uid()))
        .containsExactly(
            "ADDEDRequested", "MODIFIEDCancelRequested", "MODIFIEDRunning", "MODIFIEDCancelled");
  }

  @Test
  void logsAreKeptInOrderWithinLimits() {
    Operation o = begin(uid());
    String wide = "\u20ac".repeat(3000);
    store.write(tx -> {
      tx.operations().log(o.uid(), "a", List.of("one", "two\0", wide));
      tx.operations().log(o.uid(), "b", List.of());
      tx.operations().log(o.uid(), "b", List.of("three"));
      tx.operations().log(uid(), "b", List.of("nobody's"));
    });
    List<LogLine> lines = logs(o, 0, 10);
    assertThat(lines).extracting(LogLine::seq).containsExactly(1L, 2L, 3L, 4L);
    assertThat(lines).extracting(LogLine::step).containsExactly("a", "a", "a", "b");
    assertThat(lines.get(1).line()).isEqualTo("two\ufffd");
    assertThat(lines.get(2).line()).isEqualTo("\u20ac".repeat(4096 / 3));
    assertThat(lines.get(2).line().getBytes(StandardCharsets.UTF_8).length)
        .isLessThanOrEqualTo(4096);
    assertThat(logs(o, 2, 1)).extracting(LogLine::seq).containsExactly(3L);
    for (int i = 0; i < 11; i++) {
      store.write(tx -> tx.operations().log(o.uid(), "c", Collections.nCopies(999, "x")));
    }
    assertThat(logs(o, 9_998, 10))
        .extracting(LogLine::line)
        .hasSize(2)
        .last()
        .asString()
        .contains("full");
  }

  private List<LogLine> logs(Operation o, long after, int limit) {
    return store.read(tx -> tx.operations().logs(o.uid(), after, limit));
  }

  @Test
  void listsAreFilteredAndPagedNewestFirst() {
    UUID a = uid();
    List<UUID> all = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      all.add(begin("listed", a, "a").uid());
    }
    Operation other = begin("listed", uid(), "b");
    all.add(other.uid());
    assertThat(list("listed", null, null, null, 10, null).items())
        .extracting(Operation::uid)
        .containsExactlyElementsOf(all.reversed());
    List<UUID> seen = new ArrayList<>();
    String cursor = null;
    do {
      Page<Operation> page = list("listed", null, null, null, 4, cursor);
      page.items().forEach(o -> seen.add(o.uid()));
      cursor = page.next();
    } while (cursor != null);
    assertThat(seen).containsExactlyElementsOf(all.reversed());
    assertThat(list("listed", "b", null, null, 10, null).items()).containsExactly(other);
    assertThat(list("listed", null, "pending", null, 10, null).items()).hasSize(2);
    assertThat(list(null, null, "superseded", a, 10, null).items()).hasSize(4);
    store.write(tx -> tx.operations().claim(other.target().uid()));
    assertThat(list("listed", null, "pending", null, 10, null).items()).hasSize(1);
    assertThat(list("listed", null, "open", null, 10, null).items())
        .extracting(o -> o.state().word())
        .containsExactly("running", "pending");
    assertThat(list("elsewhere", null, null, null, 10, null).items()).isEmpty();
    assertThat(problem(() -> list(null, null, "pendin", null, 10, null)))
        .hasMessageContaining("pending");
    assertThat(problem(() -> list(null, null, null, null, 10, "x"))).isNotNull();
    assertThat(problem(() -> list(null, null, null, null, 0, null))).isNotNull();
  }

  private static ProblemException problem(Runnable work) {
    return catchThrowableOfType(ProblemException.class, work::run);
  }

  private Page<Operation> list(
      String project, String name, String state, UUID target, int limit, String cursor) {
    return store.read(tx ->
        tx.operations()
            .list(new Operations.Query(project, Kind.MACHINE, name, state, target, limit, cursor)));
  }
}
