package io.millwright.api;

import io.millwright.engine.access.Accounts;
import io.millwright.engine.access.Acts;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.SignIn;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.People.Membership;
import io.millwright.model.manifest.Manifests;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** People, their roles and their sessions. */
@RestController
@RequestMapping("/api/v1")
@Tag(name = "people", description = "People, their roles and their sessions.")
final class PeopleApi {
  private final Backend backend;
  private final Bearers bearers;

  PeopleApi(Backend backend, Bearers bearers) {
    this.backend = backend;
    this.bearers = bearers;
  }

  // ---- people

  /**
   * A person who is wanted.
   *
   * @param name by which they sign in; it stands in what they ask for
   * @param displayName as people read it; the name if not given
   * @param role in all projects; none if not given
   */
  record UserParams(String name, @Nullable String displayName, @Nullable Role role) {}

  /**
   * A person.
   *
   * @param disabled true for who was shut out
   * @param mustChangePassword true until the first password was changed
   * @param issuer of the provider of identities by which they sign in; left out for a password
   * @param groups that it said they are in, when they signed in last
   * @param role in all projects that was given to them themselves; left out if none
   * @param roles that they have, by that or by their groups
   */
  record UserView(
      String name,
      String displayName,
      boolean disabled,
      boolean mustChangePassword,
      @Nullable String issuer,
      List<String> groups,
      @Nullable Role role,
      SessionApi.RolesView roles,
      Instant createdAt) {}

  /** All of them. */
  record UsersView(List<UserView> items) {}

  /**
   * A person with a password that must be changed.
   *
   * @param password shown this once
   */
  record FreshUserView(String name, String password) {
    static FreshUserView of(Accounts.Fresh fresh) {
      return new FreshUserView(fresh.account().name(), fresh.password());
    }
  }

  private UserView view(Account a) {
    return view(a, given());
  }

  /** Roles in all projects by the names of those who were given them themselves. */
  private Map<String, Role> given() {
    return accounts().members(null).stream()
        .filter(m -> !m.group())
        .collect(Collectors.toMap(Membership::who, Membership::role));
  }

  private UserView view(Account a, Map<String, Role> given) {
    return new UserView(
        a.name(),
        a.displayName(),
        a.disabled(),
        a.mustChange(),
        a.issuer(),
        a.groups(),
        given.get(a.name()),
        SessionApi.RolesView.of(accounts().rights(a)),
        a.createdAt());
  }

  private Accounts accounts() {
    return backend.access().accounts();
  }

  @Operation(operationId = "listUsers", summary = "Lists people")
  @Needs(value = Verb.GOVERN, where = Needs.Where.HOUSE)
  @GetMapping("/users")
  UsersView users() {
    Map<String, Role> given = given();
    return new UsersView(accounts().list().stream().map(a -> view(a, given)).toList());
  }

  @Operation(
      operationId = "createUser",
      summary = "Adds a person",
      description =
          "The answer has a first password, which is shown this once and must be changed.")
  @Needs(value = Verb.GOVERN, where = Needs.Where.HOUSE)
  @Again(refused = "a person's password is not kept")
  @PostMapping("/users")
  ResponseEntity<FreshUserView> create(@RequestBody Body body) {
    UserParams params = Manifests.decode(body.bytes(), UserParams.class);
    Acts.about(params.name());
    return fresh(201, accounts().create(params.name(), params.displayName(), params.role()));
  }

  private static ResponseEntity<FreshUserView> fresh(int status, Accounts.Fresh fresh) {
    return ResponseEntity.status(status)
        .header(HttpHeaders.CACHE_CONTROL, "no-store")
        .body(FreshUserView.of(fresh));
  }

  @Operation(
      operationId = "resetUserPassword",
      summary = "Gives a person another first password",
      description = "It is shown this once and must be changed. All sessions of the person end.")
  @Needs(value = Verb.GOVERN, where = Needs.Where.HOUSE)
  @Again(refused = "a person's password is not kept")
  @PostMapping("/users/{name}:reset-password")
  ResponseEntity<FreshUserView> resetPassword(@PathVariable String name) {
    Accounts.Fresh fresh = accounts().resetPassword(name);
    bearers.forget();
    return fresh(200, fresh);
  }

  @Operation(
      operationId = "disableUser",
      summary = "Shuts a person out",
      description = "Sessions and consoles end at once, and tokens are void until enabled again.")
  @Needs(value = Verb.GOVERN, where = Needs.Where.HOUSE)
  @Again(harmless = "who is shut out stays so")
  @PostMapping("/users/{name}:disable")
  UserView disable(@PathVariable String name) {
    return disabled(name, true);
  }

  @Operation(operationId = "enableUser", summary = "Lets a person in again")
  @Needs(value = Verb.GOVERN, where = Needs.Where.HOUSE)
  @Again(harmless = "who is let in stays so")
  @PostMapping("/users/{name}:enable")
  UserView enable(@PathVariable String name) {
    return disabled(name, false);
  }

  private UserView disabled(String name, boolean disabled) {
    Account now = accounts().disable(name, disabled);
    bearers.forget();
    return view(now);
  }

  @Operation(
      operationId = "deleteUser",
      summary = "Removes a person",
      description =
          "With sessions, tokens and roles; what they made stays. Who signs in by a provider of"
              + " identities stays in the list as shut out, or they would be back with their next"
              + " sign-in.")
  @Needs(value = Verb.GOVERN, where = Needs.Where.HOUSE)
  @DeleteMapping("/users/{name}")
  ResponseEntity<Void> delete(@PathVariable String name) {
    accounts().delete(name);
    bearers.forget();
    return ResponseEntity.noContent().build();
  }

  // ---- roles

  /** A role that is wanted. */
  record MemberParams(Role role) {}

  /**
   * A role that somebody has.
   *
   * @param name of a person, or of a group of the provider of identities
   * @param group true for a group
   */
  record MemberView(String name, boolean group, Role role) {
    static MemberView of(Membership m) {
      return new MemberView(m.who(), m.group(), m.role());
    }
  }

  /** All of them. */
  record MembersView(List<MemberView> items) {}

  @Operation(operationId = "listMembers", summary = "Lists who has which role in a project")
  @Needs(Verb.VIEW)
  @GetMapping("/projects/{project}/members")
  MembersView members(@PathVariable String project) {
    return listed(project);
  }

  @Operation(operationId = "putMember", summary = "Gives a role in a project")
  @Needs(Verb.GOVERN)
  @PutMapping("/projects/{project}/members/{name}")
  MemberView put(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = GROUP) @RequestParam(defaultValue = "false") boolean group,
      @RequestBody Body body) {
    return grant(project, name, group, body);
  }

  @Operation(operationId = "removeMember", summary = "Takes the role in a project")
  @Needs(Verb.GOVERN)
  @DeleteMapping("/projects/{project}/members/{name}")
  ResponseEntity<Void> remove(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = GROUP) @RequestParam(defaultValue = "false") boolean group) {
    return revoke(project, name, group);
  }

  private static final String GROUP =
      "true if the name is that of a group of the provider of identities";

  @Operation(operationId = "listRoles", summary = "Lists who has a role in all projects")
  @Needs(value = Verb.GOVERN, where = Needs.Where.HOUSE)
  @GetMapping("/roles")
  MembersView members() {
    return listed(null);
  }

  @Operation(operationId = "putRole", summary = "Gives a role in all projects")
  @Needs(value = Verb.GOVERN, where = Needs.Where.HOUSE)
  @PutMapping("/roles/{name}")
  MemberView put(
      @PathVariable String name,
      @Parameter(description = GROUP) @RequestParam(defaultValue = "false") boolean group,
      @RequestBody Body body) {
    return grant(null, name, group, body);
  }

  @Operation(operationId = "removeRole", summary = "Takes the role in all projects")
  @Needs(value = Verb.GOVERN, where = Needs.Where.HOUSE)
  @DeleteMapping("/roles/{name}")
  ResponseEntity<Void> remove(
      @PathVariable String name,
      @Parameter(description = GROUP) @RequestParam(defaultValue = "false") boolean group) {
    return revoke(null, name, group);
  }

  private MembersView listed(@Nullable String project) {
    return new MembersView(accounts().members(project).stream().map(MemberView::of).toList());
  }

  private MemberView grant(@Nullable String project, String name, boolean group, Body body) {
    MemberParams params = Manifests.decode(body.bytes(), MemberParams.class);
    Membership membership = new Membership(group, name, project, params.role());
    accounts().grant(membership);
    bearers.forget();
    return MemberView.of(membership);
  }

  private ResponseEntity<Void> revoke(@Nullable String project, String name, boolean group) {
    accounts().revoke(group, name, project);
    bearers.forget();
    return ResponseEntity.noContent().build();
  }

  // ---- sessions

  /**
   * A session.
   *
   * @param user whose it is
   * @param origin address from which they signed in
   * @param agent what their browser calls itself
   */
  record OpenSessionView(
      UUID uid, String user, Instant createdAt, Instant seenAt, String origin, String agent) {
    static OpenSessionView of(SignIn.Open o) {
      return new OpenSessionView(
          o.session().uid(),
          o.name(),
          o.session().createdAt(),
          o.session().seenAt(),
          o.session().origin(),
          o.session().agent());
    }
  }

  /** Those that are not over, the newest first. */
  record SessionsView(List<OpenSessionView> items) {}

  @Operation(
      operationId = "listSessions",
      summary = "Lists sessions",
      description = "One's own; of everybody for who looks after people.")
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.HANDLER)
  @GetMapping("/sessions")
  SessionsView sessions() {
    Callers.requireOwner();
    return new SessionsView(
        backend.access().signIn().list(mine()).stream().map(OpenSessionView::of).toList());
  }

  @Operation(operationId = "endSession", summary = "Ends a session")
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.HANDLER)
  @DeleteMapping("/sessions/{uid}")
  ResponseEntity<Void> end(@PathVariable UUID uid) {
    Callers.requireOwner();
    backend.access().signIn().end(uid, mine());
    bearers.forget();
    return ResponseEntity.noContent().build();
  }

  /** The account to which the caller is held; null for who looks after all. */
  static @Nullable UUID mine() {
    Caller caller = Callers.now();
    boolean all = Callers.allowed(Verb.GOVERN, null, null).allowed();
    UUID account = caller.account();
    return all ? null : account == null ? new UUID(0, 0) : account;
  }
}
