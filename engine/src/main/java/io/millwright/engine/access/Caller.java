package io.millwright.engine.access;

import io.millwright.engine.port.Tokens.Token;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Who asks.
 *
 * @param name as it stands in operations: of a person, or of a token that is nobody's; a person's
 *     token is {@code anna/ci}
 * @param id that nobody else has or will have
 * @param account of the person, or null
 * @param mustChangePassword true for who has shown only the first password, which others know
 * @param rights what they may do
 */
public record Caller(
    String name, String id, @Nullable UUID account, boolean mustChangePassword, Rights rights) {
  private static final String BY_TOKEN = "token:";

  /** Somebody of whom only the name matters; may do nothing. */
  public Caller(String name) {
    this(name, "name:" + name, null, false, Rights.NONE);
  }

  /** Of who shows a token, by which they are told from who shows another one. */
  static String id(Token token) {
    return BY_TOKEN + token.uid();
  }

  /** Who it is, by whatever session or token; a token that is nobody's is somebody by itself. */
  public String who() {
    return account == null ? id : "user:" + account;
  }

  /** Uid of the token that was shown; null for a session, and for who shows nothing. */
  public @Nullable UUID token() {
    return id.startsWith(BY_TOKEN) ? UUID.fromString(id.substring(BY_TOKEN.length())) : null;
  }
}
