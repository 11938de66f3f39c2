package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Standings;
import io.millwright.engine.port.Standings.Alike;
import io.millwright.model.Condition;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Power;
import io.millwright.model.Resource;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** How a project stands, in a few kilobytes, however much there is in it. */
@RestController
@RequestMapping("/api/v1/projects/{project}")
@Tag(name = "summary", description = "How a project stands, all at once.")
final class SummaryApi {
  /** So many causes are told apart; whatever goes beyond is counted without its sentence. */
  private static final int CAUSES = 200;

  private static final int ENDINGS = 20;
  private static final int NEWEST = 8;
  private static final Duration SOON = Duration.ofDays(3);

  /** So often at most the same is counted anew, however many pages are open. */
  private static final Duration GAP = Duration.ofSeconds(1);

  private final Backend backend;

  /** By project, or all for null, and by what the asker may see. */
  private final Together<Asked, Counted> counts =
      new Together<>(GAP, Duration.ofMinutes(1), Together.Time.real());

  SummaryApi(Backend backend) {
    this.backend = backend;
  }

  private record Asked(@Nullable String project, @Nullable Set<String> among) {}

  /** What is the same for all who may see the same. */
  private record Counted(
      List<StandingView> standings,
      long endingSoon,
      List<EndingView> ending,
      List<NewestView> newest) {}

  /** Which one. */
  record NamedView(String project, String name) {}

  /**
   * Resources of one kind that stand alike.
   *
   * @param deleting true if their deletion was asked for
   * @param off true of machines that are declared to be off
   * @param conditions Held, if it holds; otherwise Ready. {@code since} is that of the one which
   *     has it longest. Neither reason nor message are given of those that are well, and no
   *     condition of those that are to go or to be off
   * @param count how many
   * @param some the first four by project and name
   * @param next what to do about them, if they are not ready and stay so
   */
  record StandingView(
      Kind kind,
      boolean deleting,
      boolean off,
      List<Condition> conditions,
      long count,
      List<NamedView> some,
      @Nullable String next) {
    static StandingView of(Alike a) {
      return new StandingView(
          a.kind(),
          a.deleting(),
          a.off(),
          a.conditions(),
          a.count(),
          a.some().stream().map(n -> new NamedView(n.project(), n.name())).toList(),
          nextOf(a));
    }

    private static @Nullable String nextOf(Alike a) {
      boolean held = Condition.holds(a.conditions(), "Held");
      boolean unready =
          Condition.find(a.conditions(), Condition.READY)
              .filter(c -> c.value() != Condition.Value.TRUE)
              .isPresent();
      if (a.deleting() || !held && (!unready || Condition.renewed(a.conditions()))) {
        return null;
      }
      return switch (a.kind()) {
        case HYPERVISOR -> "Its machines cannot be changed until it answers.";
        case SOURCE -> "Look at what it says there; it is read again by itself.";
        case WEBHOOK ->
            "Look at its deliveries; they are sent again by themselves, and at once by a button"
                + " there.";
        case GROUP -> "Look at what its rollout says; continue it, or roll it back.";
        case NETWORK ->
            "See that its DHCP and DNS run; what is published meanwhile is served from then on.";
        case POOL -> "Look at what it says there; it is filled again by itself.";
        case SIZE, PROFILE, IMAGE, VOLUME, MACHINE, SNAPSHOT, OFFER ->
            held ? "Look at what failed, then apply it again." : "Look at its last operation.";
      };
    }
  }

  /** A machine that will be deleted by itself. */
  record EndingView(String project, String name, Instant expiresAt) {}

  /**
   * A machine that was made lately.
   *
   * @param address its first one, when it has any
   * @param off true if it is declared to be off
   */
  record NewestView(
      String project,
      String name,
      Instant createdAt,
      String image,
      String size,
      @Nullable Ip address,
      boolean deleting,
      boolean off,
      List<Condition> conditions) {
    static NewestView of(Resource<MachineSpec, MachineStatus> m) {
      return new NewestView(
          m.project(),
          m.name(),
          m.metadata().createdAt(),
          m.spec().image(),
          m.spec().size(),
          m.status().interfaces().stream()
              .limit(1)
              .flatMap(i -> i.addresses().stream())
              .findFirst()
              .orElse(null),
          m.deleting(),
          m.spec().power() == Power.OFF,
          m.status().conditions());
    }
  }

  /**
   * How a project stands.
   *
   * @param standings all resources, those together that stand alike, the most first; and the
   *     hypervisors, of whatever project
   * @param endingSoon how many machines will be deleted by themselves within three days
   * @param ending the first of them
   * @param newest machines that were made lately, the youngest first
   * @param owned how many machines the caller asked for; left out if that is no person
   * @param mine the youngest of those
   */
  record SummaryView(
      List<StandingView> standings,
      long endingSoon,
      List<EndingView> ending,
      List<NewestView> newest,
      @Nullable Long owned,
      List<NewestView> mine) {}

  @Operation(
      operationId = "getSummary",
      summary = "Tells how a project stands",
      description =
          "How many resources of each kind stand how; those that are not well by what they say,"
              + " with what to do next. Which machines end within three days, which are new, and"
              + " which the caller asked for. The project `-` stands for all. It is small however"
              + " much there is, and may be asked for again whenever something changes.")
  @Needs(value = Verb.VIEW, where = Needs.Where.PROJECTS)
  @GetMapping("/summary")
  SummaryView summary(@PathVariable String project) {
    String one = Inputs.projectOrAll(project);
    Set<String> among = Callers.visible();
    UUID me = Callers.now().account();
    // As it was after this was asked: the page asks when it has heard of a change.
    Counted all =
        counts.ask(
            new Asked(one, among),
            Duration.ZERO,
            () -> backend.store().read(tx -> counted(tx.standings(), one, among)));
    return backend
        .store()
        .read(tx ->
            new SummaryView(
                all.standings(),
                all.endingSoon(),
                all.ending(),
                all.newest(),
                me == null ? null : Long.valueOf(tx.standings().owned(one, among, me)),
                me == null ? List.of() : newest(tx.standings().newest(one, among, me, NEWEST))));
  }

  private static Counted counted(
      Standings standings, @Nullable String project, @Nullable Set<String> among) {
    Standings.Endings ending = standings.ending(project, among, SOON, ENDINGS);
    return new Counted(
        bounded(standings.alike(project, among)).stream().map(StandingView::of).toList(),
        ending.count(),
        ending.first().stream()
            .map(e -> new EndingView(e.project(), e.name(), e.expiresAt()))
            .toList(),
        newest(standings.newest(project, among, null, NEWEST)));
  }

  private static List<NewestView> newest(List<Resource<?, ?>> machines) {
    return machines.stream()
        .map(m -> NewestView.of(m.as(MachineSpec.class, MachineStatus.class)))
        .toList();
  }

  /** Ten thousand that are each wrong in their own way are counted, and not all told. */
  static List<Alike> bounded(List<Alike> all) {
    if (all.size() <= CAUSES) {
      return all;
    }
    Map<Alike, Long> rest = new LinkedHashMap<>();
    all.subList(CAUSES, all.size()).forEach(a -> rest.merge(unsaid(a), a.count(), Long::sum));
    List<Alike> out = new ArrayList<>(all.subList(0, CAUSES));
    rest.forEach((a, count) ->
        out.add(new Alike(a.kind(), a.deleting(), a.off(), a.conditions(), count, a.some())));
    return out;
  }

  private static Alike unsaid(Alike a) {
    return new Alike(
        a.kind(),
        a.deleting(),
        a.off(),
        a.conditions().stream()
            .map(c -> new Condition(c.type(), c.value(), c.reason(), "", Instant.EPOCH))
            .toList(),
        0,
        List.of());
  }
}
