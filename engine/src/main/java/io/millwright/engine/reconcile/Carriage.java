package io.millwright.engine.reconcile;

import io.millwright.driver.DiskTransfer;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Outside;
import io.millwright.model.Resource;
import io.millwright.model.Sha256;
import io.millwright.model.VolumeStatus;
import io.millwright.planner.Step;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/**
 * Carries volumes from one hypervisor to another: reads a disk into a file of the server, writes a
 * new disk from it, and reads that one back to compare the two.
 *
 * <p>This may last hours, so it goes on while nobody waits for it. It stops by itself when whoever
 * wants it has not come again for a while: he asks only as long as the work is his, so that a
 * server which was frozen writes nothing into a disk that another one has taken into use.
 */
final class Carriage {
  private static final Duration POLL = Duration.ofSeconds(1);

  /** Without being asked for so long, it ends. */
  private static final Duration ABANDONED = Duration.ofSeconds(10);

  private final Outside outside;
  private final ImageFiles files;
  private final Executor carriers;
  private final InstantSource clock;
  private final Map<String, Load> loads = new ConcurrentHashMap<>();

  /**
   * @param carriers what has a thread for each load
   */
  Carriage(Outside outside, ImageFiles files, Executor carriers, InstantSource clock) {
    this.outside = outside;
    this.files = files;
    this.carriers = carriers;
    this.clock = clock;
  }

  private final class Load {
    final CompletableFuture<Optional<DriverException>> end = new CompletableFuture<>();
    volatile Instant askedAt = clock.instant();
    volatile String doing = "begins";

    /** A clock that was set leads to one more try, whichever way it went. */
    void proceed() throws DriverException {
      if (Duration.between(askedAt, clock.instant()).abs().compareTo(ABANDONED) > 0) {
        throw new DriverException(
            FaultKind.UNREACHABLE, "the copy was given up, since nobody asked for it any more");
      }
    }
  }

  /**
   * Begins to carry, or tells how far it is.
   *
   * @throws DriverException what went wrong; asked again, it begins anew
   */
  Outcome carry(ResolvedMachine machine, Step.CarryVolume step) throws DriverException {
    Optional<String> objection =
        objection(
            step.to(),
            machine.hypervisor().name(),
            machine.volumes().stream().map(Resource::status).toList());
    if (objection.isPresent()) {
      throw new DriverException(
          FaultKind.REFUSED,
          "the disk " + step.to() + " is not written to: " + objection.get(),
          step.toString(),
          null);
    }
    Load load = loads.computeIfAbsent(step.to(), to -> begin(machine, step));
    load.askedAt = clock.instant();
    if (!load.end.isDone()) {
      return new Outcome.Running(load.doing, POLL);
    }
    loads.remove(step.to(), load);
    try {
      Optional<DriverException> failure = load.end.get();
      if (failure.isPresent()) {
        throw failure.get();
      }
      return Outcome.DONE;
    } catch (ExecutionException e) {
      throw new DriverException(
          FaultKind.BUG,
          "a volume could not be carried; the operation's log says why",
          e.toString(),
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DriverException(FaultKind.UNREACHABLE, "Millwright is shutting down");
    }
  }

  /**
   * Why nothing may be written to this disk, or nothing if it may: whatever is on it is
   * overwritten, so it must be a copy that is being made, and that nobody uses; pure.
   *
   * @param volumes all of the machine that is moved
   */
  static Optional<String> objection(String disk, String hypervisor, List<VolumeStatus> volumes) {
    if (volumes.stream().anyMatch(v -> disk.equals(v.object()))) {
      return Optional.of("it is a volume itself");
    }
    boolean begun =
        volumes.stream()
            .flatMap(v -> Optional.ofNullable(v.copy()).stream())
            .anyMatch(copy ->
                copy.equals(new VolumeStatus.Copy(hypervisor, disk, VolumeStatus.Stage.BEGUN)));
    return begun ? Optional.empty() : Optional.of("it is no copy that is being made there");
  }

  private Load begin(ResolvedMachine machine, Step.CarryVolume step) {
    Load load = new Load();
    carriers.execute(() -> {
      try {
        run(load, machine, step);
        load.end.complete(Optional.empty());
      } catch (DriverException e) {
        load.end.complete(Optional.of(e));
      } catch (Throwable t) { // handed to whoever asks, whatever it is
        load.end.completeExceptionally(t);
      }
    });
    return load;
  }

  private void run(Load load, ResolvedMachine machine, Step.CarryVolume step)
      throws DriverException {
    ObjectName from = ObjectName.parse(step.from()).orElseThrow();
    ObjectName to = ObjectName.parse(step.to()).orElseThrow();
    Path work = null;
    try {
      work = files.workDirectory(to.mark().uid());
      Path read = work.resolve("read");
      load.doing = "reads it on " + machine.there().hypervisor().name();
      outside.callUnhurried(
          machine.there().hypervisor(),
          d -> {
            transfer(d).read(from, read);
            return Outcome.DONE;
          });
      load.proceed();
      String before = sha256(read);
      load.doing = "writes it on " + machine.hypervisor().name();
      outside.callUnhurried(
          machine.hypervisor(),
          d -> {
            transfer(d).write(to, step.size(), read, load::proceed);
            return Outcome.DONE;
          });
      Files.delete(read);
      load.proceed();
      load.doing = "reads the copy back from " + machine.hypervisor().name();
      Path back = work.resolve("back");
      outside.callUnhurried(
          machine.hypervisor(),
          d -> {
            transfer(d).read(to, back);
            return Outcome.DONE;
          });
      if (!sha256(back).equals(before)) {
        throw new DriverException(
            FaultKind.CONFLICT,
            "the copy of volume " + step.volume() + " is not what was read of it");
      }
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.CAPACITY,
          "the server has no room, or no right, for a copy of volume " + step.volume(),
          e.toString(),
          e);
    } finally {
      cleanUp(work);
    }
  }

  /** This volume is not carried any more; what a server that died has read of it goes. */
  void forget(UUID volume) {
    try {
      files.forget(volume);
    } catch (IOException e) {
      LoggerFactory.getLogger(Carriage.class).warn("a copy of a volume is left: {}", e.toString());
    }
  }

  private void cleanUp(@Nullable Path work) {
    if (work != null) {
      try {
        files.cleanUp(work);
      } catch (IOException e) {
        // The next one who carries this volume removes what is left.
      }
    }
  }

  private static DiskTransfer transfer(HypervisorDriver driver) throws DriverException {
    return MachineActs.facet(driver, HypervisorDriver::diskTransfer, "cannot read and write disks");
  }

  /** Of all but the zeros at the end, of which one hypervisor may write more than another. */
  private static String sha256(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      MessageDigest digest = Sha256.digest();
      byte[] piece = new byte[1 << 20];
      byte[] zeros = new byte[1 << 20];
      long held = 0;
      int got;
      while ((got = in.read(piece)) > 0) {
        int end = got;
        while (end > 0 && piece[end - 1] == 0) {
          end--;
        }
        if (end > 0) {
          for (; held > 0; held -= Math.min(held, zeros.length)) {
            digest.update(zeros, 0, (int) Math.min(held, zeros.length));
          }
          digest.update(piece, 0, end);
        }
        held += got - end;
      }
      return HexFormat.of().formatHex(digest.digest());
    }
  }
}
