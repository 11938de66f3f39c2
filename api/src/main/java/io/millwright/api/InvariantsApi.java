package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.millwright.engine.reconcile.Invariants;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.util.List;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Whether all is as it must be. */
@RestController
@RequestMapping("/api/v1/invariants")
@Tag(name = "invariants", description = "Whether all is as it must be.")
final class InvariantsApi {
  private final Backend backend;

  InvariantsApi(Backend backend) {
    this.backend = backend;
  }

  /**
   * Something that does not hold.
   *
   * @param rule as-declared, unique, owned, kept, accounted or sealed
   * @param message what it is
   */
  record BrokenInvariantView(Invariants.Rule rule, String message) {}

  /**
   * What was found.
   *
   * @param machines how many are declared
   * @param broken what does not hold
   * @param unseen what could not be looked at, and why
   */
  record InvariantsView(long machines, List<BrokenInvariantView> broken, List<String> unseen) {}

  @Operation(
      operationId = "getInvariants",
      summary = "Looks whether all is as it must be",
      description =
          "In all projects: what is declared is there (as-declared); no name, MAC or address is"
              + " there twice, and no two machines write to one disk (unique); nothing of ours is"
              + " there that was not declared (owned); every volume has its disk (kept); every"
              + " operation has ended, goes on, or says what it waits for (accounted); no secret"
              + " that is declared stands in a log, an event, a status, the audit or anything else"
              + " that is told (sealed). What is worked on just now is left out. Nothing is"
              + " changed. It costs one or two listings of each hypervisor and network, and all"
              + " logs are read.")
  @Needs(value = Verb.TEND, where = Needs.Where.HOUSE)
  @GetMapping
  InvariantsView look() {
    Invariants.Report report = backend.engine().invariants().look();
    return new InvariantsView(
        report.machines(),
        report.broken().stream().map(b -> new BrokenInvariantView(b.rule(), b.what())).toList(),
        report.unseen());
  }
}
