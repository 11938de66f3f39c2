package io.millwright.drivers.dnsmasq;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** Two network namespaces with a cable between them: a server's, 10.99.0.1, and a client's. */
final class TestNetwork implements AutoCloseable {
  static final String SERVER_INTERFACE = "srv0";
  private static final String CLIENT_INTERFACE = "cli0";

  private final String server;
  private final String client;
  private final Path script;

  TestNetwork(Path home) throws IOException, InterruptedException {
    String id = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt());
    server = "mwts" + id;
    client = "mwtc" + id;
    script = home.resolve("bound.sh");
    Files.writeString(
        script,
        """
        #!/bin/sh
        [ "$1" != bound ] || echo "BOUND $ip $hostname $domain $lease"
        """);
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    try {
      run("ip", "netns", "add", server);
      run("ip", "netns", "add", client);
      run(
          "ip -n %s link add %s type veth peer name %s netns %s"
              .formatted(server, SERVER_INTERFACE, CLIENT_INTERFACE, client)
              .split(" "));
      run("ip", "-n", server, "addr", "add", "10.99.0.1/24", "dev", SERVER_INTERFACE);
      run("ip", "-n", server, "link", "set", SERVER_INTERFACE, "up");
      // What the server asks itself goes by loopback, whatever address it asks.
      run("ip", "-n", server, "link", "set", "lo", "up");
    } catch (IOException | InterruptedException | RuntimeException e) {
      close();
      throw e;
    }
  }

  String serverNamespace() {
    return server;
  }

  /** What a card with this address gets by DHCP: address, host name, domain, lease; or nothing. */
  String dhcp(String mac, String... more) throws IOException, InterruptedException {
    run("ip", "-n", client, "link", "set", CLIENT_INTERFACE, "down");
    run("ip", "-n", client, "link", "set", CLIENT_INTERFACE, "address", mac, "up");
    // -q and -n: ends when it has a lease, or none after -t attempts
    String command =
        "ip netns exec %s busybox udhcpc -i %s -f -q -n -t 3 -T 1 -A 1 -s %s %s"
            .formatted(client, CLIENT_INTERFACE, script, String.join(" ", more));
    return output(command.strip().split(" "))
        .lines()
        .filter(l -> l.startsWith("BOUND "))
        .map(l -> l.substring(6))
        .findFirst()
        .orElse("");
  }

  /** What the server answers to dig, sorted; empty if it knows nothing of that. */
  List<String> dig(String... question) throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of("ip", "netns", "exec", server, "dig", "+short", "+time=5", "@10.99.0.1"));
    command.addAll(List.of(question));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = read(process);
    // dig says so by its exit code if there was no answer, which is not the same as an empty one.
    if (process.exitValue() != 0) {
      throw new IOException(String.join(" ", command) + ": " + said);
    }
    return said.lines().sorted().toList();
  }

  static void run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = read(process);
    if (process.exitValue() != 0) {
      throw new IOException(String.join(" ", command) + ": " + said);
    }
  }

  private static String output(String... command) throws IOException, InterruptedException {
    return read(new ProcessBuilder(command).redirectErrorStream(true).start());
  }

  private static String read(Process process) throws IOException, InterruptedException {
    process.getOutputStream().close();
    String said =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    if (!process.waitFor(30, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IOException("no end: " + process.info());
    }
    return said;
  }

  @Override
  public void close() throws IOException, InterruptedException {
    List<String> here = new ArrayList<>();
    output("ip", "netns", "list").lines().forEach(l -> here.add(l.replaceAll(" .*", "")));
    for (String namespace : List.of(server, client)) {
      if (here.contains(namespace)) {
        run("ip", "netns", "del", namespace);
      }
    }
  }
}
