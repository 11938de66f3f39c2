package io.millwright.drivers.dnsmasq;

import static org.awaitility.Awaitility.await;

import io.millwright.driver.NetworkServices;
import io.millwright.model.Ip;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.xbill.DNS.Lookup;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.Type;

/** A dnsmasq of Debian's package dnsmasq-base, on loopback, with ports and files of its own. */
final class RunningDnsmasq implements AutoCloseable {
  private final Path home;
  private final int port;
  private final List<String> command;
  private Process process;

  private RunningDnsmasq(Path home, int port, List<String> command) throws IOException {
    this.home = home;
    this.port = port;
    this.command = command;
    this.process = run();
  }

  /** Starts one that keeps its files below an existing directory. */
  static RunningDnsmasq start(Path home) throws IOException {
    int port = freePort();
    List<String> command =
        new ArrayList<>(
            List.of(
                "dnsmasq",
                "--port=" + port,
                "--listen-address=127.0.0.1",
                "--bind-interfaces",
                "--dhcp-range=10.99.0.0,static",
                // Not the well-known ports, which somebody else may have
                "--dhcp-alternate-port=" + freePort() + "," + freePort()));
    command.addAll(common(home));
    return new RunningDnsmasq(home, port, command);
  }

  /** Starts one that serves DHCP on an interface in a network namespace. */
  static RunningDnsmasq startIn(String namespace, String networkInterface, Path home)
      throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                "ip",
                "netns",
                "exec",
                namespace,
                "dnsmasq",
                "--interface=" + networkInterface,
                "--no-ping",
                "--dhcp-range=10.99.0.0,static,1h"));
    command.addAll(common(home));
    return new RunningDnsmasq(home, 53, command);
  }

  private static List<String> common(Path home) throws IOException {
    Files.createDirectories(home.resolve("dhcp"));
    Files.createDirectories(home.resolve("hosts"));
    return List.of(
        "--keep-in-foreground",
        "--log-facility=" + home.resolve("log"),
        "--conf-file=/dev/null",
        "--user=root",
        "--no-resolv",
        "--no-hosts",
        "--domain=lab.test",
        "--local=/lab.test/",
        "--hostsdir=" + home.resolve("hosts"),
        "--dhcp-hostsdir=" + home.resolve("dhcp"),
        "--dhcp-leasefile=" + home.resolve("leases"),
        "--pid-file=" + home.resolve("pid"));
  }

  private Process run() throws IOException {
    int before = count("cleared cache");
    Process started =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(home.resolve("output").toFile())
            .start();
    try {
      await("dnsmasq starts")
          .pollInterval(Duration.ofMillis(10))
          .atMost(Duration.ofSeconds(20))
          .until(() -> {
            if (!started.isAlive()) {
              throw new IllegalStateException(
                  "dnsmasq ended: " + Files.readString(home.resolve("output")));
            }
            return count("cleared cache") > before && Files.exists(home.resolve("pid"));
          });
    } catch (RuntimeException e) {
      started.destroyForcibly();
      throw e;
    }
    return started;
  }

  /** How often it has read everything again. */
  int reloads() {
    // It clears its cache once when it starts and once for each SIGHUP.
    return count("cleared cache") - count("started, version");
  }

  private int count(String words) {
    try {
      return Files.exists(home.resolve("log"))
          ? (int)
              Files.readString(home.resolve("log")).lines().filter(l -> l.contains(words)).count()
          : 0;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  NetworkServices open(String installation) throws Exception {
    return open(installation, Map.of());
  }

  NetworkServices open(String installation, Map<String, String> more) throws Exception {
    Map<String, String> settings = new HashMap<>(more);
    settings.put("directory", home.toString());
    settings.put("pidFile", home.resolve("pid").toString());
    return new DnsmasqProvider().open(settings, installation);
  }

  long pid() {
    return process.pid();
  }

  boolean alive() {
    return process.isAlive();
  }

  Path dhcpFile(String name) {
    return home.resolve("dhcp").resolve(name);
  }

  Path hostsFile(String name) {
    return home.resolve("hosts").resolve(name);
  }

  void stop() throws InterruptedException {
    process.destroy();
    if (!process.waitFor(10, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
  }

  void startAgain() throws IOException {
    process = run();
  }

  /** What it answers now, as text, sorted; empty if there is nothing of that name and type. */
  List<String> ask(String name, int type) throws IOException {
    SimpleResolver resolver =
        new SimpleResolver(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), port));
    resolver.setTimeout(Duration.ofSeconds(5));
    Lookup lookup = new Lookup(Name.fromString(name + "."), type);
    lookup.setResolver(resolver);
    lookup.setCache(null);
    Record[] answers = lookup.run();
    // Without anybody to ask it refuses what is neither its own nor known.
    if ((lookup.getResult() == Lookup.TRY_AGAIN || lookup.getResult() == Lookup.UNRECOVERABLE)
        && !lookup.getErrorString().equals("REFUSED")) {
      throw new IOException(lookup.getErrorString());
    }
    return answers == null
        ? List.of()
        : java.util.Arrays.stream(answers).map(Record::rdataToString).sorted().toList();
  }

  List<String> addresses(String name) throws IOException {
    List<String> all = new ArrayList<>(ask(name, Type.A));
    for (String v6 : ask(name, Type.AAAA)) {
      all.add(Ip.parse(v6).toString());
    }
    return all;
  }

  List<String> names(Ip ip) throws IOException {
    return ask(ip.reverseName(), Type.PTR);
  }

  private static int freePort() throws IOException {
    InetAddress loopback = InetAddress.ofLiteral("127.0.0.1");
    while (true) {
      try (ServerSocket tcp = new ServerSocket(0, 1, loopback);
          DatagramSocket udp = new DatagramSocket(tcp.getLocalPort(), loopback)) {
        return udp.getLocalPort();
      } catch (java.net.BindException e) {
        // free for one of the two only: another
      }
    }
  }

  @Override
  public void close() throws InterruptedException {
    stop();
  }
}
