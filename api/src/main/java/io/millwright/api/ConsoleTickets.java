package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Sha256;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Keys to one console or screen, for browsers, which cannot send a token with a WebSocket. Each
 * opens once, within half a minute, the console or the screen of the machine that it was made for,
 * and only while what its maker showed (a token, a session) is in force. One that was made in a
 * session opens in that session only, so whoever reads it somewhere has nothing.
 *
 * <p>They are kept in memory only: a ticket is good at the server that gave it.
 */
final class ConsoleTickets {
  static final String PARAMETER = "ticket";

  /** Attribute of a request that a ticket has let in. */
  static final String REDEEMED = "millwright.redeemed";

  static final Duration LIFE = Duration.ofSeconds(30);

  /** So many wait to be used at the most, of all people together. */
  private static final int MOST = 10_000;

  /** And of one person. */
  private static final int MOST_EACH = 20;

  private static final Pattern CONSOLE =
      Pattern.compile("/api/v1/projects/([^/]+)/machines/([^/]+)/(?:console|screen)");

  private final InstantSource clock;
  private final SecureRandom random = new SecureRandom();
  private final Map<String, Ticket> open = new ConcurrentHashMap<>();

  ConsoleTickets(InstantSource clock) {
    this.clock = clock;
  }

  private record Ticket(Authentication who, String project, String name, Instant until) {}

  /** A ticket just made, which is shown this once. */
  record Fresh(String secret, Instant until) {}

  /** Makes one for who makes the present request. */
  synchronized Fresh issue(String project, String name) {
    Authentication who = SecurityContextHolder.getContext().getAuthentication();
    if (who == null) {
      throw new IllegalStateException("nobody asks");
    }
    Instant now = clock.instant();
    open.values().removeIf(t -> !now.isBefore(t.until()));
    if (open.values().stream().filter(t -> maker(t.who()).equals(maker(who))).count()
        >= MOST_EACH) {
      throw ProblemException.of(
          Problem.Type.TOO_MANY,
          MOST_EACH + " consoles of yours are about to be opened; try again in half a minute");
    }
    if (open.size() >= MOST) {
      throw ProblemException.of(
          Problem.Type.TOO_MANY, "too many consoles are about to be opened; try again in a minute");
    }
    byte[] bytes = new byte[32];
    random.nextBytes(bytes);
    String secret = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    Instant until = now.plus(LIFE);
    open.put(hash(secret), new Ticket(who, project, name, until));
    return new Fresh(secret, until);
  }

  /** Uses a ticket up, right or wrong, and tells who made it if it opens this console. */
  Optional<Authentication> redeem(
      String secret, String project, String name, @Nullable Authentication bearer) {
    Ticket ticket = open.remove(hash(secret));
    if (ticket == null
        || !clock.instant().isBefore(ticket.until())
        || !ticket.project().equals(project)
        || !ticket.name().equals(name)
        || !opensFor(ticket.who(), bearer)) {
      return Optional.empty();
    }
    return Optional.of(ticket.who());
  }

  private static boolean opensFor(Authentication maker, @Nullable Authentication bearer) {
    String session = session(maker);
    return session != null
        ? session.equals(session(bearer))
        : bearer == null || bearer.getName().equals(maker.getName());
  }

  private static String maker(Authentication who) {
    return who instanceof BearerFilter.Bearer bearer ? bearer.caller().who() : who.getName();
  }

  private static @Nullable String session(@Nullable Authentication who) {
    return who instanceof BearerFilter.Bearer bearer ? bearer.session() : null;
  }

  /** Lets who shows a ticket in as who made it; a wrong one is refused, whatever else is shown. */
  OncePerRequestFilter filter(LateRows late) {
    return new OncePerRequestFilter() {
      @Override
      protected void doFilterInternal(
          HttpServletRequest request, HttpServletResponse response, FilterChain chain)
          throws ServletException, IOException {
        Matcher console = CONSOLE.matcher(request.getRequestURI());
        String secret = console.matches() ? request.getParameter(PARAMETER) : null;
        if (secret != null) {
          Authentication bearer = SecurityContextHolder.getContext().getAuthentication();
          SecurityContext context = SecurityContextHolder.createEmptyContext();
          redeem(secret, console.group(1), console.group(2), bearer)
              .ifPresent(context::setAuthentication);
          SecurityContextHolder.setContext(context);
          if (context.getAuthentication() == null || !BearerFilter.inForce().getAsBoolean()) {
            SecurityContextHolder.clearContext();
            Problem problem =
                ProblemException.of(
                        Problem.Type.UNAUTHENTICATED,
                        "this ticket is unknown, was used, has expired or is for another console;"
                            + " ask for a new one")
                    .problem();
            if (bearer instanceof BearerFilter.Bearer who) {
              late.refused(
                  who.caller(), request, Verb.CONSOLE, console.group(1), console.group(2), problem);
            }
            Problems.write(problem, request, response);
            return;
          }
          request.setAttribute(REDEEMED, Boolean.TRUE);
        }
        chain.doFilter(request, response);
      }
    };
  }

  static String hash(String secret) {
    return Base64.getEncoder().encodeToString(Sha256.of(secret));
  }
}
