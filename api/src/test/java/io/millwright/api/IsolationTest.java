package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.millwright.api.Rig.Reply;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.Scope;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.People.Membership;
import io.millwright.model.manifest.Json;
import java.net.URLEncoder;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;

/** What is somebody else's shows nowhere, and what is secret neither. */
@Tag("database")
class IsolationTest {
  private final Rig rig = Rig.shared();

  /** Paths of everything that can be read, for one project or for all. */
  private static List<String> reads(String project, String name, String uid) throws Exception {
    List<String> out = new ArrayList<>();
    JsonNode document = Json.mapper().readTree(Files.readString(Path.of("../client/openapi.json")));
    for (Map.Entry<String, JsonNode> path : document.get("paths").properties()) {
      if (path.getValue().has("get")
          && !path.getKey().endsWith("/console")
          && !path.getKey().endsWith("/screen")) {
        out.add(
            path.getKey()
                .replace("{project}", project)
                .replace("{name}", name)
                .replace("{uid}", uid));
      }
    }
    return out;
  }

  private String member(String name, String project) {
    Account account = rig.engine.access().accounts().create(name, null, null).account();
    Account own = account.withPassword("", false);
    rig.store.write(tx -> tx.people().update(own));
    rig.engine.access().accounts().grant(new Membership(false, name, project, Role.ADMIN));
    return rig.engine.tokens().create(name, null, own.uid(), Scope.ALL).secret();
  }

  private HttpRequest.Builder as(String token, String path) {
    return HttpRequest.newBuilder(rig.uri(path)).header("Authorization", "Bearer " + token);
  }

  private Map<String, String> everything(String token, String project) throws Exception {
    Map<String, String> out = new TreeMap<>();
    String none = "00000000-0000-0000-0000-000000000000";
    List<String> paths = new ArrayList<>(reads(project, "mine", none));
    paths.addAll(reads("-", "mine", none));
    paths.addAll(reads("iso-theirs", "theirs", none));
    for (String path : paths) {
      Reply reply = rig.send(as(token, path).build());
      out.put(path, reply.status() + " " + reply.raw().body());
    }
    return out;
  }

  @Test
  void nothingOfOneProjectShowsInTheOther() throws Exception {
    String token = member("iso-anna", "iso-mine");
    rig.apply("iso-mine", Rig.size("mine", 1, ""));
    rig.put("projects/iso-mine/machines/mine", Rig.machine("mine"));
    Map<String, String> before = everything(token, "iso-mine");
    List<StringBuffer> streams = new ArrayList<>();
    List<CompletableFuture<?>> open = new ArrayList<>();
    for (String path :
        List.of(
            "projects/-/machines",
            "projects/-/sizes",
            "projects/-/events",
            "projects/-/machines?labelSelector=!x",
            "operations")) {
      StringBuffer heard = new StringBuffer();
      streams.add(heard);
      open.add(
          rig.http.sendAsync(
              as(token, path).header("Accept", "text/event-stream").build(),
              HttpResponse.BodyHandlers.fromLineSubscriber(new Lines(heard))));
    }
    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .until(() -> streams.stream().noneMatch(StringBuffer::isEmpty));

    rig.apply("iso-theirs", Rig.size("theirs", 3, ""));
    rig.put("projects/iso-theirs/machines/theirs", Rig.machine("theirs"));
    rig.put("projects/iso-theirs/volumes/theirs", Rig.volume("theirs", "1GiB"));
    rig.put("projects/iso-theirs/quota", "{machines: 7}");
    rig.post("users", "{\"name\": \"iso-theirs-ben\"}");
    rig.put("projects/iso-theirs/members/iso-theirs-ben", "{\"role\": \"user\"}");
    rig.post("projects/iso-theirs/machines/theirs:power-off");
    rig.delete("projects/iso-theirs/machines/theirs");
    rig.post("tokens", "{\"name\": \"iso-theirs-token\"}");

    Map<String, String> after = everything(token, "iso-mine");
    assertThat(after.keySet()).isEqualTo(before.keySet());
    after.forEach((path, answer) -> {
      assertThat(answer).as(path).isEqualTo(before.get(path));
      // What was asked for may be said back.
      assertThat(
              answer.replace(path, "").replace("iso-theirs/", "").replace("project iso-theirs", ""))
          .as(path)
          .doesNotContain("iso-theirs");
    });
    assertThat(before.get("/api/v1/projects/-/machines")).contains("iso-mine");

    // That they would hear something is shown by what they hear of their own.
    rig.apply("iso-mine", Rig.size("mine", 2, ""));
    rig.post("projects/iso-mine/machines/mine:power-off");
    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .until(() -> streams.get(1).toString().contains("\"cores\":2"));
    for (StringBuffer heard : streams) {
      assertThat(heard.toString()).doesNotContain("iso-theirs");
    }
    open.forEach(o -> o.cancel(true));
  }

  /** Keeps what a stream tells. */
  private record Lines(StringBuffer heard) implements java.util.concurrent.Flow.Subscriber<String> {
    @Override
    public void onSubscribe(java.util.concurrent.Flow.Subscription s) {
      heard.append(' ');
      s.request(Long.MAX_VALUE);
    }

    @Override
    public void onNext(String line) {
      heard.append(line).append('\n');
    }

    @Override
    public void onError(Throwable e) {}

    @Override
    public void onComplete() {}
  }

  @Test
  void aPlantedSecretIsFoundNowhere() throws Exception {
    ListAppender<ILoggingEvent> log = new ListAppender<>();
    Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    Level level = root.getLevel();
    Logger ours = (Logger) LoggerFactory.getLogger("io.millwright");
    log.start();
    root.addAppender(log);
    ours.setLevel(Level.DEBUG);
    List<String> secrets = new ArrayList<>();
    try {
      String planted = "pl4nted/secret+of a \"driver\"";
      secrets.add(planted);
      String hypervisor =
          """
          {"apiVersion": "millwright/v1", "kind": "Hypervisor",
           "metadata": {"name": "planted", "labels": {"a": "b"}},
           "spec": {"driver": "simulated", "settings": {"world": "planted", "password": %s}}}
          """
              .formatted(Json.write(planted));
      assertThat(rig.put("projects/secrets/hypervisors/planted", hypervisor).status())
          .isLessThan(300);
      rig.put("projects/secrets/hypervisors/planted", hypervisor.replace("\"b\"", "\"c\""));
      rig.put(
          "projects/secrets/hypervisors/planted", hypervisor.replace("simulated", "simulatedd"));
      rig.post("apply?project=secrets&dryRun=true", hypervisor.replace("\"b\"", "\"d\""));

      String first =
          rig.post("users", "{\"name\": \"planted\"}").json().path("password").asString();
      secrets.add(first);
      String chosen = "pl4nted own password";
      secrets.add(chosen);
      secrets.add("pl4nted wrong password");
      signIn("pl4nted wrong password");
      Reply in = signIn(first);
      String set = in.header("Set-Cookie");
      String cookie = set.substring(set.indexOf('=') + 1, set.indexOf(';'));
      secrets.add(cookie);
      secrets.add(in.json().path("csrfToken").asString());
      Reply changed =
          rig.send(
              HttpRequest.newBuilder(rig.uri("session/password"))
                  .header("Cookie", "millwright_session=" + cookie)
                  .header("X-CSRF-Token", in.json().path("csrfToken").asString())
                  .header("Content-Type", "application/json")
                  .POST(
                      BodyPublishers.ofString(
                          "{\"old\": \"%s\", \"new\": \"%s\"}".formatted(first, chosen)))
                  .build());
      assertThat(changed.status()).isEqualTo(204);
      secrets.add(rig.post("tokens", "{\"name\": \"planted\"}").json().path("secret").asString());

      StringBuilder seen = new StringBuilder();
      for (String path : reads("secrets", "planted", "00000000-0000-0000-0000-000000000000")) {
        seen.append(rig.get(path).raw().body()).append('\n');
      }
      assertThat(seen.toString()).contains("(sealed)");
      log.list.forEach(e ->
          seen.append(e.getFormattedMessage())
              .append(' ')
              .append(e.getThrowableProxy() == null ? "" : e.getThrowableProxy().getMessage())
              .append('\n'));
      String dump = rig.dump();
      assertThat(dump).contains("sealed:1:", "argon2id");
      seen.append(dump);
      ProcessHandle.allProcesses()
          .forEach(p -> seen.append(p.info().commandLine().orElse("")).append('\n'));
      for (String secret : secrets) {
        assertThat(secret).hasSizeGreaterThan(10);
        for (String form : forms(secret)) {
          assertThat(seen.toString()).as(form).doesNotContain(form);
        }
      }
    } finally {
      root.detachAppender(log);
      root.setLevel(level);
      ours.setLevel(null);
    }
  }

  private static List<String> forms(String secret) {
    byte[] bytes = secret.getBytes(UTF_8);
    return List.of(
        secret,
        Json.write(secret).replaceAll("^\"|\"$", ""),
        Base64.getEncoder().withoutPadding().encodeToString(bytes),
        Base64.getUrlEncoder().withoutPadding().encodeToString(bytes),
        HexFormat.of().formatHex(bytes),
        URLEncoder.encode(secret, UTF_8),
        secret.replace(" ", "\\ ").replace("\"", "\\\""));
  }

  private Reply signIn(String password) {
    return rig.send(
        HttpRequest.newBuilder(rig.uri("session"))
            .header("Content-Type", "application/json")
            .POST(
                BodyPublishers.ofString(
                    "{\"name\": \"planted\", \"password\": \"" + password + "\"}"))
            .build());
  }
}
