package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.millwright.engine.request.ForeignMachines;
import io.millwright.model.ByteSize;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Places where virtual machines run. */
@RestController
@RequestMapping("/api/v1/projects/{project}/hypervisors")
@Tag(name = "hypervisors", description = "Places where virtual machines run.")
final class HypervisorsApi extends Collection {
  HypervisorsApi(Backend backend, LiveStreams live) {
    super(Kind.HYPERVISOR, backend, live);
  }

  /**
   * A machine that somebody else made.
   *
   * @param name by which the hypervisor knows it
   * @param state what it is doing: running, stopped, paused or crashed
   * @param addresses that its guest's agent tells; left out if it was not asked
   * @param objection why it cannot be imported; left out if nothing is known that forbids it
   */
  record ForeignMachineView(
      String name,
      UUID uid,
      String state,
      int cores,
      ByteSize memory,
      @Nullable List<Ip> addresses,
      @Nullable String objection) {
    static ForeignMachineView of(ForeignMachines.Foreign foreign) {
      return new ForeignMachineView(
          foreign.name(),
          foreign.uid(),
          foreign.state(),
          foreign.cores(),
          foreign.memory(),
          foreign.addresses(),
          foreign.objection());
    }
  }

  /**
   * All of them.
   *
   * @param gaps what could not be seen, one line each; what is missing then may be there
   */
  record ForeignMachinesView(List<ForeignMachineView> items, List<String> gaps) {}

  @Operation(
      operationId = "listForeignMachines",
      summary = "Lists the machines on a hypervisor that somebody else made",
      description =
          "As the hypervisor tells of them now; nothing of them is touched. The hypervisor is found"
              + " as an import finds it: in the project, then in the shared one.")
  @Needs(value = Verb.TEND, where = Needs.Where.HOUSE)
  @GetMapping("/{name}/foreign-machines")
  ForeignMachinesView foreignMachines(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(
              description =
                  "true to look at each by itself, too: for the addresses that its guest's agent"
                      + " tells, and whether another installation has it; it is a call to the"
                      + " hypervisor for each, and after 20 s the rest is left out")
          @RequestParam(defaultValue = "false")
          boolean closely) {
    ForeignMachines.Listing all = backend.engine().foreignMachines().list(project, name, closely);
    return new ForeignMachinesView(
        all.machines().stream().map(ForeignMachineView::of).toList(), all.gaps());
  }
}
