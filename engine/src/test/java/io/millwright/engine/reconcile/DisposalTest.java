package io.millwright.engine.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.engine.reconcile.Disposal.Claim;
import io.millwright.engine.reconcile.Disposal.Owner;
import java.time.Instant;
import java.util.UUID;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

/** Which disks may be deleted for ever, whatever the database says of them. */
class DisposalTest {
  private static final String OURS = "0123abcd";
  private static final UUID UID = new UUID(1, 2);
  private static final Instant NOW = Instant.parse("2026-11-21T04:00:00Z");
  private static final ObjectName SYSTEM = disk(OURS, 2, ObjectName.SYSTEM);
  private static final ObjectName DATA = disk(OURS, 1, ObjectName.DATA);
  private static final String OTHER = disk(OURS, 1, ObjectName.SYSTEM).toString();

  /** A disk and what is known of it. */
  record Case(ObjectName disk, Claim claim) {
    boolean mayGo() {
      return Disposal.objection(disk, claim, NOW).isEmpty();
    }
  }

  private static ObjectName disk(String installation, long generation, String role) {
    return new ObjectName(new Mark(installation, UID, generation), role);
  }

  private static boolean mayGo(ObjectName disk, Owner owner, Instant until) {
    return new Case(disk, new Claim(OURS, owner, until, false)).mayGo();
  }

  @Property
  void whatIsNotOursStays(@ForAll("cases") Case given) {
    if (!given.disk().mark().installation().equals(OURS)) {
      assertThat(given.mayGo()).isFalse();
    }
  }

  @Property
  void dataGoesOnlyWhenItIsNobodysAndItsDaysAreOver(@ForAll("cases") Case given) {
    if (given.disk().role().equals(ObjectName.DATA) && given.mayGo()) {
      assertThat(given.claim().owner())
          .isInstanceOfAny(Owner.Gone.class, Owner.Unknown.class, Owner.Volume.class);
      if (!(given.claim().owner() instanceof Owner.Volume v && v.dropped())) {
        assertThat(given.claim().quarantinedUntil()).isNotNull().isBeforeOrEqualTo(NOW);
      }
    }
  }

  @Property
  void theDiskOfAMachineThatStaysGoesOnlyIfItNeverCameUp(@ForAll("cases") Case given) {
    if (given.claim().owner() instanceof Owner.Machine m
        && !m.going()
        && given.disk().toString().equals(m.disk())
        && given.mayGo()) {
      assertThat(m.up()).isFalse();
      assertThat(m.undoing()).isTrue();
    }
  }

  @Property
  void whatIsNeitherSystemNorDataStays(@ForAll("cases") Case given) {
    if (given.disk().role().equals(ObjectName.SEED)) {
      assertThat(given.mayGo()).isFalse();
    }
  }

  @Property
  void ofAnImportedMachineNothingGoes(@ForAll("cases") Case given) {
    if (given.claim().owner() instanceof Owner.Imported) {
      assertThat(given.mayGo()).isFalse();
    }
  }

  @Property
  void aDeclaredSnapshotStays(@ForAll("cases") Case given) {
    if (given.claim().owner() instanceof Owner.Snapshot s && !s.going()) {
      assertThat(given.mayGo()).isFalse();
    }
  }

  @Property
  void aSnapshotGoesOnlyWhenThatWasAskedForOrNobodyHasIt(@ForAll("cases") Case given) {
    if (given.disk().role().equals(ObjectName.SNAPSHOT) && given.mayGo()) {
      assertThat(given.claim().owner())
          .isInstanceOfAny(Owner.Gone.class, Owner.Unknown.class, Owner.Snapshot.class);
    }
  }

  @Test
  void aSnapshotGoesWithItsDeclaration() {
    for (String role : new String[] {ObjectName.SNAPSHOT, ObjectName.PART}) {
      ObjectName disk = disk(OURS, 1, role);
      assertThat(mayGo(disk, new Owner.Snapshot(true), null)).as(role).isTrue();
      assertThat(mayGo(disk, new Owner.Snapshot(false), null)).as(role).isFalse();
      assertThat(mayGo(disk, new Owner.Gone(), null)).as(role).isTrue();
    }
    assertThat(mayGo(SYSTEM, new Owner.Snapshot(true), NOW)).isFalse();
    assertThat(mayGo(DATA, new Owner.Snapshot(true), NOW)).isFalse();
  }

  @Test
  void aDiskThatWasOnlyBegunGoesUnlessItIsBeingMade() {
    ObjectName part = disk(OURS, 2, ObjectName.PART);
    String whole = SYSTEM.toString();
    assertThat(mayGo(part, new Owner.Machine(whole, false, false, false), null)).isFalse();
    assertThat(mayGo(part, new Owner.Machine(whole, false, false, true), null)).isTrue();
    assertThat(mayGo(part, new Owner.Machine(whole, true, false, false), null)).isTrue();
    assertThat(mayGo(part, new Owner.Machine(whole, false, true, false), null)).isTrue();
    assertThat(mayGo(part, new Owner.Gone(), null)).isTrue();
    assertThat(mayGo(part, new Owner.Unknown(), null)).isFalse();
    assertThat(mayGo(part, new Owner.Declared(), null)).isFalse();
  }

  @Test
  void anOldSystemDiskGoesWhenTheNewSystemIsUp() {
    assertThat(mayGo(SYSTEM, new Owner.Machine(OTHER, false, false, false), null)).isFalse();
    assertThat(mayGo(SYSTEM, new Owner.Machine(OTHER, false, false, true), null)).isFalse();
    assertThat(mayGo(SYSTEM, new Owner.Machine(OTHER, true, false, false), null)).isTrue();
  }

  @Test
  void aSystemDiskGoesWithItsMachine() {
    assertThat(mayGo(SYSTEM, new Owner.Gone(), null)).isTrue();
    assertThat(mayGo(SYSTEM, new Owner.Machine(SYSTEM.toString(), true, true, false), null))
        .isTrue();
    assertThat(mayGo(SYSTEM, new Owner.Machine(SYSTEM.toString(), false, false, true), null))
        .isTrue();
    assertThat(mayGo(SYSTEM, new Owner.Unknown(), null)).isFalse();
    assertThat(mayGo(SYSTEM, new Owner.Declared(), null)).isFalse();
  }

  @Property
  void whatNobodyKnowsGoesOnlyByTheSweep(@ForAll("cases") Case given) {
    if (given.claim().owner() instanceof Owner.Unknown
        && !given.disk().role().equals(ObjectName.DATA)
        && given.mayGo()) {
      assertThat(given.claim().swept()).isTrue();
    }
  }

  @Test
  void aDataDiskGoesAtTheEndOfItsQuarantine() {
    assertThat(mayGo(DATA, new Owner.Gone(), NOW)).isTrue();
    assertThat(mayGo(DATA, new Owner.Gone(), NOW.plusSeconds(1))).isFalse();
    assertThat(mayGo(DATA, new Owner.Gone(), null)).isFalse();
    assertThat(mayGo(DATA, new Owner.Declared(), NOW)).isFalse();
    assertThat(mayGo(DATA, new Owner.Unknown(), NOW)).as("put there by the sweep").isTrue();
    assertThat(mayGo(DATA, new Owner.Unknown(), null)).isFalse();
    assertThat(mayGo(DATA, new Owner.Machine(DATA.toString(), false, true, true), NOW)).isFalse();
  }

  @Test
  void whatAVolumeHadBeforeItWasMovedGoesAtTheEndOfItsQuarantineAndADroppedCopyAtOnce() {
    assertThat(mayGo(DATA, new Owner.Volume(false), null)).isFalse();
    assertThat(mayGo(DATA, new Owner.Volume(false), NOW.plusSeconds(1))).isFalse();
    assertThat(mayGo(DATA, new Owner.Volume(false), NOW)).isTrue();
    assertThat(mayGo(DATA, new Owner.Volume(true), null)).isTrue();
    assertThat(mayGo(SYSTEM, new Owner.Volume(true), NOW)).isFalse();
  }

  @Provide
  Arbitrary<Case> cases() {
    Arbitrary<Boolean> yes = Arbitraries.of(true, false);
    Arbitrary<ObjectName> disks =
        Combinators.combine(
                Arbitraries.of(OURS, "ffffffff"),
                Arbitraries.longs().between(1, 2),
                Arbitraries.of(
                    ObjectName.SYSTEM,
                    ObjectName.DATA,
                    ObjectName.SEED,
                    ObjectName.PART,
                    ObjectName.SNAPSHOT))
            .as(DisposalTest::disk);
    Arbitrary<Owner> owners =
        Arbitraries.oneOf(
            Arbitraries.of(
                new Owner.Unknown(),
                new Owner.Gone(),
                new Owner.Declared(),
                new Owner.Imported(),
                new Owner.Snapshot(true),
                new Owner.Snapshot(false),
                new Owner.Volume(true),
                new Owner.Volume(false)),
            Combinators.combine(
                    Arbitraries.of(SYSTEM.toString(), OTHER, DATA.toString()).injectNull(0.1),
                    yes,
                    yes,
                    yes)
                .as(Owner.Machine::new));
    Arbitrary<Instant> until =
        Arbitraries.of(NOW.minusSeconds(1), NOW, NOW.plusSeconds(1)).injectNull(0.3);
    return Combinators.combine(disks, owners, until, yes)
        .as((disk, owner, end, swept) -> new Case(disk, new Claim(OURS, owner, end, swept)));
  }
}
