package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Mark;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.driver.SerialLog;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Outside;
import io.millwright.images.InstallerLog;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/** Follows installers by what they print. */
final class InstallationWatch {
  private final Outside outside;
  private final InstantSource clock;

  /** What is kept of a log between two looks at most; of a longer one all is read again. */
  private static final int KEPT = 4 << 20;

  /** What was seen of each; a server that starts again gives a silent one its full time anew. */
  private final Map<UUID, Seen> seen = new ConcurrentHashMap<>();

  /**
   * What was seen of an installation.
   *
   * @param mark of the definition whose log it is
   * @param disk that is installed: another one is another installation
   * @param next where its log goes on
   * @param printed up to there
   * @param length of what of it can be read, or -1 if it was not looked at yet
   * @param told how many of its lines were told
   * @param since when it has not grown
   */
  record Seen(
      Mark mark, String disk, long next, String printed, int length, int told, Instant since) {
    static Seen begun(Mark mark, String disk, Instant now) {
      return new Seen(mark, disk, 0, "", -1, 0, now);
    }

    boolean isOf(Mark otherMark, String otherDisk) {
      return mark.equals(otherMark) && disk.equals(otherDisk);
    }

    /** The same, with its log as it is by now. */
    Seen read(String all, long upTo) {
      return new Seen(mark, disk, upTo, all, length, told, since);
    }

    /** Lines that were not told yet; all of them if the log has begun again. */
    List<String> news(List<String> lines) {
      return List.copyOf(lines.subList(told <= lines.size() ? told : 0, lines.size()));
    }
  }

  InstallationWatch(Outside outside, InstantSource clock) {
    this.outside = outside;
    this.clock = clock;
  }

  /** How an installation stands. */
  sealed interface Look {
    /**
     * It goes on.
     *
     * @param doing in the installer's own words
     */
    record Goes(String doing) implements Look {}

    record Ended() implements Look {}

    record Failed(String why) implements Look {}
  }

  /**
   * What one look tells.
   *
   * @param news lines that it has printed since the last one
   */
  record Found(Look look, List<String> news) {}

  /**
   * Looks once.
   *
   * @param stall for how long it may print nothing new
   * @param waited for how long it has been at it
   * @param longest for how long it may be, whatever it prints
   */
  Found look(ResolvedMachine machine, Duration stall, Duration waited, Duration longest)
      throws DriverException {
    UUID uid = machine.uid();
    Observation.Machine vm =
        outside
            .call(machine.hypervisor(), d -> d.observe(new Scope.One(uid)))
            .machine(uid)
            .filter(Observation.Machine::installer)
            .orElseThrow(() ->
                new DriverException(
                    FaultKind.CONFLICT, "the machine was changed while it was being installed"));
    // In this order: what has stopped prints no more.
    Seen now = read(machine, vm);
    Followed followed = follow(now, vm.state(), clock.instant(), stall, waited, longest);
    if (followed.found().look() instanceof Look.Goes) {
      seen.put(uid, followed.seen());
    } else {
      seen.remove(uid);
    }
    return followed.found();
  }

  /** What a look tells, and what is to be known at the next one. */
  record Followed(Found found, Seen seen) {}

  /**
   * Judges one look; pure.
   *
   * @param seen with the log as it is now, and what else was known before
   */
  static Followed follow(
      Seen seen,
      Observation.State state,
      Instant now,
      Duration stall,
      Duration waited,
      Duration longest) {
    InstallerLog log = InstallerLog.of(seen.printed());
    int length = log.text().length();
    Instant since = length != seen.length() ? now : seen.since();
    Look look = judge(state, log, Duration.between(since, now), stall);
    if (look instanceof Look.Goes goes && waited.compareTo(longest) > 0) {
      look =
          new Look.Failed(
              "its installer was not done within "
                  + longest.toHours()
                  + " hours, though it still prints something: "
                  + goes.doing());
    }
    List<String> lines = log.lines();
    // Its last line may not be at its end yet.
    int whole = look instanceof Look.Goes ? Math.max(0, lines.size() - 1) : lines.size();
    List<String> news = seen.news(lines.subList(0, whole));
    boolean keep = seen.printed().length() <= KEPT;
    return new Followed(
        new Found(look, news),
        new Seen(
            seen.mark(),
            seen.disk(),
            keep ? seen.next() : 0,
            keep ? seen.printed() : "",
            length,
            whole,
            since));
  }

  /** What one that ended between two looks has printed since the last one; told once. */
  List<String> rest(ResolvedMachine machine) throws DriverException {
    Optional<Observation.Machine> vm =
        outside
            .call(machine.hypervisor(), d -> d.observe(new Scope.One(machine.uid())))
            .machine(machine.uid());
    if (vm.isEmpty()) {
      return List.of();
    }
    Seen now = read(machine, vm.get());
    seen.remove(machine.uid());
    return now.news(InstallerLog.of(now.printed()).lines());
  }

  private static Look judge(
      Observation.State state, InstallerLog log, Duration silent, Duration stall) {
    String last = log.last().orElse("it printed nothing");
    if (state != Observation.State.RUNNING && state != Observation.State.PAUSED) {
      return log.ended() && state == Observation.State.STOPPED
          ? new Look.Ended()
          : new Look.Failed("the machine stopped before its installer had ended: " + last);
    }
    return log.failure()
        .<Look>map(Look.Failed::new)
        .orElseGet(() ->
            silent.compareTo(stall) > 0
                ? new Look.Failed(
                    "its installer has shown no progress for "
                        + silent.toMinutes()
                        + " minutes: "
                        + last)
                : new Look.Goes(last));
  }

  /** True if a machine stands still because its installer has ended well. */
  boolean ended(ResolvedMachine machine, Observation.Machine vm) throws DriverException {
    return vm.installer()
        && vm.state() == Observation.State.STOPPED
        && InstallerLog.of(read(machine, vm).printed()).ended();
  }

  /** What is known of it, with its log up to now: what was read before is not read again. */
  private Seen read(ResolvedMachine machine, Observation.Machine vm) throws DriverException {
    Mark mark = vm.mark();
    if (mark == null) {
      throw new DriverException(FaultKind.CONFLICT, "the machine there is not ours");
    }
    String disk = String.valueOf(machine.machine().status().disk());
    Seen before = seen.get(machine.uid());
    if (before == null || !before.isOf(mark, disk)) {
      before = Seen.begun(mark, disk, clock.instant());
    }
    StringBuilder out = new StringBuilder(before.printed());
    long at = before.next();
    while (true) {
      long from = at;
      SerialLog.Piece piece =
          outside.call(
              machine.hypervisor(),
              d ->
                  MachineActs.facet(
                          d, HypervisorDriver::serialLog, "does not keep what installers print")
                      .read(mark, from));
      if (piece.next() == at || piece.next() > at && piece.bytes().length == 0) {
        return before.read(out.toString(), at);
      }
      if (piece.next() < at) {
        out.setLength(0); // it became shorter, and has begun again
      }
      out.append(new String(piece.bytes(), StandardCharsets.ISO_8859_1));
      at = piece.next();
    }
  }
}
