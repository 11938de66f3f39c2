package io.millwright.api;

import io.millwright.engine.access.AccessTokens;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.SignIn;
import io.millwright.model.Sha256;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Whose tokens and sessions were in force a moment ago, so that not every request asks the
 * database.
 *
 * <p>What is revoked through this server, or a role that is taken, is void at once, through another
 * one within two seconds.
 */
final class Bearers {
  private static final long FRESH_NANOS = 2_000_000_000L;
  private static final int MOST = 1000;

  private final AccessTokens tokens;
  private final SignIn signIn;
  private final Map<String, Known> known = new ConcurrentHashMap<>();
  private final AtomicLong age = new AtomicLong();

  Bearers(AccessTokens tokens, SignIn signIn) {
    this.tokens = tokens;
    this.signIn = signIn;
  }

  /**
   * Somebody.
   *
   * @param used false if it is known by a look only, by which no session is in use
   */
  private record Known(Caller caller, long until, boolean used) {}

  /** Whose token or session this is, if it is in force; a session is in use by that. */
  Optional<Caller> authenticate(String secret) {
    return find(secret, true);
  }

  /** As {@link #authenticate}, for what is only open: a session ends as if nobody had looked. */
  Optional<Caller> look(String secret) {
    return find(secret, false);
  }

  private Optional<Caller> find(String secret, boolean uses) {
    String hash = hash(secret);
    Known before = known.get(hash);
    if (before != null && System.nanoTime() - before.until() < 0 && (before.used() || !uses)) {
      return Optional.of(before.caller());
    }
    long asked = age.get();
    Optional<Caller> caller =
        secret.startsWith(SignIn.PREFIX)
            ? uses ? signIn.authenticate(secret) : signIn.look(secret)
            : tokens.authenticate(secret);
    if (known.size() >= MOST) {
      known.clear();
    }
    if (caller.isPresent()) {
      known.put(hash, new Known(caller.get(), System.nanoTime() + FRESH_NANOS, uses));
      if (age.get() != asked) {
        known.remove(hash); // one was revoked meanwhile, perhaps this one
      }
    } else {
      known.remove(hash);
    }
    return caller;
  }

  /** Asks anew from now on. */
  void forget() {
    age.incrementAndGet();
    known.clear();
  }

  private static String hash(String secret) {
    return Sha256.hex(secret);
  }
}
