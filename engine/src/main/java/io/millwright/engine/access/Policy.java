package io.millwright.engine.access;

import io.millwright.model.Kind;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Who may do what: the one place that knows.
 *
 * <p>It is a pure function of who asks; everything else, from a button in the page to the audit,
 * asks it. What is not allowed here is not allowed.
 */
public final class Policy {
  private Policy() {}

  /**
   * Decides.
   *
   * @param kind of what it is about, or null for what is of no kind
   * @param project where it is, or null for what belongs to none
   */
  public static Decision allowed(
      Caller caller, Verb verb, @Nullable Kind kind, @Nullable String project) {
    Rights rights = caller.rights();
    if (verb == Verb.SIGN_IN) {
      // What is one's own is everybody's who has shown who they are; but a narrowed token would get
      // out of its scope by it. One that is good for looking after people, looks after these
      // things.
      return rights.scope().equals(Scope.ALL) || allowed(caller, Verb.GOVERN, null, null).allowed()
          ? Decision.YES
          : Decision.no("a token that is narrowed looks after nothing but itself; sign in");
    }
    if (!rights.scope().allows(verb)) {
      return Decision.no("this token is not good for " + verb);
    }
    Role needed = needed(verb, kind);
    String where = ofTheHouse(verb, kind) ? null : project;
    Role role = rights.in(where);
    if (role != null && role.atLeast(needed)) {
      return Decision.YES;
    }
    String place = where == null ? "in all projects" : "in project " + where;
    return Decision.no(
        "this needs the role "
            + needed
            + " "
            + place
            + (role == null ? "" : ", and you are " + role + " there"));
  }

  /** The same where no project is named: whether it is allowed in any. */
  public static Decision anywhere(Caller caller, Verb verb, @Nullable Kind kind) {
    Decision everywhere = allowed(caller, verb, kind, null);
    Rights rights = caller.rights();
    boolean somewhere =
        Stream.concat(rights.projects().keySet().stream(), rights.scope().projects().stream())
            .anyMatch(project -> allowed(caller, verb, kind, project).allowed());
    return somewhere
        ? Decision.YES
        : everywhere.allowed() || ofTheHouse(verb, kind) || !rights.scope().allows(verb)
            ? everywhere
            : Decision.no("this needs the role " + needed(verb, kind) + " in a project");
  }

  private static Role needed(Verb verb, @Nullable Kind kind) {
    return switch (verb) {
      case SIGN_IN, VIEW -> Role.VIEWER;
      case OPERATE, CONSOLE ->
          kind == Kind.HYPERVISOR
              ? Role.ADMIN
              : kind == Kind.SOURCE ? Role.OPERATOR : Role.USER; // who approves, declares as one
      case DECLARE, DELETE -> kind == null ? Role.USER : declaring(kind);
      case TEND, APPROVE -> Role.OPERATOR;
      case GOVERN, LIMIT, AUDIT -> Role.ADMIN;
    };
  }

  /** A new kind stands here with who may declare it; there is no other place to name it. */
  private static Role declaring(Kind kind) {
    return switch (kind) {
      case MACHINE, VOLUME, SNAPSHOT, PROFILE, GROUP, POOL -> Role.USER;
      case SIZE, IMAGE, NETWORK, WEBHOOK, OFFER -> Role.OPERATOR;
      case HYPERVISOR, SOURCE -> Role.ADMIN; // they carry secrets
    };
  }

  /**
   * What reaches beyond its project, into hypervisors, cables and what the server itself fetches:
   * there a role in the project is not enough.
   */
  private static boolean ofTheHouse(Verb verb, @Nullable Kind kind) {
    return switch (verb) {
      case TEND, LIMIT -> true;
      case DECLARE, DELETE, OPERATE ->
          kind == Kind.HYPERVISOR || kind == Kind.NETWORK || kind == Kind.IMAGE;
      case SIGN_IN, VIEW, APPROVE, CONSOLE, GOVERN, AUDIT -> false;
    };
  }
}
