package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.millwright.engine.access.SingleSignOn;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Sessions;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.security.SecurityRequirements;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServletRequest;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseCookie;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.util.HtmlUtils;

/** Signing in by a provider of identities: there, and back. */
@RestController
@RequestMapping(SessionApi.PATH)
@Tag(name = "sessions", description = "Signing in and out.")
final class SingleSignOnApi {
  /** What is anybody's to ask for. */
  static final String[] OPEN = {
    SessionApi.PATH + "/ways", SessionApi.PATH + "/provider", SingleSignOn.CALLBACK
  };

  private static final String ASIDE = "millwright_sign_in";

  private final Backend backend;
  private final Bearers bearers;

  SingleSignOnApi(Backend backend, Bearers bearers) {
    this.backend = backend;
    this.bearers = bearers;
  }

  /**
   * A provider of identities.
   *
   * @param name as people know it
   * @param path where a browser goes to sign in by it
   */
  record ProviderView(String name, String path) {}

  /**
   * How people can sign in; by a name and a password always.
   *
   * @param provider left out where there is none
   */
  record WaysView(@Nullable ProviderView provider) {}

  @Operation(operationId = "getSignInWays", summary = "Tells how people can sign in")
  @SecurityRequirements
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.ANYBODY)
  @GetMapping("/ways")
  WaysView ways() {
    SingleSignOn provider = backend.access().singleSignOn();
    return new WaysView(
        provider == null ? null : new ProviderView(provider.name(), SessionApi.PATH + "/provider"));
  }

  private SingleSignOn provider() {
    SingleSignOn provider = backend.access().singleSignOn();
    if (provider == null) {
      throw ProblemException.of(
          Problem.Type.NOT_FOUND, "there is no provider of identities; sign in with a password");
    }
    return provider;
  }

  @Operation(
      operationId = "goToProvider",
      summary = "Sends a browser to the provider of identities",
      description = "OpenID Connect: authorization code with PKCE, state and nonce.")
  @SecurityRequirements
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.ANYBODY)
  @GetMapping("/provider")
  ResponseEntity<?> depart(
      @Parameter(description = "A path of this site, where to go when signed in; `/` if not given.")
          @RequestParam(required = false)
          @Nullable String returnTo,
      HttpServletRequest request) {
    try {
      SingleSignOn.Departure departure =
          provider().depart(returnTo == null ? "/" : returnTo, BearerFilter.cookie(request));
      return ResponseEntity.status(303)
          .header(HttpHeaders.LOCATION, departure.where().toString())
          .header(HttpHeaders.SET_COOKIE, aside(departure.aside(), SingleSignOn.PATIENCE, request))
          .header(HttpHeaders.CACHE_CONTROL, "no-store")
          .build();
    } catch (ProblemException e) {
      return refused(e, request);
    }
  }

  @Operation(
      operationId = "comeFromProvider",
      summary = "Begins a session of who comes back from the provider of identities",
      description =
          "Sets the cookie `millwright_session`. The first time, it makes the person; their groups"
              + " are those that the provider names, each time.")
  @SecurityRequirements
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.ANYBODY, acts = true)
  @GetMapping("/provider/callback")
  ResponseEntity<?> arrive(
      @Parameter(description = "By which the provider tells who it is.")
          @RequestParam(required = false)
          @Nullable String code,
      @Parameter(description = "That was given along.") @RequestParam(required = false)
          @Nullable String state,
      @Parameter(description = "Who sends them (RFC 9207).") @RequestParam(required = false)
          @Nullable String iss,
      @Parameter(description = "Why the provider did not sign them in.")
          @RequestParam(required = false)
          @Nullable String error,
      @Parameter(hidden = true) @RequestParam Map<String, String> rest,
      HttpServletRequest request) {
    String agent = request.getHeader(HttpHeaders.USER_AGENT);
    try {
      SingleSignOn.Arrival arrival =
          provider()
              .arrive(
                  cookie(request),
                  new SingleSignOn.Answer(
                      code == null ? "" : code,
                      state == null ? "" : state,
                      iss,
                      error == null ? "" : error),
                  request.getRemoteAddr(),
                  agent == null ? "" : agent);
      bearers.forget();
      return ResponseEntity.status(303)
          .header(HttpHeaders.LOCATION, arrival.returnTo())
          .header(
              HttpHeaders.SET_COOKIE,
              SessionApi.cookie(arrival.begun().secret(), Sessions.LONGEST, request),
              aside("", Duration.ZERO, request))
          .header(HttpHeaders.CACHE_CONTROL, "no-store")
          .build();
    } catch (ProblemException e) {
      return refused(e, request);
    }
  }

  /** Back from another site a browser sends no cookie that is strict; this one must come along. */
  private static String aside(String value, Duration age, HttpServletRequest request) {
    return ResponseCookie.from(ASIDE, value)
        .httpOnly(true)
        .secure(request.isSecure())
        .sameSite("Lax")
        .path(SessionApi.PATH + "/provider")
        .maxAge(age)
        .build()
        .toString();
  }

  private static @Nullable String cookie(HttpServletRequest request) {
    Cookie[] cookies = request.getCookies();
    return cookies == null
        ? null
        : Arrays.stream(cookies)
            .filter(c -> c.getName().equals(ASIDE))
            .map(Cookie::getValue)
            .findFirst()
            .orElse(null);
  }

  /** A person stands before this one, not a program: they get something to read and a way on. */
  private static ResponseEntity<?> refused(ProblemException e, HttpServletRequest request) {
    String accept = request.getHeader(HttpHeaders.ACCEPT);
    if (accept == null || !accept.contains(MediaType.TEXT_HTML_VALUE)) {
      throw e;
    }
    request.setAttribute(Trail.PROBLEM, e.problem());
    return ResponseEntity.status(e.problem().type().status())
        .contentType(new MediaType(MediaType.TEXT_HTML, UTF_8))
        .header(HttpHeaders.CACHE_CONTROL, "no-store")
        .header(HttpHeaders.SET_COOKIE, aside("", Duration.ZERO, request))
        .body(
            """
            <!doctype html>
            <html lang="en"><head><title>Not signed in · Millwright</title></head>
            <body><h1>Not signed in</h1><p>%s</p><p><a href="/">Back to Millwright</a></p></body></html>
            """
                .formatted(HtmlUtils.htmlEscape(e.problem().detail(), "UTF-8"))
                .getBytes(UTF_8));
  }
}
