package io.millwright.engine.request;

import io.millwright.engine.access.Caller;
import io.millwright.engine.port.Lifetimes.Lifetime;
import io.millwright.engine.port.Projects.Quota;
import io.millwright.engine.port.Tx;
import io.millwright.model.Expiry;
import io.millwright.model.GroupSpec;
import io.millwright.model.GroupStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Names;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.TimeSpan;
import io.millwright.model.Violations;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Deletes machines whose time is over, and says so before.
 *
 * <p>A leash is counted in looks, not in time: each look that finds no heartbeat since the one
 * before counts, at most once in a quarter of the leash, and the fourth in a row breaks it. So time
 * in which no server could look or listen is never taken for the caller's silence.
 */
public final class Expire {
  /** Who asks for the deletion, in its operation. */
  public static final Caller EXPIRY = new Caller("expiry");

  /** How long before its end a machine is warned of, the earliest first. */
  private static final List<Duration> WARNINGS =
      List.of(Duration.ofDays(1), Duration.ofHours(1), Duration.ofMinutes(10));

  /** So often a machine is looked at that has an end, though nothing is due. */
  private static final Duration SELDOM = Duration.ofHours(1);

  /** How many looks without a heartbeat break a leash. */
  private static final int PATIENCE = 4;

  private final Delete delete;
  private final InstantSource clock;

  public Expire(Delete delete, InstantSource clock) {
    this.delete = delete;
    this.clock = clock;
  }

  /**
   * Notes when a machine ends that is declared for the first time or anew. An end that was moved
   * since it was declared stays, unless another one is declared.
   */
  static void admit(
      Tx tx,
      Resource<MachineSpec, MachineStatus> machine,
      @Nullable MachineSpec before,
      Instant now,
      Violations at) {
    Expiry expiry = machine.spec().expiry();
    if (before != null && Objects.equals(expiry, before.expiry())) {
      return;
    }
    TimeSpan most = longest(tx, machine.project());
    if (expiry == null) {
      at.require(most == null || owned(machine), "is missing; " + limit(machine.project(), most));
      if (before != null) {
        tx.lifetimes().remove(machine.uid());
      }
      return;
    }
    Instant claimed = tx.lifetimes().find(machine.uid()).map(Lifetime::claimedAt).orElse(null);
    Instant begin = claimed == null ? machine.metadata().createdAt() : claimed;
    Instant end = expiry.at();
    TimeSpan ttl = expiry.ttl();
    if (ttl != null) {
      end = begin.plus(ttl.duration());
      at.field("ttl")
          .require(
              end.isAfter(now),
              ttl
                  + (claimed == null ? " after its creation was " : " after its claim was ")
                  + end.truncatedTo(ChronoUnit.SECONDS)
                  + ", which is past; give more, or see: millwright machine extend");
    } else if (end != null) {
      at.field("at").require(end.isAfter(now), end + " is past");
      at.field("at")
          .require(!end.isAfter(now.plus(Expiry.LONGEST)), end + " is more than a year away");
    }
    at.require(
        most == null
            || owned(machine)
            || (end != null && !end.isAfter(begin.plus(most.duration()))),
        (end == null ? "has neither ttl nor at; " : "is too long; ")
            + limit(machine.project(), most));
    TimeSpan leash = expiry.leash();
    tx.lifetimes()
        .put(
            machine.uid(),
            new Lifetime(
                end, warned(end, now), leash == null ? null : leash.duration(), 0, now, claimed));
  }

  /**
   * It ends with whatever made it, which was admitted by itself; only Millwright puts these labels
   * on.
   */
  private static boolean owned(Resource<MachineSpec, MachineStatus> machine) {
    Set<String> labels = machine.metadata().labels().keySet();
    return labels.contains(Names.GROUP)
        || labels.contains(Names.POOL)
        || labels.contains(Names.TRIAL);
  }

  /** Refuses to promise machines of a project a longer life than they may have there. */
  static void admit(Tx tx, String project, TimeSpan life, Violations at) {
    TimeSpan most = longest(tx, project);
    at.require(
        most == null || life.duration().compareTo(most.duration()) <= 0,
        life + " is too long; " + limit(project, most));
  }

  /**
   * Refuses more members of a group, which live as long as they are declared, where machines may
   * not. Those that were there before stay, and are rolled out and replaced.
   *
   * @param more true if it is new, or grows
   */
  static void admit(Tx tx, Resource<GroupSpec, GroupStatus> group, boolean more, Violations at) {
    TimeSpan most = longest(tx, group.project());
    at.require(
        most == null || !more,
        "asks for members that stay until it is declared otherwise, but "
            + limit(group.project(), most)
            + "; declare Machines with spec.expiry, claim them from a Pool, or declare the Group in"
            + " another project");
  }

  /** How long machines of a project may live, or null for ever. */
  private static @Nullable TimeSpan longest(Tx tx, String project) {
    return tx.projects().find(project).map(Quota::ttl).orElse(null);
  }

  private static String limit(String project, @Nullable TimeSpan most) {
    return "machines of project " + project + " live " + most + " at most";
  }

  /** Who sets an end that is near need not be warned of that. */
  private static @Nullable Duration warned(@Nullable Instant end, Instant now) {
    return end == null ? null : due(Duration.between(now, end)).orElse(null);
  }

  /** The last of the warnings that are due when so much is left. */
  private static Optional<Duration> due(Duration left) {
    return WARNINGS.stream().filter(w -> left.compareTo(w) <= 0).reduce((_, last) -> last);
  }

  /**
   * Moves a machine's end: from now on it has so long.
   *
   * @throws ProblemException NOT_FOUND; INVALID if that is no time; CONFLICT if it has no end, if
   *     that would be earlier than the one that it has, or if it is being deleted
   */
  public Resource<?, ?> extend(Tx tx, String project, String name, TimeSpan ttl) {
    Violations at = Violations.at("ttl");
    Expiry.checkTtl(ttl, at);
    at.raise();
    Resource<?, ?> machine = machine(tx, project, name);
    Lifetime l = tx.lifetimes().lock(machine.uid()).orElse(null);
    Instant end = l == null ? null : l.expiresAt();
    if (l == null || end == null) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          machine.title()
              + " has no end that could be moved; apply it with spec.expiry to give it"
              + " one");
    }
    Instant now = clock.instant();
    Instant next = now.plus(ttl.duration());
    TimeSpan most = longest(tx, project);
    Instant claimed = l.claimedAt();
    Instant begin = claimed == null ? machine.metadata().createdAt() : claimed;
    if (most != null && next.isAfter(begin.plus(most.duration()))) {
      throw ProblemException.of(
          Problem.Type.QUOTA, machine.title() + " cannot be extended: " + limit(project, most));
    }
    if (next.isBefore(end)) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          machine.title()
              + " lives until "
              + end.truncatedTo(ChronoUnit.SECONDS)
              + " already; give more than "
              + in(Duration.between(now, end)));
    }
    tx.lifetimes()
        .put(
            machine.uid(),
            new Lifetime(next, warned(next, now), l.leash(), l.missed(), l.countedAt(), claimed));
    tx.journal()
        .note(
            Kind.MACHINE,
            project,
            machine.uid(),
            name,
            "Extended",
            "It lives until " + next.truncatedTo(ChronoUnit.SECONDS) + ".");
    tx.nudges().nudge(machine.uid());
    return tx.resources().find(machine.uid()).orElseThrow();
  }

  /**
   * The caller of a machine on a leash is there.
   *
   * @throws ProblemException NOT_FOUND; CONFLICT if it is on no leash or is being deleted
   */
  public void beat(Tx tx, String project, String name) {
    Resource<?, ?> machine =
        tx.resources()
            .find(Kind.MACHINE, project, name)
            .orElseThrow(() -> Missing.of(tx, Kind.MACHINE, project, name));
    refuseDeleting(machine);
    if (!tx.lifetimes().beat(machine.uid())) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          machine.title() + " is on no leash; give it spec.expiry.leash to have it heard");
    }
  }

  private static Resource<?, ?> machine(Tx tx, String project, String name) {
    Resource<?, ?> machine =
        tx.resources()
            .lock(Kind.MACHINE, project, name)
            .orElseThrow(() -> Missing.of(tx, Kind.MACHINE, project, name));
    refuseDeleting(machine);
    return machine;
  }

  private static void refuseDeleting(Resource<?, ?> machine) {
    if (machine.deleting()) {
      throw ProblemException.of(Problem.Type.CONFLICT, machine.title() + " is being deleted");
    }
  }

  /**
   * Gives the warning that is due, or begins the deletion that is. Each is one commit with the note
   * that it was done, so no crash makes it happen twice or never.
   *
   * @return when to look again at the latest, or nothing for a machine without an end
   */
  public Optional<Duration> look(Tx tx, UUID machine) {
    Optional<Lifetime> found = tx.lifetimes().find(machine);
    if (found.isEmpty()) {
      return Optional.empty();
    }
    Resource<?, ?> locked = tx.resources().lock(machine).orElse(null);
    // A heartbeat may have come meanwhile.
    Lifetime l = tx.lifetimes().lock(machine).orElse(null);
    if (locked == null || l == null || locked.deleting()) {
      return Optional.empty();
    }
    Instant now = clock.instant();
    Duration next = SELDOM;
    Instant end = l.expiresAt();
    if (end != null) {
      Duration left = Duration.between(now, end);
      if (left.isZero() || left.isNegative()) {
        return delete(tx, locked, "Expired", "Its time is over, and it is deleted.");
      }
      Duration before = l.warned();
      Optional<Duration> warning = due(left).filter(w -> before == null || w.compareTo(before) < 0);
      if (warning.isPresent()) {
        l = l.withWarned(warning.get());
        tx.lifetimes().put(machine, l);
        note(
            tx,
            locked,
            "Expires",
            "It is deleted in "
                + in(left)
                + "; to keep it longer: millwright machine extend "
                + locked.name()
                + " --ttl "
                + (left.toHours() >= 1 ? "24h" : "1h"));
      }
      next = min(next, untilNext(left));
    }
    Duration leash = l.leash();
    if (leash != null) {
      Duration quarter = leash.dividedBy(PATIENCE);
      Instant counted = l.countedAt();
      if (counted == null || !now.isBefore(counted.plus(quarter))) {
        // A heartbeat empties the time of the last count, so the first look after one counts none.
        int missed = counted == null ? 0 : l.missed() + 1;
        if (missed >= PATIENCE) {
          return delete(
              tx,
              locked,
              "LeashBroke",
              "Nothing was heard of its caller for " + in(leash) + ", and it is deleted.");
        }
        tx.lifetimes().put(machine, l.withMissed(missed, now));
        counted = now;
      }
      next = min(next, Duration.between(now, counted.plus(quarter)));
    }
    return Optional.of(next);
  }

  /** How long until something is due of what ends in so long. */
  private static Duration untilNext(Duration left) {
    return WARNINGS.stream()
        .filter(w -> left.compareTo(w) > 0)
        .findFirst()
        .map(left::minus)
        .orElse(left);
  }

  private Optional<Duration> delete(Tx tx, Resource<?, ?> machine, String reason, String message) {
    try {
      delete.delete(tx, EXPIRY, Kind.MACHINE, machine.project(), machine.name(), null);
    } catch (ProblemException e) {
      // Somebody needs it; it goes when they no longer do.
      return Optional.of(Duration.ofMinutes(1));
    }
    note(tx, machine, reason, message);
    return Optional.empty();
  }

  private static void note(Tx tx, Resource<?, ?> machine, String reason, String message) {
    tx.journal()
        .note(machine.kind(), machine.project(), machine.uid(), machine.name(), reason, message);
  }

  private static Duration min(Duration a, Duration b) {
    return a.compareTo(b) < 0 ? a : b;
  }

  /** Two units at most: {@code 1d 2h}, {@code 59m}, {@code 40s}. */
  private static String in(Duration left) {
    long s = left.toSeconds();
    if (s < 60) {
      return s + " s";
    }
    if (s < 3600) {
      return s / 60 + " min";
    }
    return s < 48 * 3600
        ? s / 3600 + " h" + (s % 3600 >= 60 ? " " + s % 3600 / 60 + " min" : "")
        : s / 86_400 + " days";
  }
}
