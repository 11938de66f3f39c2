package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** One line on standard error that says what to do, and the right exit code. */
class ErrorsTest extends CliTestCase {

  @Test
  void noServer() throws IOException {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    environment.put("MILLWRIGHT_SERVER", "http://127.0.0.1:" + port);
    run("get", "machines")
        .failed(
            1,
            "no server listens at http://127.0.0.1:"
                + port
                + "; start the server, or name another one with --server or MILLWRIGHT_SERVER");
  }

  @Test
  void noToken() {
    environment.remove("MILLWRIGHT_TOKEN");
    environment.put("MILLWRIGHT_TOKEN_FILE", dir.resolve("absent").toString());
    run("get", "machines")
        .failed(
            2,
            "the token file " + dir.resolve("absent") + " cannot be read; is it there and yours?");
    assertThat(server.seen()).isEmpty();
  }

  @Test
  void theTokenIsTakenFromTheFirstPlaceThatHasOne() throws IOException {
    server.on("GET /projects/default/sizes", 200, "{\"items\":[]}");
    Path named = file("named", "mwt_named\n");
    file(".config/millwright/token", "mwt_home\n");
    run("get", "sizes", "-o", "json", "--token-file", named.toString());
    run("get", "sizes", "-o", "json");
    environment.remove("MILLWRIGHT_TOKEN");
    run("get", "sizes", "-o", "json");
    environment.put("MILLWRIGHT_TOKEN_FILE", named.toString());
    run("get", "sizes", "-o", "json");
    assertThat(server.seen().stream().map(s -> s.header("Authorization")))
        .containsExactly(
            "Bearer mwt_named", "Bearer mwt_test", "Bearer mwt_home", "Bearer mwt_named");
  }

  @Test
  void aTokenThatIsNoneIsNotSent() {
    environment.put("MILLWRIGHT_TOKEN", "a b\nX-Evil: 1");
    run("get", "sizes")
        .failed(2, "MILLWRIGHT_TOKEN does not hold a token, which is one word such as mwt_...");
  }

  @ParameterizedTest
  @ValueSource(strings = {"http://mill.example:7070", "http://10.0.0.1", "http://localhost.evil"})
  void theTokenIsNotSentInClear(String address) {
    run("get", "sizes", "--server", address)
        .failed(
            2,
            address
                + " would get the token in clear; use https, or --insecure-http if you trust the"
                + " network");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"mill.example", "ftp://a", "http://", "http://u:p@127.0.0.1", "http://a/b", "%"})
  void noAddress(String address) {
    run("get", "sizes", "--server", address)
        .failed(
            2,
            "'"
                + address
                + "' is no address of a server; write it like https://millwright.example:7070");
  }

  @ParameterizedTest
  @CsvSource({
    "400,2", "413,2", "415,2", "422,2", "403,1", "404,1", "409,1", "412,1", "500,1", "503,1"
  })
  void theProblemsDetailIsTheLine(int status, int code) {
    server.on("GET /projects/default/machines/a", FakeServer.problem(status, "x", "it is so"));
    run("get", "machine", "a").failed(code, "it is so");
  }

  @Test
  void allFieldsStandOnOneLine() {
    server.on(
        "POST /apply",
        400,
        """
        {"status":400,"detail":"2 things are wrong","errors":[
         {"field":"Machine a: spec.nics[0].ipv4","message":"10.0.0.300 is no address"},
         {"field":"","message":"and this"}]}\
        """);
    input = "kind: Machine\n";
    run("apply", "-f", "-")
        .failed(2, "Machine a: spec.nics[0].ipv4: 10.0.0.300 is no address; and this");
    run("plan", "-f", "-")
        .failed(1, "Machine a: spec.nics[0].ipv4: 10.0.0.300 is no address; and this");
  }

  @Test
  void aTokenThatIsNotAccepted() {
    server.on("GET /projects/default/machines", FakeServer.problem(401, "unauthenticated", "no"));
    run("get", "machines")
        .failed(
            1,
            "the server does not accept the token; name a file with a valid one by --token-file or"
                + " MILLWRIGHT_TOKEN_FILE");
  }

  @Test
  void somethingElseThanMillwright() {
    server.on("GET /projects/default/machines", FakeServer.json(502, "<h1>Bad gateway</h1>"));
    run("get", "machines")
        .failed(
            1,
            "the server answered 502 and no reason; is this really the address of a Millwright"
                + " server?");
  }

  @Test
  void whatTheServerSaysCannotSteerTheTerminal() {
    server.on(
        "GET /projects/default/machines/a",
        FakeServer.problem(409, "x", "a\u001b[2Jb\r\nc\u202ed"));
    run("get", "machine", "a").failed(1, "a?[2Jb  c?d");
  }

  @Test
  void wrongUsage() {
    run().failed(2, "say what to do; see: millwright --help");
    run("gett")
        .failed(2, "there is no command 'gett' (did you mean 'get'?); see: millwright --help");
    run("descrbe", "machine", "a")
        .failed(
            2, "there is no command 'descrbe' (did you mean 'describe'?); see: millwright --help");
    run("%%").failed(2, "there is no command '%%'; see: millwright --help");
    run("volume", "restor", "a")
        .failed(
            2,
            "there is no command 'volume restor' (did you mean 'restore'?); see: millwright volume"
                + " --help");
    run("get", "machine", "a", "b", "--no")
        .failed(2, "Unknown option: '--no'; see: millwright get --help");
    run("get").failed(2, "Missing required parameter: 'KIND'; see: millwright get --help");
    run("get", "machines", "-o", "xml")
        .failed(
            2,
            "Invalid value for option '--output': expected one of [table, wide, json, yaml, name]"
                + " but was 'xml'; see: millwright get --help");
    run("apply").failed(2, "Missing required option: '--file=FILE'; see: millwright apply --help");
    run("plan").failed(1, "Missing required option: '--file=FILE'; see: millwright plan --help");
    run("--prject", "x", "plan", "-f", "f")
        .failed(1, "Unknown options: '--prject', 'x'; see: millwright --help");
    run("--prject", "x", "apply", "-f", "f")
        .failed(2, "Unknown options: '--prject', 'x'; see: millwright --help");
    run("get", "machines", "--nope")
        .failed(2, "Unknown option: '--nope'; see: millwright get --help");
    run("operation").failed(2, "say what to do: millwright operation list, show or cancel");
    run("completion", "fish").failed(2, "completion is there for bash only, not for 'fish'");
    run("get", "machinez")
        .failed(
            2,
            "there is no kind 'machinez' (did you mean 'machine'?); the kinds are hypervisor,"
                + " network, image, size, profile, volume, machine, snapshot, group, pool, source,"
                + " webhook, offer");
    run("delete", "operation", "0193-op")
        .failed(
            2,
            "there is no kind 'operation'; operations have a command of their own: millwright"
                + " operation list");
    run("get", "projects")
        .failed(
            2,
            "there is no kind 'projects'; projects have a command of their own: millwright project"
                + " list");
    run("get", "operations", "-l", "a=b")
        .failed(2, "operations are chosen by: millwright operation list KIND NAME --state");
    run("get", "operation", "0193-op", "-w")
        .failed(2, "an operation is followed by: millwright logs -f UID");
    run("describe", "operation").failed(2, "which operation? write operation UID");
    run("describe", "machine").failed(2, "which machine? write machine NAME");
    run("delete").failed(2, "name what to delete: KIND NAME, KIND/NAME or -f FILE");
    run("delete", "machine", "a", "--all")
        .failed(2, "--all takes one KIND and no name, and -A belongs to --all");
    run("wait", "machine", "a", "--for", "rain")
        .failed(2, "--for takes condition=TYPE, deleted or operation, not 'rain'");
    assertThat(server.seen()).isEmpty();
  }

  @Test
  void wrongValues() {
    assertThat(run("apply", "-f", "-", "--timeout", "soon").err())
        .startsWith("millwright: Invalid value for option '--timeout'")
        .contains("'soon' is no duration; write a number and its unit, such as 30s")
        .hasLineCount(1);
    assertThat(run("get", "machines", "-o", "xml"))
        .satisfies(r -> assertThat(r.code()).isEqualTo(2))
        .satisfies(r -> assertThat(r.err()).hasLineCount(1).contains("-o").contains("xml"));
    assertThat(run("power", "maybe", "a"))
        .satisfies(r -> assertThat(r.code()).isEqualTo(2))
        .satisfies(r -> assertThat(r.err()).hasLineCount(1).contains("maybe"));
  }

  @Test
  void ownFaultsHaveNoTraceUnlessAskedFor() {
    server.on(
        "GET /projects/default/images", 200, "{\"items\":[{\"status\":{\"fileSize\":\"x\"}}]}");
    assertThat(run("get", "images").err())
        .startsWith("millwright: this is an error in millwright itself: ")
        .endsWith("; --debug shows where\n")
        .hasLineCount(1);
    assertThat(run("get", "images", "--debug").err()).contains("\tat io.millwright.cli.");
  }

  @Test
  void anArgumentIsNoFileToReadArgumentsFrom() throws IOException {
    Path options = file("options", "--debug");
    assertThat(run("get", "@" + options).err()).contains("there is no kind '@");
  }
}
