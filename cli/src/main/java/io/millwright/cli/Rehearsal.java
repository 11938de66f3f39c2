package io.millwright.cli;

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Goes through the usual commands once, against canned answers, so that the JVM can keep for the
 * real calls what it loaded and linked; see {@code build-aot-cache}.
 */
final class Rehearsal {
  private static final String MACHINE =
      """
      {"apiVersion":"millwright/v1","kind":"Machine","metadata":{"name":"a","project":"default",\
      "labels":{"app":"web"},"uid":"u","generation":1,"revision":1,\
      "createdAt":"2026-01-01T00:00:00Z"},"spec":{"image":"i","size":"s","profiles":["p"]},\
      "status":{"conditions":[{"type":"Ready","value":"true","reason":"Up","message":"Up.",\
      "since":"2026-01-01T00:00:00Z"}],"power":"on","interfaces":[{"name":"nic0","network":"n",\
      "addresses":["192.0.2.1","2001:db8::1"]}]}}\
      """;

  private static final String OPERATION =
      """
      {"apiVersion":"millwright/v1","kind":"Operation","metadata":{"name":"o",\
      "project":"default","uid":"o","createdAt":"2026-01-01T00:00:00Z"},\
      "spec":{"verb":"create","title":"create Machine a",\
      "target":{"kind":"Machine","name":"a","uid":"u"}},\
      "status":{"state":"succeeded","message":"",\
      "percent":100,"endedAt":"2026-01-01T00:00:01Z",\
      "steps":[{"key":"k","title":"t","state":"done","attempts":1,\
      "startedAt":"2026-01-01T00:00:00Z","endedAt":"2026-01-01T00:00:01Z"}]}}\
      """;

  private static final String APPLIED =
      """
      {"items":[{"kind":"Machine","project":"default","name":"a","action":"created","changes":[\
      {"path":"spec","after":{"image":"i"}},{"path":"spec.size","before":"s","after":"t"}],\
      "impact":"create","destroys":false,"steps":[{"title":"t","destroys":false}],\
      "operation":"o"}]}\
      """;

  private Rehearsal() {}

  public static void main(String[] args) throws IOException {
    try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      Thread.ofPlatform().daemon().start(() -> serve(server));
      Map<String, String> environment = new HashMap<>(System.getenv());
      environment.put("MILLWRIGHT_SERVER", "http://127.0.0.1:" + server.getLocalPort());
      environment.put("MILLWRIGHT_TOKEN", "mwt_rehearsal");
      environment.put("MILLWRIGHT_PROJECT", "default");
      String[] calls = {
        "--help",
        "get --help",
        "version",
        "get machines",
        "get machine a -o wide",
        "get machines -o json",
        "get machines -o yaml",
        "get machines -o name -l app=web",
        "describe machine a",
        "apply -f -",
        "apply -f - --wait",
        "plan -f -",
        "wait machine a",
        "logs machine/a",
        "logs -f o",
        "events",
        "power on a",
        "operation list",
        "operation show o",
        "token list",
        "delete machine a --wait",
        "doctor",
        "get machine missing",
        "no-such-command",
        "get",
      };
      for (String call : calls) {
        Cli.run(shell(environment), call.split(" "));
      }
      Main.shell();
      environment.put("MILLWRIGHT_SERVER", "http://127.0.0.1:1");
      Cli.run(shell(environment), "get", "machines");
    }
    System.exit(0);
  }

  private static Shell shell(Map<String, String> environment) {
    Output nowhere = new Output(OutputStream.nullOutputStream());
    byte[] manifest = "kind: Machine\n".getBytes(StandardCharsets.UTF_8);
    return new Shell(
        environment,
        new ByteArrayInputStream(manifest),
        nowhere,
        nowhere,
        false,
        false,
        Clock.systemUTC());
  }

  private static void serve(ServerSocket server) {
    while (!server.isClosed()) {
      try (Socket socket = server.accept()) {
        answer(socket);
      } catch (IOException e) {
        if (!server.isClosed()) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  private static void answer(Socket socket) throws IOException {
    BufferedReader in =
        new BufferedReader(
            new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
    String request = String.valueOf(in.readLine());
    int length = 0;
    boolean stream = false;
    for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
      String header = line.toLowerCase(Locale.ROOT);
      stream |= header.startsWith("accept: text/event-stream");
      if (header.startsWith("content-length: ")) {
        length = Integer.parseInt(header.substring("content-length: ".length()));
      }
    }
    if (in.skip(length) < length) {
      return;
    }
    String path = request.split(" ")[1].replaceFirst("\\?.*", "").replace("/api/v1", "");
    int status = path.endsWith("/missing") ? 404 : 200;
    status = request.startsWith("POST") || request.startsWith("DELETE") ? 202 : status;
    String body = body(path, request.startsWith("GET"), status);
    if (stream) {
      body =
          "event: "
              + (path.startsWith("/operations") ? "operation" : "added")
              + "\ndata: "
              + body
              + "\n\n";
    }
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    String type =
        stream
            ? "text/event-stream"
            : status == 404 ? "application/problem+json" : "application/json";
    String head =
        "HTTP/1.1 "
            + status
            + " OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\nContent-Type: "
            + type
            + "\r\nContent-Length: "
            + bytes.length
            + "\r\n\r\n";
    OutputStream out = socket.getOutputStream();
    out.write(head.getBytes(StandardCharsets.US_ASCII));
    out.write(bytes);
    out.flush();
  }

  private static String body(String path, boolean get, int status) {
    if (status == 404) {
      return "{\"type\":\"https://millwright.io/problems/not-found\",\"status\":404,\"detail\":\"none\"}";
    }
    return switch (path) {
      case "/apply" -> APPLIED;
      case "/health" -> "{\"status\":\"ok\",\"version\":\"1\"}";
      case "/projects" -> "{\"items\":[\"default\"]}";
      case "/tokens" -> "{\"items\":[{\"name\":\"a\",\"createdAt\":\"2026-01-01T00:00:00Z\"}]}";
      case "/operations" -> "{\"items\":[" + OPERATION + "]}";
      case "/operations/o/logs" ->
          "{\"items\":[{\"seq\":1,\"at\":\"2026-01-01T00:00:00Z\",\"step\":\"k\",\"line\":\"l\"}]}";
      case "/projects/default/events" ->
          "{\"items\":[{\"cursor\":\"1\",\"at\":\"2026-01-01T00:00:00Z\",\"kind\":\"Machine\","
              + "\"project\":\"default\",\"name\":\"a\",\"reason\":\"Up\",\"message\":\"Up.\"}]}";
      default -> {
        if (!get || path.startsWith("/operations/")) {
          yield OPERATION;
        }
        yield path.endsWith("/a") ? MACHINE : "{\"items\":[" + MACHINE + "]}";
      }
    };
  }
}
