package io.millwright.engine.port;

import io.millwright.engine.access.Role;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** People and what they are in which project. */
public interface People {
  /**
   * A person.
   *
   * @param name unique; it stands in what they ask for
   * @param password its Argon2id hash, or null for who comes from a provider of identities
   * @param mustChange true until the first password, which others know, was changed
   * @param issuer of the provider of identities, or null
   * @param subject the provider's own name for them, or null
   * @param groups that the provider said they are in, when they signed in last
   */
  record Account(
      UUID uid,
      String name,
      String displayName,
      @Nullable String password,
      boolean mustChange,
      boolean disabled,
      @Nullable String issuer,
      @Nullable String subject,
      List<String> groups,
      Instant createdAt) {
    public Account {
      groups = List.copyOf(groups);
    }

    public Account withPassword(String hash, boolean mustChangeIt) {
      return new Account(
          uid, name, displayName, hash, mustChangeIt, disabled, issuer, subject, groups, createdAt);
    }

    public Account withDisabled(boolean now) {
      return new Account(
          uid, name, displayName, password, mustChange, now, issuer, subject, groups, createdAt);
    }

    public Account seenAs(String shown, List<String> now) {
      return new Account(
          uid, name, shown, password, mustChange, disabled, issuer, subject, now, createdAt);
    }
  }

  /**
   * A role that somebody has.
   *
   * @param group true for a group of the provider of identities, false for a person
   * @param who name of either
   * @param project null for all
   */
  record Membership(boolean group, String who, @Nullable String project, Role role) {}

  /**
   * Adds a person.
   *
   * @throws io.millwright.model.ProblemException CONFLICT if the name is taken
   */
  void insert(Account account);

  /**
   * Puts everything but uid, name and time of creation in place. Who changes what is there has
   * {@link #lock(UUID) locked} it, or what another one changes at the same time is lost.
   */
  void update(Account account);

  Optional<Account> find(String name);

  Optional<Account> find(UUID uid);

  /** As it is once every other transaction that changes this person has ended; none begins. */
  Optional<Account> lock(UUID uid);

  /** As {@link #lock(UUID)}. */
  Optional<Account> lock(String name);

  /** As {@link #lock(UUID)}, of who comes from a provider of identities. */
  Optional<Account> lock(String issuer, String subject);

  List<Account> list();

  /** Removes a person with sessions, tokens and roles; false if there is none of this name. */
  boolean remove(String name);

  /** Gives a role, in place of another one in the same project. */
  void grant(Membership membership);

  /** Takes a role; false if there was none. */
  boolean revoke(boolean group, String who, @Nullable String project);

  /** All roles in one project, or with null those in all projects. */
  List<Membership> members(@Nullable String project);

  /** All roles that this person has, also by a group. */
  List<Membership> of(Account account);

  /** Names of all projects in which somebody has a role, sorted. */
  List<String> projects();
}
