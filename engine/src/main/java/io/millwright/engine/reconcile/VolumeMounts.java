package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestCommands;
import io.millwright.driver.GuestCommands.Ended;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Mark;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Tx;
import io.millwright.images.DataDisks;
import io.millwright.images.FirstBootReport;
import io.millwright.images.InstallSpec;
import io.millwright.model.Condition;
import io.millwright.model.Resource;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Tells a system that is up of a data volume that came later, and writes down what guests found on
 * theirs.
 */
final class VolumeMounts {
  /** Of a volume: that no guest has found it blank when it held something before. */
  static final String INTACT = "Intact";

  /** How long an agent may keep silent; the machine may have been started just now. */
  private static final Duration AGENT = Duration.ofMinutes(5);

  /** How long a file system may take; one of many TiB takes minutes. */
  private static final Duration LONGEST = Duration.ofMinutes(30);

  private static final Duration POLL = Duration.ofSeconds(1);

  private final Outside outside;

  /** A disk of a machine: whoever has had it before was told on its own. */
  private record Attached(UUID machine, String disk) {}

  /**
   * What was begun. A server that has lost this begins the program once more, which waits for the
   * first one and finds its work done.
   */
  private final Map<Attached, Long> begun = new ConcurrentHashMap<>();

  /** When its agent was first asked in vain, counted as {@code waited} is. */
  private final Map<Attached, Duration> silent = new ConcurrentHashMap<>();

  VolumeMounts(Outside outside) {
    this.outside = outside;
  }

  /** How it stands. */
  sealed interface Told {
    /** It goes on. */
    record Goes(String doing, Duration again) implements Told {}

    /**
     * It has ended.
     *
     * @param found what the guest found on the disk, if it said so
     * @param why it did not come to its end, or null
     */
    record Over(FirstBootReport.@Nullable Volume found, @Nullable String why) implements Told {}
  }

  /**
   * Tells the guest, or asks how far it is.
   *
   * @param waited since that was tried first
   */
  Told tell(ResolvedMachine machine, Mark mark, String disk, Duration waited)
      throws DriverException {
    Resource<VolumeSpec, VolumeStatus> volume =
        machine.volumes().stream()
            .filter(v -> disk.equals(machine.disk(v)))
            .findFirst()
            .orElseThrow(() -> new IllegalStateException(disk + " was planned for this machine"));
    String serial = Objects.requireNonNull(volume.status().serial(), "it was planned by it");
    Attached key = new Attached(machine.uid(), disk);
    try {
      Long number = begun.get(key);
      if (number == null) {
        List<String> command =
            DataDisks.start(
                new InstallSpec.DataDisk(
                    serial,
                    Objects.requireNonNull(volume.spec().filesystem(), "it was planned for it"),
                    volume.spec().mount()));
        begun.put(key, commands(machine, c -> c.begin(mark, command)));
        silent.remove(key);
        return new Told.Goes("its system sees to the volume", POLL);
      }
      Optional<Ended> end = commands(machine, c -> c.ended(mark, number));
      if (end.isEmpty() && waited.compareTo(LONGEST) < 0) {
        return new Told.Goes("its system sees to the volume", POLL);
      }
      begun.remove(key);
      return end.map(how ->
              new Told.Over(
                  DataDisks.found(serial, how.output()).orElse(null),
                  how.exitCode() == 0
                      ? null
                      : "its system could not see to it: " + HealthProbe.told(how.output())))
          .orElseGet(() ->
              new Told.Over(
                  null, "its system was not done within " + LONGEST.toMinutes() + " min"));
    } catch (DriverException e) {
      boolean refused =
          switch (e.kind()) {
            case CONFLICT, REFUSED, UNSUPPORTED -> true;
            case CAPACITY, UNREACHABLE, BUG -> false;
          };
      if (!refused) {
        throw e;
      }
      begun.remove(key);
      Duration since = silent.computeIfAbsent(key, _ -> waited);
      if (e.kind() == FaultKind.CONFLICT && waited.minus(since).compareTo(AGENT) < 0) {
        return new Told.Goes("waits until its agent answers", POLL.multipliedBy(2));
      }
      silent.remove(key);
      return new Told.Over(null, "its system could not be told: " + e.forUser());
    }
  }

  private <T> T commands(ResolvedMachine machine, Outside.Act<GuestCommands, T> act)
      throws DriverException {
    return outside.call(
        machine.hypervisor(),
        d ->
            act.on(
                MachineActs.facet(
                    d, HypervisorDriver::guestCommands, "runs no commands in guests")));
  }

  /** Writes down what a guest found on the machine's volumes. */
  static void found(
      Tx tx, ResolvedMachine machine, List<FirstBootReport.Volume> found, Instant now) {
    // A guest is believed of what is its own only.
    machine.volumes().stream()
        .sorted(Comparator.comparing(Resource::uid)) // as everybody locks them
        .forEach(v ->
            found.stream()
                .filter(one -> one.serial().equals(v.status().serial()))
                .findFirst()
                .ifPresent(one -> found(tx, v.uid(), machine, one.formatted(), now)));
  }

  private static void found(
      Tx tx, UUID uid, ResolvedMachine machine, boolean formatted, Instant now) {
    VolumeStatus was =
        tx.resources()
            .lock(uid)
            .map(r -> (VolumeStatus) r.status())
            .orElse(VolumeStatus.EMPTY); // it went meanwhile
    if (was.object() == null) {
      return;
    }
    Instant since = was.filesystemSince();
    if (since != null && formatted) {
      String message =
          machine.machine().name()
              + " found it blank and made a file system on it, though there was something on it"
              + " since "
              + since
              + ": what was there is gone.";
      tx.resources()
          .updateStatus(
              uid,
              was.withConditions(
                  Condition.set(
                      was.conditions(),
                      MachineReconciler.condition(INTACT, false, "FormattedAgain", message, now))),
              "FormattedAgain",
              message);
      return;
    }
    // Whoever rebuilt the machine again has seen it, or has put the data back.
    VolumeStatus next =
        (since == null ? was.withFilesystem(now) : was)
            .withConditions(Condition.drop(was.conditions(), INTACT));
    if (!next.equals(was)) {
      tx.resources().updateStatus(uid, next, "", "");
    }
  }
}
