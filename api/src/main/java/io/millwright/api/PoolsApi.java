package io.millwright.api;

import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Tx;
import io.millwright.model.Kind;
import io.millwright.model.PoolStatus;
import io.millwright.model.Resource;
import io.millwright.model.TimeSpan;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Pools of machines that are ready before anybody asks. */
@RestController
@RequestMapping("/api/v1/projects/{project}/pools")
@Tag(name = "pools", description = "Machines that are ready before anybody asks.")
final class PoolsApi extends Collection {

  PoolsApi(Backend backend, LiveStreams live) {
    super(Kind.POOL, backend, live);
  }

  @Operation(
      operationId = "claimPool",
      summary = "Takes a machine out of a pool",
      description =
          "One that is ready, at once and for the caller alone; another one is made in its place."
              + " The machine keeps its name, has the label millwright.io/claimed-from and is"
              + " deleted by itself when its time is over. If none is ready, the answer is 503, and"
              + " the request can be made again.")
  @Needs(Verb.DECLARE)
  @PostMapping("/{name}:claim")
  ResponseEntity<byte[]> claim(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(
              description =
                  "how long it lives from now on, such as 2h; as the pool says if not given")
          @RequestParam(required = false)
          @Nullable String ttl,
      @Parameter(
              description =
                  "it goes as well when no heartbeat came for so long, 10s to 1h; no leash if not"
                      + " given")
          @RequestParam(required = false)
          @Nullable String leash,
      Once once) {
    TimeSpan life = ttl == null ? null : Inputs.span("ttl", ttl);
    TimeSpan silence = leash == null ? null : Inputs.span("leash", leash);
    Caller caller = Callers.now();
    return once.answer(tx ->
        Answer.of(200, backend.engine().pools().claim(tx, caller, project, name, life, silence)));
  }

  @Override
  List<ActionView> actions(Tx tx, Resource<?, ?> found) {
    List<ActionView> out = new ArrayList<>(super.actions(tx, found));
    boolean some = ((PoolStatus) found.status()).ready() > 0;
    out.add(
        ActionView.of(
            "claim",
            Verb.DECLARE,
            found,
            found.deleting()
                ? "it is being deleted"
                : some ? "" : "none of its machines is ready just now"));
    return out;
  }
}
