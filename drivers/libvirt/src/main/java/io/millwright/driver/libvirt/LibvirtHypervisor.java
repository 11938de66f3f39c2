package io.millwright.driver.libvirt;

import io.millwright.driver.Compute;
import io.millwright.driver.DirectBoot;
import io.millwright.driver.DiskCopy;
import io.millwright.driver.DiskTransfer;
import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.GuestCommands;
import io.millwright.driver.HotPlug;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Import;
import io.millwright.driver.LifecycleEvents;
import io.millwright.driver.Media;
import io.millwright.driver.Metrics;
import io.millwright.driver.Observation;
import io.millwright.driver.Scope;
import io.millwright.driver.SerialConsole;
import io.millwright.driver.SerialLog;
import io.millwright.driver.Vnc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;

/** One libvirt daemon with QEMU, and one storage pool of it. */
final class LibvirtHypervisor implements HypervisorDriver {
  private final Line line;
  private final Survey survey;
  private final DomainCompute compute;
  private final DomainImport imports;
  private final PoolDisks disks;
  private final PoolCopy copy;
  private final DiskTransfer transfer;
  private final Media media;
  private final DirectBoot bootFiles;
  private final SerialLog log;
  private final StreamConsole console;
  private final SocketScreen screen;
  private final QemuAgent agent;
  private final Metrics metrics;

  LibvirtHypervisor(Settings settings, String installation) {
    this(settings, installation, Connection.Patience.USUAL);
  }

  LibvirtHypervisor(Settings settings, String installation, Connection.Patience patience) {
    line = new Line(lost -> Connection.open(settings, patience, lost), patience.opening());
    Acceleration acceleration = new Acceleration(settings.acceleration());
    PoolFiles files = new PoolFiles(settings, installation);
    survey = new Survey(line, acceleration, files, installation);
    compute = new DomainCompute(line, settings, acceleration, files, installation);
    imports = new DomainImport(line, installation);
    disks = new PoolDisks(line, files, installation);
    copy = new PoolCopy(line, files, disks);
    transfer = new PoolTransfer(line, files, disks);
    media = new PoolMedia(line, files, PoolFiles.MEDIUM);
    bootFiles = new PoolMedia(line, files, PoolFiles.BOOT);
    log = new PoolLog(line, files);
    console = new StreamConsole(line, installation);
    screen = new SocketScreen(line, installation);
    agent = new QemuAgent(line, installation);
    metrics = new DomainMetrics(line);
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
    return Optional.of(copy);
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
  public Optional<HotPlug> hotPlug() {
    return Optional.of(compute);
  }

  @Override
  public Optional<DirectBoot> directBoot() {
    return Optional.of(bootFiles);
  }

  @Override
  public Optional<Import> imports() {
    return Optional.of(imports);
  }

  @Override
  public Optional<SerialLog> serialLog() {
    return Optional.of(log);
  }

  @Override
  public Optional<SerialConsole> serialConsole() {
    return Optional.of(console);
  }

  @Override
  public Optional<Vnc> vnc() {
    return Optional.of(screen);
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
  public Optional<LifecycleEvents> lifecycleEvents() {
    return Optional.of(line::subscribe);
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
    line.close();
    copy.close();
    try {
      console.closeAll();
      screen.closeAll();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
