package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** ssh: which address, which user, which key, and the exit code. */
class LoginTest extends CliTestCase {
  private final SshDoor door = new SshDoor("127.0.0.2", 0, true);

  @BeforeEach
  void fakeSsh() throws IOException {
    Path ssh =
        file(
            "bin/ssh",
            """
            #!/bin/sh
            for a; do printf '%s\\n' "$a"; done >"$(dirname "$0")/arguments"
            for a; do case $a in UserKnownHostsFile=*) f=${a#*=\\"}; cat "${f%\\"}" ;; esac
            done >"$(dirname "$0")/known"
            exit 7
            """);
    Files.setPosixFilePermissions(ssh, PosixFilePermissions.fromString("rwxr-xr-x"));
    environment.put("PATH", dir.resolve("bin") + ":/usr/bin:/bin");
    machine(
        "\"192.0.2.1\",\"fe80::1\",\"127.0.0.2\"",
        "\"ssh-ed25519 AAAAC3Nz root@x\",\"evil\\nkey\"");
    server
        .on("GET /projects/default/profiles/base", 200, "{\"spec\":{\"users\":[]}}")
        .on(
            "GET /projects/shared/profiles/admin",
            200,
            "{\"spec\":{\"users\":[{\"name\":\"anna\"}]}}");
  }

  @AfterEach
  void shut() throws IOException {
    door.close();
  }

  private void machine(String addresses, String keys) {
    server.on(
        "GET /projects/default/machines/hello",
        200,
        """
        {"kind":"Machine","metadata":{"name":"hello","project":"default"},
         "spec":{"profiles":["base","admin"]},
         "status":{"interfaces":[{"addresses":[%s]}],"hostKeys":[%s]}}\
        """
            .formatted(addresses, keys));
  }

  private String port() {
    return String.valueOf(door.port());
  }

  @Test
  void theCommandLine() throws IOException {
    environment.put("MILLWRIGHT_IDENTITY", "/keys/id");
    Result result = run("ssh", "hello", "--port", port(), "--", "ls", "-l", "a b");
    assertThat(result.err()).isEmpty();
    assertThat(result.code()).isEqualTo(7);
    List<String> arguments = Files.readAllLines(dir.resolve("bin/arguments"));
    String known = arguments.get(1);
    assertThat(known).startsWith("UserKnownHostsFile=\"").endsWith("\"");
    assertThat(arguments)
        .containsExactly(
            "-o",
            known,
            "-o",
            "GlobalKnownHostsFile=/dev/null",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "HostKeyAlias=hello.default.millwright",
            "-o",
            "CheckHostIP=no",
            "-o",
            "UpdateHostKeys=no",
            "-o",
            "ServerAliveInterval=15",
            "-o",
            "ServerAliveCountMax=8",
            "-i",
            "/keys/id",
            "-p",
            port(),
            "-l",
            "anna",
            "--",
            "127.0.0.2",
            "ls",
            "-l",
            "a b");
    assertThat(Files.readString(dir.resolve("bin/known")))
        .isEqualTo("hello.default.millwright ssh-ed25519 AAAAC3Nz\n");
    assertThat(Path.of(known.substring(known.indexOf('"') + 1, known.length() - 1))).doesNotExist();
  }

  @Test
  void theUserCanBeNamed() throws IOException {
    run("ssh", "bob@hello", "--port", port());
    assertThat(Files.readAllLines(dir.resolve("bin/arguments"))).contains("bob");
    run("ssh", "hello", "-l", "carl", "--port", port());
    assertThat(Files.readAllLines(dir.resolve("bin/arguments"))).contains("carl");
    run("ssh", "-oProxyCommand=x@hello").code();
    run("ssh", "hello", "-l", "-oProxyCommand=x", "--port", port())
        .failed(2, "'-oProxyCommand=x' is no user name");
  }

  @Test
  void aUserMayComeFromANetwork() throws IOException {
    server
        .on(
            "GET /projects/default/machines/hello",
            200,
            """
            {"kind":"Machine","metadata":{"name":"hello","project":"default"},
             "spec":{"profiles":["base"],
              "nics":[{"name":"a"},{"name":"b","network":"plain"}],
              "vlans":[{"name":"v","network":"lab"}]},
             "status":{"interfaces":[{"addresses":["127.0.0.2"]}],
              "hostKeys":["ssh-ed25519 AAAA"]}}\
            """)
        .on("GET /projects/default/networks/plain", 200, "{\"spec\":{}}");
    run("ssh", "hello", "--port", port())
        .failed(1, "there is nothing at GET /projects/default/networks/lab");
    server.on("GET /projects/shared/networks/lab", 200, "{\"spec\":{\"defaults\":{\"users\":[]}}}");
    run("ssh", "hello", "--port", port())
        .failed(
            2,
            "neither hello nor a profile or a network of it has a user; say who to log in as:"
                + " millwright ssh USER@hello");
    server.on(
        "GET /projects/shared/networks/lab",
        200,
        "{\"spec\":{\"defaults\":{\"users\":[{\"name\":\"ops\"},{\"name\":\"two\"}]}}}");
    assertThat(run("ssh", "hello", "--port", port()).code()).isEqualTo(7);
    assertThat(Files.readAllLines(dir.resolve("bin/arguments"))).containsSequence("-l", "ops");
  }

  @Test
  void withoutHostKeysNobodyLogsIn() {
    machine("\"127.0.0.2\"", "");
    run("ssh", "hello")
        .failed(
            1, "the host keys of hello are not known yet; see: millwright describe machine hello");
  }

  @Test
  void anAddressThatTakesConnectionsAndSaysNothingIsNotTheMachine() throws IOException {
    machine("\"127.0.0.3\",\"127.0.0.2\"", "\"ssh-ed25519 AAAA\"");
    try (SshDoor proxy = new SshDoor("127.0.0.3", door.port(), false)) {
      assertThat(run("ssh", "bob@hello", "--port", port()).code()).isEqualTo(7);
      assertThat(Files.readAllLines(dir.resolve("bin/arguments"))).endsWith("--", "127.0.0.2");
    }
  }

  @Test
  void anAddressThatAnswersIsNeeded() throws IOException {
    String port = port();
    door.close();
    machine("\"127.0.0.2\"", "\"ssh-ed25519 AAAA\"");
    run("ssh", "bob@hello", "--port", port)
        .failed(
            1,
            "no address of hello answers on port "
                + port
                + " from here (127.0.0.2); is it on? see: millwright console hello");
  }
}
