package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.ImageBuilder;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.engine.access.Caller;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.image.ImageFiles.Stored;
import io.millwright.engine.image.InstallationMedium;
import io.millwright.engine.machine.ImageSteps;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Drivers;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Groups;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.Apply;
import io.millwright.engine.request.Builds;
import io.millwright.engine.request.Delete;
import io.millwright.images.Catalogue;
import io.millwright.model.Condition;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.ImageBuild;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Operation;
import io.millwright.model.Operation.State;
import io.millwright.model.Power;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.planner.ImagePlanner;
import io.millwright.planner.Step;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fetches and builds images, and keeps them: by schedule, checked before they are used, and with
 * nothing left of builds that nobody needs.
 *
 * <p>Which build is the one in use, which is being checked and by which machine stands in the
 * image's status; so whoever takes over after a crash goes on from there.
 */
public final class ImageReconciler {
  private static final Logger LOG = LoggerFactory.getLogger(ImageReconciler.class);

  /** How often the progress of a build is written down. */
  private static final Duration TELL = Duration.ofSeconds(1);

  /** How often a machine is asked for that checks a build; its own end is told at once. */
  private static final Duration POLL = Duration.ofSeconds(5);

  /** How often is looked whether what may be pruned is needed no more. */
  private static final Duration PRUNE = Duration.ofMinutes(10);

  /** So often is looked at a schedule, though nothing is due. */
  private static final Duration SELDOM = Duration.ofHours(1);

  /** Condition of an image: whether the last attempt to make it came to a good end. */
  public static final String BUILT = "Built";

  private final Store store;
  private final Drivers drivers;
  private final Outside outside;
  private final ImageFiles files;
  private final Apply apply;
  private final Delete delete;
  private final Builds builds;
  private final InstantSource clock;

  public ImageReconciler(
      Store store,
      Drivers drivers,
      Outside outside,
      ImageFiles files,
      Apply apply,
      Delete delete,
      Builds builds,
      InstantSource clock) {
    this.store = store;
    this.drivers = drivers;
    this.outside = outside;
    this.files = files;
    this.apply = apply;
    this.delete = delete;
    this.builds = builds;
    this.clock = clock;
  }

  Optional<Duration> reconcile(Resource<ImageSpec, ImageStatus> image, @Nullable Run run) {
    if (run == null) {
      return image.deleting() ? Optional.empty() : keep(image);
    }
    ImageBuild mine = ImagePlanner.of(image.status().builds(), run.operation().uid()).orElse(null);
    // A server died, or another operation came before this one: nobody needs its machine any more.
    if (clear(image, image.deleting() || mine == null ? null : mine.trial())) {
      run.waitFor("Waiting", "the machine of an earlier build is thrown away", POLL);
      return Optional.of(POLL);
    }
    if (image.deleting()) {
      return delete(run, image);
    }
    return mine == null ? make(run, image) : goOn(run, image, mine);
  }

  private Optional<Duration> make(Run run, Resource<ImageSpec, ImageStatus> image) {
    if (run.operation().cancelRequested()) {
      return failed(run, image, "Cancelled", "it was cancelled", true);
    }
    int number = ImagePlanner.next(image.status().builds());
    run.plan(ImageSteps.of(image));
    ImageSpec.ByInstaller installer = installer(image);
    if (installer != null) {
      return install(run, image, number, installer);
    }
    run.beginAgain(new State.Running());
    try {
      Stored stored = produce(run, image);
      run.done(stored.fileSize() / (1 << 20) + " MiB");
      Boolean packages = holdsPackages(image, stored);
      return built(
          run,
          image.withStatus(image.status().with(s -> s.holdsPackages(packages))),
          number,
          stored);
    } catch (DriverException e) {
      run.log(e.forOperator());
      Optional<Duration> delay = RetryPolicy.decide(e.kind(), run.attempts());
      if (delay.isPresent()) {
        waits(run, image, e, delay.get());
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

  /** The image itself tells as well why it is not there yet, for it may be tried for days. */
  private void waits(
      Run run, Resource<ImageSpec, ImageStatus> image, DriverException e, Duration delay) {
    String reason = MachineReconciler.reason(e.kind());
    int tries = run.attempts();
    String message =
        "%s; it was tried %s, and is again in %d s"
            .formatted(
                e.forUser(),
                tries == 1 ? "once" : tries + " times",
                delay.plusMillis(999).toSeconds());
    run.wait(reason, e.forUser(), delay, null);
    run.guarded(
        new State.Waiting(reason, e.forUser(), clock.instant().plus(delay)),
        tx ->
            tx.resources()
                .updateStatus(
                    image.uid(),
                    unmade(image.status(), reason, message),
                    reason,
                    MachineReconciler.sentence(message)));
  }

  private static ImageSpec.@Nullable Check check(Resource<ImageSpec, ImageStatus> image) {
    ImageSpec.Build build = image.spec().build();
    return build == null ? null : build.check();
  }

  private static ImageSpec.@Nullable ByInstaller installer(Resource<ImageSpec, ImageStatus> image) {
    ImageSpec.Build build = image.spec().build();
    return build == null ? null : build.installer();
  }

  // --- by an installer -----------------------------------------------------------------------

  /** Has a machine installed; its system disk will be the image. */
  private Optional<Duration> install(
      Run run,
      Resource<ImageSpec, ImageStatus> image,
      int number,
      ImageSpec.ByInstaller installer) {
    run.begin(new State.Running());
    ImageBuild build =
        new ImageBuild(
            number,
            run.operation().uid(),
            Objects.requireNonNullElse(run.operation().startedAt(), clock.instant()),
            ImageBuild.State.INSTALLING,
            null,
            null,
            null,
            null,
            null);
    try {
      run.guarded(
          new State.Running(),
          tx ->
              tryOut(
                  tx,
                  image,
                  ImagePlanner.add(image.status().builds(), build),
                  build,
                  installer.machine()));
      return Optional.of(POLL);
    } catch (ProblemException e) {
      run.fail(new DriverException(FaultKind.REFUSED, why(e)));
      return failed(run, image, "Refused", why(e), false);
    }
  }

  /**
   * Waits for the machine, has it switched off, and reads its disk. It is what it is to be once it
   * has reported by itself: that its system is generalised is among what it reports.
   */
  private Optional<Duration> goOnInstalling(
      Run run, Resource<ImageSpec, ImageStatus> image, ImageBuild mine) {
    Optional<Trial> found = trial(mine);
    boolean off = found.filter(Trial::off).isPresent();
    run.plan(
        ImageSteps.of(mine.number(), image).stream()
            .filter(step -> !off || !(step instanceof Step.InstallImage))
            .toList());
    if (!off) {
      run.begin(new State.Running());
    }
    if (run.operation().cancelRequested()) {
      return refuse(run, image, mine, "Cancelled", "was not installed: it was cancelled");
    }
    if (found.isEmpty()) {
      return refuse(
          run,
          image,
          mine,
          "InstallationFailed",
          "was not installed: its machine was deleted before that");
    }
    Resource<MachineSpec, MachineStatus> machine = found.get().machine();
    MachineStatus status = machine.status();
    Operation making = found.get().operation();
    if (off) {
      return read(run, image, mine, machine);
    }
    if (!making.state().terminal()) {
      run.going(
          new State.Running(), null, making.state().message().isEmpty() ? null : said(making));
      return Optional.of(POLL);
    }
    if (!(making.state() instanceof State.Succeeded)
        || Condition.find(status.conditions(), MachineReconciler.FIRST_BOOT)
            .filter(c -> c.value() == Condition.Value.FALSE)
            .isPresent()) {
      return refuse(
          run, image, mine, "InstallationFailed", "was not installed: " + why(status, making));
    }
    if (!ReadyCheck.Ready.PHONE_HOME.equals(status.readyBy())) {
      run.going(new State.Running(), null, "waits for the report of its first boot");
      return Optional.of(POLL);
    }
    run.guarded(new State.Running(), tx -> apply.switchOff(tx, caller(image), image, machine));
    return Optional.of(POLL);
  }

  private Optional<Duration> read(
      Run run,
      Resource<ImageSpec, ImageStatus> image,
      ImageBuild mine,
      Resource<MachineSpec, MachineStatus> machine) {
    run.beginAgain(new State.Running());
    ResolvedMachine resolved = store.read(tx -> ResolvedMachine.of(new Lookup(tx), machine));
    ObjectName disk = ObjectName.parse(String.valueOf(machine.status().disk())).orElseThrow();
    try {
      Path work = files.workDirectory(image.uid(), run.operation().uid(), run.operation().epoch());
      Stored stored;
      try {
        Path raw = work.resolve("disk");
        var _ =
            outside.callUnhurried(
                resolved.hypervisor(),
                d -> {
                  MachineActs.facet(d, HypervisorDriver::diskTransfer, "cannot read disks out")
                      .read(disk, raw);
                  return Outcome.DONE;
                });
        stored = files.adoptDisk(raw, resolved.size().disk());
      } finally {
        files.cleanUp(work);
      }
      run.done(stored.fileSize() / (1 << 20) + " MiB");
      ImageBuild made = mine.made(stored.sha256(), stored.fileSize(), stored.virtualSize());
      return written(
          run,
          image,
          image.status().withBuilds(ImagePlanner.put(image.status().builds(), made)),
          made);
    } catch (DriverException e) {
      run.log(e.forOperator());
      Optional<Duration> delay = RetryPolicy.decide(e.kind(), run.attempts());
      if (delay.isPresent()) {
        run.wait(MachineReconciler.reason(e.kind()), e.forUser(), delay.get(), null);
        return delay;
      }
      return refuse(
          run,
          image,
          mine,
          MachineReconciler.reason(e.kind()),
          "could not be read: " + e.forUser());
    } catch (IOException e) {
      return refuse(
          run,
          image,
          mine,
          "NoCapacity",
          "could not be read: the server's image directory cannot be used");
    }
  }

  /** Declares the throw-away machine of one of these builds, and writes down which it is. */
  private void tryOut(
      Tx tx,
      Resource<ImageSpec, ImageStatus> image,
      List<ImageBuild> builds,
      ImageBuild build,
      MachineSpec machine) {
    UUID trial = apply.trial(tx, caller(image), image, build, machine).uid();
    List<ImageBuild> now = ImagePlanner.put(builds, build.withTrial(trial));
    tx.resources().updateStatus(image.uid(), image.status().withBuilds(now), "", "");
  }

  private static Caller caller(Resource<ImageSpec, ImageStatus> image) {
    return new Caller("image " + image.name());
  }

  private static String why(ProblemException e) {
    return e.problem().errors().stream()
        .map(v -> v.field().isEmpty() ? v.message() : v.field() + ": " + v.message())
        .findFirst()
        .orElse(e.problem().detail());
  }

  /**
   * The machine of a build.
   *
   * @param operation the latest one
   */
  private record Trial(Resource<MachineSpec, MachineStatus> machine, Operation operation) {
    /** True once it was switched off, as it was told to be. */
    boolean off() {
      return machine.spec().power() == Power.OFF
          && operation.state() instanceof State.Succeeded
          && operation.generation() == machine.generation();
    }
  }

  private Optional<Trial> trial(ImageBuild build) {
    UUID trial = build.trial();
    return trial == null
        ? Optional.empty()
        : store.read(tx ->
            tx.resources()
                .find(trial)
                .filter(m -> !m.deleting())
                .map(m ->
                    new Trial(
                        m.as(MachineSpec.class, MachineStatus.class),
                        tx.operations().latest(trial).orElseThrow())));
  }

  // --- from a build to its use ---------------------------------------------------------------

  /** Writes down that there is a build; it is in use from then on if nothing checks it. */
  private Optional<Duration> built(
      Run run, Resource<ImageSpec, ImageStatus> image, int number, Stored stored) {
    List<ImageBuild> before = image.status().builds();
    // What came out as the one that is in use was checked as that.
    boolean proven =
        check(image) == null
            || ImagePlanner.current(before)
                .filter(b -> stored.sha256().equals(b.sha256()))
                .isPresent();
    ImageBuild build =
        new ImageBuild(
            number,
            run.operation().uid(),
            Objects.requireNonNullElse(run.operation().startedAt(), clock.instant()),
            proven ? ImageBuild.State.CURRENT : ImageBuild.State.CHECKING,
            stored.sha256(),
            stored.fileSize(),
            stored.virtualSize(),
            null,
            null);
    ImageStatus next = image.status().withBuilds(ImagePlanner.add(before, build));
    if (proven) {
      run.finish(new State.Succeeded(), tx -> use(tx, image, next, build));
      return Optional.of(Duration.ZERO);
    }
    return written(run, image, next, build);
  }

  /** From this commit on there is a build with a file, which waits for its check if it has one. */
  private Optional<Duration> written(
      Run run, Resource<ImageSpec, ImageStatus> image, ImageStatus next, ImageBuild build) {
    if (check(image) == null) {
      run.guarded(new State.Running(), tx -> use(tx, image, next, build));
    } else {
      run.guarded(
          new State.Running(), tx -> tx.resources().updateStatus(image.uid(), next, "", ""));
    }
    return Optional.of(Duration.ZERO);
  }

  /** New machines are made from this build from the commit on. */
  private void use(
      Tx tx, Resource<ImageSpec, ImageStatus> image, ImageStatus status, ImageBuild build) {
    Instant now = clock.instant();
    List<Condition> conditions =
        Condition.set(
            Condition.set(
                status.conditions(),
                MachineReconciler.condition(
                    Condition.READY, true, "Finished", "It can be used.", now)),
            MachineReconciler.condition(
                BUILT, true, "InUse", "Build " + build.number() + " is in use.", now));
    tx.resources()
        .updateStatus(
            image.uid(),
            status
                .withBuilds(ImagePlanner.promote(status.builds(), build.number()))
                .made(build, image.generation(), now)
                .withConditions(conditions),
            "Finished",
            "Build " + build.number() + " is in use.");
    List<Resource<?, ?>> users = tx.resources().referrers(image.uid(), Integer.MAX_VALUE);
    tx.nudges()
        .nudgeAll(
            users.stream()
                .filter(
                    r -> r.kind() != Kind.MACHINE || tx.operations().active(r.uid()).isPresent())
                .map(Resource::uid)
                .toList());
    // Whose machines are outdated from now on.
    tx.nudges()
        .nudgeAll(
            tx.resources().all(Resources.Query.of(Kind.HYPERVISOR, null)).stream()
                .map(Resource::uid)
                .toList());
  }

  private Optional<Duration> goOn(
      Run run, Resource<ImageSpec, ImageStatus> image, ImageBuild mine) {
    String name = ImageSteps.trial(image.name(), mine.number());
    Step remove = new Step.RemoveTrial(name);
    if (mine.state() == ImageBuild.State.INSTALLING) {
      return goOnInstalling(run, image, mine);
    }
    if (mine.state() == ImageBuild.State.CHECKING) {
      run.plan(List.of(new Step.CheckImage(name), remove));
      run.begin(new State.Running());
      return check(run, image, mine);
    }
    run.plan(List.of(remove));
    run.begin(new State.Running());
    if (clear(image, null)) {
      run.going(new State.Running(), null, null);
      return Optional.of(POLL);
    }
    // What this build made superfluous goes with it; what cannot go yet is looked at later.
    prune(image);
    run.done(null);
    run.finish(
        mine.state() != ImageBuild.State.FAILED
            ? new State.Succeeded()
            : run.operation().cancelRequested()
                ? new State.Cancelled()
                : new State.Failed(reason(image), String.valueOf(mine.message())),
        tx -> {});
    return Optional.of(Duration.ZERO);
  }

  /** Why the last attempt failed, in one word. */
  private static String reason(Resource<ImageSpec, ImageStatus> image) {
    return Condition.find(image.status().conditions(), BUILT)
        .map(Condition::reason)
        .orElse("CheckFailed");
  }

  private Optional<Duration> check(
      Run run, Resource<ImageSpec, ImageStatus> image, ImageBuild mine) {
    if (run.operation().cancelRequested()) {
      return unfit(run, image, mine, "it was cancelled");
    }
    ImageSpec.Check check = check(image);
    if (check == null) {
      throw new IllegalStateException("a change of the declaration begins an operation of its own");
    }
    UUID trial = mine.trial();
    if (trial == null) {
      try {
        run.guarded(
            new State.Running(),
            tx -> tryOut(tx, image, image.status().builds(), mine, check.machine(image.name())));
        return Optional.of(POLL);
      } catch (ProblemException e) {
        return unfit(run, image, mine, why(e));
      }
    }
    Optional<Trial> found = trial(mine);
    if (found.isEmpty()) {
      return unfit(run, image, mine, "its machine was deleted before it was ready");
    }
    MachineStatus status = found.get().machine().status();
    Operation making = found.get().operation();
    if (!making.state().terminal()) {
      run.going(
          new State.Running(), null, making.state().message().isEmpty() ? null : said(making));
      return Optional.of(POLL);
    }
    if (!(making.state() instanceof State.Succeeded)
        || !Condition.holds(status.conditions(), Condition.READY)
        || !Objects.equals(status.imageSha256(), mine.sha256())) {
      return unfit(run, image, mine, why(status, making));
    }
    run.done("by " + status.readyBy());
    run.guarded(new State.Running(), tx -> use(tx, image, image.status(), mine));
    return Optional.of(Duration.ZERO);
  }

  private static String said(Operation operation) {
    return operation.title() + ": " + operation.state().message();
  }

  /** What a script of its first boot printed tells more than that it failed. */
  private static String why(MachineStatus status, Operation making) {
    return Condition.find(status.conditions(), MachineReconciler.FIRST_BOOT)
        .filter(c -> c.value() == Condition.Value.FALSE)
        .map(Condition::message)
        .or(() ->
            making.state().message().isEmpty()
                ? Condition.find(status.conditions(), Condition.READY).map(Condition::message)
                : Optional.of(making.state().message()))
        .orElse(making.state().word());
  }

  private Optional<Duration> unfit(
      Run run, Resource<ImageSpec, ImageStatus> image, ImageBuild mine, String why) {
    return refuse(run, image, mine, "CheckFailed", "did not pass its check: " + why);
  }

  /** Writes down that nothing came of a build; what was in use before stays in use. */
  private Optional<Duration> refuse(
      Run run, Resource<ImageSpec, ImageStatus> image, ImageBuild mine, String reason, String why) {
    String message = "build " + mine.number() + " " + why;
    run.fail(new DriverException(FaultKind.REFUSED, why));
    run.guarded(
        new State.Running(),
        tx ->
            tx.resources()
                .updateStatus(
                    image.uid(),
                    unmade(
                        image
                            .status()
                            .withBuilds(
                                ImagePlanner.put(image.status().builds(), mine.failed(message))),
                        reason,
                        message),
                    reason,
                    MachineReconciler.sentence(message)));
    return Optional.of(Duration.ZERO);
  }

  /** Says that the last attempt failed; an image that was made before goes on being of use. */
  private ImageStatus unmade(ImageStatus status, String reason, String message) {
    Instant now = clock.instant();
    String sentence = MachineReconciler.sentence(message);
    List<Condition> conditions =
        Condition.set(
            status.conditions(), MachineReconciler.condition(BUILT, false, reason, sentence, now));
    return status.withConditions(
        status.sha256() != null
            ? conditions
            : Condition.set(
                conditions,
                MachineReconciler.condition(Condition.READY, false, reason, sentence, now)));
  }

  /**
   * Throws the machines of earlier builds away.
   *
   * @param but the machine that is needed, if any
   * @return true if there still is one
   */
  private boolean clear(Resource<ImageSpec, ImageStatus> image, @Nullable UUID but) {
    List<UUID> strays =
        store.read(tx ->
            tx.groups().members(image.uid()).stream()
                .map(Groups.Member::uid)
                .filter(uid -> !uid.equals(but))
                .toList());
    if (!strays.isEmpty()) {
      store.write(tx -> strays.forEach(uid -> delete.member(tx, caller(image), uid)));
    }
    return !strays.isEmpty();
  }

  // --- with no operation ---------------------------------------------------------------------

  /** Has it built anew when that is due, and removes what is left of builds that nobody needs. */
  private Optional<Duration> keep(Resource<ImageSpec, ImageStatus> image) {
    if (clear(image, null)) {
      return Optional.of(POLL);
    }
    forget(image);
    boolean pruned = prune(image) & collect(image);
    ImageSpec.Build build = image.spec().build();
    Optional<Instant> due =
        ImagePlanner.due(build == null ? null : build.schedule(), image.status().builds());
    Optional<Duration> next = pruned ? Optional.empty() : Optional.of(PRUNE);
    if (due.isEmpty()) {
      return next;
    }
    Duration left = Duration.between(clock.instant(), due.get());
    if (!left.isPositive()) {
      store.write(tx -> {
        if (tx.resources().lock(image.uid(), image.generation())) {
          builds.build(tx, Builds.SCHEDULE, image.project(), image.name());
        }
      });
      return Optional.empty();
    }
    return Optional.of(Stream.of(left, next.orElse(SELDOM), SELDOM).min(Duration::compareTo).get());
  }

  /** Returns false if there is something left that may go when nobody needs it any more. */
  private boolean prune(Resource<ImageSpec, ImageStatus> image) {
    boolean all = true;
    for (ImageBuild build : ImagePlanner.prunable(image.status().builds(), image.spec().keep())) {
      String sha256 = String.valueOf(build.sha256());
      try {
        if (needed(image, sha256) || !unstaged(sha256) || needed(image, sha256)) {
          all = false;
          continue;
        }
        files.delete(sha256);
      } catch (DriverException | IOException e) {
        LOG.info("{}: {}", image.title(), e.toString());
        all = false;
        continue;
      }
      store.write(tx ->
          tx.resources()
              .lock(image.uid())
              .map(r -> r.as(ImageSpec.class, ImageStatus.class).status())
              .ifPresent(s ->
                  tx.resources()
                      .updateStatus(
                          image.uid(),
                          s.withBuilds(ImagePlanner.pruned(s.builds(), sha256)),
                          "Pruned",
                          "Build " + build.number() + " is gone.")));
    }
    return all;
  }

  /**
   * Removes whole files that nobody names: their server died before it could write down what it
   * made or was sent, and the next attempt made another one. False if there is one that is too new
   * for that to be certain.
   */
  private boolean collect(Resource<ImageSpec, ImageStatus> image) {
    try {
      Instant now = clock.instant();
      for (String sha256 : files.whole(now.minus(PRUNE))) {
        if (nameless(image, sha256)) {
          files.delete(sha256);
        }
      }
      return files.whole(now).stream().noneMatch(sha256 -> nameless(image, sha256));
    } catch (IOException e) {
      LOG.warn("{}: {}", image.title(), e.toString());
      return false;
    }
  }

  private boolean nameless(Resource<ImageSpec, ImageStatus> image, String sha256) {
    return !has(image, sha256) && !needed(image, sha256);
  }

  /**
   * True if a machine has or had its system from it, or another image is the same; and rather once
   * too often: while any image is being made, what comes of that is not known yet.
   */
  private boolean needed(Resource<ImageSpec, ImageStatus> image, String sha256) {
    return !store.read(tx -> StagedImages.needed(tx, List.of(sha256), image.uid())).isEmpty();
  }

  private static boolean has(Resource<?, ?> image, String sha256) {
    return StagedImages.sha256(image).anyMatch(sha256::equals);
  }

  /** Takes it from all hypervisors where no disk is backed by it; false if one is. */
  private boolean unstaged(String sha256) throws DriverException {
    boolean everywhere = true;
    for (Resource<HypervisorSpec, HypervisorStatus> host : hypervisors()) {
      try {
        outside.call(
            host,
            d -> MachineActs.facet(d, HypervisorDriver::disks, "has no disks").unstage(sha256));
      } catch (DriverException e) {
        if (e.kind() == FaultKind.CONFLICT) {
          everywhere = false;
        } else if (e.kind() != FaultKind.UNSUPPORTED) {
          throw e;
        }
      }
    }
    return everywhere;
  }

  // --- making it -----------------------------------------------------------------------------

  /** Of what cannot install anything but what is on its medium; it would stop in the middle. */
  private @Nullable Boolean holdsPackages(Resource<ImageSpec, ImageStatus> image, Stored stored)
      throws DriverException {
    ImageSpec spec = image.spec();
    Catalogue.Family family = Catalogue.inForce().families().get(spec.os());
    if (spec.installer() == null
        || family == null
        || family.installerOf(spec.version()) != Catalogue.Installer.KICKSTART) {
      return null;
    }
    try (InstallationMedium medium =
        InstallationMedium.open(
            files.open(stored.sha256(), image).file(), family, spec.version())) {
      return medium.holdsPackages();
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
          ImageBuilder builder = drivers.builders().get(String.valueOf(build.builder()));
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

  private Optional<Duration> failed(
      Run run,
      Resource<ImageSpec, ImageStatus> image,
      String reason,
      String message,
      boolean cancelled) {
    List<ImageBuild> before = image.status().builds();
    ImageBuild build =
        new ImageBuild(
            ImagePlanner.next(before),
            run.operation().uid(),
            Objects.requireNonNullElse(run.operation().startedAt(), clock.instant()),
            ImageBuild.State.FAILED,
            null,
            null,
            null,
            null,
            message);
    ImageStatus status =
        unmade(image.status().withBuilds(ImagePlanner.add(before, build)), reason, message);
    run.finish(
        cancelled ? new State.Cancelled() : new State.Failed(reason, message),
        tx ->
            tx.resources()
                .updateStatus(image.uid(), status, reason, MachineReconciler.sentence(message)));
    return Optional.of(Duration.ZERO);
  }

  /** No machine names it any more; disks that are still backed by it keep their own copy of it. */
  private Optional<Duration> delete(Run run, Resource<ImageSpec, ImageStatus> image) {
    Optional<String> use = store.read(tx -> VolumeReconciler.use(tx, image));
    if (use.isPresent()) {
      run.waitFor("InUse", use.get(), VolumeReconciler.IN_USE);
      return Optional.of(VolumeReconciler.IN_USE);
    }
    for (ImageBuild build : image.status().builds()) {
      String sha256 = build.sha256();
      try {
        if (sha256 != null && !needed(image, sha256)) {
          unstaged(sha256);
          files.delete(sha256);
        }
      } catch (DriverException e) {
        Duration delay = RetryPolicy.untilDone(3);
        run.waitFor(MachineReconciler.reason(e.kind()), e.forUser(), delay);
        return Optional.of(delay);
      } catch (IOException e) {
        LOG.warn("{}: {}", image.title(), e.toString());
      }
    }
    forget(image);
    try {
      run.finish(new State.Succeeded(), tx -> tx.resources().remove(image.uid()));
    } catch (ProblemException e) {
      run.waitFor("InUse", e.problem().detail(), VolumeReconciler.IN_USE);
      return Optional.of(VolumeReconciler.IN_USE);
    }
    return Optional.empty();
  }

  /** Nobody makes it now; what a server that died while it did has left goes. */
  private void forget(Resource<ImageSpec, ImageStatus> image) {
    try {
      files.forget(image.uid());
    } catch (IOException e) {
      LOG.warn("{}: {}", image.title(), e.toString());
    }
  }

  private List<Resource<HypervisorSpec, HypervisorStatus>> hypervisors() {
    return store.read(tx ->
        tx.resources().all(Resources.Query.of(Kind.HYPERVISOR, null)).stream()
            .filter(h -> !h.deleting())
            .map(h -> h.as(HypervisorSpec.class, HypervisorStatus.class))
            .toList());
  }
}
