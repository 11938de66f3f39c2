package io.millwright.cli;

import io.millwright.client.ApiException;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Logs in to a machine by name, with the host key checked against what the machine reported. */
@Command(
    name = "ssh",
    description = {
      "Log in to a machine by its name.",
      "Its host key must be one that it reported at its first boot. Ends with ssh's exit code."
    })
final class SshCommand extends Part {
  private static final String SHARED = "shared";

  @Parameters(index = "0", paramLabel = "[USER@]NAME", description = "The machine.")
  String machine = "";

  @Parameters(
      index = "1..*",
      paramLabel = "COMMAND",
      description = "Run this instead of a shell; put -- before it.")
  List<String> command = new ArrayList<>();

  @Option(
      names = {"-l", "--login"},
      paramLabel = "USER",
      description = "Log in as; the first user of the machine's profiles if not given.")
  @Nullable String login;

  @Option(
      names = {"-i", "--identity"},
      paramLabel = "FILE",
      description = "Private key; MILLWRIGHT_IDENTITY, or what ssh does by itself.")
  @Nullable String identity;

  @Option(names = "--port", paramLabel = "PORT", description = "Of the SSH server; 22.")
  int port = 22;

  @Override
  public Integer call() throws IOException, InterruptedException {
    int at = machine.lastIndexOf('@');
    String name = machine.substring(at + 1);
    if (name.startsWith("machine/")) {
      name = name.substring("machine/".length());
    }
    Path ssh =
        shell()
            .program("ssh")
            .orElseThrow(
                () -> Failure.failed("there is no ssh on this computer; install openssh-client"));
    MillwrightApi api = api();
    View view = new View(Kind.MACHINE.get(api, cli().project(), name).body());
    List<String> keys = keys(view, name);
    String user =
        login != null ? login : at >= 0 ? machine.substring(0, at) : user(api, view, name);
    if (user.isEmpty() || user.startsWith("-")) {
      throw Failure.usage("'" + user + "' is no user name");
    }
    String address = address(view, name);
    Path known = Files.createTempFile("millwright-known-hosts-", "");
    // For when a signal ends this process while ssh runs.
    known.toFile().deleteOnExit();
    try {
      Files.write(known, keys.stream().map(k -> alias(view) + " " + k).toList());
      return run(arguments(ssh, known, user, address, view));
    } finally {
      Files.deleteIfExists(known);
    }
  }

  private int run(List<String> arguments) throws IOException, InterruptedException {
    shell().out().flush();
    return new ProcessBuilder(arguments).inheritIO().start().waitFor();
  }

  private List<String> arguments(Path ssh, Path known, String user, String address, View view) {
    List<String> out = new ArrayList<>();
    out.add(ssh.toString());
    for (String option :
        List.of(
            "UserKnownHostsFile=\"" + known + "\"",
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
            "HostKeyAlias=" + alias(view),
            "CheckHostIP=no",
            "UpdateHostKeys=no")) {
      out.add("-o");
      out.add(option);
    }
    Optional<String> key =
        identity != null ? Optional.of(identity) : shell().variable("MILLWRIGHT_IDENTITY");
    key.ifPresent(k -> {
      out.add("-i");
      out.add(k);
    });
    if (port != 22) {
      out.add("-p");
      out.add(String.valueOf(port));
    }
    out.addAll(List.of("-l", user, "--", address));
    out.addAll(command);
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

  private String address(View view, String name) {
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

  private String user(MillwrightApi api, View view, String name) {
    for (String profile : View.texts(view.spec().path("profiles"))) {
      for (JsonNode user : profile(api, profile).path("users")) {
        return Trees.text(user, "name");
      }
    }
    throw Failure.usage(
        "no profile of " + name + " has a user; say who to log in as: millwright ssh USER@" + name);
  }

  /** As the server finds it: in the machine's own project, then in the shared one. */
  private JsonNode profile(MillwrightApi api, String name) {
    try {
      return Kind.PROFILE.get(api, cli().project(), name).body().path("spec");
    } catch (ApiException e) {
      if (!Follow.notFound(e)) {
        throw e;
      }
      return Kind.PROFILE.get(api, SHARED, name).body().path("spec");
    }
  }
}
