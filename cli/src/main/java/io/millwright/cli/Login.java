package io.millwright.cli;

import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** A way into a machine by the system's ssh, with the host key checked against what it reported. */
final class Login implements AutoCloseable {

  private final List<String> options;
  private final String address;
  private final Path known;

  private Login(List<String> options, String address, Path known) {
    this.options = options;
    this.address = address;
    this.known = known;
  }

  /**
   * Finds out how to log in.
   *
   * @param asked as whom; for null the first user of the machine's profiles, or else of its own, or
   *     else of what its networks say
   * @param identity private key; MILLWRIGHT_IDENTITY or ssh's own for null
   * @throws Failure if there is no ssh, or the machine's keys, address or user are not known
   */
  static Login open(
      Shell shell,
      MillwrightApi api,
      String project,
      View view,
      @Nullable String asked,
      @Nullable String identity,
      int port)
      throws IOException {
    Path ssh = program(shell);
    String name = view.name();
    List<String> keys = keys(view, name);
    String user = asked != null ? asked : user(api, project, view, name);
    if (user.isEmpty() || user.startsWith("-")) {
      throw Failure.usage("'" + user + "' is no user name");
    }
    String address = address(view, name, port);
    Path known = Files.createTempFile("millwright-known-hosts-", "");
    // For when a signal ends this process while ssh runs.
    known.toFile().deleteOnExit();
    Files.write(known, keys.stream().map(k -> alias(view) + " " + k).toList());
    return new Login(options(shell, ssh, known, user, view, identity, port), address, known);
  }

  /** The system's ssh. */
  static Path program(Shell shell) {
    return shell
        .program("ssh")
        .orElseThrow(
            () -> Failure.failed("there is no ssh on this computer; install openssh-client"));
  }

  /**
   * The command line that runs a command in the machine.
   *
   * @param more options of ssh
   */
  List<String> command(List<String> more, List<String> command) {
    List<String> out = new ArrayList<>(options);
    out.addAll(more);
    out.addAll(List.of("--", address));
    out.addAll(command);
    return out;
  }

  @Override
  public void close() throws IOException {
    Files.deleteIfExists(known);
  }

  private static List<String> options(
      Shell shell,
      Path ssh,
      Path known,
      String user,
      View view,
      @Nullable String identity,
      int port) {
    List<String> out = new ArrayList<>();
    out.add(ssh.toString());
    for (String option :
        List.of(
            "UserKnownHostsFile=\"" + known + "\"",
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
            "HostKeyAlias=" + alias(view),
            "CheckHostIP=no",
            "UpdateHostKeys=no",
            // A machine that is gone says nothing: without these a pipeline would wait for ever.
            "ServerAliveInterval=15",
            "ServerAliveCountMax=8")) {
      out.add("-o");
      out.add(option);
    }
    Optional<String> key =
        identity != null ? Optional.of(identity) : shell.variable("MILLWRIGHT_IDENTITY");
    key.ifPresent(k -> {
      out.add("-i");
      out.add(k);
    });
    if (port != 22) {
      out.add("-p");
      out.add(String.valueOf(port));
    }
    out.addAll(List.of("-l", user));
    return out;
  }

  /** Under which the machine's keys are known, whatever its address. */
  private static String alias(View view) {
    return view.name() + "." + view.project() + ".millwright";
  }

  private static List<String> keys(View view, String name) {
    List<String> out =
        View.texts(view.status().path("hostKeys")).stream()
            .filter(k -> k.matches("[-a-z0-9@.]+ [A-Za-z0-9+/]+=*( .*)?"))
            .map(k -> String.join(" ", List.of(k.split(" ", 3)).subList(0, 2)))
            .toList();
    if (out.isEmpty()) {
      throw Failure.failed(
          "the host keys of "
              + name
              + " are not known"
              + (view.ready() ? "; it never reported them" : " yet")
              + "; see: millwright describe machine "
              + name);
    }
    return out;
  }

  private static String address(View view, String name, int port) {
    // A link-local address means nothing without the link.
    List<String> addresses =
        view.addresses().stream()
            .filter(a -> !a.toLowerCase(java.util.Locale.ROOT).startsWith("fe80:"))
            .toList();
    if (addresses.isEmpty()) {
      throw Failure.failed(name + " has no address yet; see: millwright describe machine " + name);
    }
    return Reach.first(addresses, port)
        .orElseThrow(() ->
            Failure.failed(
                "no address of "
                    + name
                    + " answers on port "
                    + port
                    + " from here ("
                    + String.join(", ", addresses)
                    + "); is it on? see: millwright console "
                    + name));
  }

  private static String user(MillwrightApi api, String project, View view, String name) {
    for (String profile : View.texts(view.spec().path("profiles"))) {
      for (JsonNode user :
          Kind.PROFILE.find(api, project, profile).body().path("spec").path("users")) {
        return Trees.text(user, "name");
      }
    }
    for (JsonNode user : view.spec().path("overrides").path("users")) {
      return Trees.text(user, "name");
    }
    for (String network : networks(view.spec())) {
      for (JsonNode user :
          Kind.NETWORK
              .find(api, project, network)
              .body()
              .path("spec")
              .path("defaults")
              .path("users")) {
        return Trees.text(user, "name");
      }
    }
    throw Failure.usage(
        "neither "
            + name
            + " nor a profile or a network of it has a user; say who to log in as: millwright ssh"
            + " USER@"
            + name);
  }

  /** Those that a machine is on, its foremost first. */
  private static Set<String> networks(JsonNode spec) {
    Set<String> out = new LinkedHashSet<>();
    for (String faces : List.of("nics", "bonds", "vlans", "bridges")) {
      for (JsonNode face : spec.path(faces)) {
        out.add(Trees.text(face, "network"));
      }
    }
    out.remove(""); // one that belongs to a bond or a bridge
    return out;
  }
}
