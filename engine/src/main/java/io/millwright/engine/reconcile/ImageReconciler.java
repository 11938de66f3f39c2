package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.ImageBuilder;
import io.millwright.engine.Drivers;
import io.millwright.engine.ImageSteps;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.image.ImageFiles.Stored;
import io.millwright.engine.image.InstallationMedium;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Store;
import io.millwright.model.Condition;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/** Fetches and builds images. */
public final class ImageReconciler {
  /** How often the progress of a build is written down. */
  private static final Duration TELL = Duration.ofSeconds(1);

  private final Store store;
  private final Drivers drivers;
  private final Outside outside;
  private final ImageFiles files;
  private final InstantSource clock;

  public ImageReconciler(
      Store store, Drivers drivers, Outside outside, ImageFiles files, InstantSource clock) {
    this.store = store;
    this.drivers = drivers;
    this.outside = outside;
    this.files = files;
    this.clock = clock;
  }

  Optional<Duration> reconcile(Resource<ImageSpec, ImageStatus> image, @Nullable Run run) {
    if (run == null) {
      return Optional.empty();
    }
    if (image.deleting()) {
      return delete(run, image);
    }
    if (run.operation().cancelRequested()) {
      return failed(run, image, "Cancelled", "it was cancelled", true);
    }
    return make(run, image);
  }

  private Optional<Duration> make(Run run, Resource<ImageSpec, ImageStatus> image) {
    run.plan(List.of(ImageSteps.of(image.spec())));
    run.beginAgain(new State.Running());
    try {
      Stored stored = produce(run, image);
      run.done(stored.fileSize() / (1 << 20) + " MiB");
      succeed(run, image, stored);
      return Optional.empty();
    } catch (DriverException e) {
      run.log(e.forOperator());
      Optional<Duration> delay = RetryPolicy.decide(e.kind(), run.attempts());
      if (delay.isPresent()) {
        run.wait(MachineReconciler.reason(e.kind()), e.forUser(), delay.get(), null);
        return delay;
      }
      run.fail(e);
      return failed(run, image, MachineReconciler.reason(e.kind()), e.forUser(), false);
    } catch (Cancelled e) {
      return failed(run, image, "Cancelled", "it was cancelled", true);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.of(Duration.ofSeconds(1)); // the server stops; the next one starts over
    }
  }

  private Stored produce(Run run, Resource<ImageSpec, ImageStatus> image)
      throws DriverException, InterruptedException {
    ImageSpec spec = image.spec();
    ImageSpec.Source given = spec.origin();
    if (given != null && given.sent()) {
      Stored stored = files.sent(String.valueOf(given.sha256()));
      if (spec.installer() != null) {
        InstallationMedium.check(files.open(stored.sha256(), image).file(), spec);
      }
      return stored;
    }
    try {
      Path work = files.workDirectory(image.uid(), run.operation().uid(), run.operation().epoch());
      try {
        Path out = work.resolve("image");
        Teller teller = new Teller(run);
        ImageSpec.Source source = spec.origin();
        if (source != null) {
          files.fetch(source, out, teller::at);
          if (spec.installer() != null) {
            InstallationMedium.check(out, spec);
          }
        } else {
          ImageSpec.Build build = java.util.Objects.requireNonNull(spec.build());
          ImageBuilder builder = drivers.builders().get(build.builder());
          if (builder == null) {
            throw new DriverException(
                FaultKind.UNSUPPORTED,
                "this installation has no builder " + build.builder() + " any more");
          }
          builder.build(
              spec, out, java.nio.file.Files.createDirectory(work.resolve("build")), teller);
        }
        teller.flush();
        return files.adopt(out, source == null ? null : source.sha256());
      } finally {
        files.cleanUp(work);
      }
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.CAPACITY, "the server's image directory cannot be used", String.valueOf(e), e);
    }
  }

  /** Somebody asked to stop while the work went on. */
  private static final class Cancelled extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /** Writes progress and log lines down, a second's worth at a time. */
  private final class Teller implements ImageBuilder.Progress {
    private final Run run;
    private final List<String> lines = new ArrayList<>();
    private Instant told;
    private int percent;

    Teller(Run run) {
      this.run = run;
      this.told = clock.instant();
    }

    @Override
    public synchronized void at(int nowPercent, String what) {
      boolean further = nowPercent != percent;
      percent = nowPercent;
      if (Duration.between(told, clock.instant()).compareTo(TELL) >= 0
          || (further && nowPercent == 100)) {
        told = clock.instant();
        flush();
        if (store
            .read(tx -> tx.operations().find(run.operation().uid()))
            .map(Operation::cancelRequested)
            .orElse(true)) {
          throw new Cancelled();
        }
        run.going(new State.Running(), percent, what);
      }
    }

    @Override
    public synchronized void log(String line) {
      lines.add(line);
      if (lines.size() >= 200) {
        flush();
      }
    }

    synchronized void flush() {
      if (!lines.isEmpty()) {
        run.log(List.copyOf(lines));
        lines.clear();
      }
    }
  }

  private void succeed(Run run, Resource<ImageSpec, ImageStatus> image, Stored stored) {
    Instant now = clock.instant();
    ImageStatus status =
        new ImageStatus(
            Condition.set(
                image.status().conditions(),
                MachineReconciler.condition(
                    Condition.READY, true, "Finished", "It can be used.", now)),
            stored.sha256(),
            stored.fileSize(),
            stored.virtualSize(),
            now,
            image.generation());
    run.finish(
        new State.Succeeded(),
        tx -> {
          tx.resources().updateStatus(image.uid(), status, "Finished", "It can be used.");
          tx.nudges()
              .nudgeAll(
                  tx.resources().referrers(image.uid(), Integer.MAX_VALUE).stream()
                      .filter(r -> tx.operations().active(r.uid()).isPresent())
                      .map(Resource::uid)
                      .toList());
        });
  }

  private Optional<Duration> failed(
      Run run,
      Resource<ImageSpec, ImageStatus> image,
      String reason,
      String message,
      boolean cancelled) {
    Condition ready =
        MachineReconciler.condition(
            Condition.READY, false, reason, MachineReconciler.sentence(message), clock.instant());
    // An image that was made before goes on being of use.
    List<Condition> conditions =
        image.status().sha256() == null
            ? Condition.set(image.status().conditions(), ready)
            : image.status().conditions();
    run.finish(
        cancelled ? new State.Cancelled() : new State.Failed(reason, message),
        tx ->
            tx.resources()
                .updateStatus(
                    image.uid(),
                    image.status().withConditions(conditions),
                    reason,
                    ready.message()));
    return Optional.empty();
  }

  /** No machine names it any more; disks that are still backed by it keep their own copy of it. */
  private Optional<Duration> delete(Run run, Resource<ImageSpec, ImageStatus> image) {
    String sha256 = image.status().sha256();
    if (sha256 != null && !stillNamed(image, sha256)) {
      for (Resource<HypervisorSpec, HypervisorStatus> host : hypervisors()) {
        try {
          unstage(host, sha256);
        } catch (DriverException e) {
          Duration delay = RetryPolicy.untilDone(3);
          run.waitFor(MachineReconciler.reason(e.kind()), e.forUser(), delay);
          return Optional.of(delay);
        }
      }
      try {
        files.delete(sha256);
        files.forget(image.uid());
      } catch (IOException e) {
        LoggerFactory.getLogger(ImageReconciler.class).warn("{}: {}", image.title(), e.toString());
      }
    }
    run.finish(new State.Succeeded(), tx -> tx.resources().remove(image.uid()));
    return Optional.empty();
  }

  private void unstage(Resource<HypervisorSpec, HypervisorStatus> host, String sha256)
      throws DriverException {
    try {
      outside.call(
          host, d -> MachineActs.facet(d, HypervisorDriver::disks, "has no disks").unstage(sha256));
    } catch (DriverException e) {
      // A machine from an older generation of the image may still be backed by it.
      if (e.kind() != FaultKind.CONFLICT && e.kind() != FaultKind.UNSUPPORTED) {
        throw e;
      }
    }
  }

  private boolean stillNamed(Resource<ImageSpec, ImageStatus> image, String sha256) {
    return store.read(tx ->
        all(tx.resources(), Kind.IMAGE).stream()
                .anyMatch(other ->
                    !other.uid().equals(image.uid())
                        && sha256.equals(((ImageStatus) other.status()).sha256()))
            || all(tx.resources(), Kind.MACHINE).stream()
                .anyMatch(m -> sha256.equals(((MachineStatus) m.status()).imageSha256())));
  }

  private List<Resource<HypervisorSpec, HypervisorStatus>> hypervisors() {
    return store.read(tx ->
        all(tx.resources(), Kind.HYPERVISOR).stream()
            .filter(h -> !h.deleting())
            .map(h -> h.as(HypervisorSpec.class, HypervisorStatus.class))
            .toList());
  }

  private static List<Resource<?, ?>> all(Resources resources, Kind kind) {
    List<Resource<?, ?>> out = new ArrayList<>();
    @Nullable String cursor = null;
    do {
      var page =
          resources.list(new Resources.Query(kind, null, Selector.ALL, Map.of(), 1000, cursor));
      out.addAll(page.items());
      cursor = page.next();
    } while (cursor != null);
    return out;
  }
}
