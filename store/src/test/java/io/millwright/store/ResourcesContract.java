package io.millwright.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.engine.port.Page;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.MachineStatus.ScriptResult;
import io.millwright.model.Metadata;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.Power;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** What the store promises of resources. */
@NullUnmarked
abstract class ResourcesContract extends DatabaseTest {
  private String mark(UUID uid) {
    return jdbc.sql("SELECT xmin || ' ' || ctid FROM resource WHERE uid = :uid")
        .param("uid", uid)
        .query(String.class)
        .single();
  }

  private List<String> told(UUID uid) {
    return jdbc.sql("SELECT change || reason FROM journal WHERE uid = :uid ORDER BY xid, seq")
        .param("uid", uid)
        .query(String.class)
        .list();
  }

  private Page<Resource<?, ?>> list(
      String project, String labels, Map<String, String> fields, int limit, String cursor) {
    return store.read(tx ->
        tx.resources()
            .list(
                new Resources.Query(
                    Kind.MACHINE,
                    project,
                    Selector.parse("labels", labels),
                    fields,
                    limit,
                    cursor)));
  }

  private List<String> names(String project, String labels, Map<String, String> fields) {
    return list(project, labels, fields, 1000, null).items().stream().map(Resource::name).toList();
  }

  private Optional<Resource<?, ?>> find(Function<Tx, Optional<Resource<?, ?>>> look) {
    return store.read(look);
  }

  private List<Resource<?, ?>> referrers(UUID uid) {
    return store.read(tx -> tx.resources().referrers(uid, 5));
  }

  private static ProblemException problem(Runnable work) {
    return catchThrowableOfType(ProblemException.class, work::run);
  }

  @Test
  void whatIsAddedIsFoundAsItWas() {
    for (Resource<?, ?> r :
        List.of(
            machine("found", "m", Map.of("a", "b")),
            size("found", "s", 2, 4),
            hypervisor("found", "h"),
            network("found", "n", subnet("10.0.0.0/24", null, "10.0.0.9")))) {
      store.write(tx -> tx.resources().insert(r));
      assertThat(find(tx -> tx.resources().find(r.uid()))).contains(r);
      assertThat(find(tx -> tx.resources().find(r.kind(), "found", r.name()))).contains(r);
      assertThat(find(tx -> tx.resources().find(r.uid()))).contains(r);
      store.write(tx -> assertThat(tx.resources().lock(r.uid()).orElseThrow()).isEqualTo(r));
      assertThat(told(r.uid())).containsExactly("ADDED");
    }
    assertThat(find(tx -> tx.resources().find(Kind.MACHINE, "found", "s"))).isEmpty();
    store.write(tx -> assertThat(tx.resources().projects()).contains("found"));
    assertThat(store.read(tx -> tx.resources().count()).get(Kind.IMAGE)).isZero();
    assertThat(store.read(tx -> tx.resources().count()).get(Kind.MACHINE)).isPositive();
  }

  @Test
  void allAreThoseOfEveryPage() {
    List<String> names = List.of("a", "b", "c", "d", "e");
    names.forEach(name -> add(machine("all", name)));
    add(machine("all-others", "x"));
    Resources.Query byTwo =
        new Resources.Query(Kind.MACHINE, "all", Selector.ALL, Map.of(), 2, null);
    assertThat(store.<List<Resource<?, ?>>>read(tx -> tx.resources().all(byTwo)))
        .extracting(Resource::name)
        .isEqualTo(names);
  }

  @Test
  void severalNamesAreFoundTogetherWhateverIsMissing() {
    Resource<?, ?> machine = add(machine("together", "same"));
    Resource<?, ?> size = add(size("together", "same", 2, 4));
    add(size("elsewhere", "same", 2, 4));
    List<Resources.Name> names =
        List.of(
            new Resources.Name(Kind.MACHINE, "together", "same"),
            new Resources.Name(Kind.SIZE, "together", "same"),
            new Resources.Name(Kind.SIZE, "together", "same"),
            new Resources.Name(Kind.SIZE, "together", "missing"),
            new Resources.Name(Kind.IMAGE, "together", "same"));
    assertThat(store.<List<Resource<?, ?>>>read(tx -> tx.resources().find(names)))
        .containsExactlyInAnyOrder(machine, size);
    assertThat(store.<List<Resource<?, ?>>>read(tx -> tx.resources().find(List.of()))).isEmpty();
    List<UUID> uids = List.of(machine.uid(), uid(), size.uid());
    assertThat(store.<Set<UUID>>read(tx -> tx.resources().declared(uids)))
        .containsExactlyInAnyOrder(machine.uid(), size.uid());
    assertThat(store.<Set<UUID>>read(tx -> tx.resources().declared(List.of()))).isEmpty();
    assertThat(store.<List<Resource<?, ?>>>read(tx -> tx.resources().known(uids)))
        .containsExactlyInAnyOrder(machine, size);
    assertThat(store.<List<Resource<?, ?>>>read(tx -> tx.resources().known(List.of()))).isEmpty();
  }

  @Test
  void aNameIsTakenOnceAndTheTransactionLivesOn() {
    Resource<?, ?> first = add(machine("names", "m"));
    tx(tx -> {
      ProblemException taken = problem(() -> tx.resources().insert(machine("names", "m")));
      assertThat(taken.problem().type()).isEqualTo(Problem.Type.CONFLICT);
      assertThat(taken).hasMessageContaining("Machine m").hasMessageNotContaining("deleted");
      return tx.resources().find(first.uid());
    });
    Metadata m = first.metadata();
    store.write(tx ->
        tx.resources()
            .update(
                new Resource<>(
                    first.kind(),
                    new Metadata(
                        m.name(),
                        m.project(),
                        m.labels(),
                        m.annotations(),
                        m.uid(),
                        2,
                        1,
                        m.createdAt(),
                        now()),
                    first.spec(),
                    first.status())));
    assertThat(problem(() -> add(machine("names", "m")))).hasMessageContaining("being deleted");
  }

  @Test
  void ofManyWhoWantANameOneGetsIt() throws Exception {
    List<Boolean> added =
        together(
            8,
            16,
            () -> {
              try {
                add(machine("race", "m"));
                return true;
              } catch (ProblemException e) {
                assertThat(e.problem().type()).isEqualTo(Problem.Type.CONFLICT);
                return false;
              }
            });
    assertThat(added).containsOnlyOnce(true);
  }

  @Test
  void anUpdateRaisesTheRevisionOnceAndOnlyIfItChangesSomething() {
    Resource<MachineSpec, MachineStatus> r = add(machine("updates", "m"));
    Resource<MachineSpec, MachineStatus> off =
        new Resource<>(r.kind(), r.metadata(), r.spec().withPower(Power.OFF), r.status());
    store.write(tx -> tx.resources().update(off));
    String mark = mark(r.uid());
    store.write(tx -> tx.resources().update(off));
    assertThat(mark(r.uid())).isEqualTo(mark);
    Resource<?, ?> now = store.read(tx -> tx.resources().find(r.uid())).orElseThrow();
    assertThat(now.spec()).isEqualTo(off.spec());
    assertThat(now.metadata().revision()).isEqualTo(2);
    assertThat(told(r.uid())).containsExactly("ADDED", "MODIFIED");
  }

  @Test
  void anEqualStatusIsNotWritten() {
    Resource<?, ?> r = add(machine("status", "m"));
    MachineStatus ready =
        MachineStatus.EMPTY.withConditions(
            List.of(
                new Condition(Condition.READY, Condition.Value.TRUE, "Booted", "It runs.", now())));
    store.write(tx -> tx.resources().updateStatus(r.uid(), ready, "Ready", "m is ready"));
    String mark = mark(r.uid());
    store.write(tx -> tx.resources().updateStatus(r.uid(), ready, "Ready", "m is ready"));
    assertThat(mark(r.uid())).isEqualTo(mark);
    assertThat(told(r.uid())).containsExactly("ADDED", "MODIFIEDReady");
    Resource<?, ?> now = store.read(tx -> tx.resources().find(r.uid())).orElseThrow();
    assertThat(now.status()).isEqualTo(ready);
    assertThat(now.metadata().revision()).isEqualTo(2);
  }

  @Test
  void whatAGuestPrintsCanBeKept() {
    Resource<?, ?> r = add(machine("guests", "m"));
    MachineStatus status =
        MachineStatus.EMPTY.withScripts(
            List.of(new ScriptResult("s", 1, "a\0b\\u0000c\u001b[0m\ud83d\ude00 \ud800")));
    store.write(tx -> tx.resources().updateStatus(r.uid(), status, "Script\0", "said \0"));
    MachineStatus back =
        (MachineStatus) store.read(tx -> tx.resources().find(r.uid())).orElseThrow().status();
    assertThat(back.scripts().getFirst().output())
        .startsWith("a\ufffdb\\u0000c\u001b[0m\ud83d\ude00 ");
  }

  @Test
  void whoIsServedByTheSameServersIsFoundAtOnce() {
    NetworkSpec.Services services = new NetworkSpec.Services("dnsmasq", Map.of("a", "b", "c", "d"));
    Resource<?, ?> one = add(served("one", services));
    Resource<?, ?> other = add(served("other", new NetworkSpec.Services("dnsmasq", Map.of())));
    Resource<?, ?> none = add(served("none", null));
    MachineStatus placed = MachineStatus.EMPTY.with(s -> s.hypervisor("h"));
    Map<String, Resource<?, ?>> machines = new LinkedHashMap<>();
    for (String name : List.of("here", "elsewhere", "unserved", "unplaced", "unasked")) {
      machines.put(
          name,
          add(
              machine("served", name)
                  .withStatus(name.equals("unplaced") ? MachineStatus.EMPTY : placed)));
    }
    store.write(tx ->
        machines.forEach((name, m) ->
            tx.resources()
                .refer(
                    m.uid(),
                    List.of(
                        switch (name) {
                          case "elsewhere" -> other.uid();
                          case "unserved" -> none.uid();
                          default -> one.uid();
                        }))));
    List<UUID> asked = new ArrayList<>();
    machines.forEach((name, m) -> {
      if (!name.equals("unasked")) {
        asked.add(m.uid());
      }
    });
    assertThat(store.<Set<UUID>>read(tx -> tx.resources().served(services, asked)))
        .containsExactly(machines.get("here").uid());
  }

  private static Resource<NetworkSpec, NetworkStatus> served(
      String name, NetworkSpec.Services services) {
    return resource(
        Kind.NETWORK,
        "served",
        name,
        Map.of(),
        new NetworkSpec(null, null, null, null, null, List.of(), null, services, null),
        new NetworkStatus(List.of()));
  }

  @Test
  void aRemovedResourceLeavesATombstoneAndNothingElse() {
    Resource<?, ?> host = add(hypervisor("gone", "h"));
    Resource<?, ?> size = add(size("gone", "s", 1, 1));
    Resource<?, ?> r = add(machine("gone", "m"));
    UUID network = uid();
    store.write(tx -> {
      tx.resources().refer(r.uid(), List.of(size.uid()));
      tx.resources().place(r.uid(), host.uid());
      tx.addresses().allocateMac(r.uid(), "nic0");
      tx.addresses().allocate(network, subnet("10.0.0.0/24", null), r.uid(), "nic0");
      tx.reports().add(r.uid(), "disk", "{}");
    });
    tx(tx -> {
      assertThat(problem(() -> tx.resources().remove(size.uid())))
          .hasMessage("Size s is used by Machine m");
      assertThat(problem(() -> tx.resources().remove(host.uid())))
          .hasMessageContaining("still has machines");
      return tx.resources().find(r.uid()); // it is still usable
    });
    store.write(tx -> tx.resources().remove(r.uid()));
    assertThat(
            jdbc.sql("SELECT count(*) FROM mac WHERE machine = :machine")
                .param("machine", r.uid())
                .query(Long.class)
                .single())
        .isZero();
    store.read(tx -> {
      assertThat(tx.resources().find(r.uid())).isEmpty();
      assertThat(tx.resources().tombstone(r.uid()).orElseThrow())
          .extracting("kind", "project", "name", "hypervisor")
          .containsExactly(Kind.MACHINE, "gone", "m", host.uid());
      assertThat(tx.addresses().leases(r.uid()).getFirst().coolingUntil()).isNotNull();
      assertThat(tx.reports().find(r.uid(), "disk")).isEmpty();
      assertThat(tx.resources().on(host.uid())).isEmpty();
      assertThat(tx.resources().referrers(size.uid(), 10)).isEmpty();
      return 0;
    });
    assertThat(told(r.uid())).containsExactly("ADDED", "DELETED");
    store.write(tx -> {
      tx.resources().remove(size.uid());
      tx.resources().remove(host.uid());
      tx.resources().remove(r.uid()); // gone already
    });
    add(machine("gone", "m"));
  }

  @Test
  void whatSomebodyBeginsToUseIsNotRemovedAtThatMoment() throws Exception {
    Resource<?, ?> size = add(size("moment", "s", 1, 1));
    Resource<?, ?> r = add(machine("moment", "m"));
    CountDownLatch referred = new CountDownLatch(1);
    CountDownLatch removing = new CountDownLatch(1);
    Thread user =
        Thread.ofVirtual()
            .start(() ->
                store.write(tx -> {
                  tx.resources().refer(r.uid(), List.of(size.uid()));
                  referred.countDown();
                  await(removing);
                }));
    referred.await();
    AtomicInteger seen = new AtomicInteger();
    Thread watcher =
        Thread.ofVirtual()
            .start(() -> {
              // The removal waits for the other transaction by now.
              while (jdbc.sql("SELECT count(*) FROM pg_locks WHERE NOT granted")
                      .query(Integer.class)
                      .single()
                  == 0) {
                Thread.onSpinWait();
              }
              seen.incrementAndGet();
              removing.countDown();
            });
    ProblemException refused = problem(() -> store.write(tx -> tx.resources().remove(size.uid())));
    user.join();
    watcher.join();
    assertThat(seen).hasValue(1);
    assertThat(refused.problem().type()).isEqualTo(Problem.Type.CONFLICT);
    assertThat(find(tx -> tx.resources().find(size.uid()))).isPresent();
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aLockedResourceCanStillBeReferredTo() throws Exception {
    Resource<?, ?> size = add(size("locks", "s", 1, 1));
    Resource<?, ?> r = add(machine("locks", "m"));
    store.write(tx -> {
      assertThat(tx.resources().lock(size.uid()).isPresent()).isTrue();
      Thread other =
          Thread.ofVirtual()
              .start(() -> store.write(it -> it.resources().refer(r.uid(), List.of(size.uid()))));
      try {
        other.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    });
    assertThat(referrers(size.uid())).hasSize(1);
    assertThatThrownBy(
            () -> store.write(tx -> tx.resources().refer(r.uid(), List.of(UUID.randomUUID()))))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("deleted just now");
    store.write(tx -> tx.resources().refer(r.uid(), List.of()));
    assertThat(referrers(size.uid())).isEmpty();
  }

  @Test
  void pagesFollowOneAnotherInOrderOfProjectAndName() {
    List<String> expected = new ArrayList<>();
    for (String project : List.of("page-A", "page-a", "page-b")) {
      for (String name : List.of("a", "a-", "a0", "b", "z")) {
        add(machine(project, name, Map.of("paged", "yes")));
        expected.add(project + "/" + name);
      }
    }
    List<String> seen = new ArrayList<>();
    String cursor = null;
    do {
      Page<Resource<?, ?>> page = list(null, "paged", Map.of(), 4, cursor);
      page.items().forEach(r -> seen.add(r.project() + "/" + r.name()));
      cursor = page.next();
    } while (cursor != null);
    assertThat(seen).containsExactlyElementsOf(new TreeSet<>(expected));
    assertThat(list("page-a", "", Map.of(), 5, null).next()).isNull();

    for (String bad : List.of("x", "!!", "", "Zm9v", "a".repeat(5000))) {
      assertThat(problem(() -> list(null, "", Map.of(), 5, bad)).problem().errors().getFirst())
          .extracting("field")
          .isEqualTo("cursor");
    }
    for (int bad : List.of(0, -1, 1001)) {
      assertThat(problem(() -> list(null, "", Map.of(), bad, null)).problem().type())
          .isEqualTo(Problem.Type.INVALID);
    }
  }

  @Test
  void labelsSelectAsTheModelSaysTheyDo() {
    Random random = new Random(7);
    List<String> keys = List.of("app", "tier", "example.com/x", "app'--");
    List<String> values = List.of("web", "db", "", "1");
    Map<String, Map<String, String>> all = new HashMap<>();
    for (int i = 0; i < 40; i++) {
      Map<String, String> labels = new HashMap<>();
      keys.subList(0, 3).stream()
          .filter(k -> random.nextBoolean())
          .forEach(k -> labels.put(k, values.get(random.nextInt(values.size()))));
      all.put("m" + i, labels);
      add(machine("labels", "m" + i, labels));
    }
    for (int i = 0; i < 60; i++) {
      List<String> parts = new ArrayList<>();
      for (int j = 0; j <= random.nextInt(3); j++) {
        String key = keys.get(random.nextInt(3));
        String value = values.get(random.nextInt(values.size()));
        parts.add(
            switch (random.nextInt(6)) {
              case 0 -> key;
              case 1 -> "!" + key;
              case 2 -> key + "=" + value;
              case 3 -> key + " in (" + value + ", " + values.getFirst() + ")";
              case 4 -> key + " notin (" + value + "," + values.getFirst() + ")";
              default -> key + "!=" + value;
            });
      }
      String text = String.join(",", parts);
      Selector selector = Selector.parse("labels", text);
      assertThat(names("labels", text, Map.of()))
          .as(text)
          .containsExactlyInAnyOrderElementsOf(
              all.keySet().stream().filter(n -> selector.matches(all.get(n))).toList());
    }
  }

  @Test
  void fieldsSelectByWhatStandsInSpecAndStatus() {
    Resource<?, ?> off = add(machine("fields", "off"));
    Resource<MachineSpec, MachineStatus> on = add(machine("fields", "on"));
    Resource<?, ?> none = add(machine("fields", "none"));
    ready(on.uid(), Condition.Value.TRUE);
    ready(off.uid(), Condition.Value.FALSE);
    assertThat(names("fields", "", Map.of("status.ready", "true"))).containsExactly("on");
    assertThat(names("fields", "", Map.of("status.ready", "false"))).containsExactly("off");
    assertThat(names("fields", "", Map.of("status.ready", "unknown"))).containsExactly("none");
    ready(none.uid(), Condition.Value.UNKNOWN);
    assertThat(names("fields", "", Map.of("status.ready", "unknown"))).containsExactly("none");
    store.write(tx ->
        tx.resources()
            .update(
                new Resource<>(
                    on.kind(), on.metadata(), on.spec().withPower(Power.OFF), on.status())));
    assertThat(names("fields", "", Map.of("spec.power", "off"))).containsExactly("on");
    assertThat(names("fields", "", Map.of("metadata.name", "off"))).containsExactly("off");
    assertThat(names("fields", "", Map.of("spec.image", "debian-12"))).hasSize(3);
    assertThat(names("fields", "", Map.of("spec.nics.0.network", "lan"))).hasSize(3);
    assertThat(names("fields", "", Map.of("spec.nics.1.network", "lan"))).isEmpty();
    assertThat(names("fields", "", Map.of("spec.readyTimeoutSeconds", "1800"))).hasSize(3);
    assertThat(names("fields", "", Map.of("status.hypervisor", "h"))).isEmpty();
    assertThat(names("fields", "", Map.of("spec.image", "x' OR true --"))).isEmpty();
    assertThat(names("fields", "", Map.of("spec.image", "a\0"))).isEmpty();
  }

  private void ready(UUID uid, Condition.Value value) {
    MachineStatus status =
        MachineStatus.EMPTY.withConditions(
            List.of(
                new Condition("Other", Condition.Value.TRUE, "R", "m", now()),
                new Condition(Condition.READY, value, "R", "m", now())));
    store.write(tx -> tx.resources().updateStatus(uid, status, "", ""));
  }

  @Test
  void fieldsThatThereAreNotAreNamed() {
    for (String path :
        List.of(
            "image",
            "spec",
            "spec.",
            "spec.imag",
            "spec.nics",
            "spec.nics.x",
            "spec.nics.0",
            "spec.nics.0.",
            "spec.image.x",
            "spec.image') OR true --",
            "spec.{image}",
            "metadata.labels",
            "status.ready.x",
            "",
            ".")) {
      ProblemException wrong = problem(() -> names("fields", "", Map.of(path, "x")));
      assertThat(wrong).as(path).isNotNull();
      assertThat(wrong.problem().type()).isEqualTo(Problem.Type.INVALID);
      assertThat(wrong.problem().errors().getFirst().field()).isEqualTo(path);
    }
    assertThat(problem(() -> names("fields", "", Map.of("status.ready", "yes"))))
        .hasMessageContaining("true, false or unknown");
    assertThat(problem(() -> names("fields", "", Map.of("spec.imge", "x"))))
        .hasMessageContaining("image");
  }

  @Test
  void whatWasPromisedFollowsSizesAndPlaces() {
    Resource<?, ?> host = add(hypervisor("promise", "h"));
    Resource<?, ?> small = add(size("promise", "small", 1, 2));
    Resource<?, ?> large = add(size("promise", "large", 4, 8));
    Resource<?, ?> one = add(machine("promise", "one"));
    Resource<?, ?> two = add(machine("promise", "two"));
    store.write(tx -> {
      tx.resources().refer(one.uid(), List.of(small.uid()));
      tx.resources().place(one.uid(), host.uid());
      tx.resources().place(two.uid(), host.uid());
      tx.resources().refer(two.uid(), List.of(small.uid()));
    });
    assertThat(promised(host.uid())).containsExactly(2, 4096);
    store.write(tx -> tx.resources().refer(two.uid(), List.of(large.uid())));
    assertThat(promised(host.uid())).containsExactly(5, 10_240);
    store.write(tx ->
        assertThat(tx.resources().on(host.uid()))
            .extracting(r -> r.name())
            .containsExactlyInAnyOrder("one", "two"));
    Resource<?, ?> next = add(hypervisor("promise", "next"));
    store.write(tx -> {
      tx.resources().place(two.uid(), next.uid());
      tx.resources().place(two.uid(), next.uid());
    });
    assertThat(promised(host.uid())).containsExactly(1, 2048);
    assertThat(promised(next.uid())).containsExactly(4, 8192);
    store.write(tx -> tx.resources().place(two.uid(), null));
    assertThat(promised(next.uid())).isNull();
    store.write(tx -> tx.resources().remove(one.uid()));
    assertThat(promised(host.uid())).isNull();
    store.write(tx -> tx.resources().remove(host.uid()));
  }

  @Test
  void whatWasPromisedAddsUpWhenManyComeAndGo() throws Exception {
    Resource<?, ?> host = add(hypervisor("many", "h"));
    Resource<?, ?> small = add(size("many", "small", 1, 1));
    Resource<?, ?> large = add(size("many", "large", 3, 1));
    AtomicInteger turn = new AtomicInteger();
    List<Integer> cores =
        together(
            8,
            60,
            () -> {
              int n = turn.incrementAndGet();
              Resource<?, ?> r = machine("many", "m" + n);
              store.write(tx -> {
                tx.resources().insert(r);
                tx.resources().refer(r.uid(), List.of(small.uid()));
                tx.resources().place(r.uid(), host.uid());
              });
              if (n % 3 == 0) {
                store.write(tx -> tx.resources().refer(r.uid(), List.of(large.uid())));
                return 3;
              }
              if (n % 3 == 1) {
                store.write(tx -> tx.resources().remove(r.uid()));
                return 0;
              }
              return 1;
            });
    int sum = cores.stream().mapToInt(i -> i).sum();
    assertThat(promised(host.uid())).containsExactly(sum, 40 * 1024);
  }

  private long[] promised(UUID hypervisor) {
    return store.read(tx -> tx.resources().committed()).get(hypervisor);
  }
}
