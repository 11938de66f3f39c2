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

  /** What was seen of each; a server that starts again gives a silent one its full time anew. */
  private final Map<UUID, Seen> seen = new ConcurrentHashMap<>();

  private record Seen(int length, int told, Instant since) {}

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
   */
  Found look(ResolvedMachine machine, Duration stall) throws DriverException {
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
    InstallerLog log = read(machine, vm);
    List<String> lines = log.lines();
    Instant now = clock.instant();
    Seen before = seen.getOrDefault(uid, new Seen(-1, 0, now));
    boolean further = log.text().length() != before.length();
    Instant since = further ? now : before.since();
    Look look = judge(vm, log, Duration.between(since, now), stall);
    // Its last line may not be at its end yet.
    int whole = look instanceof Look.Goes ? Math.max(0, lines.size() - 1) : lines.size();
    List<String> news = lines.subList(Math.min(before.told(), whole), whole);
    if (look instanceof Look.Goes) {
      seen.put(uid, new Seen(log.text().length(), Math.max(before.told(), whole), since));
    } else {
      seen.remove(uid);
    }
    return new Found(look, List.copyOf(news));
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
    List<String> lines = read(machine, vm.get()).lines();
    Seen before = seen.remove(machine.uid());
    int told = before == null ? 0 : Math.min(before.told(), lines.size());
    return List.copyOf(lines.subList(told, lines.size()));
  }

  private static Look judge(
      Observation.Machine vm, InstallerLog log, Duration silent, Duration stall) {
    String last = log.last().orElse("it printed nothing");
    if (vm.state() != Observation.State.RUNNING && vm.state() != Observation.State.PAUSED) {
      return log.ended() && vm.state() == Observation.State.STOPPED
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
    return vm.installer() && vm.state() == Observation.State.STOPPED && read(machine, vm).ended();
  }

  private InstallerLog read(ResolvedMachine machine, Observation.Machine vm)
      throws DriverException {
    Mark mark = vm.mark();
    if (mark == null) {
      throw new DriverException(FaultKind.CONFLICT, "the machine there is not ours");
    }
    StringBuilder out = new StringBuilder();
    long at = 0;
    while (true) {
      long from = at;
      SerialLog.Piece piece =
          outside.call(
              machine.hypervisor(),
              d ->
                  MachineActs.facet(
                          d, HypervisorDriver::serialLog, "does not keep what installers print")
                      .read(mark, from));
      if (piece.bytes().length == 0 || piece.next() <= at) {
        return InstallerLog.of(out.toString());
      }
      out.append(new String(piece.bytes(), StandardCharsets.ISO_8859_1));
      at = piece.next();
    }
  }
}
