package io.millwright.api;

import io.millwright.engine.access.Acts;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Verb;
import io.millwright.engine.request.Applied;
import io.millwright.engine.request.Apply;
import io.millwright.model.manifest.Draft;
import io.millwright.model.manifest.Manifests;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Many declarations at once, all or none. */
@RestController
@RequestMapping("/api/v1/apply")
@Tag(name = "apply", description = "Many declarations at once, all or none.")
final class ApplyApi {

  private final Backend backend;

  ApplyApi(Backend backend) {
    this.backend = backend;
  }

  @Operation(
      operationId = "apply",
      summary = "Declares resources, all or none",
      description =
          "The same again changes nothing. A dry run tells what would change, with the very plan"
              + " that would run, and changes nothing.")
  @Needs(value = Verb.DECLARE, where = Needs.Where.HANDLER)
  @PostMapping
  ResponseEntity<byte[]> apply(
      @Parameter(description = "of resources that name none")
          @RequestParam(defaultValue = Apply.DEFAULT_PROJECT)
          String project,
      @Parameter(description = "true to hear what would be done, and to have nothing done")
          @RequestParam(defaultValue = "false")
          boolean dryRun,
      @Parameter(description = "what the body is called in messages, such as hello.yaml")
          @RequestHeader(name = "X-Source", required = false)
          @Nullable String source,
      @RequestBody Body body,
      Once once) {
    Inputs.project(project);
    Caller caller = Callers.now();
    List<Draft> drafts = drafts(body, project, source);
    Acts.about(
        // A row of one project is among that project's, too.
        drafts.stream().map(Draft::project).distinct().count() == 1
            ? drafts.getFirst().project()
            : null,
        drafts.stream()
            .map(d -> d.project() + "/" + d.kind() + "/" + d.name())
            .collect(Collectors.joining(", ")));
    for (Draft draft : drafts) {
      String in = String.valueOf(draft.project());
      Callers.require(Verb.DECLARE, draft.kind(), in, () -> Callers.noProject(in));
    }
    if (dryRun) {
      List<Applied> planned = backend.engine().apply().plan(caller, drafts);
      return Answer.of(
              200,
              ApplyView.of(planned, true).needing(backend.engine().apply().needs(caller, drafts)))
          .entity();
    }
    return once.answer(
        body,
        tx -> {
          List<Applied> applied =
              backend.engine().apply().apply(tx, caller, drafts, Apply.Expectation.NONE);
          boolean work = applied.stream().anyMatch(a -> a.operation() != null);
          return Answer.of(work ? 202 : 200, ApplyView.of(applied, false));
        });
  }

  private static List<Draft> drafts(Body body, String project, @Nullable String source) {
    List<Draft> drafts =
        Manifests.parse(body.bytes(), Inputs.source(source)).stream()
            .map(d -> d.orProject(project))
            .toList();
    // Two that differ only in that one leaves the project out are the same now.
    Manifests.requireUnique(drafts);
    return drafts;
  }
}
