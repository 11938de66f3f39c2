package io.millwright.api;

import io.millwright.engine.access.Acts;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Applied;
import io.millwright.engine.request.Apply;
import io.millwright.engine.request.Imports;
import io.millwright.model.ImageSpec;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.manifest.Draft;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Operating system releases that machines can have. */
@RestController
@RequestMapping("/api/v1/projects/{project}/images")
@Tag(name = "images", description = "Operating system releases that machines can have.")
final class ImagesApi extends Collection {
  private static final int AT_ONCE = 4;

  private final Semaphore places = new Semaphore(AT_ONCE);

  ImagesApi(Backend backend, LiveStreams live) {
    super(Kind.IMAGE, backend, live);
  }

  @io.swagger.v3.oas.annotations.Operation(
      operationId = "importImage",
      summary = "Declares an image from a file",
      description =
          "The file is the body, or is behind a URL, or on the server. What it is, is seen by what"
              + " is in it: a vendor's installation medium, or a finished disk. Of what is wrong"
              + " with the file nothing stays.")
  @Needs(Verb.DECLARE)
  @Again(refused = "a file is not compared with what was sent before")
  @PostMapping("/{name}:import")
  ResponseEntity<byte[]> importImage(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "where the file is; then there is no body")
          @RequestParam(required = false)
          @Nullable String url,
      @Parameter(description = "of a file on the server; then there is no body")
          @RequestParam(required = false)
          @Nullable String path,
      @Parameter(description = "that the file has to have, 64 hex digits; computed if not given")
          @RequestParam(required = false)
          @Nullable String sha256,
      @Parameter(
              description =
                  "family, such as debian; needed for a disk, and if the medium does not tell")
          @RequestParam(required = false)
          @Nullable String os,
      @Parameter(description = "release, such as 13; likewise") @RequestParam(required = false)
          @Nullable String version,
      @Parameter(description = "true if the medium's installer shall need no network")
          @RequestParam(defaultValue = "false")
          boolean offline,
      HttpServletRequest request)
      throws IOException, InterruptedException {
    Acts.about(name);
    Caller caller = Callers.now();
    Imports.Wanted wanted = new Imports.Wanted(project, name, sha256, os, version, offline);
    if (!places.tryAcquire()) {
      throw ProblemException.of(
          Problem.Type.TOO_MANY, AT_ONCE + " files are being sent; try again when one is through");
    }
    try {
      if (url != null || path != null) {
        return declared(caller, backend.engine().imports().of(wanted, path, url));
      }
      return declared(
          caller,
          backend
              .engine()
              .imports()
              .of(
                  wanted,
                  request.getInputStream(),
                  request.getContentLengthLong(),
                  draft -> backend.engine().apply().plan(caller, List.of(draft))));
    } finally {
      places.release();
    }
  }

  @io.swagger.v3.oas.annotations.Operation(
      operationId = "buildImage",
      summary = "Builds an image anew",
      description =
          "The build is used when the machine of spec.build.check has become ready, or at once"
              + " without one; until then, and if it fails, the former one stays in use. The answer"
              + " is the operation; that which goes on, if it is being built already.")
  @Needs(Verb.DECLARE)
  @PostMapping("/{name}:build")
  ResponseEntity<byte[]> buildImage(
      @PathVariable String project, @PathVariable String name, Once once) {
    Caller caller = Callers.now();
    return once.answer(
        tx -> Answer.accepted(backend.engine().builds().build(tx, caller, project, name)));
  }

  @Override
  List<ActionView> actions(Tx tx, Resource<?, ?> found) {
    List<ActionView> out = new ArrayList<>(super.actions(tx, found));
    out.add(
        ActionView.of(
            "build",
            Verb.DECLARE,
            found,
            found.deleting()
                ? "it is being deleted"
                : ((ImageSpec) found.spec()).build() == null ? "it is not built here" : ""));
    return out;
  }

  private ResponseEntity<byte[]> declared(Caller caller, Draft draft) {
    Applied applied =
        backend
            .store()
            .inTransaction(tx ->
                backend
                    .engine()
                    .apply()
                    .apply(tx, caller, List.of(draft), Apply.Expectation.NONE)
                    .stream()
                    .filter(a -> a.resource().kind() == Kind.IMAGE)
                    .filter(a -> a.resource().name().equals(draft.name()))
                    .findFirst()
                    .orElseThrow());
    Operation operation = applied.operation();
    return (operation != null ? Answer.accepted(operation) : Answer.of(200, applied.resource()))
        .entity();
  }
}
