package io.millwright.api;

import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Rights;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.SignIn;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.Sessions;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.manifest.Json;
import io.millwright.model.manifest.Manifests;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.security.SecurityRequirements;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletRequest;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseCookie;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/** One's own session. */
@RestController
@RequestMapping(SessionApi.PATH)
@Tag(name = "sessions", description = "Signing in and out.")
final class SessionApi {
  static final String PATH = "/api/v1/session";

  private final Backend backend;
  private final Bearers bearers;

  SessionApi(Backend backend, Bearers bearers) {
    this.backend = backend;
    this.bearers = bearers;
  }

  /** Who signs in. */
  record SignInParams(String name, String password) {}

  /**
   * A person, or a token that is nobody's.
   *
   * @param mustChangePassword true until the first password was changed; nothing else can be done
   *     before that
   */
  record PersonView(String name, String displayName, boolean mustChangePassword) {}

  /**
   * What somebody is.
   *
   * @param global in all projects; left out if nothing
   * @param projects in some, besides
   */
  record RolesView(@Nullable Role global, Map<String, Role> projects) {
    static RolesView of(Rights rights) {
      Map<String, Role> effective = new TreeMap<>();
      for (String project : rights.projects().keySet()) {
        Role role = rights.in(project);
        if (role != null) {
          effective.put(project, role);
        }
      }
      for (String project : rights.scope().projects()) {
        Role role = rights.in(project);
        if (role != null) {
          effective.put(project, role);
        }
      }
      return new RolesView(rights.in(null), effective);
    }
  }

  /**
   * A session.
   *
   * @param csrfToken to be sent as X-CSRF-Token with all that is no GET; empty for a token
   */
  record SessionView(PersonView user, String csrfToken, RolesView roles) {
    static SessionView of(Caller caller, @Nullable Account account, String csrfToken) {
      return new SessionView(
          new PersonView(
              caller.name(),
              account == null ? caller.name() : account.displayName(),
              caller.mustChangePassword()),
          csrfToken,
          RolesView.of(caller.rights()));
    }
  }

  @Operation(
      operationId = "signIn",
      summary = "Begins a session",
      description =
          "Sets the cookie `millwright_session`. The answer is 401 for an unknown name as for a"
              + " wrong password, and after several wrong ones 429 with Retry-After.")
  @SecurityRequirements
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.ANYBODY)
  @Again(refused = "the key of a session is not kept")
  @PostMapping
  ResponseEntity<?> signIn(@RequestBody Body body, HttpServletRequest request) {
    SignInParams params = Manifests.decode(body.bytes(), SignInParams.class);
    String agent = request.getHeader(HttpHeaders.USER_AGENT);
    return begun(
        backend
            .access()
            .signIn()
            .withPassword(
                params.name(),
                params.password(),
                request.getRemoteAddr(),
                agent == null ? "" : agent),
        request);
  }

  private ResponseEntity<?> begun(SignIn.Outcome outcome, HttpServletRequest request) {
    return switch (outcome) {
      case SignIn.Outcome.Begun b -> {
        String before = BearerFilter.cookie(request);
        if (before != null) {
          backend.access().signIn().end(before);
          bearers.forget();
        }
        yield ResponseEntity.ok()
            .header(HttpHeaders.SET_COOKIE, cookie(b.secret(), Sessions.LONGEST, request))
            .header(HttpHeaders.CACHE_CONTROL, "no-store")
            .body(SessionView.of(b.caller(), b.account(), SignIn.csrfToken(b.secret())));
      }
      case SignIn.Outcome.Refused _ ->
          throw ProblemException.of(
              Problem.Type.UNAUTHENTICATED, "the name or the password is wrong");
      case SignIn.Outcome.Locked l -> {
        Problem problem =
            new Problem(
                Problem.Type.TOO_MANY,
                "too many wrong passwords; try again in " + l.remaining().toSeconds() + " s",
                java.util.List.of());
        request.setAttribute(Trail.PROBLEM, problem);
        yield ResponseEntity.status(429)
            .header(HttpHeaders.RETRY_AFTER, Long.toString(l.remaining().toSeconds()))
            .contentType(org.springframework.http.MediaType.APPLICATION_PROBLEM_JSON)
            .body(Json.mapper().writeValueAsBytes(ProblemView.of(problem, PATH)));
      }
    };
  }

  static String cookie(String value, Duration age, HttpServletRequest request) {
    return ResponseCookie.from(BearerFilter.COOKIE, value)
        .httpOnly(true)
        .secure(request.isSecure())
        .sameSite("Strict")
        .path("/")
        .maxAge(age)
        .build()
        .toString();
  }

  @Operation(operationId = "getSession", summary = "Tells who asks, and what they are")
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.HANDLER)
  @GetMapping
  ResponseEntity<SessionView> get(HttpServletRequest request) {
    Caller caller = Callers.now();
    Optional<Account> account = backend.access().signIn().account(caller);
    String secret = BearerFilter.secret(request) == null ? BearerFilter.cookie(request) : null;
    return ResponseEntity.ok()
        .header(HttpHeaders.CACHE_CONTROL, "no-store")
        .body(
            SessionView.of(
                caller, account.orElse(null), secret == null ? "" : SignIn.csrfToken(secret)));
  }

  @Operation(operationId = "signOut", summary = "Ends the session")
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.HANDLER)
  @DeleteMapping
  ResponseEntity<Void> signOut(HttpServletRequest request) {
    String secret = BearerFilter.cookie(request);
    if (secret != null) {
      backend.access().signIn().end(secret);
      bearers.forget();
    }
    return ResponseEntity.noContent()
        .header(HttpHeaders.SET_COOKIE, cookie("", Duration.ZERO, request))
        .build();
  }

  @Operation(
      operationId = "changePassword",
      summary = "Changes one's own password",
      description = "All other sessions of the person end.")
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.HANDLER)
  @Again(refused = "nothing of a password is kept")
  @PostMapping("/password")
  ResponseEntity<Void> changePassword(@RequestBody Body body, HttpServletRequest request) {
    String secret = BearerFilter.cookie(request);
    if (secret == null || BearerFilter.secret(request) != null) {
      throw ProblemException.invalid("", "a token has no password; sign in with yours");
    }
    JsonNode params;
    try {
      params = Json.mapper().readTree(body.bytes());
    } catch (JacksonException e) {
      throw ProblemException.invalid("", "must be JSON with old and new");
    }
    backend.access().signIn().changePassword(secret, text(params, "old"), text(params, "new"));
    bearers.forget();
    return ResponseEntity.noContent().build();
  }

  private static String text(JsonNode params, String field) {
    JsonNode value = params.path(field);
    if (!value.isString()) {
      throw ProblemException.invalid(field, "is missing");
    }
    return value.stringValue();
  }
}
