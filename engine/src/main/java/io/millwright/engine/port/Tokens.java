package io.millwright.engine.port;

import io.millwright.engine.access.Scope;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** API tokens; only their SHA-256 is kept (they are random, so that no slow hash is needed). */
public interface Tokens {
  /**
   * A token.
   *
   * @param name unique among those in force
   * @param expiresAt null for never
   * @param owner account of the person whose it is, or null for the installation's own
   * @param scope to what it is narrowed
   */
  record Token(
      UUID uid,
      String name,
      Instant createdAt,
      @Nullable Instant expiresAt,
      @Nullable UUID owner,
      Scope scope) {
    /** The installation's own, good for everything. */
    public Token(UUID uid, String name, Instant createdAt, @Nullable Instant expiresAt) {
      this(uid, name, createdAt, expiresAt, null, Scope.ALL);
    }
  }

  /**
   * Adds a token.
   *
   * @throws io.millwright.model.ProblemException CONFLICT if the name is taken
   */
  void insert(Token token, byte[] sha256);

  /** The token of this hash, unless it has expired. */
  Optional<Token> find(byte[] sha256);

  List<Token> list();

  /** The token of this name, if it is in force. */
  Optional<Token> find(String name);

  /** The same token as ever, if it is in force; another one of its name is not it. */
  Optional<Token> find(UUID uid);

  /** Takes a token out of force; false if there is none of this name. */
  boolean revoke(String name);
}
