package io.millwright.engine.access;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.access.ApprovalRule.Demand;
import io.millwright.engine.access.ApprovalRule.Need;
import io.millwright.model.ByteSize;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.jspecify.annotations.Nullable;

/** When somebody has to approve something. */
class ApprovalRuleTest {
  private static final List<String> NETWORKS = List.of("lan", "dmz", "prod");

  @Provide
  Arbitrary<List<ApprovalRule>> rules() {
    Arbitrary<@Nullable Integer> above = Arbitraries.integers().between(0, 8).injectNull(0.5);
    Arbitrary<@Nullable ByteSize> mib =
        Arbitraries.integers().between(0, 8).map(ByteSize::ofMib).injectNull(0.5);
    return Combinators.combine(
            above,
            mib,
            mib,
            above,
            Arbitraries.of(NETWORKS).list().ofMaxSize(2),
            Arbitraries.of(Role.values()).list().ofMaxSize(2),
            Arbitraries.integers().between(1, 2))
        .as(ApprovalRule::new)
        .list()
        .ofMaxSize(4);
  }

  @Provide
  Arbitrary<List<Demand>> demands() {
    return Combinators.combine(
            Arbitraries.of(true, false),
            Arbitraries.integers().between(0, 10),
            Arbitraries.integers().between(0, 10),
            Arbitraries.integers().between(0, 10),
            Arbitraries.of(NETWORKS).set().ofMaxSize(2))
        .as((makes, cores, memory, disk, on) ->
            new Demand("Machine m", makes, cores, ByteSize.ofMib(memory), ByteSize.ofMib(disk), on))
        .list()
        .ofMaxSize(6);
  }

  @Property
  void oneMoreRuleOrDemandNeverNeedsFewerPeople(
      @ForAll("rules") List<ApprovalRule> rules,
      @ForAll("rules") List<ApprovalRule> more,
      @ForAll("demands") List<Demand> demands,
      @ForAll("demands") List<Demand> others,
      @ForAll Role role) {
    int people = ApprovalRule.need(rules, role, demands).people();
    List<ApprovalRule> allRules = new ArrayList<>(rules);
    allRules.addAll(more);
    List<Demand> allDemands = new ArrayList<>(demands);
    allDemands.addAll(others);
    assertThat(ApprovalRule.need(allRules, role, demands).people()).isGreaterThanOrEqualTo(people);
    assertThat(ApprovalRule.need(rules, role, allDemands).people()).isGreaterThanOrEqualTo(people);
  }

  @Property
  void whoHasToApproveIsToldWhyAndNobodyElse(
      @ForAll("rules") List<ApprovalRule> rules,
      @ForAll("demands") List<Demand> demands,
      @ForAll Role role) {
    Need need = ApprovalRule.need(rules, role, demands);
    assertThat(need.people()).isBetween(0, 2);
    assertThat(need.because().isEmpty()).isEqualTo(need.people() == 0);
    assertThat(ApprovalRule.need(rules, role, List.of())).isEqualTo(Need.NONE);
    assertThat(ApprovalRule.need(List.of(), role, demands)).isEqualTo(Need.NONE);
  }

  @Property
  void whatIsLargerThanARuleSaysIsHeldWhateverElseIsAsked(
      @ForAll("demands") List<Demand> demands, @ForAll("rules") List<ApprovalRule> rules) {
    List<ApprovalRule> all = new ArrayList<>(rules);
    all.add(new ApprovalRule(4, null, null, null, List.of(), List.of(), 2));
    boolean larger = demands.stream().anyMatch(d -> d.cores() > 4);
    int people = ApprovalRule.need(all, null, demands).people();
    assertThat(people == 2)
        .isEqualTo(larger || ApprovalRule.need(rules, null, demands).people() == 2);
  }

  @Property
  void aRuleForARoleHoldsNobodyElse(@ForAll("demands") List<Demand> demands, @ForAll Role role) {
    List<ApprovalRule> forUsers =
        List.of(new ApprovalRule(null, null, null, null, List.of(), List.of(Role.USER), 1));
    assertThat(ApprovalRule.need(forUsers, role, demands).people() > 0)
        .isEqualTo(role == Role.USER && !demands.isEmpty());
  }

  @Property
  void onANetworkMeansOnThatNetwork(@ForAll("demands") List<Demand> demands) {
    List<ApprovalRule> prod =
        List.of(new ApprovalRule(null, null, null, null, List.of("prod"), List.of(), 1));
    assertThat(ApprovalRule.need(prod, Role.ADMIN, demands).people() > 0)
        .isEqualTo(demands.stream().map(Demand::networks).anyMatch(n -> n.contains("prod")));
  }
}
