package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.millwright.engine.port.Requests;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Applied;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Sha256;
import io.millwright.model.manifest.Json;
import jakarta.servlet.http.HttpServletRequest;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.core.MethodParameter;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.support.WebDataBinderFactory;
import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.method.support.HandlerMethodArgumentResolver;
import org.springframework.web.method.support.ModelAndViewContainer;

/**
 * Does what the present request asks for once, however often it is sent with the same
 * Idempotency-Key; or each time, without one. Handlers take it as an argument.
 *
 * <p>The key and the effect are one transaction: a server that dies has done and remembered both,
 * or neither.
 */
final class Once {
  /** Name of the request's header. */
  static final String KEY = "Idempotency-Key";

  /** Name of the answer's header that tells that it was given before. */
  static final String REPLAYED = "Idempotency-Replayed";

  private static final Pattern FORM = Pattern.compile("[\\x21-\\x7e]{1,200}");

  private static final Body NOTHING = new Body(new byte[0]);

  private final Store store;
  private final HttpServletRequest request;

  private Once(Store store, HttpServletRequest request) {
    this.store = store;
    this.request = request;
  }

  /** Gives handlers theirs. */
  record Resolver(Store store) implements HandlerMethodArgumentResolver {
    @Override
    public boolean supportsParameter(MethodParameter parameter) {
      return parameter.getParameterType() == Once.class;
    }

    @Override
    public Once resolveArgument(
        MethodParameter parameter,
        @Nullable ModelAndViewContainer container,
        NativeWebRequest request,
        @Nullable WebDataBinderFactory binders) {
      return new Once(
          store, Objects.requireNonNull(request.getNativeRequest(HttpServletRequest.class)));
    }
  }

  /** The answer of {@code act}, or the one that it gave before; of a request without a body. */
  ResponseEntity<byte[]> answer(Function<Tx, Answer> act) {
    return answer(NOTHING, act);
  }

  /** The answer of {@code act}, or the one that it gave before. */
  ResponseEntity<byte[]> answer(Body body, Function<Tx, Answer> act) {
    return once(body, act).entity();
  }

  /** The answer of {@code act}; or, asked for a dry run, the very plan that would run. */
  ResponseEntity<byte[]> answerOrTell(
      boolean dryRun, Supplier<List<Applied>> plan, Function<Tx, Answer> act) {
    return dryRun ? Answer.of(200, ApplyView.of(plan.get(), true)).entity() : answer(act);
  }

  private Answer once(Body body, Function<Tx, Answer> act) {
    String key = request.getHeader(KEY);
    if (key == null) {
      return store.inTransaction(act);
    }
    if (!FORM.matcher(key).matches()) {
      throw ProblemException.invalid(KEY, "must be 1 to 200 printable ASCII characters");
    }
    String fingerprint = fingerprint(body);
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

  private String fingerprint(Body body) {
    MessageDigest sha = Sha256.digest();
    sha.update((request.getMethod() + " " + request.getRequestURI() + "\n").getBytes(UTF_8));
    sha.update((request.getQueryString() + "\n").getBytes(UTF_8));
    return HexFormat.of().formatHex(sha.digest(body.bytes()));
  }
}
