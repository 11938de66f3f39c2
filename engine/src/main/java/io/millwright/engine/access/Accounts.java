package io.millwright.engine.access;

import io.millwright.engine.port.People;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.People.Membership;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tokens.Token;
import io.millwright.engine.port.Tx;
import io.millwright.model.Ids;
import io.millwright.model.Names;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** People, and what they are where. */
public final class Accounts {
  private static final Pattern NAME = Pattern.compile("[a-z0-9][-a-z0-9._@]{0,62}");
  private static final Pattern GROUP = Pattern.compile("[^\\p{Cntrl}]{1,200}");
  private static final int LONGEST_DISPLAY_NAME = 100;

  private final Store store;
  private final InstantSource clock;

  public Accounts(Store store, InstantSource clock) {
    this.store = store;
    this.clock = clock;
  }

  /** A person with a password that others know, and that is shown this once. */
  public record Fresh(Account account, String password) {}

  /**
   * Adds a person, with a first password that must be changed.
   *
   * @param displayName null for the name
   * @param role in all projects, or null for none
   */
  public Fresh create(String name, @Nullable String displayName, @Nullable Role role) {
    checkName(name);
    String shown = displayName == null ? name : displayName;
    if (shown.isBlank() || shown.length() > LONGEST_DISPLAY_NAME || !Names.isPlain(shown)) {
      throw ProblemException.invalid(
          "displayName",
          "must be 1 to " + LONGEST_DISPLAY_NAME + " characters without control characters");
    }
    String password = Passwords.random();
    Account account =
        new Account(
            Ids.next(clock),
            name,
            shown,
            Passwords.hash(password),
            true,
            false,
            null,
            null,
            List.of(),
            clock.instant());
    store.write(tx -> {
      tx.people().insert(account);
      if (role != null) {
        tx.people().grant(new Membership(false, name, null, role));
      }
    });
    return new Fresh(account, password);
  }

  public List<Account> list() {
    return store.read(tx -> tx.people().list());
  }

  /** Roles that this person has in all projects and in each, also by groups. */
  public Rights rights(Account account) {
    return store.read(tx -> rights(tx, account, Scope.ALL));
  }

  /** Gives another first password, and ends all sessions. */
  public Fresh resetPassword(String name) {
    String password = Passwords.random();
    String hash = Passwords.hash(password);
    return store.inTransaction(tx -> {
      Account account = lock(tx, name);
      if (account.issuer() != null) {
        throw ProblemException.of(
            Problem.Type.CONFLICT,
            name + " signs in by " + account.issuer() + ", without a password");
      }
      Account now = account.withPassword(hash, true);
      tx.people().update(now);
      tx.sessions().removeAll(account.uid(), null);
      tx.sessions().succeeded(name);
      return new Fresh(now, password);
    });
  }

  /** Shuts a person out, or lets them in again; sessions end, and tokens sleep. */
  public Account disable(String name, boolean disabled) {
    return store.inTransaction(tx -> {
      Account now = lock(tx, name).withDisabled(disabled);
      tx.people().update(now);
      if (disabled) {
        tx.sessions().removeAll(now.uid(), null);
      }
      return now;
    });
  }

  /**
   * Removes a person with sessions, tokens and roles. Who signs in by a provider of identities
   * stays in the list as shut out, or the next sign-in would bring them back.
   */
  public void delete(String name) {
    store.write(tx -> {
      Account account = lock(tx, name);
      tx.people().remove(name);
      if (account.issuer() != null) {
        tx.people().insert(account.seenAs(name, List.of()).withDisabled(true));
      }
    });
  }

  /** All roles in a project, or with null those in all projects. */
  public List<Membership> members(@Nullable String project) {
    return store.read(tx -> tx.people().members(project));
  }

  /** Gives a role. */
  public void grant(Membership membership) {
    if (membership.group()) {
      if (!GROUP.matcher(membership.who()).matches()) {
        throw ProblemException.invalid("name", "must be 1 to 200 printable characters");
      }
    } else {
      checkName(membership.who());
    }
    store.write(tx -> {
      if (!membership.group()) {
        find(tx, membership.who());
      }
      tx.people().grant(membership);
    });
  }

  /** Takes a role. */
  public void revoke(boolean group, String who, @Nullable String project) {
    store.write(tx -> {
      if (!tx.people().revoke(group, who, project)) {
        throw ProblemException.of(
            Problem.Type.NOT_FOUND,
            who
                + " has no role "
                + (project == null ? "in all projects" : "in project " + project));
      }
    });
  }

  /** A person, by a session. */
  public static Caller caller(Tx tx, Account account) {
    return new Caller(
        account.name(),
        "user:" + account.uid(),
        account.uid(),
        account.mustChange(),
        rights(tx, account, Scope.ALL));
  }

  /** A person, by a token. */
  public static Caller caller(Tx tx, Account account, Token token) {
    return new Caller(
        account.name() + "/" + token.name(),
        Caller.id(token),
        account.uid(),
        account.mustChange(),
        rights(tx, account, token.scope()));
  }

  static Rights rights(Tx tx, Account account, Scope scope) {
    Role global = null;
    Map<String, Role> projects = new TreeMap<>();
    for (People.Membership m : tx.people().of(account)) {
      String project = m.project();
      if (project == null) {
        global = Role.max(global, m.role());
      } else {
        projects.merge(project, m.role(), (a, b) -> a.atLeast(b) ? a : b);
      }
    }
    return new Rights(global, projects, scope);
  }

  static boolean isName(String name) {
    return NAME.matcher(name).matches();
  }

  static void checkName(String name) {
    if (!isName(name)) {
      throw ProblemException.invalid(
          "name",
          Names.quote(name)
              + " is no name of a user; it has 1 to 63 of a-z, 0-9, -, ., _ and @, and begins with"
              + " a letter or digit");
    }
  }

  private static Account find(Tx tx, String name) {
    return tx.people().find(name).orElseThrow(() -> none(name));
  }

  private static Account lock(Tx tx, String name) {
    return tx.people().lock(name).orElseThrow(() -> none(name));
  }

  private static ProblemException none(String name) {
    return ProblemException.of(Problem.Type.NOT_FOUND, "there is no user " + Names.quote(name));
  }
}
