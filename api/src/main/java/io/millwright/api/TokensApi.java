package io.millwright.api;

import static org.springframework.http.MediaType.TEXT_EVENT_STREAM_VALUE;

import io.millwright.engine.AccessTokens;
import io.millwright.engine.port.Tokens.Token;
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
   */
  record TokenParams(String name, @Nullable Long ttlSeconds) {}

  /** A token without its secret, which nobody knows any more. */
  record TokenView(String name, Instant createdAt, @Nullable Instant expiresAt) {
    static TokenView of(Token t) {
      return new TokenView(t.name(), t.createdAt(), t.expiresAt());
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
      description = Watched.DESCRIPTION)
  @GetMapping
  ListView list() {
    return new ListView(backend.tokens().list().stream().map(TokenView::of).toList());
  }

  /** Tells what there is, and then what becomes of it. */
  @Hidden // the description has it with the listing
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
          "The secret is in this answer and nowhere else, so that an Idempotency-Key is refused: an"
              + " answer that could be given again would have to be kept.")
  @PostMapping
  ResponseEntity<FreshTokenView> create(
      @RequestBody Body body,
      @io.swagger.v3.oas.annotations.Parameter(hidden = true)
          @RequestHeader(name = OnceOnly.KEY, required = false)
          @Nullable String idempotencyKey) {
    if (idempotencyKey != null) {
      throw ProblemException.invalid(
          OnceOnly.KEY, "is not taken here, because a token's secret is not kept");
    }
    TokenParams params = Manifests.decode(body.bytes(), TokenParams.class);
    Long seconds = params.ttlSeconds();
    if (seconds != null && (seconds < 1 || seconds > LONGEST_SECONDS)) {
      throw ProblemException.invalid("ttlSeconds", "must be 1 to " + LONGEST_SECONDS);
    }
    return ResponseEntity.status(201)
        .body(
            FreshTokenView.of(
                backend
                    .tokens()
                    .create(params.name(), seconds == null ? null : Duration.ofSeconds(seconds))));
  }

  @Operation(operationId = "revokeToken", summary = "Takes a token out of force")
  @DeleteMapping("/{name}")
  ResponseEntity<Void> revoke(@PathVariable String name) {
    backend.tokens().revoke(name);
    bearers.forget();
    return ResponseEntity.noContent().build();
  }
}
