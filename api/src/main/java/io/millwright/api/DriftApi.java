package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.millwright.engine.reconcile.Drift;
import io.millwright.model.DriftPolicy;
import io.millwright.model.ProblemException;
import io.millwright.model.manifest.Json;
import io.millwright.planner.MachineDrift.Difference;
import io.millwright.planner.Step;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** How machines differ from what is declared of them. */
@RestController
@RequestMapping("/api/v1/projects/{project}")
@Tag(name = "drift", description = "How machines differ from what is declared of them.")
final class DriftApi {
  /** Who does not ask for a fresh look is told what is at most as old as a round is long. */
  private static final Duration ROUND = Duration.ofSeconds(30);

  private static final Duration GAP = Duration.ofSeconds(2);

  private final Backend backend;

  /**
   * What has drifted, by project; the empty key stands for all projects. Every page asks for this.
   * For one project only those hypervisors are asked that have machines of it, so that its pages
   * wait for no others.
   */
  private final Together<Optional<String>, Drift.Report> looks =
      new Together<>(GAP, ROUND, Together.Time.real());

  DriftApi(Backend backend) {
    this.backend = backend;
  }

  /**
   * One difference.
   *
   * @param field such as {@code cores}
   * @param declared what should be
   * @param observed what is
   */
  record DifferenceView(String field, String declared, String observed) {
    static DifferenceView of(Difference d) {
      return new DifferenceView(d.field(), d.declared(), d.observed());
    }
  }

  /**
   * One machine.
   *
   * @param policy what is done about it
   * @param repair titles of the steps that would put it right
   * @param note why it could not be compared, or why nothing is done about it
   */
  record DriftedMachineView(
      String project,
      String name,
      DriftPolicy policy,
      List<DifferenceView> differences,
      List<String> repair,
      @Nullable String note) {
    static DriftedMachineView of(Drift.Finding f) {
      return new DriftedMachineView(
          f.machine().project(),
          f.machine().name(),
          f.policy(),
          f.differences().stream().map(DifferenceView::of).toList(),
          f.repair().stream().map(Step::title).toList(),
          f.note());
    }
  }

  /**
   * What was found.
   *
   * @param compared how many machines were compared
   * @param differing how many of them are not as declared
   * @param items those, and the machines that could not be compared
   */
  record DriftView(int compared, int differing, List<DriftedMachineView> items) {
    static DriftView of(Drift.Report report, int limit) {
      return new DriftView(
          report.compared(),
          (int) report.findings().stream().filter(Drift.Finding::differs).count(),
          report.findings().stream().limit(limit).map(DriftedMachineView::of).toList());
    }
  }

  @Operation(
      operationId = "getDrift",
      summary = "Compares machines with what is declared of them",
      description =
          "Power, cores, memory, cards, disks, seeds, DHCP and DNS records, and missing machines,"
              + " by one listing of each hypervisor and network. Nothing is changed. The project"
              + " `-` stands for all. What is told of more than one machine may be half a minute"
              + " old, unless it is asked for anew.")
  @Needs(value = Verb.VIEW, where = Needs.Where.PROJECTS)
  @GetMapping("/drift")
  DriftView drift(
      @PathVariable String project,
      @Parameter(description = "the only machine to compare") @RequestParam(required = false)
          @Nullable String machine,
      @Parameter(description = "so many items at most; 0 if the numbers are enough; all without it")
          @RequestParam(required = false)
          @Nullable Integer limit,
      @Parameter(description = "true to have all looked at now; who asks at once is told the same")
          @RequestParam(defaultValue = "false")
          boolean fresh) {
    if (limit != null && limit < 0) {
      throw ProblemException.invalid("limit", "must be 0 or more");
    }
    String one = Inputs.projectOrAll(project);
    Set<String> among = Callers.visible();
    Drift drift = backend.engine().drift();
    return DriftView.of(
        machine != null
            ? drift.look(one, machine, among)
            : look(one, fresh ? Duration.ZERO : ROUND).of(one, among),
        limit == null ? Integer.MAX_VALUE : limit);
  }

  private Drift.Report look(@Nullable String project, Duration age) {
    return looks.ask(
        Optional.ofNullable(project), age, () -> backend.engine().drift().look(project));
  }

  /**
   * What is done in a project when a machine is not as declared.
   *
   * @param policy of machines that have none of their own
   */
  record PolicyView(String project, DriftPolicy policy) {}

  @Operation(
      operationId = "getDriftPolicy",
      summary = "Shows what is done when a machine is not as declared",
      description = "Of machines that do not say it themselves in spec.drift.")
  @Needs(Verb.VIEW)
  @GetMapping("/drift-policy")
  PolicyView policy(@PathVariable String project) {
    return new PolicyView(project, backend.store().read(tx -> tx.driftPolicies().of(project)));
  }

  @Operation(
      operationId = "putDriftPolicy",
      summary = "Sets what is done when a machine is not as declared",
      description =
          "report: it is told, and nothing is done. repair: it is made as declared. rebuild: it"
              + " gets a new system disk if the machine itself was changed; its volumes stay.")
  @Needs(Verb.GOVERN)
  @PutMapping("/drift-policy")
  PolicyView setPolicy(
      @PathVariable String project,
      @Parameter(description = "report, repair or rebuild") @RequestParam String policy) {
    DriftPolicy wanted =
        Arrays.stream(DriftPolicy.values())
            .filter(p -> Json.word(p).equals(policy))
            .findFirst()
            .orElseThrow(
                () -> ProblemException.invalid("policy", "must be report, repair or rebuild"));
    backend.store().write(tx -> tx.driftPolicies().set(project, wanted));
    return new PolicyView(project, wanted);
  }
}
