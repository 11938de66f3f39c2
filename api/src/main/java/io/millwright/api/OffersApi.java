package io.millwright.api;

import io.millwright.engine.access.Acts;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Verb;
import io.millwright.engine.request.Applied;
import io.millwright.engine.request.Apply;
import io.millwright.engine.request.Offers;
import io.millwright.model.Default;
import io.millwright.model.Kind;
import io.millwright.model.manifest.Draft;
import io.millwright.model.manifest.Json;
import io.millwright.model.manifest.Manifests;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** The catalogue: forms from which people order machines. */
@RestController
@RequestMapping("/api/v1/projects/{project}/offers")
@Tag(name = "offers", description = "The catalogue: forms from which people order machines.")
final class OffersApi extends Collection {
  OffersApi(Backend backend, LiveStreams live) {
    super(Kind.OFFER, backend, live);
  }

  /**
   * What somebody fills in.
   *
   * @param parameters by their names; those that are left out are as the offer presets them
   */
  record OrderParams(@Default Map<String, String> parameters) {
    OrderParams {
      parameters = parameters == null ? Map.of() : Map.copyOf(parameters);
    }
  }

  /**
   * What an order did, or would do.
   *
   * @param manifests what it declares, as YAML
   * @param items what became of each resource, as of an apply
   * @param approval what has to be had before it is done, of a dry run; left out if nobody has to
   *     approve it
   */
  record OrderView(
      String manifests, List<ApplyView.ItemView> items, ApplyView.@Nullable NeedView approval) {
    static OrderView of(List<Draft> drafts, ApplyView applied) {
      return new OrderView(
          drafts.stream().map(d -> Json.yaml(d.manifest())).collect(Collectors.joining("---\n")),
          applied.items(),
          applied.approval());
    }
  }

  @Operation(
      operationId = "orderOffer",
      summary = "Orders what an offer offers",
      description =
          "The offer is looked for in the project and then in the project shared. Its manifests are"
              + " filled in and declared in this project, with the rights, the quota and the"
              + " approvals of whoever orders; what is there already is not changed. A dry run"
              + " tells what would be done, and does nothing.")
  @Needs(value = Verb.DECLARE, of = Kind.MACHINE)
  @PostMapping("/{name}:order")
  ResponseEntity<byte[]> order(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "true to hear what would be done, and to have nothing done")
          @RequestParam(defaultValue = "false")
          boolean dryRun,
      @RequestBody Body body,
      Once once) {
    Caller caller = Callers.now();
    Map<String, String> values = Manifests.decode(body.bytes(), OrderParams.class).parameters();
    List<Draft> drafts = backend.store().read(tx -> Offers.order(tx, project, name, values));
    Acts.about(name + ": " + drafts.stream().map(Draft::title).collect(Collectors.joining(", ")));
    for (Draft draft : drafts) {
      Callers.require(Verb.DECLARE, draft.kind(), project, () -> Callers.noProject(project));
    }
    Apply.Expectation expected = new Apply.Expectation(true, null);
    if (dryRun) {
      ApplyView planned =
          ApplyView.of(backend.engine().apply().plan(caller, drafts, expected), true)
              .needing(backend.engine().apply().needs(caller, drafts));
      return Answer.of(200, OrderView.of(drafts, planned)).entity();
    }
    return once.answer(
        body,
        tx -> {
          List<Applied> applied = backend.engine().apply().apply(tx, caller, drafts, expected);
          boolean work = applied.stream().anyMatch(a -> a.operation() != null);
          return Answer.of(work ? 202 : 200, OrderView.of(drafts, ApplyView.of(applied, false)));
        });
  }
}
