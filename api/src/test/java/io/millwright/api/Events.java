package io.millwright.api;

import io.millwright.model.manifest.Json;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Reads a stream of server-sent events. */
final class Events implements AutoCloseable {
  static final String END = "(end)";
  static final String COMMENT = "(comment)";

  private final BlockingQueue<Event> arrived = new LinkedBlockingQueue<>();
  private final InputStream in;
  final int status;
  final String contentType;

  /** One event; {@link #END} when the stream has ended. */
  record Event(String name, String id, String data) {
    JsonNode json() {
      return Json.mapper().readTree(data);
    }

    /** Name of the resource. */
    String about() {
      return json().path("metadata").path("name").asString();
    }
  }

  private Events(HttpResponse<InputStream> response) {
    this.in = response.body();
    this.status = response.statusCode();
    this.contentType = response.headers().firstValue("Content-Type").orElse("");
    Thread.ofVirtual().start(this::read);
  }

  static Events open(Rig rig, String path, String... headers) throws Exception {
    return new Events(
        rig.http.send(
            rig.request(path, headers).header("Accept", "text/event-stream").build(),
            HttpResponse.BodyHandlers.ofInputStream()));
  }

  static Events openAs(Rig rig, String secret, String path) throws Exception {
    return new Events(
        rig.http.send(
            HttpRequest.newBuilder(rig.uri(path))
                .header("Authorization", "Bearer " + secret)
                .header("Accept", "text/event-stream")
                .build(),
            HttpResponse.BodyHandlers.ofInputStream()));
  }

  private void read() {
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
      String name = "";
      String id = "";
      String data = "";
      String line = lines.readLine();
      while (line != null) {
        if (line.startsWith("event: ")) {
          name = line.substring(7);
        } else if (line.startsWith("id: ")) {
          id = line.substring(4);
        } else if (line.startsWith("data: ")) {
          data = line.substring(6);
        } else if (line.startsWith(":")) {
          name = COMMENT;
        } else if (line.isEmpty()) {
          arrived.add(new Event(name, id, data));
          name = "";
          id = "";
          data = "";
        }
        line = lines.readLine();
      }
    } catch (IOException e) {
      // Closed by us, or by the server: an end in any case.
    }
    arrived.add(new Event(END, "", ""));
  }

  /** The next event that is no comment. */
  Event next() throws InterruptedException {
    Event event = any();
    while (event.name().equals(COMMENT)) {
      event = any();
    }
    return event;
  }

  /** The next event or comment. */
  Event any() throws InterruptedException {
    @Nullable Event event = arrived.poll(Duration.ofSeconds(10).toMillis(), TimeUnit.MILLISECONDS);
    if (event == null) {
      throw new AssertionError("nothing arrived for 10 s");
    }
    return event;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
