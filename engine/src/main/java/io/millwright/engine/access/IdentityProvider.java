package io.millwright.engine.access;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSelector;
import com.nimbusds.jose.jwk.JWKSet;
import io.millwright.engine.access.IdTokens.NotBelieved;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.manifest.Json;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * Speaks to a provider of identities. What it tells of itself is asked for when it is first needed,
 * so that a server starts though its provider is down.
 */
final class IdentityProvider {
  private static final Logger LOG = LoggerFactory.getLogger(IdentityProvider.class);
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final Duration FRESH = Duration.ofHours(1);

  /**
   * A key of an unknown name has the keys asked for anew, but not for everybody who makes one up.
   */
  private static final Duration BETWEEN_KEYS = Duration.ofSeconds(5);

  private static final long MOST_BYTES = 1 << 20;

  /**
   * Who is not known yet shall not make us ask others as often as they like, nor wait in a queue.
   */
  private static final int PLACES = 16;

  /** What could not be asked is not asked again for so long. */
  private static final Duration AGAIN = Duration.ofSeconds(5);

  private final SingleSignOn.Settings settings;
  private final InstantSource clock;
  private final HttpClient http;
  private final Semaphore places = new Semaphore(PLACES);
  private @Nullable Metadata metadata;
  private @Nullable Keys keys;
  private @Nullable Failure failure;

  IdentityProvider(SingleSignOn.Settings settings, InstantSource clock) {
    this.settings = settings;
    this.clock = clock;
    HttpClient.Builder builder =
        HttpClient.newBuilder()
            .connectTimeout(Duration.ofSeconds(5))
            .followRedirects(HttpClient.Redirect.NEVER);
    SSLContext trusted = settings.trusted();
    if (trusted != null) {
      builder.sslContext(trusted);
    }
    this.http = builder.build();
  }

  /** Where it is asked what. */
  private record Metadata(
      URI authorization,
      URI token,
      URI keys,
      @Nullable URI userinfo,
      boolean secretInBody,
      Instant until) {}

  private record Keys(JWKSet set, Instant at) {}

  private record Failure(Problem problem, Instant until) {}

  /** What is done while one of the places is held. */
  private interface Work<T, E extends Exception> {
    T get() throws E;
  }

  private <T, E extends Exception> T placed(Work<T, E> work) throws E {
    if (!places.tryAcquire()) {
      throw ProblemException.of(
          Problem.Type.UNAVAILABLE, "too many people sign in just now; try again");
    }
    try {
      return work.get();
    } finally {
      places.release();
    }
  }

  /**
   * Where a person is sent to sign in.
   *
   * @param challenge SHA-256 of what only who sent them there knows
   */
  URI authorization(URI callback, String state, String nonce, String challenge) {
    Map<String, String> query = new LinkedHashMap<>();
    query.put("response_type", "code");
    query.put("client_id", settings.client());
    query.put("redirect_uri", callback.toString());
    query.put("scope", settings.scopes());
    query.put("state", state);
    query.put("nonce", nonce);
    query.put("code_challenge", challenge);
    query.put("code_challenge_method", "S256");
    String endpoint = placed(this::metadata).authorization().toString();
    return URI.create(endpoint + (endpoint.indexOf('?') < 0 ? "?" : "&") + form(query));
  }

  /**
   * What the provider says of who came back with this code.
   *
   * @throws NotBelieved if the code is of no use, or the token says anything that it must not
   */
  Map<String, Object> claims(String code, String verifier, URI callback, String nonce)
      throws NotBelieved {
    return placed(() -> asked(code, verifier, callback, nonce));
  }

  private Map<String, Object> asked(String code, String verifier, URI callback, String nonce)
      throws NotBelieved {
    Metadata known = metadata();
    JsonNode answer = exchange(known, code, verifier, callback);
    String raw = answer.path("id_token").asString("");
    if (raw.isEmpty()) {
      throw new NotBelieved("the provider gave no ID token; is \"openid\" among the scopes?");
    }
    Map<String, Object> claims =
        new HashMap<>(
            IdTokens.verify(
                raw,
                new IdTokens.Expected(settings.issuer().toString(), settings.client(), nonce),
                selector -> select(known, selector),
                clock.instant()));
    String access = answer.path("access_token").asString("");
    URI userinfo = known.userinfo();
    if (!claims.containsKey(settings.groupsClaim()) && userinfo != null && !access.isEmpty()) {
      more(userinfo, access, claims);
    }
    return claims;
  }

  private JsonNode exchange(Metadata known, String code, String verifier, URI callback)
      throws NotBelieved {
    Map<String, String> form = new LinkedHashMap<>();
    form.put("grant_type", "authorization_code");
    form.put("code", code);
    form.put("redirect_uri", callback.toString());
    form.put("code_verifier", verifier);
    HttpRequest.Builder request =
        HttpRequest.newBuilder(known.token())
            .header("Accept", "application/json")
            .header("Content-Type", "application/x-www-form-urlencoded");
    String secret = settings.secret();
    if (secret != null && !known.secretInBody()) {
      String both = encode(settings.client()) + ":" + encode(secret);
      request.header(
          "Authorization", "Basic " + Base64.getEncoder().encodeToString(both.getBytes(UTF_8)));
    } else {
      form.put("client_id", settings.client());
      if (secret != null) {
        form.put("client_secret", secret);
      }
    }
    HttpResponse<byte[]> answer =
        send(request.POST(HttpRequest.BodyPublishers.ofString(form(form))).build());
    JsonNode body = json(answer);
    if (answer.statusCode() == 200) {
      return body;
    }
    String error = body.path("error").asString("");
    LOG.warn("{} gave no token: {} {}", settings.issuer(), answer.statusCode(), error);
    if (error.equals("invalid_grant")) {
      throw new NotBelieved("the code was used already or has expired");
    }
    if (error.equals("invalid_client") || error.equals("unauthorized_client")) {
      throw ProblemException.of(
          Problem.Type.UNAVAILABLE,
          settings.name() + " does not take this server's client id and secret; tell its operator");
    }
    throw unavailable("gave no token");
  }

  /** Providers may keep a token small and tell the rest only when they are asked. */
  private void more(URI userinfo, String access, Map<String, Object> claims) throws NotBelieved {
    HttpResponse<byte[]> answer =
        send(
            HttpRequest.newBuilder(userinfo)
                .header("Accept", "application/json")
                .header("Authorization", "Bearer " + access)
                .build());
    if (answer.statusCode() != 200) {
      throw unavailable("told nothing of the person");
    }
    JsonNode told = json(answer);
    if (!told.path("sub").asString("").equals(claims.get("sub"))) {
      throw new NotBelieved("what the provider told besides is about somebody else");
    }
    told.properties()
        .forEach(p ->
            claims.putIfAbsent(p.getKey(), Json.mapper().convertValue(p.getValue(), Object.class)));
  }

  private List<JWK> select(Metadata known, JWKSelector selector) {
    List<JWK> found = selector.select(keys(known, FRESH).set());
    return found.isEmpty() ? selector.select(keys(known, BETWEEN_KEYS).set()) : found;
  }

  private synchronized Keys keys(Metadata known, Duration age) {
    Keys now = keys;
    if (now == null || now.at().plus(age).isBefore(clock.instant())) {
      now = remembering(() -> askKeys(known));
      keys = now;
    }
    return now;
  }

  private Keys askKeys(Metadata known) {
    HttpResponse<byte[]> answer = send(HttpRequest.newBuilder(known.keys()).build());
    if (answer.statusCode() != 200) {
      throw unavailable("does not tell its keys");
    }
    try {
      return new Keys(IdTokens.keys(new String(answer.body(), UTF_8)), clock.instant());
    } catch (NotBelieved e) {
      throw unavailable("tells no keys that can be read");
    }
  }

  /** Those who have waited for the same answer do not each wait for their own silence. */
  private synchronized <T> T remembering(Supplier<T> question) {
    Failure before = failure;
    if (before != null && clock.instant().isBefore(before.until())) {
      throw new ProblemException(before.problem());
    }
    try {
      T answer = question.get();
      failure = null;
      return answer;
    } catch (ProblemException e) {
      failure = new Failure(e.problem(), clock.instant().plus(AGAIN));
      throw e;
    }
  }

  private synchronized Metadata metadata() {
    Metadata now = metadata;
    if (now == null || now.until().isBefore(clock.instant())) {
      now = remembering(this::askMetadata);
      metadata = now;
    }
    return now;
  }

  private Metadata askMetadata() {
    String issuer = settings.issuer().toString();
    URI where =
        URI.create(
            (issuer.endsWith("/") ? issuer.substring(0, issuer.length() - 1) : issuer)
                + "/.well-known/openid-configuration");
    HttpResponse<byte[]> answer = send(HttpRequest.newBuilder(where).build());
    if (answer.statusCode() != 200) {
      throw unavailable("does not describe itself at " + where);
    }
    JsonNode told = json(answer);
    if (!told.path("issuer").asString("").equals(issuer)) {
      throw unavailable("calls itself otherwise; --oidc-issuer must be exactly what it says");
    }
    JsonNode ways = told.path("token_endpoint_auth_methods_supported");
    List<String> names =
        ways.isArray() ? ways.valueStream().map(w -> w.asString("")).toList() : List.of();
    return new Metadata(
        endpoint(told, "authorization_endpoint"),
        endpoint(told, "token_endpoint"),
        endpoint(told, "jwks_uri"),
        told.has("userinfo_endpoint") ? endpoint(told, "userinfo_endpoint") : null,
        !names.contains("client_secret_basic") && names.contains("client_secret_post"),
        clock.instant().plus(FRESH));
  }

  private URI endpoint(JsonNode told, String field) {
    try {
      URI out = new URI(told.path(field).asString(""));
      if (SingleSignOn.isSafe(out)) {
        return out;
      }
    } catch (java.net.URISyntaxException e) {
      // as if it were not there
    }
    throw unavailable("tells no " + field + " with https");
  }

  private HttpResponse<byte[]> send(HttpRequest request) {
    CompletableFuture<HttpResponse<byte[]>> answer =
        http.sendAsync(request, BodyHandlers.limiting(BodyHandlers.ofByteArray(), MOST_BYTES));
    try {
      return answer.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException e) {
      answer.cancel(true);
      LOG.warn("{} does not answer: {}", request.uri(), e.toString());
      throw unavailable("does not answer");
    } catch (InterruptedException e) {
      answer.cancel(true);
      Thread.currentThread().interrupt();
      throw unavailable("was not waited for");
    }
  }

  private JsonNode json(HttpResponse<byte[]> answer) {
    try {
      return Json.mapper().readTree(answer.body());
    } catch (JacksonException e) {
      throw unavailable("does not answer with JSON");
    }
  }

  private ProblemException unavailable(String what) {
    return ProblemException.of(Problem.Type.UNAVAILABLE, settings.name() + " " + what);
  }

  private static String form(Map<String, String> fields) {
    return fields.entrySet().stream()
        .map(e -> encode(e.getKey()) + "=" + encode(e.getValue()))
        .collect(Collectors.joining("&"));
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, UTF_8);
  }
}
