package io.millwright.engine.request;

import io.millwright.driver.HypervisorDriver;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.port.Groups.Member;
import io.millwright.engine.port.Groups.Revision;
import io.millwright.engine.port.Resources.Name;
import io.millwright.engine.port.Tx;
import io.millwright.model.Addressing;
import io.millwright.model.Condition;
import io.millwright.model.GroupSpec;
import io.millwright.model.GroupSpec.HealthGate;
import io.millwright.model.GroupStatus;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.ImageSpec;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.MachineTemplate;
import io.millwright.model.Names;
import io.millwright.model.NetworkSpec;
import io.millwright.model.NetworkStatus;
import io.millwright.model.Operation;
import io.millwright.model.OwnerSpec;
import io.millwright.model.PlainStatus;
import io.millwright.model.PoolSpec;
import io.millwright.model.PoolStatus;
import io.millwright.model.Power;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.SizeSpec;
import io.millwright.model.Violations;
import io.millwright.model.VolumeSpec;
import io.millwright.model.manifest.Draft;
import io.millwright.planner.GroupPlanner;
import io.millwright.planner.Placement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The machines of groups, and their volumes, as drafts: what a group declares by its own hand.
 *
 * <p>Everything in here reads; who applies the drafts is {@link Apply}.
 */
public final class Members {
  private Members() {}

  /**
   * A draft of what belongs to a group.
   *
   * @param volume its name in the template; null for a machine
   * @param revision that it brings
   */
  record MemberDraft(Draft draft, int ordinal, @Nullable String volume, int revision) {}

  /** {@code web-0}. */
  public static String machineName(String group, int ordinal) {
    return group + "-" + ordinal;
  }

  private static String volumeName(String group, int ordinal, String volume) {
    return machineName(group, ordinal) + "-" + volume;
  }

  // --- what must hold of a group -----------------------------------------------------------

  /** Checks a group against everything else that is declared. */
  static void check(
      Tx tx,
      Lookup lookup,
      Resource<GroupSpec, GroupStatus> group,
      @Nullable GroupSpec before,
      Violations at) {
    GroupSpec spec = group.spec();
    int last = Math.max(0, spec.count() - 1 + spec.rollout().surge());
    String longest =
        spec.machine().volumes().stream()
            .map(v -> volumeName(group.name(), last, v.name()))
            .max(Comparator.comparingInt(String::length))
            .orElse(machineName(group.name(), last));
    at.field("metadata")
        .field("name")
        .require(
            Names.isLabel(longest),
            "is too long: "
                + Names.quote(longest)
                + " has "
                + longest.length()
                + " characters, and names have 63 at most");
    checkForeign(tx, group, at.field("spec").field("count"));
    checkKept(tx, group, before, at.field("spec").field("machine").field("volumes"));
    boolean more = before == null || spec.count() > before.count();
    Expire.admit(tx, group, more, at.field("spec").field("count"));
    checkGate(tx, lookup, group, at.field("spec").field("rollout").field("healthGate"));
  }

  /** Checks a pool against everything else that is declared. */
  static void checkPool(Tx tx, Resource<PoolSpec, PoolStatus> pool, Violations at) {
    Expire.admit(tx, pool.project(), pool.spec().ttl(), at.field("spec").field("ttl"));
    String longest = machineName(pool.name(), Integer.MAX_VALUE);
    at.field("metadata")
        .field("name")
        .require(
            Names.isLabel(longest),
            "is too long: its machines are called so and get a number, and names have 63 characters"
                + " at most; use 52");
  }

  /** Names that its members need and that belong to others. */
  private static void checkForeign(Tx tx, Resource<GroupSpec, GroupStatus> group, Violations at) {
    Set<UUID> own = new HashSet<>();
    tx.groups().members(group.uid()).forEach(m -> own.add(m.uid()));
    List<Name> names = new ArrayList<>();
    for (int i = 0; i < group.spec().count(); i++) {
      names.add(new Name(Kind.MACHINE, group.project(), machineName(group.name(), i)));
      for (MachineTemplate.VolumeTemplate volume : group.spec().machine().volumes()) {
        names.add(
            new Name(Kind.VOLUME, group.project(), volumeName(group.name(), i, volume.name())));
      }
    }
    for (Resource<?, ?> there : tx.resources().find(names)) {
      if (own.contains(there.uid())) {
        continue;
      }
      boolean left =
          there.kind() == Kind.VOLUME
              && group.name().equals(there.metadata().labels().get(Names.GROUP))
              && !there.deleting()
              && tx.resources().referrers(there.uid(), 1).isEmpty();
      at.require(
          left,
          there.title()
              + (there.deleting()
                  ? " is being deleted; wait for that"
                  : " is there already and does not belong to this group; delete it, or call the"
                      + " group otherwise"));
    }
  }

  /**
   * Disks that members have do not shrink and are formatted once. A revision that there was already
   * may come back all the same, and leaves them as they have become.
   */
  private static void checkKept(
      Tx tx, Resource<GroupSpec, GroupStatus> group, @Nullable GroupSpec before, Violations at) {
    MachineTemplate template = group.spec().machine();
    if (known(tx, group.uid(), template).isPresent()) {
      return;
    }
    for (int v = 0; v < template.volumes().size(); v++) {
      MachineTemplate.VolumeTemplate volume = template.volumes().get(v);
      if (before != null && before.machine().volumes().contains(volume)) {
        continue;
      }
      List<Name> names = new ArrayList<>();
      for (int i = 0; i < group.spec().count(); i++) {
        names.add(
            new Name(Kind.VOLUME, group.project(), volumeName(group.name(), i, volume.name())));
      }
      for (Resource<?, ?> there : tx.resources().find(names)) {
        VolumeSpec has = (VolumeSpec) there.spec();
        at.index(v)
            .field("size")
            .require(
                volume.size().compareTo(has.size()) >= 0,
                "a volume cannot shrink; " + there.name() + " has " + has.size());
        at.index(v)
            .field("filesystem")
            .require(
                has.filesystem() == null || has.filesystem() == volume.filesystem(),
                "a volume is formatted once, and "
                    + there.name()
                    + " is declared with "
                    + String.valueOf(has.filesystem()).toLowerCase(Locale.ROOT)
                    + "; call the new one otherwise");
      }
    }
  }

  private static void checkGate(
      Tx tx, Lookup lookup, Resource<GroupSpec, GroupStatus> group, Violations at) {
    HealthGate gate = group.spec().rollout().healthGate();
    if (gate.tcp() != null || gate.http() != null) {
      MachineSpec machine = group.spec().machine().spec(null, Power.ON, List.of());
      boolean known =
          machine.addressed().stream()
              .filter(f -> f.network() != null)
              .anyMatch(f ->
                  lookup
                      .find(Kind.NETWORK, group.project(), String.valueOf(f.network()))
                      .map(n -> hasKnownAddress(f, (NetworkSpec) n.spec()))
                      .orElse(true));
      at.field(gate.tcp() != null ? "tcp" : "http")
          .require(
              known,
              "can never be passed: no card of a member has an address in a subnet of its network;"
                  + " give it one (ipv4: auto), or use condition");
    }
    if (Condition.FIRST_BOOT.equals(gate.condition())) {
      boolean never =
          lookup
              .find(Kind.IMAGE, group.project(), group.spec().machine().image())
              .filter(i -> ((ImageSpec) i.spec()).firstBoot() == ImageSpec.FirstBoot.NONE)
              .isPresent();
      at.field("condition")
          .require(
              !never,
              "can never be passed: Image "
                  + group.spec().machine().image()
                  + " has no first boot (firstBoot: none); use tcp, http or condition: Ready");
    }
    if (gate.command() != null) {
      List<Resource<HypervisorSpec, HypervisorStatus>> places = hypervisors(lookup, group);
      at.field("command")
          .require(
              places.isEmpty() || !places.stream().allMatch(Members::runsNoCommands),
              "can never be passed: "
                  + places.stream().map(Resource::title).collect(Collectors.joining(", "))
                  + (places.size() == 1 ? " runs" : " run")
                  + " no commands in guests; use tcp or http, or let a script of a profile run it"
                  + " at the first boot and use condition: FirstBoot");
      Set<String> without =
          places.stream()
              .filter(Members::runsNoCommands)
              .map(Resource::name)
              .collect(Collectors.toSet());
      machines(tx, group).values().stream()
          .filter(m -> without.contains(String.valueOf(m.status().hypervisor())))
          .findFirst()
          .ifPresent(m ->
              at.field("command")
                  .add(
                      "can never be passed by "
                          + m.name()
                          + ": it is on "
                          + m.status().hypervisor()
                          + ", which runs no commands in guests; use tcp or http, or move it"));
    }
  }

  /** It was seen, and runs none. */
  private static boolean runsNoCommands(Resource<HypervisorSpec, HypervisorStatus> host) {
    List<String> facets = host.status().facets();
    return !facets.isEmpty() && !facets.contains(HypervisorDriver.GUEST_COMMANDS);
  }

  /** Why a member of the group could not do there what its health gate asks for, or null. */
  private static @Nullable String gateObjection(
      Resource<? extends OwnerSpec, ?> group, Resource<HypervisorSpec, HypervisorStatus> place) {
    return group.spec() instanceof GroupSpec spec
            && spec.rollout().healthGate().command() != null
            && runsNoCommands(place)
        ? "it runs no commands in guests, as the health gate does"
        : null;
  }

  private static boolean hasKnownAddress(MachineSpec.Interface face, NetworkSpec network) {
    for (boolean v6 : new boolean[] {false, true}) {
      Addressing way = ResolvedMachine.addressing(face, network, v6);
      if (!(way instanceof Addressing.None) && network.subnet(v6).isPresent()) {
        return true;
      }
    }
    return false;
  }

  /** Those that its members may run on. */
  private static List<Resource<HypervisorSpec, HypervisorStatus>> hypervisors(
      Lookup lookup, Resource<? extends OwnerSpec, ?> group) {
    List<Resource<HypervisorSpec, HypervisorStatus>> out = new ArrayList<>();
    List<String> named = group.spec().spread().hypervisors();
    for (String name : named) {
      lookup
          .find(Kind.HYPERVISOR, group.project(), name)
          .ifPresent(h -> out.add(h.as(HypervisorSpec.class, HypervisorStatus.class)));
    }
    if (named.isEmpty()) {
      lookup
          .all(Kind.HYPERVISOR, group.project())
          .forEach(h -> out.add(h.as(HypervisorSpec.class, HypervisorStatus.class)));
    }
    out.sort(Comparator.comparing(Resource::name));
    return out;
  }

  // --- revisions ---------------------------------------------------------------------------

  /** Number of what is declared of its machines, written down if it was never declared before. */
  static int revision(Tx tx, Resource<? extends OwnerSpec, ?> group, String by, Instant now) {
    Optional<Integer> same = known(tx, group.uid(), group.spec().machine());
    if (same.isPresent()) {
      return same.get();
    }
    List<Revision> all = tx.groups().revisions(group.uid());
    int number = all.isEmpty() ? 1 : all.getLast().number() + 1;
    tx.groups().add(group.uid(), new Revision(number, group.spec().machine(), now, by));
    return number;
  }

  private static Optional<Integer> known(Tx tx, UUID group, MachineTemplate machine) {
    // What another version wrote down may say the same in other words, such as without a new field.
    return tx.groups()
        .same(group, machine)
        .or(() ->
            tx.groups().revisions(group).stream()
                .filter(r -> r.machine().equals(machine))
                .map(Revision::number)
                .findFirst());
  }

  /** What a revision of a group declares. */
  static MachineTemplate template(Tx tx, UUID group, int number) {
    return tx.groups()
        .revision(group, number)
        .map(Revision::machine)
        .orElseThrow(() -> new IllegalStateException("there is no revision " + number));
  }

  // --- what the planner is asked -------------------------------------------------------------

  /** What is wanted of a group now. */
  public static GroupPlanner.Goal goal(
      Resource<GroupSpec, GroupStatus> group, boolean undoing, Set<Integer> taken) {
    GroupSpec.Rollout rollout = group.spec().rollout();
    GroupStatus status = group.status();
    Integer stable = status.stable();
    int count = group.spec().count();
    boolean back = undoing && stable != null;
    int wanted = undoing && stable != null ? stable : status.revision();
    return new GroupPlanner.Goal(
        count,
        wanted,
        stable,
        rollout.maxUnavailable(),
        rollout.surge(),
        back ? 0 : rollout.canary(),
        back ? 0 : rollout.partOf(count),
        back ? GroupSpec.Pause.NEVER : rollout.pause(),
        Duration.ofSeconds(rollout.healthGate().minHealthySeconds()),
        Duration.ofSeconds(rollout.healthGate().timeoutSeconds()),
        !undoing && status.failed() != null && status.failed() == status.revision(),
        back,
        status.paused() && !back,
        status.confirmed(),
        taken);
  }

  /** A member as the planner sees it, when nothing is known but what is declared. */
  private static GroupPlanner.Member declared(Member member, Resource<?, ?> machine) {
    return new GroupPlanner.Member(
        member.ordinal(),
        member.revision(),
        true,
        machine.deleting(),
        null,
        false,
        null,
        "",
        null,
        leavesFirst(machine));
  }

  /** True if somebody marked it so, by a label or an annotation. */
  public static boolean leavesFirst(Resource<?, ?> machine) {
    String label = machine.metadata().labels().get(Names.LEAVE_FIRST);
    String note = machine.metadata().annotations().get(Names.LEAVE_FIRST);
    String said = label == null ? note : label;
    return said != null && !said.equals("false");
  }

  /** Its machines with what is known of them in the database. */
  static Map<Integer, Resource<MachineSpec, MachineStatus>> machines(
      Tx tx, Resource<? extends OwnerSpec, ?> group) {
    Map<Integer, Resource<MachineSpec, MachineStatus>> out = new TreeMap<>();
    Map<UUID, Integer> ordinals = new HashMap<>();
    List<Name> names = new ArrayList<>();
    for (Member member : tx.groups().members(group.uid())) {
      if (member.volume() == null) {
        ordinals.put(member.uid(), member.ordinal());
        names.add(
            new Name(Kind.MACHINE, group.project(), machineName(group.name(), member.ordinal())));
      }
    }
    for (Resource<?, ?> machine : tx.resources().find(names)) {
      Integer ordinal = ordinals.get(machine.uid());
      if (ordinal != null) {
        out.put(ordinal, machine.as(MachineSpec.class, MachineStatus.class));
      }
    }
    return out;
  }

  /** What becomes of a group when it is declared, so far as that needs nobody to be looked at. */
  record Declared(
      List<GroupPlanner.Act.Create> creates, List<Integer> changes, List<Integer> removes) {}

  static Declared declared(Tx tx, Resource<GroupSpec, GroupStatus> group) {
    Map<Integer, Resource<MachineSpec, MachineStatus>> machines = machines(tx, group);
    List<GroupPlanner.Member> members = new ArrayList<>();
    List<Integer> changes = new ArrayList<>();
    GroupPlanner.Goal goal = goal(group, false, Set.of());
    for (Member member : tx.groups().members(group.uid())) {
      Resource<MachineSpec, MachineStatus> machine = machines.get(member.ordinal());
      if (member.volume() == null && machine != null) {
        members.add(declared(member, machine));
        if ((member.revision() != goal.revision() || member.due()) && !machine.deleting()) {
          changes.add(member.ordinal());
        }
      }
    }
    List<Integer> removes = GroupPlanner.leaving(calm(goal), members);
    changes.removeAll(removes);
    // Whoever is gone may have a volume there still that goes, too: its name is not free by then.
    Set<Integer> waits =
        tx.groups().members(group.uid()).stream()
            .filter(m -> m.volume() != null && !machines.containsKey(m.ordinal()))
            .filter(m -> tx.resources().find(m.uid()).filter(v -> dropped(tx, v)).isPresent())
            .map(Member::ordinal)
            .collect(Collectors.toSet());
    List<GroupPlanner.Act.Create> creates = new ArrayList<>();
    for (GroupPlanner.Act act : GroupPlanner.plan(calm(goal), members, Instant.EPOCH).acts()) {
      if (act instanceof GroupPlanner.Act.Create create && !waits.contains(create.ordinal())) {
        creates.add(create);
      }
    }
    return new Declared(creates, goal.frozen() ? List.of() : changes, removes);
  }

  /** True if a volume that a member has left goes into quarantine, as was declared of it. */
  public static boolean dropped(Tx tx, Resource<?, ?> volume) {
    return !volume.deleting()
        && volume.spec() instanceof VolumeSpec spec
        && spec.reclaim() == VolumeSpec.Reclaim.DELETE
        && tx.resources().referrers(volume.uid(), 1).isEmpty();
  }

  /** The same without anything that takes time: only how many there shall be. */
  private static GroupPlanner.Goal calm(GroupPlanner.Goal g) {
    return new GroupPlanner.Goal(
        g.count(),
        g.revision(),
        g.stable(),
        g.maxUnavailable(),
        0,
        g.canary(),
        g.part(),
        g.pause(),
        g.minHealthy(),
        g.timeout(),
        true,
        false,
        true,
        g.confirmed(),
        g.taken());
  }

  /** What a member that leaves leaves behind, in words. */
  static List<String> left(Tx tx, Resource<MachineSpec, MachineStatus> machine) {
    List<String> out = new ArrayList<>();
    for (String name : machine.spec().volumes()) {
      tx.resources()
          .find(Kind.VOLUME, machine.project(), name)
          .map(v -> (VolumeSpec) v.spec())
          .ifPresent(v ->
              out.add(
                  "volume "
                      + name
                      + " with its data"
                      + (v.reclaim() == VolumeSpec.Reclaim.RETAIN
                          ? ""
                          : ", in quarantine for " + v.quarantineDays() + " days")));
    }
    return out;
  }

  // --- drafts --------------------------------------------------------------------------------

  /**
   * New members, each on the hypervisor that was chosen for it.
   *
   * @param at where it is said if there is no place for one
   */
  static List<MemberDraft> create(
      Tx tx,
      Lookup lookup,
      Admission admission,
      Resource<? extends OwnerSpec, ?> group,
      List<GroupPlanner.Act.Create> creates,
      Violations at) {
    if (creates.isEmpty()) {
      return List.of();
    }
    Map<String, Integer> members = new HashMap<>();
    machines(tx, group)
        .values()
        .forEach(m -> {
          if (!m.deleting()) {
            members.merge(String.valueOf(m.status().hypervisor()), 1, Integer::sum);
          }
        });
    Map<UUID, long[]> committed = new HashMap<>(tx.resources().committed());
    List<Resource<HypervisorSpec, HypervisorStatus>> places = hypervisors(lookup, group);
    boolean named = !group.spec().spread().hypervisors().isEmpty();
    List<MemberDraft> out = new ArrayList<>();
    for (GroupPlanner.Act.Create create : creates) {
      MachineTemplate template = template(tx, group.uid(), create.revision());
      SizeSpec size =
          lookup
              .get(Kind.SIZE, group.project(), template.size(), SizeSpec.class, PlainStatus.class)
              .spec();
      Optional<String> kept = kept(tx, group, create.ordinal(), template);
      MachineSpec spec = template.spec(null, Power.ON, List.of());
      List<Placement.Spot> spots = new ArrayList<>();
      for (Resource<HypervisorSpec, HypervisorStatus> place : places) {
        Placement.Candidate candidate =
            admission.candidate(lookup, place, group.project(), spec, committed);
        String elsewhere =
            kept.isPresent() && !kept.get().equals(place.name())
                ? "its volume is on " + kept.get()
                : candidate.refusal() == null ? gateObjection(group, place) : candidate.refusal();
        if (elsewhere == null || named) {
          spots.add(
              new Placement.Spot(
                  candidate.refusedFor(elsewhere), members.getOrDefault(place.name(), 0)));
        }
      }
      // What was kept lies where it lies, evenly or not.
      boolean hard = group.spec().spread().rule() == GroupSpec.Spread.Rule.HARD && kept.isEmpty();
      Placement.Decision decision = Placement.spread(spots, size, hard);
      Placement.Candidate chosen = decision.chosen();
      if (chosen == null) {
        at.field("spec")
            .field(group.kind() == Kind.POOL ? "ready" : "count")
            .add(
                "there is no place for "
                    + machineName(group.name(), create.ordinal())
                    + ": "
                    + (decision.objections().isEmpty()
                        ? reasons(lookup, admission, group, spec, committed, places)
                        : String.join("; ", decision.objections())));
        return List.of();
      }
      members.merge(chosen.name(), 1, Integer::sum);
      long[] used = committed.getOrDefault(chosen.uid(), new long[] {0, 0});
      committed.put(
          chosen.uid(), new long[] {used[0] + size.cores(), used[1] + size.memory().mib()});
      out.addAll(
          drafts(
              tx, group, template, create.revision(), create.ordinal(), chosen.name(), Power.ON));
    }
    return out;
  }

  private static String reasons(
      Lookup lookup,
      Admission admission,
      Resource<? extends OwnerSpec, ?> group,
      MachineSpec spec,
      Map<UUID, long[]> committed,
      List<Resource<HypervisorSpec, HypervisorStatus>> places) {
    List<String> out = new ArrayList<>();
    places.forEach(p ->
        out.add(
            "not on "
                + p.name()
                + ": "
                + admission.candidate(lookup, p, group.project(), spec, committed).refusal()));
    return out.isEmpty() ? "no Hypervisor is declared" : String.join("; ", out);
  }

  /** So many ordinals of a pool that were never given and whose names are free. */
  static List<Integer> ordinals(Tx tx, Resource<PoolSpec, PoolStatus> pool, int count) {
    List<Integer> out = new ArrayList<>();
    for (int next = pool.status().last() + 1; out.size() < count; next++) {
      if (tx.resources()
          .find(Kind.MACHINE, pool.project(), machineName(pool.name(), next))
          .isEmpty()) {
        out.add(next);
      }
    }
    return out;
  }

  /** Where a volume lies that an earlier member of this ordinal has left. */
  private static Optional<String> kept(
      Tx tx, Resource<? extends OwnerSpec, ?> group, int ordinal, MachineTemplate template) {
    return template.volumes().stream()
        .flatMap(v ->
            tx
                .resources()
                .find(Kind.VOLUME, group.project(), volumeName(group.name(), ordinal, v.name()))
                .stream())
        .map(v -> ((VolumeSpec) v.spec()).hypervisor())
        .findFirst();
  }

  /** A member that is there, at another revision. */
  static List<MemberDraft> change(
      Tx tx,
      Resource<? extends OwnerSpec, ?> group,
      Resource<MachineSpec, MachineStatus> machine,
      int ordinal,
      int revision) {
    MachineTemplate template = template(tx, group.uid(), revision);
    List<MemberDraft> out = new ArrayList<>();
    String place =
        machine.status().hypervisor() == null
            ? String.valueOf(machine.spec().hypervisor())
            : machine.status().hypervisor();
    for (MemberDraft each :
        drafts(tx, group, template, revision, ordinal, place, machine.spec().power())) {
      out.add(each.volume() == null ? keeping(each, machine) : each);
    }
    return out;
  }

  /** With the labels and annotations that people have put on it. */
  private static MemberDraft keeping(MemberDraft of, Resource<MachineSpec, MachineStatus> machine) {
    Map<String, String> labels = new HashMap<>(machine.metadata().labels());
    labels.putAll(of.draft().labels());
    Draft d = of.draft();
    return new MemberDraft(
        new Draft(
            d.kind(),
            d.name(),
            d.project(),
            labels,
            machine.metadata().annotations(),
            d.spec(),
            d.where()),
        of.ordinal(),
        of.volume(),
        of.revision());
  }

  /** Label of what belongs to a resource of this kind. */
  private static String mark(Kind owner) {
    return owner == Kind.POOL ? Names.POOL : Names.GROUP;
  }

  private static List<MemberDraft> drafts(
      Tx tx,
      Resource<? extends OwnerSpec, ?> group,
      MachineTemplate template,
      int revision,
      int ordinal,
      String hypervisor,
      Power power) {
    List<MemberDraft> out = new ArrayList<>();
    List<String> disks = new ArrayList<>();
    Map<String, String> mark = Map.of(mark(group.kind()), group.name());
    for (MachineTemplate.VolumeTemplate volume : template.volumes()) {
      String name = volumeName(group.name(), ordinal, volume.name());
      disks.add(name);
      VolumeSpec wanted = volume.spec(hypervisor);
      out.add(
          new MemberDraft(
              new Draft(
                  Kind.VOLUME,
                  name,
                  group.project(),
                  mark,
                  Map.of(),
                  tx.resources()
                      .find(Kind.VOLUME, group.project(), name)
                      .map(there -> wanted.keeping((VolumeSpec) there.spec()))
                      .orElse(wanted),
                  group.title()),
              ordinal,
              volume.name(),
              0));
    }
    Map<String, String> labels = new LinkedHashMap<>(template.labels());
    labels.putAll(mark);
    out.add(
        new MemberDraft(
            new Draft(
                Kind.MACHINE,
                machineName(group.name(), ordinal),
                group.project(),
                labels,
                Map.of(),
                template.spec(hypervisor, power, disks),
                group.title()),
            ordinal,
            null,
            revision));
    return out;
  }

  // --- what people may not do ----------------------------------------------------------------

  /**
   * Whoever claimed a machine has it for as long as it is there: that stands on it, and nobody need
   * declare it.
   */
  static Draft kept(Draft draft, Resource<?, ?> before) {
    String pool = before.metadata().labels().get(Names.CLAIMED_FROM);
    return pool == null || draft.labels().containsKey(Names.CLAIMED_FROM)
        ? draft
        : draft.labelled(Names.CLAIMED_FROM, pool);
  }

  /** Refuses what would change by hand what a group declares. */
  static void refuseChange(
      Tx tx, Draft draft, @Nullable Resource<?, ?> before, boolean specChanged, Violations at) {
    if (draft.kind() != Kind.MACHINE && draft.kind() != Kind.VOLUME) {
      return;
    }
    Map<String, String> labels = before == null ? Map.of() : before.metadata().labels();
    keepLabel(Names.CLAIMED_FROM, labels, draft, at);
    Optional<Member> member = before == null ? Optional.empty() : tx.groups().find(before.uid());
    if (member.isEmpty()) {
      keepLabel(Names.GROUP, labels, draft, at);
      keepLabel(Names.POOL, labels, draft, at);
      keepLabel(Names.TRIAL, labels, draft, at);
      return;
    }
    Resource<?, ?> group = tx.resources().find(member.get().group()).orElseThrow();
    if (group.kind() == Kind.IMAGE) {
      at.field("metadata")
          .field("name")
          .add("is a machine for a build of " + group.title() + ", and goes by itself");
      return;
    }
    boolean there =
        draft.kind() == Kind.MACHINE
            || tx.groups().members(group.uid()).stream()
                .anyMatch(m -> m.volume() == null && m.ordinal() == member.get().ordinal());
    at.field("spec")
        .require(
            !specChanged || !there,
            "is declared by " + group.title() + ", to which it belongs; change that instead");
    if (draft.kind() == Kind.MACHINE && before != null) {
      Set<String> declared =
          new HashSet<>(template(tx, group.uid(), member.get().revision()).labels().keySet());
      declared.add(Names.GROUP);
      declared.add(Names.POOL);
      for (String key : declared) {
        at.field("metadata")
            .field("labels")
            .field(key)
            .require(
                Objects.equals(before.metadata().labels().get(key), draft.labels().get(key)),
                "is declared by " + group.title() + ", to which it belongs");
      }
    }
  }

  /**
   * Labels of Millwright's are not put on by hand, and this one may not be taken off if it must
   * stay.
   */
  private static void keepLabel(
      String key, Map<String, String> before, Draft draft, Violations at) {
    String said = draft.labels().get(key);
    String was = before.get(key);
    at.field("metadata")
        .field("labels")
        .field(key)
        .require(
            said == null || said.equals(was), "is put on machines by Millwright; leave it out");
  }

  /** Refuses to delete or otherwise change by hand what a group declares. */
  static void refuse(Tx tx, Resource<?, ?> machine, String instead) {
    tx.groups()
        .find(machine.uid())
        .filter(m -> m.volume() == null)
        .flatMap(m -> tx.resources().find(m.group()))
        .ifPresent(group -> {
          throw ProblemException.of(
              Problem.Type.CONFLICT,
              machine.title() + " belongs to " + group.title() + "; " + instead);
        });
  }

  /** What last happened to a machine, if it failed and nothing was tried since. */
  public static Optional<Operation> failed(Tx tx, Resource<MachineSpec, MachineStatus> machine) {
    return tx.operations()
        .latest(machine.uid())
        .filter(o -> o.generation() == machine.generation())
        .filter(o ->
            o.state() instanceof Operation.State.Failed
                || o.state() instanceof Operation.State.Cancelled);
  }

  /** The networks of an interface, by its name; for probes. */
  static Optional<NetworkSpec> network(Lookup lookup, String project, String name) {
    return lookup
        .find(Kind.NETWORK, project, name)
        .map(n -> n.as(NetworkSpec.class, NetworkStatus.class).spec());
  }
}
