package io.millwright.engine;

import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tokens.Token;
import io.millwright.model.Ids;
import io.millwright.model.Names;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Violations;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The tokens with which people and programs show who they are. */
public final class AccessTokens {
  /** By which a token that leaked into a log or a repository can be recognised. */
  private static final String PREFIX = "mwt_";

  private final Store store;
  private final InstantSource clock;
  private final SecureRandom random = new SecureRandom();

  public AccessTokens(Store store, InstantSource clock) {
    this.store = store;
    this.clock = clock;
  }

  /** A token just made; its secret is shown this once and kept nowhere. */
  public record Fresh(Token token, String secret) {}

  /**
   * Makes a token.
   *
   * @param lifetime null for ever
   */
  public Fresh create(String name, @Nullable Duration lifetime) {
    Violations at = Violations.at("name");
    Names.checkLabel(name, at);
    at.raise();
    if (lifetime != null && (lifetime.isNegative() || lifetime.isZero())) {
      throw ProblemException.invalid("ttlSeconds", "must be positive");
    }
    byte[] raw = new byte[24];
    random.nextBytes(raw);
    String secret = PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(raw);
    Instant now = clock.instant();
    Token token =
        new Token(Ids.next(clock), name, now, lifetime == null ? null : now.plus(lifetime));
    store.write(tx -> tx.tokens().insert(token, hash(secret)));
    return new Fresh(token, secret);
  }

  /** Makes the first token of an installation, if it has none. */
  public Optional<Fresh> createFirst(String name) {
    return store.read(tx -> tx.tokens().list()).isEmpty()
        ? Optional.of(create(name, null))
        : Optional.empty();
  }

  /** Whose token this is, if it is in force. */
  public Optional<Caller> authenticate(String secret) {
    return store.read(tx -> tx.tokens().find(hash(secret))).map(t -> new Caller(t.name()));
  }

  public List<Token> list() {
    return store.read(tx -> tx.tokens().list());
  }

  /**
   * Takes a token out of force.
   *
   * @throws ProblemException NOT_FOUND
   */
  public void revoke(String name) {
    store.write(tx -> {
      if (!tx.tokens().revoke(name)) {
        throw ProblemException.of(Problem.Type.NOT_FOUND, "there is no token " + name);
      }
    });
  }

  private static byte[] hash(String secret) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(secret.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
  }
}
