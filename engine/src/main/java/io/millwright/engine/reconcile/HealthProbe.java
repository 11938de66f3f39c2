package io.millwright.engine.reconcile;

import io.millwright.engine.Lookup;
import io.millwright.engine.port.Addresses.Lease;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.GroupSpec.HealthGate;
import io.millwright.model.GroupSpec.Http;
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
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Asks machines whether they are healthy, by a health gate.
 *
 * <p>Only a machine's own addresses are asked: those bound to it, and those that it said it has if
 * they lie in a subnet of its network and are bound to nobody else. Redirects lead nowhere.
 */
final class HealthProbe implements AutoCloseable {
  /** For one question; who takes longer is not healthy. */
  private static final Duration DEADLINE = Duration.ofSeconds(3);

  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .followRedirects(HttpClient.Redirect.NEVER)
          .proxy(HttpClient.Builder.NO_PROXY)
          .connectTimeout(DEADLINE)
          .build();

  /** A machine to ask. */
  record Patient(Resource<MachineSpec, MachineStatus> machine, List<Ip> addresses) {}

  /** The machine, with the addresses at which it may be asked. */
  static Patient patient(Tx tx, Lookup lookup, Resource<MachineSpec, MachineStatus> machine) {
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
      List<Lease> leases = tx.addresses().leasesOf(network.get().uid());
      face.addresses().stream()
          .filter(ip -> spec.subnets().stream().anyMatch(s -> s.cidr().usable(ip)))
          .filter(ip ->
              leases.stream()
                  .noneMatch(l -> l.ip().equals(ip) && !l.machine().equals(machine.uid())))
          .forEach(own::add);
    }
    return new Patient(machine, List.copyOf(own));
  }

  /** Why each of them is not healthy; of those that are, an empty text. */
  Map<UUID, String> ask(HealthGate gate, List<Patient> patients) {
    Map<UUID, String> out = new HashMap<>();
    if (gate.command() != null) {
      // Of a group that was declared before such a gate was refused.
      patients.forEach(p ->
          out.put(
              p.machine().uid(),
              "no driver runs commands in guests; apply the group with another health gate"));
      return out;
    }
    if (gate.tcp() == null && gate.http() == null) {
      patients.forEach(p -> out.put(p.machine().uid(), condition(gate, p)));
      return out;
    }
    Map<UUID, Future<String>> asked = new HashMap<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Patient p : patients) {
        asked.put(p.machine().uid(), threads.submit(() -> one(gate, p)));
      }
      for (Map.Entry<UUID, Future<String>> each : asked.entrySet()) {
        out.put(each.getKey(), answer(each.getValue()));
      }
      threads.shutdownNow();
    }
    return out;
  }

  private static String answer(Future<String> future) {
    try {
      return future.get(2 * DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      return "it could not be asked: " + e.getCause();
    } catch (TimeoutException e) {
      return "it did not answer within " + 2 * DEADLINE.toSeconds() + " s";
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

  private String one(HealthGate gate, Patient p) {
    if (!Condition.holds(p.machine().status().conditions(), Condition.READY)) {
      return condition(HealthGate.READY, p);
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

  private static String tcp(Ip ip, int port) {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(ip.toInetAddress(), port), (int) DEADLINE.toMillis());
      return "";
    } catch (IOException e) {
      return "port " + port + " of " + ip + " takes no connections: " + e.getMessage();
    }
  }

  private String get(Ip ip, Http wanted) {
    String host = ip.v6() ? "[" + ip + "]" : ip.toString();
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
