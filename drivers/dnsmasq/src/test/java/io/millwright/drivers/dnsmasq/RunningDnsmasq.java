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
import org.xbill.DNS.ReverseMap;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.Type;

/**
 * Two dnsmasq of Debian's package dnsmasq-base, one for DHCP and one for DNS, with ports and files
 * of their own.
 */
final class RunningDnsmasq implements AutoCloseable {
  private static final String MARK = "empty";

  private final Path home;
  private final int port;
  private final List<String> dhcpCommand;
  private final List<String> dnsCommand;
  private Process process;
  private Process names;

  private RunningDnsmasq(Path home, int port, List<String> dhcpCommand, List<String> dnsCommand)
      throws IOException {
    this.home = home;
    this.port = port;
    this.dhcpCommand = dhcpCommand;
    this.dnsCommand = dnsCommand;
    Files.createDirectories(home.resolve("dhcp"));
    Files.createDirectories(home.resolve("hosts"));
    Files.writeString(home.resolve(MARK), "");
    startAgain();
  }

  /** Starts them on loopback, with their files below an existing directory. */
  static RunningDnsmasq start(Path home) throws IOException {
    int port = freePort();
    List<String> here = List.of("dnsmasq", "--listen-address=127.0.0.1", "--bind-interfaces");
    List<String> dhcp = new ArrayList<>(here);
    dhcp.addAll(dhcp(home));
    dhcp.add("--dhcp-range=10.99.0.0,static");
    // Not the well-known ports, which somebody else may have
    dhcp.add("--dhcp-alternate-port=" + freePort() + "," + freePort());
    List<String> dns = new ArrayList<>(here);
    dns.addAll(dns(home));
    dns.add("--port=" + port);
    return new RunningDnsmasq(home, port, dhcp, dns);
  }

  /** Starts them on an interface in a network namespace. */
  static RunningDnsmasq startIn(String namespace, String networkInterface, Path home)
      throws IOException {
    List<String> there =
        List.of("ip", "netns", "exec", namespace, "dnsmasq", "--interface=" + networkInterface);
    List<String> dhcp = new ArrayList<>(there);
    dhcp.addAll(dhcp(home));
    dhcp.addAll(List.of("--no-ping", "--dhcp-range=10.99.0.0,static,1h"));
    List<String> dns = new ArrayList<>(there);
    dns.addAll(dns(home));
    return new RunningDnsmasq(home, 53, dhcp, dns);
  }

  private static List<String> dhcp(Path home) {
    return List.of(
        "--port=0",
        "--keep-in-foreground",
        "--log-facility=" + home.resolve("log"),
        "--conf-file=/dev/null",
        "--user=root",
        "--domain=lab.test",
        "--dhcp-hostsdir=" + home.resolve("dhcp"),
        "--dhcp-hostsfile=" + home.resolve(MARK),
        "--dhcp-leasefile=" + home.resolve("leases"),
        "--pid-file=" + home.resolve("pid"));
  }

  private static List<String> dns(Path home) {
    return List.of(
        "--keep-in-foreground",
        "--log-facility=" + home.resolve("dns.log"),
        "--conf-file=/dev/null",
        "--user=root",
        "--no-resolv",
        "--no-hosts",
        "--local=/lab.test/",
        "--hostsdir=" + home.resolve("hosts"),
        "--pid-file=" + home.resolve("dns.pid"));
  }

  /**
   * @param served what it logs when it has read everything
   */
  private Process run(List<String> command, String pidFile, String log, String served)
      throws IOException {
    int before = count(log, served);
    Path output = home.resolve(log + ".output");
    Process started =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      await("dnsmasq starts")
          .pollInterval(Duration.ofMillis(10))
          .atMost(Duration.ofSeconds(20))
          .until(() -> {
            if (!started.isAlive()) {
              throw new IllegalStateException("dnsmasq ended: " + Files.readString(output));
            }
            return count(log, served) > before && Files.exists(home.resolve(pidFile));
          });
    } catch (RuntimeException e) {
      started.destroyForcibly();
      throw e;
    }
    return started;
  }

  /** How often the one for DHCP has read everything again. */
  int reloads() {
    // It reads this file once when it starts and once for each SIGHUP.
    return count("log", "read " + home.resolve(MARK)) - count("log", "started, version");
  }

  private int count(String log, String words) {
    Path file = home.resolve(log);
    try {
      return Files.exists(file)
          ? (int) Files.readString(file).lines().filter(l -> l.contains(words)).count()
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
    settings.put("dnsPidFile", home.resolve("dns.pid").toString());
    return new DnsmasqProvider().open(settings, installation);
  }

  List<Long> pids() {
    return List.of(process.pid(), names.pid());
  }

  boolean alive() {
    return process.isAlive() && names.isAlive();
  }

  Path dhcpFile(String name) {
    return home.resolve("dhcp").resolve(name);
  }

  Path hostsFile(String name) {
    return home.resolve("hosts").resolve(name);
  }

  void stop() throws InterruptedException {
    end(process);
    stopNames();
  }

  void stopNames() throws InterruptedException {
    end(names);
  }

  private static void end(Process one) throws InterruptedException {
    one.destroy();
    if (!one.waitFor(10, TimeUnit.SECONDS)) {
      one.destroyForcibly().waitFor();
    }
  }

  /** Starts those that do not run. */
  void startAgain() throws IOException {
    if (process == null || !process.isAlive()) {
      process = run(dhcpCommand, "pid", "log", "read " + home.resolve(MARK));
    }
    try {
      if (names == null || !names.isAlive()) {
        names = run(dnsCommand, "dns.pid", "dns.log", "cleared cache");
      }
    } catch (IOException | RuntimeException e) {
      process.destroyForcibly(); // nobody else will, if this is the first start
      throw e;
    }
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
    return ask(ReverseMap.fromAddress(ip.toInetAddress()).toString(true), Type.PTR);
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
