package io.millwright.driver.vsphere;

import io.millwright.driver.Compute;
import io.millwright.driver.DiskCopy;
import io.millwright.driver.DiskTransfer;
import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.HotPlug;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Import;
import io.millwright.driver.LifecycleEvents;
import io.millwright.driver.Media;
import io.millwright.driver.Metrics;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.driver.Screen;
import io.millwright.driver.Transfers;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;

/** One vCenter or ESXi host, and the one place in it where our machines and disks go. */
final class VsphereHypervisor implements HypervisorDriver {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final Vim vim;
  private final Survey survey;
  private final VmCompute compute;
  private final DatastoreDisks disks;
  private final DiskTransfer transfer;
  private final Media media;
  private final ToolsAgent agent;
  private final Import imports;
  private final Screen screen;
  private final VmEvents events;
  private final Metrics metrics;

  VsphereHypervisor(Settings settings, String installation) {
    this(settings, installation, InstantSource.system(), PATIENCE, PATIENCE);
  }

  /**
   * @param patience how long a call waits for a copy of a disk or an upload
   */
  VsphereHypervisor(
      Settings settings, String installation, InstantSource clock, Duration patience) {
    this(settings, installation, clock, patience, Tasks.PATIENCE);
  }

  /**
   * @param quick how long a call waits for what is quick as a rule; then it is followed by the next
   */
  VsphereHypervisor(
      Settings settings,
      String installation,
      InstantSource clock,
      Duration patience,
      Duration quick) {
    this(settings, installation, clock, patience, quick, Transfers.PATIENCE);
  }

  /**
   * @param still how long a file may not move before it is given up
   */
  VsphereHypervisor(
      Settings settings,
      String installation,
      InstantSource clock,
      Duration patience,
      Duration quick,
      Duration still) {
    vim = new Vim(settings, clock, still);
    Tasks tasks = new Tasks(vim, quick);
    Place.Finder places = new Place.Finder(settings, new Collector(vim));
    Options options = new Options(vim);
    Machines machines = new Machines(vim, tasks, options, installation);
    DatastoreFiles files = new DatastoreFiles(vim, tasks, settings.directory(), installation);
    Definitions definitions = new Definitions(new Collector(vim), installation);
    survey = new Survey(vim, options, definitions, machines, places, files);
    Attachments attachments = new Attachments(new Collector(vim), definitions);
    LinkedDisks links = new LinkedDisks(tasks, machines, files, attachments);
    boolean linked = settings.linkedClones();
    compute =
        new VmCompute(vim, tasks, places, machines, files, links, linked, settings.guestInfo());
    disks =
        new DatastoreDisks(
            vim, tasks, attachments, machines, places, files, links, linked, patience);
    transfer = new DatastoreTransfer(vim, machines, places, files, disks);
    media = new DatastoreMedia(machines, places, files);
    agent = new ToolsAgent(vim, machines);
    imports = new VmImport(vim, tasks, machines, agent, installation);
    screen = new WebMks(vim, machines, settings);
    events = new VmEvents(vim);
    metrics = new PerformanceCounters(vim);
  }

  /** How many requests it has sent; for measuring. */
  long calls() {
    return vim.calls();
  }

  @Override
  public Observation observe(Scope scope) throws DriverException {
    return survey.observe(scope);
  }

  @Override
  public Optional<Compute> compute() {
    return Optional.of(compute);
  }

  @Override
  public Optional<Disks> disks() {
    return Optional.of(disks);
  }

  @Override
  public Optional<DiskCopy> diskCopy() {
    return Optional.of(disks);
  }

  @Override
  public Optional<DiskTransfer> diskTransfer() {
    return Optional.of(transfer);
  }

  @Override
  public Optional<Media> media() {
    return Optional.of(media);
  }

  @Override
  public Optional<GuestAgent> guestAgent() {
    return Optional.of(agent);
  }

  @Override
  public Optional<Import> imports() {
    return Optional.of(imports);
  }

  @Override
  public Optional<Screen> screen() {
    return Optional.of(screen);
  }

  @Override
  public Optional<LifecycleEvents> lifecycleEvents() {
    return Optional.of(events);
  }

  @Override
  public Optional<HotPlug> hotPlug() {
    return Optional.of(compute);
  }

  /** Its disks have world wide names in place of serials. */
  @Override
  public boolean showsSerials() {
    return false;
  }

  @Override
  public Optional<Metrics> metrics() {
    return Optional.of(metrics);
  }

  @Override
  public boolean sharesMedia() {
    return true;
  }

  @Override
  public void close() {
    events.close();
    disks.close();
    vim.close();
  }
}
