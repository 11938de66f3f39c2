package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.millwright.engine.access.Caller;
import io.millwright.engine.access.SignIn;
import io.millwright.engine.access.Verb;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.security.authentication.AbstractAuthenticationToken;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Sees who asks: by the bearer token of a request (RFC 6750), or else by the cookie of a session.
 *
 * <p>A browser sends cookies along with whatever another site makes it ask for; so what changes
 * something needs a header besides, which no other site can know, and the origin must be ours.
 */
final class BearerFilter extends OncePerRequestFilter {
  /** Name of a session's cookie. */
  static final String COOKIE = "millwright_session";

  private static final String CSRF = "X-CSRF-Token";
  private static final String SCHEME = "Bearer ";

  /** On what a page asks by itself while nobody is there: no session is in use by that. */
  private static final String UNATTENDED = "X-Unattended";

  private static final Set<String> READS = Set.of("GET", "HEAD", "OPTIONS");

  private final Bearers bearers;
  private final LateRows late;

  /**
   * @param late for the audit: what is refused here never gets as far as {@link Trail}
   */
  BearerFilter(Bearers bearers, LateRows late) {
    this.bearers = bearers;
    this.late = late;
  }

  /** Somebody with a token or a session in force. */
  static final class Bearer extends AbstractAuthenticationToken {
    private static final long serialVersionUID = 1L;

    private final transient Caller caller;
    private final @Nullable String session;
    private final transient BooleanSupplier inForce;

    /**
     * @param session the hash of the session's cookie, or null of who shows a token
     */
    Bearer(Caller caller, @Nullable String session, BooleanSupplier inForce) {
      super(List.of());
      this.caller = caller;
      this.session = session;
      this.inForce = inForce;
      setAuthenticated(true);
    }

    @Override
    public @Nullable Object getCredentials() {
      return null;
    }

    @Override
    public Object getPrincipal() {
      return caller.name();
    }

    Caller caller() {
      return caller;
    }

    @Nullable String session() {
      return session;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return this == other;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(this);
    }
  }

  @Override
  protected void doFilterInternal(
      HttpServletRequest request, HttpServletResponse response, FilterChain chain)
      throws ServletException, IOException {
    String token = secret(request);
    String cookie = token == null ? cookie(request) : null;
    String secret = token == null ? cookie : token;
    try {
      if (token == null) {
        requireOurOrigin(request, cookie != null);
      }
      Optional<Caller> caller =
          secret == null || secret.startsWith(SignIn.PREFIX) != (cookie != null)
              ? Optional.empty()
              : unattended(request) ? bearers.look(secret) : bearers.authenticate(secret);
      if (secret != null && caller.isPresent()) {
        if (cookie != null) {
          requireCsrfToken(request, cookie);
        }
        requireOwnPassword(request, caller.get());
        SecurityContext context = SecurityContextHolder.createEmptyContext();
        context.setAuthentication(
            new Bearer(
                caller.get(),
                cookie == null ? null : ConsoleTickets.hash(cookie),
                () -> bearers.look(secret).equals(caller)));
        SecurityContextHolder.setContext(context);
      }
    } catch (ProblemException e) {
      if (!request.getRequestURI().equals(HealthApi.PATH)) {
        if (secret != null) {
          writeDown(request, secret, e.problem());
        }
        Problems.write(e.problem(), request, response);
        return;
      }
    }
    chain.doFilter(request, response);
  }

  /** Whoever says so untruly has their own session end sooner, and no other. */
  private static boolean unattended(HttpServletRequest request) {
    return request.getMethod().equals("GET") && request.getHeader(UNATTENDED) != null;
  }

  /** Of who has shown who they are; and of a first password only what would have done something. */
  private void writeDown(HttpServletRequest request, String secret, Problem problem) {
    boolean acts = !READS.contains(request.getMethod());
    if (problem.type() == Problem.Type.CSRF
        || (problem.type() == Problem.Type.PASSWORD_CHANGE && acts)) {
      try {
        bearers
            .look(secret)
            .ifPresent(who -> late.refused(who, request, Verb.SIGN_IN, "", "", problem));
      } catch (ProblemException e) {
        logger.warn("nobody can say who it was that was refused: " + e.getMessage());
      }
    }
  }

  /** Whether the token of the present request still is in force, for what outlives the request. */
  static BooleanSupplier inForce() {
    Authentication who = SecurityContextHolder.getContext().getAuthentication();
    return who instanceof Bearer bearer ? bearer.inForce : () -> false;
  }

  /**
   * A page of another site can make a browser ask, and open a WebSocket, but not lie about this. A
   * page in clear may be anybody's on the way, and is another site's where we are asked by TLS; one
   * by TLS is ours also where a proxy does TLS that was not named to us.
   */
  private static void requireOurOrigin(HttpServletRequest request, boolean cookie) {
    String origin = request.getHeader(HttpHeaders.ORIGIN);
    boolean socket = "websocket".equalsIgnoreCase(request.getHeader(HttpHeaders.UPGRADE));
    String host = request.getHeader(HttpHeaders.HOST);
    boolean ours =
        origin == null
            ? !(cookie && socket)
            : host != null
                && (origin.equalsIgnoreCase("https://" + host)
                    || (!request.isSecure() && origin.equalsIgnoreCase("http://" + host)));
    if (!ours) {
      throw ProblemException.of(
          Problem.Type.CSRF, "this comes from a page of another site, or from no page at all");
    }
  }

  private static void requireCsrfToken(HttpServletRequest request, String cookie) {
    boolean reads = READS.contains(request.getMethod());
    boolean signsIn =
        request.getMethod().equals("POST") && request.getRequestURI().equals(SessionApi.PATH);
    String given = request.getHeader(CSRF);
    if (!reads
        && !signsIn
        && (given == null
            || !MessageDigest.isEqual(
                given.getBytes(UTF_8), SignIn.csrfToken(cookie).getBytes(UTF_8)))) {
      throw ProblemException.of(
          Problem.Type.CSRF, "send the session's csrfToken, as the header " + CSRF);
    }
  }

  /** Who has only a password that somebody else chose can do nothing but choose another one. */
  private static void requireOwnPassword(HttpServletRequest request, Caller caller) {
    String path = request.getRequestURI();
    boolean there = path.equals(SessionApi.PATH) || path.startsWith(SessionApi.PATH + "/");
    if (caller.mustChangePassword() && !there) {
      throw ProblemException.of(
          Problem.Type.PASSWORD_CHANGE,
          "change your first password first, with POST " + SessionApi.PATH + "/password");
    }
  }

  /** What the session's cookie carries. */
  static @Nullable String cookie(HttpServletRequest request) {
    Cookie[] cookies = request.getCookies();
    return cookies == null
        ? null
        : Arrays.stream(cookies)
            .filter(c -> c.getName().equals(COOKIE))
            .map(Cookie::getValue)
            .findFirst()
            .orElse(null);
  }

  static @Nullable String secret(HttpServletRequest request) {
    String header = request.getHeader(HttpHeaders.AUTHORIZATION);
    return header != null && header.regionMatches(true, 0, SCHEME, 0, SCHEME.length())
        ? header.substring(SCHEME.length()).strip()
        : null;
  }
}
