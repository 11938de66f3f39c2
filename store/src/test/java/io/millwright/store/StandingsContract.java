package io.millwright.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.port.Lifetimes.Lifetime;
import io.millwright.engine.port.Standings.Alike;
import io.millwright.engine.port.Standings.Ending;
import io.millwright.engine.port.Standings.Endings;
import io.millwright.engine.port.Standings.Named;
import io.millwright.model.Condition;
import io.millwright.model.Condition.Value;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.NetworkStatus;
import io.millwright.model.Power;
import io.millwright.model.Resource;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** What the store promises of how resources stand. */
@NullUnmarked
abstract class StandingsContract extends DatabaseTest {
  private static final Instant OLD = Instant.parse("2026-01-02T03:04:05.678901Z");
  private static final Instant NEW = OLD.plusSeconds(1);

  private static Condition is(String type, Value value, String reason, String message) {
    return new Condition(type, value, reason, message, NEW);
  }

  private Resource<MachineSpec, MachineStatus> stands(
      String project, String name, Condition... conditions) {
    Resource<MachineSpec, MachineStatus> machine = machine(project, name);
    return add(machine.withStatus(MachineStatus.EMPTY.withConditions(List.of(conditions))));
  }

  private List<Alike> alike(String project, Set<String> among) {
    return store.read(tx -> tx.standings().alike(project, among));
  }

  private static Alike machines(boolean off, Condition condition, long count, String... names) {
    return new Alike(
        Kind.MACHINE,
        false,
        off,
        condition == null ? List.of() : List.of(condition),
        count,
        List.of(names).stream().map(n -> new Named("stand", n)).toList());
  }

  @Test
  void whatStandsAlikeIsCountedTogether() {
    for (String name : List.of("e", "d", "c", "b", "a")) {
      stands("stand", name, is("Ready", Value.TRUE, "Booted", "It is up at " + name + "."));
    }
    stands("stand", "f1", is("Ready", Value.FALSE, "Failed", "The disk of f1 is full."));
    stands(
        "stand",
        "f2",
        new Condition("Ready", Value.FALSE, "Failed", "The disk of f2 is full.", OLD));
    stands("stand", "g", is("Ready", Value.FALSE, "Failed", "Its image is gone."));
    stands(
        "stand",
        "h1",
        is("Ready", Value.FALSE, "Failed", "one"),
        is("Held", Value.TRUE, "Failed", "It failed."));
    stands(
        "stand",
        "h2",
        is("Ready", Value.UNKNOWN, "Silent", "two"),
        is("Held", Value.TRUE, "Failed", "It failed."));
    stands("stand", "new");
    Resource<MachineSpec, MachineStatus> off = machine("stand", "off");
    add(
        new Resource<>(off.kind(), off.metadata(), off.spec().withPower(Power.OFF), off.status())
            .withStatus(
                MachineStatus.EMPTY.withConditions(
                    List.of(is("Ready", Value.FALSE, "PoweredOff", "It is off.")))));
    for (String name : List.of("w1", "w2")) {
      stands(
          "stand",
          name,
          is("Ready", Value.FALSE, "Rebuilding", name + " gets a new disk."),
          is("Held", Value.FALSE, "Fine", ""));
    }
    assertThat(alike("stand", null).stream().filter(a -> a.kind() == Kind.MACHINE))
        .containsExactlyInAnyOrder(
            machines(false, is("Ready", Value.TRUE, "", ""), 5, "a", "b", "c", "d"),
            machines(
                false,
                new Condition("Ready", Value.FALSE, "Failed", "The disk of f1 is full.", OLD),
                2,
                "f1",
                "f2"),
            machines(false, is("Ready", Value.FALSE, "Failed", "Its image is gone."), 1, "g"),
            machines(false, is("Held", Value.TRUE, "Failed", "It failed."), 2, "h1", "h2"),
            machines(false, null, 1, "new"),
            machines(true, null, 1, "off"),
            machines(
                false,
                is("Ready", Value.FALSE, "Rebuilding", "w1 gets a new disk."),
                2,
                "w1",
                "w2"))
        .first()
        .extracting(Alike::count)
        .isEqualTo(5L);
  }

  @Test
  void aNetworkThatIsNotServedDoesNotStandAsOneThatIsDeclared() {
    Condition ready = is("Ready", Value.TRUE, "Declared", "It is declared.");
    Condition served = is("Serving", Value.TRUE, "Serving", "It is served.");
    Condition unserved = is("Serving", Value.FALSE, "NotServing", "dnsmasq does not run.");
    add(network("served", "a").withStatus(new NetworkStatus(List.of(ready, served))));
    add(network("served", "b").withStatus(new NetworkStatus(List.of(ready, unserved))));
    assertThat(alike("served", null).stream().filter(a -> a.kind() == Kind.NETWORK))
        .extracting(Alike::conditions)
        .containsExactlyInAnyOrder(
            List.of(is("Ready", Value.TRUE, "", "")),
            List.of(is("Ready", Value.FALSE, "NotServing", "dnsmasq does not run.")));
  }

  @Test
  void nothingIsCountedOfWhatOneDoesNotKnow() {
    add(
        hypervisor("stand-house", "kvm")
            .withStatus(
                HypervisorStatus.EMPTY.withConditions(
                    List.of(is("Ready", Value.UNKNOWN, "Silent", "kvm does not answer.")))));
    stands("stand-mine", "m");
    stands("stand-theirs", "m");
    Set<String> both = Set.of("stand-house", "stand-mine");
    assertThat(alike("stand-mine", both))
        .extracting(Alike::kind)
        .containsExactlyInAnyOrder(Kind.HYPERVISOR, Kind.MACHINE);
    assertThat(alike("stand-mine", Set.of("stand-mine")))
        .extracting(Alike::kind)
        .containsExactly(Kind.MACHINE);
    assertThat(alike(null, both))
        .filteredOn(a -> a.kind() == Kind.MACHINE)
        .extracting(Alike::count)
        .containsExactly(1L);
    assertThat(alike("stand-theirs", both)).noneMatch(a -> a.kind() == Kind.MACHINE);
    assertThat(store.<List<Resource<?, ?>>>read(tx -> tx.standings().newest(null, both, null, 9)))
        .extracting(Resource::project)
        .containsExactly("stand-mine");
  }

  @Test
  void theNextToEndComesFirst() {
    Instant now = now();
    IntStream.range(0, 5)
        .forEach(day -> {
          Resource<?, ?> machine = add(machine("stand-ends", "in-" + day));
          store.write(tx ->
              tx.lifetimes()
                  .put(
                      machine.uid(),
                      new Lifetime(now.plus(Duration.ofDays(day)), null, null, 0, null, null)));
        });
    add(machine("stand-ends", "never"));
    Endings ends =
        store.read(tx -> tx.standings().ending("stand-ends", null, Duration.ofHours(60), 2));
    assertThat(ends)
        .isEqualTo(
            new Endings(
                3,
                List.of(
                    new Ending("stand-ends", "in-0", now),
                    new Ending("stand-ends", "in-1", now.plus(Duration.ofDays(1))))));
    assertThat(
            store.<Endings>read(
                tx -> tx.standings().ending(null, Set.of("stand"), Duration.ofHours(60), 2)))
        .isEqualTo(new Endings(0, List.of()));
    assertThat(
            store.<List<Resource<?, ?>>>read(
                tx -> tx.standings().newest("stand-ends", null, null, 2)))
        .extracting(Resource::name)
        .containsExactly("never", "in-4");
  }
}
