package io.millwright.api;

import static org.springframework.http.MediaType.TEXT_EVENT_STREAM_VALUE;

import io.millwright.engine.access.AccessTokens;
import io.millwright.engine.access.Acts;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.Scope;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.People;
import io.millwright.engine.port.Tokens.Token;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.manifest.Manifests;
import io.swagger.v3.oas.annotations.Hidden;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** The tokens with which people and programs show who they are. */
@RestController
@RequestMapping("/api/v1/tokens")
@Tag(name = "tokens", description = "With which people and programs show who they are.")
final class TokensApi {
  private static final long LONGEST_SECONDS = Duration.ofDays(3660).toSeconds();

  private final Backend backend;
  private final Bearers bearers;
  private final LiveStreams live;

  TokensApi(Backend backend, Bearers bearers, LiveStreams live) {
    this.backend = backend;
    this.bearers = bearers;
    this.live = live;
  }

  /**
   * A token that is wanted.
   *
   * @param name unique among those in force; it stands in operations that it asks for
   * @param ttlSeconds after which it is void; never if not given
   * @param role that it is at most; that of its owner if not given
   * @param projects in which it is good; all of its owner's if not given
   * @param verbs for which it is good; all if not given
   */
  record TokenParams(
      String name,
      @Nullable Long ttlSeconds,
      @Nullable Role role,
      @Nullable List<String> projects,
      @Nullable List<Verb> verbs) {
    Scope scope() {
      return new Scope(
          role, projects == null ? List.of() : projects, verbs == null ? List.of() : verbs);
    }
  }

  /**
   * A token without its secret, which nobody knows any more.
   *
   * @param owner whose it is; left out if it is the installation's own
   * @param role that it is at most; left out if nothing is taken from its owner's
   * @param projects in which it is good; empty for all
   * @param verbs for which it is good; empty for all
   */
  record TokenView(
      String name,
      Instant createdAt,
      @Nullable Instant expiresAt,
      @Nullable String owner,
      @Nullable Role role,
      List<String> projects,
      List<Verb> verbs) {
    static TokenView of(Token t, @Nullable String owner) {
      return new TokenView(
          t.name(),
          t.createdAt(),
          t.expiresAt(),
          owner,
          t.scope().role(),
          t.scope().projects().stream().sorted().toList(),
          t.scope().verbs().stream().sorted().toList());
    }
  }

  /** All tokens in force. */
  record ListView(List<TokenView> items) {}

  /**
   * A token just made.
   *
   * @param secret to be sent as bearer; shown this once
   */
  record FreshTokenView(String name, String secret, @Nullable Instant expiresAt) {
    static FreshTokenView of(AccessTokens.Fresh f) {
      return new FreshTokenView(f.token().name(), f.secret(), f.token().expiresAt());
    }
  }

  @Operation(
      operationId = "listTokens",
      summary = "Lists the tokens in force",
      description = "One's own; of everybody for who looks after people. " + Watched.DESCRIPTION)
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.HANDLER)
  @GetMapping
  ListView list() {
    Callers.requireOwner();
    return new ListView(
        backend.engine().tokens().list(PeopleApi.mine()).stream()
            .map(t -> TokenView.of(t, owner(t)))
            .toList());
  }

  private @Nullable String owner(Token token) {
    UUID owner = token.owner();
    return owner == null
        ? null
        : backend
            .store()
            .read(tx -> tx.people().find(owner))
            .map(People.Account::name)
            .orElse(null);
  }

  /** Tells what there is, and then what becomes of it. */
  @Hidden // the description has it with the listing
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.HANDLER)
  @GetMapping(produces = TEXT_EVENT_STREAM_VALUE)
  void watch(
      @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
      HttpServletResponse response)
      throws IOException {
    live.watch(response, () -> list().items(), TokenView::name, lastEventId);
  }

  @Operation(
      operationId = "createToken",
      summary = "Makes a token",
      description =
          "It is the caller's own, and good for what the caller may do when it is used, narrowed to"
              + " role, projects and verbs. A token that is narrowed or expires makes none. The"
              + " secret is in this answer and nowhere else.")
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.HANDLER)
  @Again(refused = "a token's secret is not kept")
  @PostMapping
  ResponseEntity<FreshTokenView> create(@RequestBody Body body) {
    TokenParams params = Manifests.decode(body.bytes(), TokenParams.class);
    Acts.about(params.name());
    Long seconds = params.ttlSeconds();
    if (seconds != null && (seconds < 1 || seconds > LONGEST_SECONDS)) {
      throw ProblemException.invalid("ttlSeconds", "must be 1 to " + LONGEST_SECONDS);
    }
    Caller caller = Callers.now();
    if (!caller.rights().scope().equals(Scope.ALL)) {
      throw ProblemException.of(
          Problem.Type.FORBIDDEN,
          "a token that is narrowed makes no others; sign in, or use one that is not");
    }
    if (backend.engine().tokens().ends(caller)) {
      throw ProblemException.of(
          Problem.Type.FORBIDDEN,
          "a token that expires makes no others, which would outlive it; sign in, or use one that"
              + " does not");
    }
    for (String project : params.scope().projects()) {
      Inputs.project(project);
    }
    return ResponseEntity.status(201)
        .body(
            FreshTokenView.of(
                backend
                    .engine()
                    .tokens()
                    .create(
                        params.name(),
                        seconds == null ? null : Duration.ofSeconds(seconds),
                        caller.account(),
                        params.scope())));
  }

  @Operation(operationId = "revokeToken", summary = "Takes a token out of force")
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.HANDLER)
  @DeleteMapping("/{name}")
  ResponseEntity<Void> revoke(@PathVariable String name) {
    Caller caller = Callers.now();
    boolean itself =
        backend
            .store()
            .read(tx -> tx.tokens().find(name))
            .filter(t -> t.uid().equals(caller.token()))
            .isPresent();
    if (!itself) {
      Callers.requireOwner();
    }
    backend.engine().tokens().revoke(name, itself ? caller.account() : PeopleApi.mine());
    bearers.forget();
    return ResponseEntity.noContent().build();
  }
}
