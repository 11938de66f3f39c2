package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.security.SecurityRequirements;
import io.swagger.v3.oas.annotations.tags.Tag;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Whether the server can work. */
@RestController
@RequestMapping(HealthApi.PATH)
@Tag(name = "health", description = "Whether the server can work.")
final class HealthApi {
  static final String PATH = "/api/v1/health";

  private final Backend backend;

  HealthApi(Backend backend) {
    this.backend = backend;
  }

  /**
   * The server works.
   *
   * @param status always {@code ok}
   * @param version of Millwright
   */
  record HealthView(String status, String version) {}

  @Operation(
      operationId = "getHealth",
      summary = "Tells whether the server can work",
      description = "Needs no token. 503 while the database is away.")
  @SecurityRequirements
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.ANYBODY)
  @GetMapping
  HealthView get() {
    backend.store().read(tx -> tx.journal().head());
    return new HealthView("ok", backend.version());
  }
}
