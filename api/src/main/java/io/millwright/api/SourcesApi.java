package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Tx;
import io.millwright.model.Kind;
import io.millwright.model.Problem;
import io.millwright.model.Resource;
import io.millwright.model.SourceStatus;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.security.SecurityRequirements;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Places under version control where declarations are kept. */
@RestController
@RequestMapping("/api/v1/projects/{project}/sources")
@Tag(name = "sources", description = "Repositories in which declarations are kept.")
final class SourcesApi extends Collection {
  /** Where the hosts of repositories call, who have no token. */
  static final String HOOKS = "/api/v1/projects/*/sources/*/hook";

  SourcesApi(Backend backend, LiveStreams live) {
    super(Kind.SOURCE, backend, live);
  }

  @Override
  List<ActionView> actions(Tx tx, Resource<?, ?> found) {
    List<ActionView> out = new ArrayList<>(super.actions(tx, found));
    SourceStatus status = (SourceStatus) found.status();
    out.add(
        ActionView.of(
            "approve", Verb.OPERATE, found, status.plan() == null ? "no commit waits for it" : ""));
    out.add(ActionView.of("sync", Verb.OPERATE, found, ""));
    return List.copyOf(out);
  }

  @Operation(
      operationId = "approveSource",
      summary = "Approves a commit of a source",
      description =
          "It is applied then. Only the newest commit, of which the status has the plan, can be"
              + " approved; another one needs another approval.")
  @Needs(Verb.OPERATE)
  @PostMapping("/{name}:approve")
  ResponseEntity<byte[]> approve(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "name of the commit, or its first seven digits or more")
          @RequestParam
          String commit,
      Once once) {
    return once.answer(tx ->
        Answer.of(
            200, backend.engine().sources().approve(tx, Callers.now(), project, name, commit)));
  }

  @Operation(
      operationId = "syncSource",
      summary = "Has a source read at once",
      description = "Without it, that is done at every interval.")
  @Needs(Verb.OPERATE)
  @PostMapping("/{name}:sync")
  ResponseEntity<byte[]> sync(@PathVariable String project, @PathVariable String name, Once once) {
    return once.answer(tx -> Answer.of(200, backend.engine().sources().sync(tx, project, name)));
  }

  @Operation(
      operationId = "hookSource",
      summary = "Hears from the host of a repository that there is something new",
      description =
          "Needs no token, but a signature with the source's webhookSecret. The source is read at"
              + " once; what the body says does not matter.")
  @SecurityRequirements
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.ANYBODY)
  @Again(harmless = "the source is only read once more")
  @PostMapping("/{name}/hook")
  void hook(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "as GitHub, Gitea and Forgejo sign: sha256= and HMAC in hex digits")
          @RequestHeader(name = "X-Hub-Signature-256", required = false)
          @Nullable String signature,
      @Parameter(description = "as GitLab sends it: the secret")
          @RequestHeader(name = "X-Gitlab-Token", required = false)
          @Nullable String token,
      @RequestBody Body body,
      HttpServletRequest request,
      HttpServletResponse response)
      throws IOException {
    if (backend.engine().sources().heard(project, name, body.bytes(), signature, token)) {
      response.setStatus(204);
      return;
    }
    // The same whether there is such a source or not; and no row of the audit for each who tries.
    Problems.write(
        new Problem(
            Problem.Type.UNAUTHENTICATED,
            "this is not signed with the webhookSecret of such a source",
            List.of()),
        request,
        response);
    request.removeAttribute(Trail.PROBLEM);
  }
}
