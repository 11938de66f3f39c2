package io.millwright.driver.proxmox;

import io.millwright.driver.Compute;
import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.GuestCommands;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Import;
import io.millwright.driver.Media;
import io.millwright.driver.Metrics;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.driver.Transfers;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;

/** One Proxmox VE, and the one node and storage in it where our machines and disks go. */
final class ProxmoxHypervisor implements HypervisorDriver {
  private final Api api;
  private final Survey survey;
  private final Compute compute;
  private final HeldDisks disks;
  private final Media media;
  private final QemuAgent agent;
  private final Metrics metrics;
  private final Import imports;

  ProxmoxHypervisor(Settings settings, String installation) {
    this(settings, installation, InstantSource.system(), Duration.ofSeconds(20));
  }

  /**
   * @param patience how long a call waits for a copy of a disk or an upload
   */
  ProxmoxHypervisor(
      Settings settings, String installation, InstantSource clock, Duration patience) {
    this(settings, installation, clock, patience, Tasks.PATIENCE, Transfers.PATIENCE);
  }

  /**
   * @param quick how long a call waits for what is quick as a rule
   * @param still how long a file may not move before it is given up
   */
  ProxmoxHypervisor(
      Settings settings,
      String installation,
      InstantSource clock,
      Duration patience,
      Duration quick,
      Duration still) {
    api = new Api(settings, clock, still);
    Tasks tasks = new Tasks(api, quick);
    Guests guests = new Guests(api, tasks, settings, installation);
    Contents contents = new Contents(api, tasks, installation);
    survey = new Survey(api, settings, guests, contents);
    compute = new QemuCompute(api, tasks, settings, guests, contents);
    disks = new HeldDisks(api, tasks, settings, guests, contents, patience);
    media = new StorageMedia(api, settings, guests, contents);
    agent = new QemuAgent(api, guests);
    metrics = new ClusterMetrics(api, guests);
    imports = new VmImport(api, tasks, guests, agent);
  }

  /** How many requests it has sent; for measuring. */
  long calls() {
    return api.calls();
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
  public Optional<Media> media() {
    return Optional.of(media);
  }

  @Override
  public Optional<GuestAgent> guestAgent() {
    return Optional.of(agent);
  }

  @Override
  public Optional<GuestCommands> guestCommands() {
    return Optional.of(agent);
  }

  @Override
  public Optional<Metrics> metrics() {
    return Optional.of(metrics);
  }

  @Override
  public Optional<Import> imports() {
    return Optional.of(imports);
  }

  @Override
  public boolean sharesMedia() {
    return true;
  }

  @Override
  public void close() {
    disks.close();
    api.close();
  }
}
