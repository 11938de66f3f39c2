package io.millwright.driver.proxmox;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Transfers;
import io.millwright.driver.Trust;
import io.millwright.model.manifest.Json;
import java.io.IOException;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.MissingNode;

/**
 * The REST API, with a token: no session is opened and none ends.
 *
 * <p>A token that was refused is not shown again for {@link #PAUSE}: whoever shows wrong ones over
 * and over is shut out, also with the right one.
 */
final class Api implements AutoCloseable {
  static final Duration PAUSE = Duration.ofMinutes(10);

  /** Longer than Proxmox VE itself waits for another node. */
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** How many requests of one act are under way at once. */
  private static final int LANES = 8;

  private static final String BOUNDARY = "----millwright-8f14e45fceea167a";

  /** Something that is asked and may be answered with a fault. */
  interface Work<T> {
    T get() throws PveFault, DriverException;
  }

  /** The same, of one of several. */
  interface Each<A, T> {
    T get(A one) throws PveFault, DriverException;
  }

  private final Settings settings;
  private final HttpClient http;
  private final Transfers transfers;
  private final InstantSource clock;
  private final AtomicLong calls = new AtomicLong();
  private volatile boolean closed;
  private volatile @Nullable Instant refused;

  /**
   * @param still how long a file may not move before it is given up
   */
  Api(Settings settings, InstantSource clock, Duration still) {
    this.settings = settings;
    this.clock = clock;
    this.http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(Duration.ofSeconds(10))
            .sslContext(Trust.of(settings.ca(), settings.fingerprint()))
            .build();
    this.transfers = new Transfers(http, still);
  }

  /** How many requests were sent; for measuring. */
  long calls() {
    return calls.get();
  }

  /** Does it, and tells of a fault in the words of the driver boundary. */
  <T> T act(Work<T> work) throws DriverException {
    try {
      return work.get();
    } catch (PveFault e) {
      throw FaultKinds.translate(e);
    }
  }

  /** A path of these parts; whatever stands in one of them, it stays one. */
  static String path(Object... parts) {
    StringBuilder out = new StringBuilder();
    for (Object part : parts) {
      out.append('/').append(encoded(part.toString()));
    }
    return out.toString();
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }

  private static String form(Map<String, String> values) {
    List<String> out = new ArrayList<>();
    values.forEach((key, value) -> out.add(encoded(key) + "=" + encoded(value)));
    return String.join("&", out);
  }

  JsonNode get(String path, Map<String, String> query) throws DriverException, PveFault {
    return get(path, query, PATIENCE);
  }

  JsonNode get(String path) throws DriverException, PveFault {
    return get(path, Map.of(), PATIENCE);
  }

  JsonNode get(String path, Map<String, String> query, Duration patience)
      throws DriverException, PveFault {
    return send(request(path, query).timeout(patience).GET().build());
  }

  JsonNode delete(String path, Map<String, String> query) throws DriverException, PveFault {
    return send(request(path, query).timeout(PATIENCE).DELETE().build());
  }

  JsonNode post(String path, Map<String, String> values) throws DriverException, PveFault {
    return send(
        withForm(request(path, Map.of())).POST(BodyPublishers.ofString(form(values))).build());
  }

  /** As {@link #post}, with an array of values of one name. */
  JsonNode post(String path, String name, List<String> values) throws DriverException, PveFault {
    String form =
        values.stream()
            .map(value -> encoded(name) + "=" + encoded(value))
            .collect(Collectors.joining("&"));
    return send(withForm(request(path, Map.of())).POST(BodyPublishers.ofString(form)).build());
  }

  JsonNode put(String path, Map<String, String> values) throws DriverException, PveFault {
    return send(
        withForm(request(path, Map.of())).PUT(BodyPublishers.ofString(form(values))).build());
  }

  /**
   * Puts a file into a storage, however long that takes if only something moves.
   *
   * @param values that go before the file
   */
  JsonNode upload(String path, Map<String, String> values, String name, BodyPublisher content)
      throws DriverException, PveFault {
    StringBuilder head = new StringBuilder();
    values.forEach((key, value) ->
        head.append("--")
            .append(BOUNDARY)
            .append("\r\nContent-Disposition: form-data; name=\"")
            .append(key)
            .append("\"\r\n\r\n")
            .append(value)
            .append("\r\n"));
    head.append("--")
        .append(BOUNDARY)
        .append("\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"")
        .append(name)
        .append("\"\r\nContent-Type: application/octet-stream\r\n\r\n");
    HttpRequest request =
        request(path, Map.of())
            .header("Content-Type", "multipart/form-data; boundary=" + BOUNDARY)
            .POST(
                BodyPublishers.concat(
                    BodyPublishers.ofString(head.toString()),
                    content,
                    BodyPublishers.ofString("\r\n--" + BOUNDARY + "--\r\n")))
            .build();
    return send(() -> transfers.send(request, BodyHandlers.ofByteArray()));
  }

  private static HttpRequest.Builder withForm(HttpRequest.Builder request) {
    return request
        .timeout(PATIENCE)
        .header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  }

  private HttpRequest.Builder request(String path, Map<String, String> query) {
    return HttpRequest.newBuilder(
            settings
                .url()
                .resolve("/api2/json" + path + (query.isEmpty() ? "" : "?" + form(query))))
        .header("Authorization", "PVEAPIToken=" + settings.token() + "=" + settings.secret())
        .header("Accept", "application/json");
  }

  /** The way to an answer. */
  private interface Sending {
    HttpResponse<byte[]> send() throws IOException, InterruptedException;
  }

  private JsonNode send(HttpRequest request) throws DriverException, PveFault {
    return send(() -> http.send(request, BodyHandlers.ofByteArray()));
  }

  private JsonNode send(Sending request) throws DriverException, PveFault {
    if (closed) {
      throw DriverException.closed();
    }
    Instant last = refused;
    if (last != null && clock.instant().isBefore(last.plus(PAUSE))) {
      throw new DriverException(
          FaultKind.REFUSED,
          "The hypervisor refused the token; check token and secret in its settings.",
          "not tried again before " + last.plus(PAUSE),
          null);
    }
    calls.incrementAndGet();
    HttpResponse<byte[]> response;
    try {
      response = request.send();
    } catch (InterruptedException e) {
      throw DriverException.interrupted(e);
    } catch (IOException e) {
      throw closed ? DriverException.closed() : Trust.failed(e, "ca or fingerprint");
    }
    if (response.statusCode() == 401) {
      refused = clock.instant();
    }
    return data(response);
  }

  private static JsonNode data(HttpResponse<byte[]> response) throws DriverException, PveFault {
    JsonNode answer;
    try {
      answer = Json.mapper().readTree(response.body());
    } catch (JacksonException e) {
      if (response.statusCode() == 200) {
        throw new DriverException(
            FaultKind.UNREACHABLE,
            "The hypervisor does not answer, or not so that it can be trusted.",
            "the answer is no JSON: " + e.getOriginalMessage(),
            e);
      }
      answer = MissingNode.getInstance();
    }
    if (response.statusCode() != 200) {
      StringBuilder words = new StringBuilder(answer.path("message").asString(""));
      for (Map.Entry<String, JsonNode> each : answer.path("errors").properties()) {
        words.append(' ').append(each.getKey()).append(": ").append(each.getValue().asString(""));
      }
      throw new PveFault(response.statusCode(), words.toString());
    }
    return answer.path("data");
  }

  /** Asks about each of them, several at once; the answers are in their order. */
  <A, T> List<T> each(List<A> all, Each<A, T> ask) throws DriverException, PveFault {
    Semaphore lanes = new Semaphore(LANES);
    List<T> out = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<T>> answers = new ArrayList<>();
      try {
        for (A one : all) {
          answers.add(
              threads.submit(() -> {
                lanes.acquire();
                try {
                  return ask.get(one);
                } finally {
                  lanes.release();
                }
              }));
        }
        for (Future<T> answer : answers) {
          out.add(answer.get());
        }
      } catch (InterruptedException e) {
        threads.shutdownNow();
        throw DriverException.interrupted(e);
      } catch (ExecutionException e) {
        threads.shutdownNow();
        switch (e.getCause()) {
          case PveFault fault -> throw fault;
          case DriverException failure -> throw failure;
          case null, default ->
              throw new DriverException(
                  FaultKind.BUG, "The Proxmox VE driver failed.", e.toString(), e);
        }
      }
    }
    return out;
  }

  /** Words of an answer, or these if there are none. */
  static String text(JsonNode at, String field, Function<JsonNode, String> otherwise) {
    JsonNode value = at.path(field);
    return value.isMissingNode() || value.isNull() ? otherwise.apply(at) : value.asString("");
  }

  @Override
  public void close() {
    closed = true;
    http.shutdownNow();
  }
}
