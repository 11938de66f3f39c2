package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.Mark;
import io.millwright.engine.machine.FirstBootDoor;
import io.millwright.engine.machine.Installers;
import io.millwright.engine.machine.ResolvedMachine;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Reports.Report;
import io.millwright.engine.port.Store;
import io.millwright.images.FirstBootReport;
import io.millwright.model.ImageSpec;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineSpec.Interface;
import io.millwright.model.MachineStatus;
import io.millwright.model.MachineStatus.ScriptResult;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;

/** Finds out whether a machine's first boot has ended. */
final class ReadyCheck {
  /** How long one that could call home may keep silent before weaker signs count. */
  private static final Duration SILENCE = Duration.ofMinutes(5);

  /** How long a system runs on that was up before, and answers nothing, until it counts as up. */
  private static final Duration RUN_ON = Duration.ofSeconds(60);

  private static final int SSH = 22;

  private final Store store;
  private final Outside outside;
  private final FirstBootDoor door;
  private final InstantSource clock;

  /** Since when this server listens; nobody heard before. */
  private final Instant listening;

  ReadyCheck(Store store, Outside outside, FirstBootDoor door, InstantSource clock) {
    this.store = store;
    this.outside = outside;
    this.door = door;
    this.clock = clock;
    this.listening = clock.instant();
  }

  /**
   * A machine that is up.
   *
   * @param by the sign by which it was found: {@code phone-home}, {@code guest-agent}, {@code ssh},
   *     {@code power} or {@code import}
   */
  record Ready(
      String by,
      List<String> hostKeys,
      List<FirstBootReport.Interface> interfaces,
      List<ScriptResult> scripts,
      List<FirstBootReport.Volume> volumes) {
    private static Ready found(
        String by, List<String> hostKeys, List<FirstBootReport.Interface> interfaces) {
      return new Ready(by, hostKeys, interfaces, List.of(), List.of());
    }

    static final String PHONE_HOME = "phone-home";

    /** Of a machine that was imported: it was up before anybody here knew of it. */
    static final String IMPORT = "import";

    /** What the guest said of this interface: of the one of its name, else of its card. */
    List<Ip> addresses(MachineStatus.Interface face) {
      return interfaces.stream()
          .filter(i -> face.name().equals(i.name()))
          .findFirst()
          .or(() -> interfaces.stream().filter(i -> i.mac().equals(face.mac())).findFirst())
          .map(FirstBootReport.Interface::addresses)
          .orElse(List.of());
    }
  }

  /**
   * Looks once.
   *
   * @param waited since the machine was powered on
   */
  Optional<Ready> look(ResolvedMachine machine, String disk, Mark mark, Duration waited)
      throws DriverException {
    MachineStatus.Former source = machine.machine().status().source();
    if (source != null) {
      return again(machine, mark, waited, source);
    }
    Optional<Ready> reported = reported(machine.uid(), disk);
    Installers.Start start = Installers.start(machine);
    if (reported.isPresent() || (start != null && !start.byKernel())) {
      return reported; // else its installer could be taken for the system that it installs
    }
    boolean reads = machine.image().spec().firstBoot() != ImageSpec.FirstBoot.NONE;
    if (reads && door.open() && silent(machine.uid(), disk, waited).compareTo(SILENCE) < 0) {
      return Optional.empty();
    }
    Optional<Ready> answers = answers(machine, mark);
    if (answers.isPresent()) {
      return answers;
    }
    boolean silent =
        machine.addressed().stream()
            .allMatch(
                f -> machine.address(f, false).isEmpty() && machine.address(f, true).isEmpty());
    // With no address, no agent and no seed there is nothing that could tell more.
    return !reads && silent && outsideHasNoAgent(machine)
        ? Optional.of(Ready.found("power", List.of(), List.of()))
        : Optional.empty();
  }

  /**
   * A system that was up before, on a disk that was copied: it reports no more, but what it
   * answered by then it answers again. One that never answered anything is up when it has run on
   * for a while.
   */
  private Optional<Ready> again(
      ResolvedMachine machine, Mark mark, Duration waited, MachineStatus.Former source)
      throws DriverException {
    boolean answered = source.readyBy().equals("guest-agent") || source.readyBy().equals("ssh");
    return answers(machine, mark)
        .or(() ->
            answered || waited.compareTo(RUN_ON) < 0
                ? Optional.empty()
                : Optional.of(Ready.found("power", List.of(), List.of())))
        .map(ready ->
            new Ready(
                ready.by(),
                ready.hostKeys().isEmpty() ? source.hostKeys() : ready.hostKeys(),
                ready.interfaces(),
                source.scripts(),
                List.of()));
  }

  private Optional<Ready> answers(ResolvedMachine machine, Mark mark) throws DriverException {
    Optional<GuestAgent.Facts> facts =
        outside.call(
            machine.hypervisor(),
            d -> {
              Optional<GuestAgent> agent = d.guestAgent();
              return agent.isPresent() ? agent.get().ask(mark) : Optional.empty();
            });
    if (facts.isPresent()) {
      return Optional.of(
          Ready.found(
              "guest-agent", facts.get().hostKeys(), interfaces(machine, facts.get().addresses())));
    }
    return answersSsh(machine)
        ? Optional.of(Ready.found("ssh", List.of(), List.of()))
        : Optional.empty();
  }

  /**
   * By the names of its interfaces, for the agent tells addresses by MAC, and a bond wears that of
   * its first card. A VLAN wears its link's, too; what addresses it has is known without the guest.
   */
  private static List<FirstBootReport.Interface> interfaces(
      ResolvedMachine machine, Map<Mac, List<Ip>> told) {
    List<FirstBootReport.Interface> out = new ArrayList<>();
    MachineSpec spec = machine.machine().spec();
    for (Interface face : spec.interfaces()) {
      if (face instanceof MachineSpec.Vlan) {
        continue;
      }
      List<Ip> others =
          machine.machine().status().interfaces().stream()
              .filter(i -> !i.name().equals(face.name()))
              .flatMap(i -> i.addresses().stream())
              .toList();
      machine
          .mac(face)
          .ifPresent(mac -> {
            List<Ip> own = new ArrayList<>();
            if (spec.addressed().contains(face)) {
              own.addAll(told.getOrDefault(mac, List.of()));
              own.removeAll(others);
            }
            out.add(new FirstBootReport.Interface(face.name(), mac, own));
          });
    }
    return out;
  }

  private boolean outsideHasNoAgent(ResolvedMachine machine) throws DriverException {
    return outside.call(machine.hypervisor(), d -> d.guestAgent().isEmpty());
  }

  private boolean answersSsh(ResolvedMachine machine) {
    for (Interface face : machine.addressed()) {
      for (boolean v6 : new boolean[] {false, true}) {
        Optional<Ip> ip = machine.address(face, v6);
        if (ip.isPresent() && connects(ip.get())) {
          return true;
        }
      }
    }
    return false;
  }

  /**
   * True if a server of SSH speaks there; RFC 4253, 4.2, has it speak first. That a connection is
   * taken says nothing where a proxy or a firewall takes all of them.
   */
  private static boolean connects(Ip ip) {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(ip.toInetAddress(), SSH), 300);
      socket.setSoTimeout(1000);
      return Arrays.equals(
          socket.getInputStream().readNBytes(4), "SSH-".getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      return false;
    }
  }

  /** For how long nothing was heard of a first boot, though somebody listened. */
  private Duration silent(UUID machine, String disk, Duration waited) {
    return silent(waited, find(machine, disk).map(Report::at), listening, clock.instant());
  }

  /**
   * A report that nobody took is tried again by the guest for as long as it takes, and so the time
   * in which no server listened is no silence of the guest's.
   */
  static Duration silent(Duration waited, Optional<Instant> heard, Instant listening, Instant now) {
    return Stream.concat(heard.stream(), Stream.of(listening))
        .map(since -> Duration.between(since, now))
        .reduce(waited, (a, b) -> a.compareTo(b) < 0 ? a : b);
  }

  /**
   * True once a machine whose time is up could have been found up if it is: this server may have
   * begun to listen only now, and looks for weaker signs after a silence.
   */
  boolean listened(Duration timeout) {
    return listened(timeout, listening, clock.instant());
  }

  static boolean listened(Duration timeout, Instant listening, Instant now) {
    Duration enough = timeout.compareTo(SILENCE) < 0 ? timeout : SILENCE;
    return Duration.between(listening, now).compareTo(enough) >= 0;
  }

  /** What the system on this disk told by itself, if it has. */
  Optional<Ready> reported(UUID machine, String disk) {
    return find(machine, disk)
        .filter(Report::ended)
        .map(ReadyCheck::parse)
        .map(told ->
            new Ready(
                Ready.PHONE_HOME,
                told.hostKeys(),
                told.interfaces(),
                told.scripts(),
                told.volumes()));
  }

  /** What its first boot was at when it was last heard. */
  Optional<FirstBootReport.Running> running(ResolvedMachine machine) {
    String disk = Objects.requireNonNull(machine.machine().status().disk());
    return find(machine.uid(), disk).flatMap(r -> Optional.ofNullable(parse(r).running()));
  }

  private Optional<Report> find(UUID machine, String disk) {
    return store.read(tx -> tx.reports().find(machine, disk));
  }

  private static FirstBootReport parse(Report report) {
    return FirstBootReport.parse(report.body().getBytes(StandardCharsets.UTF_8));
  }
}
