package io.millwright.api;

import io.millwright.engine.Caller;
import io.millwright.model.ProblemException;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.security.authentication.AbstractAuthenticationToken;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.web.filter.OncePerRequestFilter;

/** Sees who asks, by the bearer token of a request (RFC 6750). */
final class BearerFilter extends OncePerRequestFilter {
  private static final String SCHEME = "Bearer ";

  private final Bearers bearers;

  BearerFilter(Bearers bearers) {
    this.bearers = bearers;
  }

  /** Somebody with a token in force. */
  private static final class Bearer extends AbstractAuthenticationToken {
    private static final long serialVersionUID = 1L;

    private final String name;
    private final transient BooleanSupplier inForce;

    Bearer(Caller caller, BooleanSupplier inForce) {
      super(List.of());
      this.name = caller.name();
      this.inForce = inForce;
      setAuthenticated(true);
    }

    @Override
    public @Nullable Object getCredentials() {
      return null;
    }

    @Override
    public Object getPrincipal() {
      return name;
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
    String secret = secret(request);
    if (secret != null) {
      try {
        Optional<Caller> caller = bearers.authenticate(secret);
        if (caller.isPresent()) {
          SecurityContext context = SecurityContextHolder.createEmptyContext();
          context.setAuthentication(
              new Bearer(caller.get(), () -> bearers.authenticate(secret).equals(caller)));
          SecurityContextHolder.setContext(context);
        }
      } catch (ProblemException e) {
        if (!request.getRequestURI().equals(HealthApi.PATH)) {
          Problems.write(e.problem(), request, response);
          return;
        }
      }
    }
    chain.doFilter(request, response);
  }

  /** Whether the token of the present request still is in force, for what outlives the request. */
  static BooleanSupplier inForce() {
    Authentication who = SecurityContextHolder.getContext().getAuthentication();
    return who instanceof Bearer bearer ? bearer.inForce : () -> false;
  }

  static @Nullable String secret(HttpServletRequest request) {
    String header = request.getHeader(HttpHeaders.AUTHORIZATION);
    return header != null && header.regionMatches(true, 0, SCHEME, 0, SCHEME.length())
        ? header.substring(SCHEME.length()).strip()
        : null;
  }
}
