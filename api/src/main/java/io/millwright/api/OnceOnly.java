package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.millwright.engine.port.Requests;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.manifest.Json;
import jakarta.servlet.http.HttpServletRequest;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;

/**
 * Does what a request with an Idempotency-Key asks for once, however often it is sent.
 *
 * <p>The key and the effect are one transaction: a server that dies has done and remembered both,
 * or neither.
 */
final class OnceOnly {
  /** Name of the request's header. */
  static final String KEY = "Idempotency-Key";

  /** Name of the answer's header that tells that it was given before. */
  static final String REPLAYED = "Idempotency-Replayed";

  private static final Pattern FORM = Pattern.compile("[\\x21-\\x7e]{1,200}");

  private static final Body NOTHING = new Body(new byte[0]);

  private final Store store;

  OnceOnly(Store store) {
    this.store = store;
  }

  /** The answer of {@code act}, or the one that it gave before; of a request without a body. */
  ResponseEntity<byte[]> answer(
      @Nullable String key, HttpServletRequest request, Function<Tx, Answer> act) {
    return answer(key, request, NOTHING, act);
  }

  /** The answer of {@code act}, or the one that it gave before. */
  ResponseEntity<byte[]> answer(
      @Nullable String key, HttpServletRequest request, Body body, Function<Tx, Answer> act) {
    return once(key, request, body, act).entity();
  }

  private Answer once(
      @Nullable String key, HttpServletRequest request, Body body, Function<Tx, Answer> act) {
    if (key == null) {
      return store.inTransaction(act);
    }
    if (!FORM.matcher(key).matches()) {
      throw ProblemException.invalid(KEY, "must be 1 to 200 printable ASCII characters");
    }
    String fingerprint = fingerprint(request, body);
    String asker = Callers.now().id(); // names may be taken again by somebody else
    return store.inTransaction(tx -> {
      Optional<Requests.Answered> before = tx.requests().find(asker, key);
      if (before.isPresent()) {
        return replay(before.get(), fingerprint);
      }
      Answer answer = act.apply(tx);
      tx.requests()
          .insert(
              asker,
              key,
              new Requests.Answered(
                  fingerprint, answer.status(), Json.write(answer.headers()), answer.body()));
      return answer;
    });
  }

  private static Answer replay(Requests.Answered before, String fingerprint) {
    if (!before.bodySha256().equals(fingerprint)) {
      throw ProblemException.of(
          Problem.Type.KEY_REUSED,
          "this " + KEY + " was sent with another request before; use a new one");
    }
    @SuppressWarnings("unchecked") // written above
    Map<String, String> headers = Json.read(before.headers(), Map.class);
    return new Answer(before.status(), headers, before.body()).with(REPLAYED, "true");
  }

  private static String fingerprint(HttpServletRequest request, Body body) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      sha.update((request.getMethod() + " " + request.getRequestURI() + "\n").getBytes(UTF_8));
      sha.update((request.getQueryString() + "\n").getBytes(UTF_8));
      return HexFormat.of().formatHex(sha.digest(body.bytes()));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
  }
}
