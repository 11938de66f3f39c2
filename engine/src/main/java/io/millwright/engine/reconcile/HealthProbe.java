package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestCommands;
import io.millwright.driver.GuestCommands.Ended;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Mark;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.outside.Busy;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Addresses.Lease;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.GroupSpec.HealthGate;
import io.millwright.model.GroupSpec.Http;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.NetworkSpec;
import io.millwright.model.Resource;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Asks machines whether they are healthy, by a health gate.
 *
 * <p>Only a machine's own addresses are asked: those bound to it, and those that it said it has if
 * they lie in a subnet of its network and are bound to nobody else. Redirects lead nowhere.
 *
 * <p>A command runs in the guest, by its hypervisor, and never here. While one runs in a machine no
 * other is begun there, however long it hangs.
 */
final class HealthProbe implements AutoCloseable {
  /** For one question; who takes longer is not healthy. */
  private static final Duration DEADLINE = Duration.ofSeconds(3);

  /** For a command; what takes longer is not healthy, and is waited for before the next. */
  private static final Duration COMMAND_DEADLINE = Duration.ofSeconds(10);

  private static final Duration POLL = Duration.ofMillis(100);

  /** So much of what a command printed is told, in characters: its end. */
  private static final int MOST_SAID = 400;

  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .followRedirects(HttpClient.Redirect.NEVER)
          .proxy(HttpClient.Builder.NO_PROXY)
          .connectTimeout(DEADLINE)
          .build();

  private final Outside outside;

  /** Commands that had not ended when they were last asked for, by machine. */
  private final Map<UUID, Long> hanging = new ConcurrentHashMap<>();

  private final UnaryOperator<Ip> reached;

  /**
   * @param reached where an address is reached from here
   */
  HealthProbe(Outside outside, UnaryOperator<Ip> reached) {
    this.outside = outside;
    this.reached = reached;
  }

  /**
   * A machine to ask.
   *
   * @param addresses at which it may be asked, if the gate asks there
   * @param hypervisor where it runs, if that is known
   */
  record Patient(
      Resource<MachineSpec, MachineStatus> machine,
      Mark mark,
      List<Ip> addresses,
      @Nullable Resource<HypervisorSpec, HypervisorStatus> hypervisor) {

    /**
     * Why it is not known how it is: its hypervisor has to tell, and does not answer. Who has
     * addresses to be asked at is asked there all the same.
     */
    Optional<String> unknown(HealthGate gate) {
      return Optional.ofNullable(hypervisor)
          .filter(h -> gate.tcp() == null && gate.http() == null && h.status().away())
          .map(h -> h.title() + " does not answer");
    }
  }

  /** The machine, with what is needed to ask it by this gate. */
  static Patient patient(
      Tx tx, Lookup lookup, HealthGate gate, Resource<MachineSpec, MachineStatus> machine) {
    String place = machine.status().hypervisor();
    return new Patient(
        machine,
        new Mark(tx.installation(), machine.uid(), machine.generation()),
        gate.tcp() == null && gate.http() == null ? List.of() : addresses(tx, lookup, machine),
        place == null
            ? null
            : lookup
                .find(Kind.HYPERVISOR, machine.project(), place)
                .map(h -> h.as(HypervisorSpec.class, HypervisorStatus.class))
                .orElse(null));
  }

  private static List<Ip> addresses(
      Tx tx, Lookup lookup, Resource<MachineSpec, MachineStatus> machine) {
    Set<Ip> own = new LinkedHashSet<>();
    tx.addresses().leases(machine.uid()).stream()
        .filter(l -> l.coolingUntil() == null)
        .map(Lease::ip)
        .forEach(own::add);
    for (MachineStatus.Interface face : machine.status().interfaces()) {
      if (own.containsAll(face.addresses()) || face.network().isEmpty()) {
        continue;
      }
      Optional<Resource<?, ?>> network =
          lookup.find(Kind.NETWORK, machine.project(), face.network());
      if (network.isEmpty()) {
        continue;
      }
      NetworkSpec spec = (NetworkSpec) network.get().spec();
      Set<Ip> others = tx.addresses().others(network.get().uid(), face.addresses(), machine.uid());
      face.addresses().stream()
          .filter(ip -> spec.subnets().stream().anyMatch(s -> s.cidr().usable(ip)))
          .filter(ip -> !others.contains(ip))
          .forEach(own::add);
    }
    return List.copyOf(own);
  }

  /** Why each of them is not healthy; of those that are, an empty text. */
  Map<UUID, String> ask(HealthGate gate, List<Patient> patients) {
    Map<UUID, String> out = new HashMap<>();
    if (gate.tcp() == null && gate.http() == null && gate.command() == null) {
      patients.forEach(p -> out.put(p.machine().uid(), condition(gate, p)));
      return out;
    }
    Duration deadline = gate.command() == null ? DEADLINE : COMMAND_DEADLINE;
    Map<UUID, Future<String>> asked = new HashMap<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Patient p : patients) {
        asked.put(p.machine().uid(), threads.submit(() -> one(gate, p)));
      }
      for (Map.Entry<UUID, Future<String>> each : asked.entrySet()) {
        out.put(each.getKey(), answer(each.getValue(), deadline.multipliedBy(2)));
      }
      threads.shutdownNow();
    }
    return out;
  }

  private static String answer(Future<String> future, Duration limit) {
    try {
      return future.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      return "it could not be asked: " + e.getCause();
    } catch (TimeoutException e) {
      return "it did not answer within " + limit.toSeconds() + " s";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "it could not be asked";
    }
  }

  private static String condition(HealthGate gate, Patient p) {
    String type = gate.condition() == null ? Condition.READY : gate.condition();
    List<Condition> all = p.machine().status().conditions();
    return Condition.holds(all, type)
        ? ""
        : "its condition "
            + type
            + " is not true: "
            + Condition.find(all, type).map(Condition::message).orElse("it is not known yet");
  }

  private String asked(HealthGate gate, Ip ip) {
    if (gate.tcp() != null) {
      return tcp(ip, gate.tcp().port());
    }
    return gate.http() != null ? get(ip, gate.http()) : "";
  }

  private String one(HealthGate gate, Patient p) throws InterruptedException {
    if (!Condition.holds(p.machine().status().conditions(), Condition.READY)) {
      return condition(HealthGate.READY, p);
    }
    List<String> command = gate.command();
    if (command != null) {
      return command(command, p);
    }
    if (p.addresses().isEmpty()) {
      return "it has no address at which it could be asked";
    }
    List<String> wrong = new ArrayList<>();
    for (Ip ip : p.addresses()) {
      String why = asked(gate, ip);
      if (why.isEmpty()) {
        return "";
      }
      wrong.add(why);
    }
    return wrong.getFirst();
  }

  private String command(List<String> command, Patient p) throws InterruptedException {
    Resource<HypervisorSpec, HypervisorStatus> host = p.hypervisor();
    if (host == null) {
      return "it is not known where it runs";
    }
    String called = "its command " + told(command.getFirst());
    UUID uid = p.machine().uid();
    long end = System.nanoTime() + COMMAND_DEADLINE.toNanos();
    try {
      Long former = hanging.get(uid);
      if (former != null && ended(host, p.mark(), former, end).isEmpty()) {
        return called + " has not ended yet, and is not begun again before it has";
      }
      hanging.remove(uid);
      long begun = inGuest(host, end, c -> c.begin(p.mark(), command));
      hanging.put(uid, begun);
      while (System.nanoTime() < end) {
        Optional<Ended> how = ended(host, p.mark(), begun, end);
        if (how.isPresent()) {
          hanging.remove(uid);
          return how.get().exitCode() == 0
              ? ""
              : called + " ended with " + how.get().exitCode() + said(how.get().output());
        }
        Thread.sleep(POLL);
      }
      return called + " has not ended within " + COMMAND_DEADLINE.toSeconds() + " s";
    } catch (DriverException e) {
      if (e.kind() != FaultKind.UNREACHABLE) {
        hanging.remove(uid); // there is none, or it is lost to us
      }
      return called + " could not be run: " + told(e.forUser());
    } catch (Busy e) {
      return called + " could not be run: too much goes on at its hypervisor";
    }
  }

  /** Nobody will ask this machine any more. */
  void forget(UUID machine) {
    hanging.remove(machine);
  }

  private Optional<Ended> ended(
      Resource<HypervisorSpec, HypervisorStatus> host, Mark mark, long begun, long end)
      throws DriverException, InterruptedException {
    return inGuest(host, end, c -> c.ended(mark, begun));
  }

  /** Passes the hypervisor's gate, with some patience until the end of the time. */
  private <T> T inGuest(
      Resource<HypervisorSpec, HypervisorStatus> host, long end, Outside.Act<GuestCommands, T> act)
      throws DriverException, InterruptedException {
    while (true) {
      try {
        return outside.call(
            host,
            d ->
                act.on(
                    MachineActs.facet(
                        d, HypervisorDriver::guestCommands, "runs no commands in guests")));
      } catch (Busy e) {
        if (System.nanoTime() + e.retryIn().toNanos() > end) {
          throw e;
        }
        Thread.sleep(e.retryIn());
      }
    }
  }

  /** What a guest printed: its end, in one line and without what would do things to a terminal. */
  private static String said(String output) {
    String line = told(output);
    return line.isEmpty() ? " and printed nothing" : ": " + line;
  }

  static String told(String text) {
    String line = text.replaceAll("[\\p{Cntrl}\\p{Cf}\\p{Co}\\p{Cs}\\s]+", " ").strip();
    return line.length() <= MOST_SAID ? line : "…" + line.substring(line.length() - MOST_SAID);
  }

  private String tcp(Ip ip, int port) {
    try (Socket socket = new Socket()) {
      socket.connect(
          new InetSocketAddress(reached.apply(ip).toInetAddress(), port),
          (int) DEADLINE.toMillis());
      return "";
    } catch (IOException e) {
      return "port " + port + " of " + ip + " takes no connections: " + e.getMessage();
    }
  }

  private String get(Ip ip, Http wanted) {
    Ip at = reached.apply(ip);
    String host = at.v6() ? "[" + at + "]" : at.toString();
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://" + host + ":" + wanted.port() + wanted.path()))
            .timeout(DEADLINE)
            .header("User-Agent", "millwright")
            .build();
    String where = "GET " + wanted.path() + " at port " + wanted.port() + " of " + ip;
    try {
      // What it says does not matter; so no more than its first line is waited for.
      HttpResponse<InputStream> answer =
          http.send(request, HttpResponse.BodyHandlers.ofInputStream());
      answer.body().close();
      return answer.statusCode() == wanted.status()
          ? ""
          : where + " is answered with " + answer.statusCode() + ", not " + wanted.status();
    } catch (IOException e) {
      return where + " is not answered: " + (e.getMessage() == null ? e : e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "it could not be asked";
    }
  }

  @Override
  public void close() {
    http.shutdownNow();
  }
}
