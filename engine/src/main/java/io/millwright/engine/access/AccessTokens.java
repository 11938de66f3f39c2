package io.millwright.engine.access;

import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tokens.Token;
import io.millwright.engine.port.Tx;
import io.millwright.model.Ids;
import io.millwright.model.Names;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Violations;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The tokens with which people and programs show who they are. */
public final class AccessTokens {
  /** By which a token that leaked into a log or a repository can be recognised. */
  private static final String PREFIX = "mwt_";

  private final Store store;
  private final InstantSource clock;

  public AccessTokens(Store store, InstantSource clock) {
    this.store = store;
    this.clock = clock;
  }

  /** A token just made; its secret is shown this once and kept nowhere. */
  public record Fresh(Token token, String secret) {}

  /**
   * Makes a token that is nobody's, and good for everything.
   *
   * @param lifetime null for ever
   */
  public Fresh create(String name, @Nullable Duration lifetime) {
    return create(name, lifetime, null, Scope.ALL);
  }

  /**
   * Makes a token.
   *
   * @param lifetime null for ever
   * @param owner account of the person whose it is, or null
   * @param scope to what it is narrowed
   */
  public Fresh create(String name, @Nullable Duration lifetime, @Nullable UUID owner, Scope scope) {
    Violations at = Violations.at("name");
    Names.checkLabel(name, at);
    at.raise();
    if (lifetime != null && (lifetime.isNegative() || lifetime.isZero())) {
      throw ProblemException.invalid("ttlSeconds", "must be positive");
    }
    String secret = secret();
    Instant now = clock.instant();
    Token token =
        new Token(
            Ids.next(clock), name, now, lifetime == null ? null : now.plus(lifetime), owner, scope);
    store.write(tx -> tx.tokens().insert(token, Secrets.hash(secret)));
    return new Fresh(token, secret);
  }

  /** A new secret, which is in force when a token was made with it. */
  public static String secret() {
    return Secrets.random(PREFIX);
  }

  /** True if the installation has a token of its own. */
  public boolean any() {
    return store.read(tx -> tx.tokens().list()).stream().anyMatch(t -> t.owner() == null);
  }

  /**
   * Makes a token of the installation's own with a secret that somebody keeps already.
   *
   * @param replace true if it takes the place of the one that has this name, if there is one
   * @throws ProblemException CONFLICT if the name is taken
   */
  public void install(String name, String secret, boolean replace) {
    Token token = new Token(Ids.next(clock), name, clock.instant(), null);
    store.write(tx -> {
      if (replace) {
        tx.tokens().revoke(name);
      }
      tx.tokens().insert(token, Secrets.hash(secret));
    });
  }

  /**
   * Whose token this is, if it is in force. What it is good for is what its owner may do now, and
   * of that what its scope leaves.
   */
  public Optional<Caller> authenticate(String secret) {
    return store.read(tx -> tx.tokens().find(Secrets.hash(secret)).flatMap(t -> caller(tx, t)));
  }

  /** Whose token this is, and what it is good for now; nobody's of who is shut out. */
  public static Optional<Caller> caller(Tx tx, Token token) {
    UUID owner = token.owner();
    if (owner == null) {
      return Optional.of(
          new Caller(
              token.name(),
              Caller.id(token),
              null,
              false,
              new Rights(Role.ADMIN, Map.of(), token.scope())));
    }
    return tx.people()
        .find(owner)
        .filter(a -> !a.disabled())
        .map(a -> Accounts.caller(tx, a, token));
  }

  /**
   * Whether this one shows a token that is void some day or by now. What it makes would outlive it.
   */
  public boolean ends(Caller caller) {
    UUID shown = caller.token();
    return shown != null
        && store.read(tx -> tx.tokens().find(shown)).filter(t -> t.expiresAt() == null).isEmpty();
  }

  /**
   * Tokens in force.
   *
   * @param owner null for those of everybody
   */
  public List<Token> list(@Nullable UUID owner) {
    return store.read(tx -> tx.tokens().list()).stream()
        .filter(t -> owner == null || owner.equals(t.owner()))
        .toList();
  }

  /**
   * Takes a token out of force.
   *
   * @throws ProblemException NOT_FOUND
   */
  public void revoke(String name) {
    revoke(name, null);
  }

  /**
   * As {@link #revoke(String)}.
   *
   * @param owner whose it must be, or null
   */
  public void revoke(String name, @Nullable UUID owner) {
    store.write(tx -> {
      boolean mine =
          owner == null || tx.tokens().find(name).filter(t -> owner.equals(t.owner())).isPresent();
      if (!mine || !tx.tokens().revoke(name)) {
        throw ProblemException.of(Problem.Type.NOT_FOUND, "there is no token " + name);
      }
    });
  }
}
