package io.millwright.engine.access;

import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.Sessions;
import io.millwright.engine.port.Sessions.Session;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Ids;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Sessions of people who use the page. */
public final class SignIn {
  /** What the cookie's value begins with. */
  public static final String PREFIX = "mws_";

  private static final int SHORTEST_PASSWORD = 10;
  private static final int LONGEST_PASSWORD = 200;
  private static final int LONGEST_AGENT = 200;

  /** Not every request writes. */
  private static final Duration SEEN = Duration.ofMinutes(1);

  private final Store store;
  private final InstantSource clock;

  public SignIn(Store store, InstantSource clock) {
    this.store = store;
    this.clock = clock;
  }

  /** What became of a try to sign in. */
  public sealed interface Outcome {
    /**
     * It went well.
     *
     * @param secret for the cookie; shown this once
     */
    record Begun(String secret, Account account, Caller caller) implements Outcome {}

    /** The name or the password is wrong, or the person is shut out: nobody learns which. */
    record Refused() implements Outcome {}

    /** Too many wrong passwords came under this name. */
    record Locked(Duration remaining) implements Outcome {}
  }

  /** Signs in with a password. */
  public Outcome withPassword(String name, String password, String origin, String agent) {
    if (name.isEmpty() || name.length() > LONGEST_AGENT || password.length() > LONGEST_PASSWORD) {
      return new Outcome.Refused();
    }
    Acts.about(name);
    Optional<Duration> wait = attempt(name);
    if (wait.isPresent()) {
      return new Outcome.Locked(wait.get());
    }
    Optional<Account> found = store.read(tx -> tx.people().find(name));
    boolean right = Passwords.matches(password, found.map(Account::password).orElse(null));
    if (!right || found.isEmpty() || found.get().disabled()) {
      return new Outcome.Refused();
    }
    Account shown = found.get();
    return store.inTransaction(tx -> {
      Outcome outcome = begin(tx, shown, origin, agent);
      if (outcome instanceof Outcome.Begun) {
        tx.sessions().succeeded(name);
      }
      return outcome;
    });
  }

  /** Committed by itself, whatever becomes of the try. */
  private Optional<Duration> attempt(String name) {
    return Acts.aside(() -> store.inTransaction(tx -> tx.sessions().attempt(name)));
  }

  /**
   * Begins a session of somebody who has shown who they are.
   *
   * @param shown as they were when they did: comparing a password takes a while, and who changes it
   *     meanwhile wants all sessions by the old one to end, also this one
   */
  Outcome begin(Tx tx, Account shown, String origin, String agent) {
    Optional<Account> account =
        tx.people()
            .lock(shown.uid())
            .filter(a -> !a.disabled() && Objects.equals(a.password(), shown.password()));
    if (account.isEmpty()) {
      return new Outcome.Refused();
    }
    String secret = Secrets.random(PREFIX);
    tx.sessions()
        .insert(
            Ids.next(clock),
            shown.uid(),
            Secrets.hash(secret),
            origin,
            agent.substring(0, Math.min(LONGEST_AGENT, agent.length())));
    Caller caller = Accounts.caller(tx, account.get());
    Acts.by(caller);
    return new Outcome.Begun(secret, account.get(), caller);
  }

  private record Found(Session session, Caller caller) {}

  private Optional<Found> find(String secret) {
    byte[] hash = Secrets.hash(secret);
    return store.read(tx ->
        tx.sessions()
            .find(hash)
            .flatMap(s ->
                tx.people()
                    .find(s.account())
                    .filter(a -> !a.disabled())
                    .map(a -> new Found(s, Accounts.caller(tx, a)))));
  }

  /** As {@link #authenticate}, but the session is not in use by it and ends as it would. */
  public Optional<Caller> look(String secret) {
    return find(secret).map(Found::caller);
  }

  /** Whose session this is, if it is not over; it is in use by that. */
  public Optional<Caller> authenticate(String secret) {
    Optional<Found> found = find(secret);
    found.ifPresent(f -> {
      if (f.session().seenAt().plus(SEEN).isBefore(clock.instant())) {
        Acts.aside(() ->
            store.inTransaction(tx -> {
              tx.sessions().seen(f.session().uid());
              return Boolean.TRUE;
            }));
      }
    });
    return found.map(Found::caller);
  }

  /** Uid of the session, if it is not over. */
  Optional<UUID> session(String secret) {
    byte[] hash = Secrets.hash(secret);
    return store.read(tx -> tx.sessions().find(hash).map(Session::uid));
  }

  /** Ends the session. */
  public void end(String secret) {
    byte[] hash = Secrets.hash(secret);
    store.write(tx -> tx.sessions().find(hash).ifPresent(s -> tx.sessions().remove(s.uid())));
  }

  /** The account of whoever asks. */
  public Optional<Account> account(Caller caller) {
    UUID uid = caller.account();
    return uid == null ? Optional.empty() : store.read(tx -> tx.people().find(uid));
  }

  /** Changes one's own password; all other sessions of the person end. */
  public void changePassword(String secret, String old, String fresh) {
    if (fresh.length() < SHORTEST_PASSWORD || fresh.length() > LONGEST_PASSWORD) {
      throw ProblemException.invalid(
          "new", "must have " + SHORTEST_PASSWORD + " to " + LONGEST_PASSWORD + " characters");
    }
    if (fresh.equals(old)) {
      throw ProblemException.invalid("new", "is the old one");
    }
    byte[] session = Secrets.hash(secret);
    Account account =
        store
            .read(tx -> tx.sessions().find(session).flatMap(s -> tx.people().find(s.account())))
            .orElseThrow(SignIn::over);
    Optional<Duration> wait = attempt(account.name());
    if (wait.isPresent()) {
      throw ProblemException.of(
          Problem.Type.TOO_MANY,
          "too many wrong passwords; try again in " + wait.get().toSeconds() + " s");
    }
    if (!Passwords.matches(old, account.password())) {
      throw wrong();
    }
    String hash = Passwords.hash(fresh);
    store.write(tx -> {
      Session mine = tx.sessions().find(session).orElseThrow(SignIn::over);
      Account now = tx.people().lock(account.uid()).orElseThrow(SignIn::over);
      if (!Objects.equals(now.password(), account.password())) {
        throw wrong(); // it was changed while the old one was compared
      }
      tx.people().update(now.withPassword(hash, false));
      tx.sessions().removeAll(account.uid(), mine.uid());
      tx.sessions().succeeded(account.name());
    });
  }

  /** A session, with whose it is. */
  public record Open(Session session, String name) {}

  /**
   * Sessions that are not over, the newest first.
   *
   * @param account null for all people
   */
  public List<Open> list(@Nullable UUID account) {
    return store.read(tx ->
        tx.sessions().list().stream()
            .filter(s -> account == null || account.equals(s.account()))
            .map(s -> new Open(s, tx.people().find(s.account()).map(Account::name).orElse("")))
            .toList());
  }

  /**
   * Ends a session.
   *
   * @param account whose it must be, or null
   */
  public void end(UUID uid, @Nullable UUID account) {
    store.write(tx -> {
      boolean there =
          tx.sessions().list().stream()
              .filter((Sessions.Session s) -> s.uid().equals(uid))
              .anyMatch(s -> account == null || account.equals(s.account()));
      if (!there || !tx.sessions().remove(uid)) {
        throw ProblemException.of(Problem.Type.NOT_FOUND, "there is no session " + uid);
      }
    });
  }

  /** What a page sends along with everything that changes something; no other site can know it. */
  public static String csrfToken(String secret) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(Secrets.hash("csrf " + secret));
  }

  private static ProblemException wrong() {
    return ProblemException.invalid("old", "is not your password");
  }

  private static ProblemException over() {
    return ProblemException.of(Problem.Type.UNAUTHENTICATED, "your session is over; sign in again");
  }
}
