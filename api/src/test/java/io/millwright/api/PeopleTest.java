package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.Tx;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.assertj.core.api.Assertions;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** People: first password, session, roles, tokens; and how each of them ends. */
@Tag("database")
class PeopleTest {
  private final Rig rig = Rig.shared();

  /** A browser with a session. */
  private final class Browser {
    final String cookie;
    final String csrf;
    final JsonNode session;

    Browser(Reply signedIn) {
      assertThat(signedIn.status()).as(signedIn.raw().body()).isEqualTo(200);
      String set = signedIn.header("Set-Cookie");
      assertThat(set)
          .startsWith("millwright_session=mws_")
          .contains("HttpOnly", "SameSite=Strict", "Path=/");
      cookie = set.substring(0, set.indexOf(';'));
      session = signedIn.json();
      csrf = session.path("csrfToken").asString();
      assertThat(csrf).isNotEmpty();
    }

    HttpRequest.Builder to(String path) {
      return HttpRequest.newBuilder(rig.uri(path)).header("Cookie", cookie);
    }

    Reply get(String path) {
      return rig.send(to(path).build());
    }

    Reply post(String path, String json) {
      return rig.send(
          to(path)
              .header("X-CSRF-Token", csrf)
              .header("Content-Type", "application/json")
              .POST(BodyPublishers.ofString(json))
              .build());
    }
  }

  private Reply signIn(String name, String password) {
    return rig.send(
        HttpRequest.newBuilder(rig.uri("session"))
            .header("Content-Type", "application/json")
            .POST(
                BodyPublishers.ofString(
                    "{\"name\": \"%s\", \"password\": \"%s\"}".formatted(name, password)))
            .build());
  }

  @Test
  void aRoleByAGroupIsToldFromOneThatWasGiven() {
    create("grouped", "viewer");
    create("ungrouped", "");
    for (String name : List.of("grouped", "ungrouped")) {
      rig.store.write(tx ->
          tx.people()
              .update(
                  tx.people().find(name).orElseThrow().seenAs(name, List.of("people-platform"))));
    }
    assertThat(rig.put("roles/people-platform?group=true", "{\"role\": \"operator\"}").status())
        .isEqualTo(200);
    try {
      assertThat(user("grouped").path("role").asString()).isEqualTo("viewer");
      assertThat(user("grouped").at("/roles/global").asString()).isEqualTo("operator");
      assertThat(user("ungrouped").has("role")).isFalse();
      assertThat(user("ungrouped").at("/roles/global").asString()).isEqualTo("operator");
    } finally {
      rig.delete("roles/people-platform?group=true");
    }
  }

  private JsonNode user(String name) {
    for (JsonNode one : rig.get("users").json().path("items")) {
      if (one.path("name").asString().equals(name)) {
        return one;
      }
    }
    throw new AssertionError("there is no " + name);
  }

  private String create(String name, String role) {
    Reply made =
        rig.post(
            "users",
            "{\"name\": \"%s\"%s}"
                .formatted(name, role.isEmpty() ? "" : ", \"role\": \"" + role + "\""));
    assertThat(made.status()).as(made.raw().body()).isEqualTo(201);
    return made.json().path("password").asString();
  }

  /** Somebody who has a password of their own. */
  private Browser person(String name, String role) {
    String first = create(name, role);
    Browser browser = new Browser(signIn(name, first));
    Reply changed =
        browser.post(
            "session/password",
            "{\"old\": \"%s\", \"new\": \"correct horse %s\"}".formatted(first, name));
    assertThat(changed.status()).as(changed.raw().body()).isEqualTo(204);
    return browser;
  }

  private void member(String project, String name, String role) {
    assertThat(
            rig.put("projects/" + project + "/members/" + name, "{\"role\": \"" + role + "\"}")
                .status())
        .isEqualTo(200);
  }

  @Test
  void theFirstPasswordMustBeChangedBeforeAnythingElse() {
    String first = create("p1", "admin");
    Browser browser = new Browser(signIn("p1", first));
    assertThat(browser.session.path("user").path("mustChangePassword").asBoolean()).isTrue();
    Reply refused = browser.get("projects");
    assertThat(refused.status()).isEqualTo(403);
    assertThat(refused.json().path("type").asString()).endsWith("password-change-needed");
    assertThat(browser.get("/metrics").status()).as("nor beside the API").isEqualTo(403);
    assertThat(browser.get("session").status()).isEqualTo(200);
    String body = "{\"old\": \"%s\", \"new\": \"%s\"}";
    assertThat(browser.post("session/password", body.formatted(first, "short")).status())
        .isEqualTo(400);
    assertThat(browser.post("session/password", body.formatted(first, first)).status())
        .isEqualTo(400);
    assertThat(browser.post("session/password", body.formatted("wrong", "long enough 1")).status())
        .isEqualTo(400);
    Browser other = new Browser(signIn("p1", first));
    assertThat(browser.post("session/password", body.formatted(first, "long enough 1")).status())
        .isEqualTo(204);
    assertThat(other.get("session").status()).as("all other sessions end").isEqualTo(401);
    assertThat(browser.get("projects").status()).isEqualTo(200);
    assertThat(browser.get("session").json().path("roles").path("global").asString())
        .isEqualTo("admin");
    assertThat(signIn("p1", first).status()).isEqualTo(401);
    assertThat(signIn("p1", "long enough 1").status()).isEqualTo(200);
  }

  @Test
  void unknownAndWrongAreTheSameAndBothLock() {
    create("p2", "");
    for (String name : List.of("p2", "nobody-here")) {
      Reply wrong = signIn(name, "wrong");
      assertThat(wrong.status()).isEqualTo(401);
      assertThat(wrong.json().path("detail").asString())
          .isEqualTo("the name or the password is wrong");
      int locked = 0;
      for (int i = 0; i < 12; i++) {
        Reply reply = signIn(name, "wrong");
        if (reply.status() == 429) {
          locked++;
          assertThat(Integer.parseInt(reply.header("Retry-After"))).isPositive();
        }
      }
      assertThat(locked).as(name).isPositive();
    }
  }

  @Test
  void manyTriesAtOnceCountAsMany() throws Exception {
    create("p3", "");
    try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Integer>> all = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        all.add(pool.submit(() -> signIn("p3", "guess").status()));
      }
      int tried = 0;
      for (Future<Integer> each : all) {
        tried += each.get() == 401 ? 1 : 0;
      }
      assertThat(tried).as("passwords that were compared").isBetween(5, 12);
    }
  }

  private Account account(String name) {
    return rig.store.read(tx -> tx.people().find(name)).orElseThrow();
  }

  private void shutOut(Tx tx, String name) {
    Account account = tx.people().lock(name).orElseThrow();
    tx.people().update(account.withDisabled(true));
    tx.sessions().removeAll(account.uid(), null);
  }

  @Test
  void whoIsShutOutStaysSoWhateverElseChangesAtTheSameTime() {
    Browser browser = person("p-both", "viewer");
    String body = "{\"old\": \"correct horse p-both\", \"new\": \"another horse\"}";
    Reply changed =
        rig.meanwhile(
            tx -> {
              Account account = tx.people().lock("p-both").orElseThrow();
              tx.people().update(account.withDisabled(true));
            },
            () -> browser.post("session/password", body));
    assertThat(changed.status()).as(changed.raw().body()).isEqualTo(204);
    assertThat(account("p-both").disabled()).as("whose password changed").isTrue();

    rig.post("users/p-both:enable");
    Reply reset =
        rig.meanwhile(tx -> shutOut(tx, "p-both"), () -> rig.post("users/p-both:reset-password"));
    assertThat(reset.status()).as(reset.raw().body()).isEqualTo(200);
    assertThat(account("p-both").disabled()).as("whose password was reset").isTrue();
    assertThat(account("p-both").mustChange()).isTrue();
  }

  @Test
  void noSignInOutlivesAChangeOfThePasswordThatItBeganWith() {
    person("p-late", "viewer");
    String old = "correct horse p-late";
    String other = account("p-late").password() + "x"; // whatever it is, not the one compared
    Reply late =
        rig.meanwhile(
            tx -> {
              Account account = tx.people().lock("p-late").orElseThrow();
              tx.people().update(account.withPassword(other, false));
              tx.sessions().removeAll(account.uid(), null);
            },
            () -> signIn("p-late", old));
    assertThat(late.status()).as(late.raw().body()).isEqualTo(401);
    UUID uid = account("p-late").uid();
    assertThat(rig.engine.access().signIn().list(uid)).isEmpty();

    String first = rig.post("users/p-late:reset-password").json().path("password").asString();
    Browser again = new Browser(signIn("p-late", first));
    Reply changed =
        rig.meanwhile(
            tx -> {
              Account account = tx.people().lock("p-late").orElseThrow();
              tx.people().update(account.withPassword(other, true));
            },
            () ->
                again.post(
                    "session/password",
                    "{\"old\": \"%s\", \"new\": \"not by the old one\"}".formatted(first)));
    assertThat(changed.status()).as(changed.raw().body()).isEqualTo(400);
    assertThat(account("p-late").password()).isEqualTo(other);
  }

  @Test
  void whatIsMerelyOpenKeepsNoSessionAlive() {
    Browser browser = person("p-open", "admin");
    String secret = browser.cookie.substring(browser.cookie.indexOf('=') + 1);
    Bearers bearers = new Bearers(rig.engine.tokens(), rig.engine.access().signIn());
    assertThat(browser.get("sessions").status()).isEqualTo(200);
    rig.sql(
        "UPDATE session SET seen_at = now() - interval '7 hours' WHERE account = (SELECT uid FROM"
            + " account WHERE name = 'p-open')");
    assertThat(bearers.look(secret)).isPresent();
    assertThat(idle(secret)).as("nobody has asked for anything").isGreaterThan(Duration.ofHours(6));
    assertThat(bearers.authenticate(secret)).isPresent();
    assertThat(idle(secret))
        .as("a request is one, though somebody looked a moment before")
        .isLessThan(Duration.ofHours(1));
  }

  @Test
  void aPageThatNobodyTouchesKeepsNoSessionAlive() {
    Browser browser = person("p-away", "admin");
    String secret = browser.cookie.substring(browser.cookie.indexOf('=') + 1);
    rig.sql(
        "UPDATE session SET seen_at = now() - interval '7 hours' WHERE account = (SELECT uid FROM"
            + " account WHERE name = 'p-away')");
    // As if nothing had been asked by it for a while.
    rig.api.context().getBean(Bearers.class).forget();
    Reply polled = rig.send(browser.to("sessions").header("X-Unattended", "1").build());
    assertThat(polled.status()).isEqualTo(200);
    assertThat(idle(secret)).as("the page has asked by itself").isGreaterThan(Duration.ofHours(6));
    Reply acts =
        rig.send(
            browser
                .to("projects/p-away/sizes")
                .header("X-CSRF-Token", browser.csrf)
                .header("X-Unattended", "1")
                .header("Content-Type", "application/yaml")
                .POST(BodyPublishers.ofString(Rig.size("s", 1, "")))
                .build());
    assertThat(acts.status()).isEqualTo(201);
    assertThat(idle(secret)).as("somebody has acted").isLessThan(Duration.ofHours(1));
  }

  private Duration idle(String secret) {
    var session = rig.store.read(tx -> tx.sessions().find(sha256(secret))).orElseThrow();
    return Duration.between(session.seenAt(), Instant.now());
  }

  private static byte[] sha256(String text) {
    return Base64.getDecoder().decode(ConsoleTickets.hash(text));
  }

  @Test
  void anotherSiteCanChangeNothing() {
    Browser browser = person("p4", "admin");
    HttpRequest.Builder post =
        browser
            .to("projects/p4/sizes")
            .header("Content-Type", "application/yaml")
            .POST(BodyPublishers.ofString(Rig.size("s", 1, "")));
    Reply without = rig.send(post.copy().build());
    assertThat(without.status()).isEqualTo(403);
    assertThat(without.json().path("type").asString()).endsWith("csrf");
    assertThat(rig.send(post.copy().header("X-CSRF-Token", "guess").build()).status())
        .isEqualTo(403);
    Reply foreign =
        rig.send(
            post.copy()
                .header("X-CSRF-Token", browser.csrf)
                .header("Origin", "https://evil.example")
                .build());
    assertThat(foreign.status()).isEqualTo(403);
    Reply stream =
        rig.send(
            browser
                .to("projects/p4/events")
                .header("Accept", "text/event-stream")
                .header("Origin", "https://evil.example")
                .build());
    assertThat(stream.status()).isEqualTo(403);
    assertThat(
            rig.send(
                    post.copy()
                        .header("X-CSRF-Token", browser.csrf)
                        .header("Origin", rig.api.url())
                        .build())
                .status())
        .isEqualTo(201);
    assertThat(socket(browser, "https://evil.example")).isEqualTo(403);
    assertThat(socket(browser, null)).as("no page at all").isEqualTo(403);
    assertThat(socket(browser, rig.api.url())).as("without a ticket").isEqualTo(403);
    String ticket = "projects/p4/machines/none/console?ticket=wrong";
    assertThat(socket(browser, rig.api.url(), ticket)).isEqualTo(401);
    // What was refused is written when it was answered.
    Awaitility.await()
        .untilAsserted(() ->
            assertThat(refused("p4"))
                .containsExactlyInAnyOrder(
                    "127.0.0.1 sign-in POST /api/v1/projects/p4/sizes: csrf",
                    "127.0.0.1 sign-in POST /api/v1/projects/p4/sizes: csrf",
                    "127.0.0.1 sign-in POST /api/v1/projects/p4/sizes: csrf",
                    "127.0.0.1 sign-in GET /api/v1/projects/p4/events: csrf",
                    "127.0.0.1 sign-in GET /api/v1/projects/p4/machines/none/console: csrf",
                    "127.0.0.1 sign-in GET /api/v1/projects/p4/machines/none/console: csrf",
                    "127.0.0.1 console GET /api/v1/projects/p4/machines/none/console:"
                        + " unauthenticated"));
  }

  /** What was refused to somebody before it was known what it would do. */
  private List<String> refused(String who) {
    List<String> out = new ArrayList<>();
    for (JsonNode act : rig.get("audit?limit=1000&who=" + who).json().path("items")) {
      String call = act.path("call").asString();
      if (!call.contains("{") && !act.path("result").asString().equals("done")) {
        out.add(
            "%s %s %s: %s"
                .formatted(
                    act.path("origin").asString(),
                    act.path("verb").asString(),
                    call,
                    act.path("result").asString()));
      }
    }
    return out;
  }

  @Test
  void whatIsRefusedBeforeThePasswordIsChangedIsWrittenDown() {
    Browser browser = new Browser(signIn("p-first", create("p-first", "admin")));
    assertThat(browser.post("projects/p4/sizes", "{}").status()).isEqualTo(403);
    assertThat(browser.get("projects").status()).isEqualTo(403);
    Awaitility.await()
        .untilAsserted(() ->
            assertThat(refused("p-first"))
                .containsExactly(
                    "127.0.0.1 sign-in POST /api/v1/projects/p4/sizes: password-change-needed"));
  }

  private int socket(Browser browser, @org.jspecify.annotations.Nullable String origin) {
    return socket(browser, origin, "projects/p4/machines/none/console");
  }

  private int socket(
      Browser browser, @org.jspecify.annotations.Nullable String origin, String path) {
    URI http = rig.uri(path);
    WebSocket.Builder builder = rig.http.newWebSocketBuilder().header("Cookie", browser.cookie);
    if (origin != null) {
      builder.header("Origin", origin);
    }
    CompletionException thrown =
        Assertions.catchThrowableOfType(
            CompletionException.class,
            () ->
                builder
                    .buildAsync(
                        URI.create("ws" + http.toString().substring(4)),
                        new WebSocket.Listener() {})
                    .join());
    return thrown.getCause() instanceof WebSocketHandshakeException refused
        ? refused.getResponse().statusCode()
        : -1;
  }

  /** One path in other words; some are this very one to who decodes it. */
  private static final List<String> OTHER_SPELLINGS =
      List.of(
          "/%61pi/v1/projects",
          "/ap%69/v1/projects",
          "/api/v%31/projects",
          "/api/v1/pr%6fjects",
          "/api/v1/pr%6Fjects",
          "/api%2fv1/projects",
          "/%2561pi/v1/projects",
          "/api;x=y/v1/projects",
          "/api/v1/projects;x=y",
          "//api/v1/projects",
          "/api//v1/projects",
          "/api/./v1/projects",
          "/api/%2e/v1/projects",
          "/x/../api/v1/projects");

  @Test
  void aFirstPasswordOpensNoPathInOtherWords() {
    Browser first = new Browser(signIn("p10", create("p10", "admin")));
    for (String path : OTHER_SPELLINGS) {
      assertThat(first.get(path).status()).as(path).isEqualTo(400);
    }
  }

  @Test
  void anotherSiteOpensNoPathInOtherWords() {
    Browser browser = person("p14", "admin");
    for (String path : OTHER_SPELLINGS) {
      Reply foreign = rig.send(browser.to(path).header("Origin", "https://evil.example").build());
      assertThat(foreign.status()).as(path).isEqualTo(400);
    }
  }

  @Test
  void aWrongTicketOpensNoPathInOtherWords() {
    Browser browser = person("p11", "admin");
    String machine = "projects/p11/machines/none/";
    for (String path : List.of("c%6fnsole", "scr%65en", "console;x=y", "/console")) {
      assertThat(socket(browser, rig.api.url(), machine + path + "?ticket=wrong"))
          .as("with a wrong ticket: " + path)
          .isEqualTo(400);
    }
    assertThat(socket(browser, rig.api.url(), "/%61pi/v1/" + machine + "console?ticket=wrong"))
        .isEqualTo(400);
    assertThat(socket(browser, rig.api.url(), machine + "console?ticket=wrong")).isEqualTo(401);
  }

  @Test
  void whatHasToBeEncodedInAPathIs() {
    Browser browser = person("p12", "admin");
    assertThat(browser.post("projects/p12/machines/none%3Apower-off", "").raw().body())
        .isEqualTo(
            browser
                .post("projects/p12/machines/none:power-off", "")
                .raw()
                .body()
                .replace("none:power", "none%3Apower"))
        .contains("there is no Machine none");
    String group = "roles/%C3%A9quipe%20%7E?group=true";
    assertThat(rig.put(group, "{\"role\": \"viewer\"}").json().path("name").asString())
        .isEqualTo("équipe ~");
    assertThat(rig.delete(group).status()).isEqualTo(204);
  }

  @Test
  void aSessionEndsAtOnce() {
    Browser one = person("p5", "viewer");
    Browser two = new Browser(signIn("p5", "correct horse p5"));
    JsonNode mine = two.get("sessions").json().path("items");
    assertThat(mine.size()).isEqualTo(2);
    assertThat(mine.path(0).path("user").asString()).isEqualTo("p5");
    String first = mine.path(1).path("uid").asString();
    Reply ended =
        rig.send(two.to("sessions/" + first).header("X-CSRF-Token", two.csrf).DELETE().build());
    assertThat(ended.status()).isEqualTo(204);
    assertThat(one.get("projects").status()).isEqualTo(401);
    assertThat(two.get("projects").status()).isEqualTo(200);
    Browser stranger = person("p5b", "viewer");
    String second = mine.path(0).path("uid").asString();
    assertThat(
            rig.send(
                    stranger
                        .to("sessions/" + second)
                        .header("X-CSRF-Token", stranger.csrf)
                        .DELETE()
                        .build())
                .status())
        .as("a session of somebody else is none")
        .isEqualTo(404);
    assertThat(rig.post("users/p5:disable").status()).isEqualTo(200);
    assertThat(two.get("projects").status()).isEqualTo(401);
    assertThat(signIn("p5", "correct horse p5").status()).isEqualTo(401);
    assertThat(rig.post("users/p5:enable").status()).isEqualTo(200);
    Browser three = new Browser(signIn("p5", "correct horse p5"));
    assertThat(
            rig.send(three.to("session").header("X-CSRF-Token", three.csrf).DELETE().build())
                .status())
        .isEqualTo(204);
    assertThat(three.get("session").status()).as("a stolen cookie of it").isEqualTo(401);
  }

  @Test
  void aTokenIsWeakerAtOnceWhenItsOwnerIs() {
    Browser browser = person("p6", "");
    member("p6a", "p6", "user");
    member("p6b", "p6", "operator");
    String token =
        browser
            .post("tokens", "{\"name\": \"p6-ci\", \"projects\": [\"p6a\"]}")
            .json()
            .path("secret")
            .asString();
    String[] bearer = {"Authorization", "Bearer " + token};
    HttpRequest.Builder a =
        HttpRequest.newBuilder(rig.uri("projects/p6a/machines")).headers(bearer);
    assertThat(rig.send(a.build()).status()).isEqualTo(200);
    assertThat(
            rig.send(
                    HttpRequest.newBuilder(rig.uri("projects/p6b/machines"))
                        .headers(bearer)
                        .build())
                .status())
        .as("outside its scope")
        .isEqualTo(404);
    assertThat(
            rig.send(
                    HttpRequest.newBuilder(rig.uri("tokens"))
                        .headers(bearer)
                        .header("Content-Type", "application/json")
                        .POST(BodyPublishers.ofString("{\"name\": \"more\"}"))
                        .build())
                .status())
        .as("makes no wider one")
        .isEqualTo(403);
    rig.send(rig.request("projects/p6a/members/p6").DELETE().build());
    assertThat(rig.send(a.build()).status()).isEqualTo(404);
    member("p6a", "p6", "viewer");
    assertThat(rig.send(a.build()).status()).isEqualTo(200);
    rig.post("users/p6:disable");
    assertThat(rig.send(a.build()).status()).isEqualTo(401);
    assertThat(rig.delete("users/p6").status()).isEqualTo(204);
    rig.post("users", "{\"name\": \"p6\"}");
    assertThat(rig.send(a.build()).status()).as("another one of the same name").isEqualTo(401);
  }

  @Test
  void aNarrowedTokenLooksAfterNothingButItself() {
    Browser browser = person("p13", "admin");
    String secret =
        browser
            .post("tokens", "{\"name\": \"p13-look\", \"verbs\": [\"view\"]}")
            .json()
            .path("secret")
            .asString();
    assertThat(browser.post("tokens", "{\"name\": \"p13-other\"}").status()).isEqualTo(201);
    String session = browser.get("sessions").json().at("/items/0/uid").asString();
    assertThat(by(secret, "GET", "session").json().at("/user/name").asString())
        .isEqualTo("p13/p13-look");
    assertThat(by(secret, "GET", "tokens").status()).isEqualTo(403);
    assertThat(by(secret, "GET", "sessions").status()).isEqualTo(403);
    assertThat(by(secret, "DELETE", "tokens/p13-other").status()).isEqualTo(403);
    assertThat(by(secret, "DELETE", "sessions/" + session).status()).isEqualTo(403);
    assertThat(browser.get("tokens").raw().body()).contains("p13-other");
    assertThat(by(secret, "DELETE", "tokens/p13-look").status()).as("itself").isEqualTo(204);
    assertThat(by(secret, "GET", "session").status()).isEqualTo(401);

    String governs =
        browser
            .post("tokens", "{\"name\": \"p13-people\", \"verbs\": [\"govern\"]}")
            .json()
            .path("secret")
            .asString();
    assertThat(by(governs, "DELETE", "tokens/p13-other").status())
        .as("what is good for looking after people")
        .isEqualTo(204);
  }

  private Reply by(String secret, String method, String path) {
    return rig.send(
        HttpRequest.newBuilder(rig.uri(path))
            .header("Authorization", "Bearer " + secret)
            .method(method, BodyPublishers.noBody())
            .build());
  }

  @Test
  void aStreamEndsWhenItsRoleDoes() throws Exception {
    Browser browser = person("p7", "");
    member("p7", "p7", "viewer");
    var open =
        rig.http.sendAsync(
            browser.to("projects/p7/machines").header("Accept", "text/event-stream").build(),
            java.net.http.HttpResponse.BodyHandlers.ofString(UTF_8));
    Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> rig.api.context().getBean(LiveStreams.class).count() > 0);
    assertThat(open).isNotDone();
    rig.delete("projects/p7/members/p7");
    assertThat(open.get(10, java.util.concurrent.TimeUnit.SECONDS).body()).contains("synced");
  }

  @Test
  void whatIsForeignIsAsIfItWereNotThere() {
    rig.apply("p8-theirs", Rig.size("s", 2, ""));
    Browser browser = person("p8", "");
    member("p8-mine", "p8", "admin");
    Reply foreign = browser.get("projects/p8-theirs/sizes/s");
    Reply missing = browser.get("projects/p8-theirs/sizes/none");
    Reply nowhere = browser.get("projects/p8-nowhere/sizes/s");
    assertThat(List.of(foreign.status(), missing.status(), nowhere.status())).containsOnly(404);
    assertThat(foreign.raw().body().replace("/s\"", "").replace(" s ", ""))
        .isEqualTo(missing.raw().body().replace("/none\"", "").replace(" none ", ""));
    assertThat(browser.get("projects").json().path("items").toString())
        .contains("p8-mine", "shared")
        .doesNotContain("p8-theirs");
    assertThat(browser.get("projects/-/sizes").raw().body())
        .contains("small")
        .doesNotContain("p8-theirs");
    assertThat(browser.get("projects/-/events").raw().body()).doesNotContain("p8-theirs");
    assertThat(browser.get("operations").raw().body()).doesNotContain("p8-theirs");
    Reply apply = browser.post("apply?project=p8-theirs", Rig.size("s", 4, ""));
    assertThat(apply.status()).isEqualTo(404);
    assertThat(browser.get("users").status()).as("an admin of one project only").isEqualTo(403);
  }
}
