package io.millwright.api;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.sun.net.httpserver.HttpServer;
import io.millwright.api.Rig.Reply;
import io.millwright.driver.testkit.GuestBehaviour;
import io.millwright.driver.testkit.ProcessArguments;
import io.millwright.driver.testkit.SimulatedHypervisor;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.Scope;
import io.millwright.engine.access.SingleSignOn;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.People.Membership;
import io.millwright.model.Kind;
import io.millwright.model.Secret;
import io.millwright.model.manifest.Json;
import io.millwright.store.WorkLoop;
import io.millwright.store.embedded.EmbeddedPostgres;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import java.util.stream.Stream;
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
    // What is refused for want of a role is written into the audit, of which this asks, too.
    paths.removeIf(path -> path.endsWith("/foreign-machines"));
    for (String path : paths) {
      Reply reply = rig.send(as(token, path).build());
      out.put(path, reply.status() + " " + reply.raw().body());
    }
    for (String path : List.of("projects/-/showback", "projects/iso-theirs/showback")) {
      Reply reply = rig.send(as(token, path).header("Accept", "text/csv").build());
      out.put(path, reply.status() + " " + reply.raw().body());
    }
    // What opens a console or a screen of theirs, and what would be behind it.
    String machine = "projects/iso-theirs/machines/theirs/";
    for (String what : List.of("console", "screen")) {
      Reply ticket =
          rig.send(as(token, machine + what + "-tickets").POST(BodyPublishers.noBody()).build());
      out.put(machine + what + "-tickets", ticket.status() + " " + ticket.raw().body());
      Reply shake = rig.send(as(token, machine + what + "?ticket=guessed").build());
      out.put(machine + what, shake.status() + " " + shake.raw().body());
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
            "projects/-/events?changes=true",
            "projects/-/machines?labelSelector=!x",
            "projects/-/offers",
            "projects/-/pools",
            "projects/-/groups",
            "projects/-/sources",
            "projects/-/webhooks",
            "operations")) {
      StringBuffer heard = new StringBuffer();
      streams.add(heard);
      open.add(
          rig.http.sendAsync(
              as(token, path).header("Accept", "text/event-stream").build(),
              HttpResponse.BodyHandlers.fromLineSubscriber(new Lines(heard, heard))));
    }
    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .until(() -> streams.stream().noneMatch(StringBuffer::isEmpty));

    rig.apply("iso-theirs", Rig.size("theirs", 3, ""));
    rig.put("projects/iso-theirs/machines/theirs", Rig.machine("theirs"));
    rig.put("projects/iso-theirs/volumes/theirs", Rig.volume("theirs", "1GiB"));
    for (String kind : OF_THEIRS) {
      rig.apply("iso-theirs", kind);
    }
    assertThat(rig.post("projects/iso-theirs/offers/theirs:order", "{\"parameters\": {}}").status())
        .isLessThan(300);
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

  /** Of kinds that do something by themselves, or can be ordered from. */
  private static final List<String> OF_THEIRS =
      List.of(
          """
          apiVersion: millwright/v1
          kind: Offer
          metadata: {name: theirs}
          spec:
            title: iso-theirs
            manifests:
              - apiVersion: millwright/v1
                kind: Group
                metadata: {name: theirs-ordered}
                spec: {count: 0, machine: {image: img, size: small}}
          """,
          """
          apiVersion: millwright/v1
          kind: Pool
          metadata: {name: theirs}
          spec: {ready: 0, ttl: 1h, machine: {image: img, size: small}}
          """,
          """
          apiVersion: millwright/v1
          kind: Source
          metadata: {name: theirs}
          spec: {url: "https://git.example.org/iso-theirs", driver: simulated}
          """,
          """
          apiVersion: millwright/v1
          kind: Webhook
          metadata: {name: theirs}
          spec: {url: "http://127.0.0.1:9/iso-theirs", secret: 0123456789abcdef}
          """);

  /** Keeps what a stream tells. */
  private record Lines(StringBuffer heard, StringBuffer all)
      implements java.util.concurrent.Flow.Subscriber<String> {
    @Override
    public void onSubscribe(java.util.concurrent.Flow.Subscription s) {
      heard.append(' ');
      s.request(Long.MAX_VALUE);
    }

    @Override
    public void onNext(String line) {
      heard.append(line).append('\n');
      if (heard != all) {
        all.append(line).append('\n');
      }
    }

    @Override
    public void onError(Throwable e) {}

    @Override
    public void onComplete() {}
  }

  private static final Pattern TELLING =
      Pattern.compile("(?i).*(secret|password|passphrase|token|credential|privatekey)s?");

  /**
   * Where the model has secrets: {@code KIND path}, found by their annotation, or a telling name.
   */
  private static Set<String> secretFields() {
    Set<String> out = new TreeSet<>();
    for (Kind kind : Kind.values()) {
      secretFields(kind + " spec", kind.specType(), out);
    }
    return out;
  }

  private static void secretFields(String path, Class<?> type, Set<String> out) {
    for (RecordComponent c : type.getRecordComponents()) {
      String here = path + "." + c.getName();
      Class<?> of =
          c.getType() == List.class
                  && c.getGenericType() instanceof ParameterizedType list
                  && list.getActualTypeArguments()[0] instanceof Class<?> element
              ? element
              : c.getType();
      if (c.isAnnotationPresent(Secret.class)
          || of == String.class && TELLING.matcher(c.getName()).matches()) {
        out.add(here);
      } else if (of.isRecord()) {
        secretFields(here, of, out);
      }
    }
  }

  /** A manifest for each of them, with %s where the secret stands. */
  private static final Map<String, String> WITH_SECRETS =
      new TreeMap<>(
          Map.of(
              "Profile spec.users.passwordHash",
              """
              {"apiVersion": "millwright/v1", "kind": "Profile",
               "metadata": {"name": "planted", "labels": {"a": "b"}},
               "spec": {"users": [{"name": "eva", "passwordHash": %s}]}}
              """,
              "Machine spec.overrides.users.passwordHash",
              """
              {"apiVersion": "millwright/v1", "kind": "Machine",
               "metadata": {"name": "planted", "labels": {"a": "b"}},
               "spec": {"image": "img", "size": "small", "hypervisor": "planted", "power": "off",
                "overrides": {"users": [{"name": "eva", "passwordHash": %s}]}}}
              """,
              "Group spec.machine.overrides.users.passwordHash",
              """
              {"apiVersion": "millwright/v1", "kind": "Group",
               "metadata": {"name": "planted", "labels": {"a": "b"}},
               "spec": {"count": 0, "machine": {"image": "img", "size": "small",
                "overrides": {"users": [{"name": "eva", "passwordHash": %s}]}}}}
              """,
              "Pool spec.machine.overrides.users.passwordHash",
              """
              {"apiVersion": "millwright/v1", "kind": "Pool",
               "metadata": {"name": "planted", "labels": {"a": "b"}},
               "spec": {"ready": 0, "machine": {"image": "img", "size": "small",
                "overrides": {"users": [{"name": "eva", "passwordHash": %s}]}}}}
              """,
              "Network spec.defaults.users.passwordHash",
              """
              {"apiVersion": "millwright/v1", "kind": "Network",
               "metadata": {"name": "planted", "labels": {"a": "b"}},
               "spec": {"attachments": [{"hypervisor": "planted", "bridge": "br0"}], "subnets": [{"cidr": "10.99.0.0/24"}],
                "defaults": {"users": [{"name": "eva", "passwordHash": %s}]}}}
              """,
              "Hypervisor spec.settings",
              """
              {"apiVersion": "millwright/v1", "kind": "Hypervisor",
               "metadata": {"name": "planted", "labels": {"a": "b"}},
               "spec": {"driver": "simulated", "settings": {"world": "planted", "password": %s}}}
              """,
              "Network spec.services.settings",
              """
              {"apiVersion": "millwright/v1", "kind": "Network",
               "metadata": {"name": "planted", "labels": {"a": "b"}},
               "spec": {"attachments": [{"hypervisor": "planted", "bridge": "br0"}], "subnets": [{"cidr": "10.99.0.0/24"}],
                "services": {"driver": "simulated", "settings": {"key": %s}}}}
              """,
              "Source spec.settings",
              """
              {"apiVersion": "millwright/v1", "kind": "Source",
               "metadata": {"name": "planted", "labels": {"a": "b"}},
               "spec": {"url": "https://git.example.org/planted", "driver": "simulated",
                "settings": {"webhookSecret": %s}}}
              """,
              "Webhook spec.secret",
              """
              {"apiVersion": "millwright/v1", "kind": "Webhook",
               "metadata": {"name": "planted", "labels": {"a": "b"}},
               "spec": {"url": "http://127.0.0.1:9/planted", "secret": %s}}
              """));

  @Test
  void aPlantedSecretIsFoundNowhere() throws Exception {
    assertThat(WITH_SECRETS.keySet())
        .as("plant a secret in every field that is one")
        .isEqualTo(secretFields());
    ListAppender<ILoggingEvent> log = new ListAppender<>();
    Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    Level level = root.getLevel();
    Logger ours = (Logger) LoggerFactory.getLogger("io.millwright");
    log.start();
    root.addAppender(log);
    ours.setLevel(Level.DEBUG);
    List<String> secrets = new ArrayList<>();
    StringBuffer seen = new StringBuffer();
    List<CompletableFuture<?>> streams = new ArrayList<>();
    SimulatedHypervisor world = SimulatedHypervisor.world("planted");
    List<String> media = new CopyOnWriteArrayList<>();
    StringBuffer seeds = new StringBuffer();
    world.guests(guest -> {
      if (guest.seed() != null) {
        media.add(Objects.requireNonNull(guest.definition().medium()));
        seeds.append(new String(guest.seed(), ISO_8859_1)).append('\n');
      }
      return GuestBehaviour.wellBehaved().start(guest);
    });
    try (WorkLoop work = rig.work();
        ProcessArguments processes = ProcessArguments.watching()) {
      List<String> watched = new ArrayList<>(List.of("operations", "projects/secrets/events"));
      WITH_SECRETS.keySet().forEach(field -> watched.add("projects/secrets/" + plural(field)));
      for (String path : watched) {
        StringBuffer heard = new StringBuffer();
        streams.add(
            rig.http.sendAsync(
                as(rig.token, path).header("Accept", "text/event-stream").build(),
                HttpResponse.BodyHandlers.fromLineSubscriber(new Lines(heard, seen))));
        Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> !heard.isEmpty());
      }
      WITH_SECRETS.forEach((field, manifest) -> {
        boolean hash = field.endsWith("passwordHash");
        String planted =
            hash
                ? "$6$pl4nted/$" + field.replaceAll("[^A-Za-z]", "/").repeat(3)
                : "pl4nted/secret+of a \"%s\" and 'more'".formatted(field);
        secrets.add(planted);
        String whole = manifest.formatted(Json.write(planted));
        String path = "projects/secrets/" + plural(field) + "/planted";
        Reply reply = rig.put(path, whole);
        assertThat(reply.status()).as(field + ": " + reply.raw().body()).isLessThan(300);
        // What answers say of it: changed, refused, planned, sealed anew.
        for (String other :
            List.of(
                whole.replace("\"b\"", "\"c\""),
                whole.replace("\"spec\"", "\"specc\""),
                whole.replace("simulated", "simulatedd"),
                manifest.formatted(Json.write(planted + (hash ? "/anew" : " anew"))))) {
          seen.append(rig.put(path, other).raw().body()).append('\n');
        }
        seen.append(
            rig.post("apply?project=secrets&dryRun=true", whole.replace("\"b\"", "\"d\""))
                .raw()
                .body());
      });
      // Driven by them, in vain or not, and told of in the journal.
      Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> seen.toString().contains("(sealed)"));

      // What a machine is given to read beside those secrets; and that none of it is left behind.
      rig.apply(
          "secrets",
          """
          apiVersion: millwright/v1
          kind: Machine
          metadata: {name: seeded}
          spec: {image: img, size: small, hypervisor: planted, nics: [{network: planted}]}
          """);
      Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .until(() ->
              rig.get("projects/secrets/machines?fieldSelector=status.ready=true")
                      .json()
                      .path("items")
                      .size()
                  == 1);
      assertThat(media).isNotEmpty();
      assertThat(seeds.toString()).as("as it is written").contains("#cloud-config", "seeded");
      seen.append(seeds);
      Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> media.stream().allMatch(m -> world.medium(m).isEmpty()));

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

      secrets.add(signInElsewhere(seen));
      secrets.add(startDatabase(seen, processes));

      for (String project : List.of("secrets", "-")) {
        for (String path : reads(project, "planted", "00000000-0000-0000-0000-000000000000")) {
          seen.append(rig.get(path).raw().body()).append('\n');
        }
      }
      for (String path : List.of("/", "/p/secrets/webhooks/planted", "/api/v1/audit?limit=1000")) {
        seen.append(rig.get(path).raw().body()).append('\n');
      }
      log.list.forEach(e ->
          seen.append(e.getFormattedMessage())
              .append(' ')
              .append(e.getThrowableProxy() == null ? "" : e.getThrowableProxy().getMessage())
              .append('\n'));
      String dump = rig.dump();
      assertThat(dump).contains("sealed:1:", "argon2id");
      seen.append(dump);
      assertThat(processes.seen()).as("of this one, too").anyMatch(p -> p.contains("java"));
      processes.seen().forEach(p -> seen.append(p).append('\n'));
      try (Stream<Path> files = Files.walk(rig.images)) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          seen.append(Files.readString(file, ISO_8859_1)).append('\n');
        }
      }
      String all = seen.toString();
      for (String secret : secrets) {
        assertThat(secret).hasSizeGreaterThan(10);
        for (String form : forms(secret)) {
          assertThat(all.contains(form)).as("found: " + form).isFalse();
        }
      }
      // What is looked for would be found: each kind's answer shows that its secret was there.
      for (String field : WITH_SECRETS.keySet()) {
        assertThat(rig.get("projects/secrets/" + plural(field) + "/planted").raw().body())
            .as(field)
            .contains("(sealed)");
      }
    } finally {
      streams.forEach(s -> s.cancel(true));
      root.detachAppender(log);
      root.setLevel(level);
      ours.setLevel(null);
    }
  }

  /**
   * Has the server show its secret to a provider of identities, which does not like it, and then
   * says nothing that can be believed.
   */
  private String signInElsewhere(StringBuffer seen) throws Exception {
    String secret = "pl4nted/client+secret \"of\" 'ours' & more";
    AtomicReference<URI> issuer = new AtomicReference<>();
    AtomicInteger status = new AtomicInteger(401);
    List<String> shown = new CopyOnWriteArrayList<>();
    HttpServer provider =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    issuer.set(URI.create("http://127.0.0.1:" + provider.getAddress().getPort()));
    provider.createContext(
        "/",
        exchange -> {
          boolean token = exchange.getRequestURI().getPath().equals("/token");
          if (token) {
            shown.add(
                new String(
                    Base64.getDecoder()
                        .decode(
                            exchange
                                .getRequestHeaders()
                                .getFirst("Authorization")
                                .substring("Basic ".length())),
                    UTF_8));
          }
          byte[] body =
              Json.write(
                      token
                          ? Map.of("id_token", "not.a.token", "access_token", "a")
                          : Map.of(
                              "issuer", issuer.get(),
                              "authorization_endpoint", issuer.get() + "/auth",
                              "token_endpoint", issuer.get() + "/token",
                              "jwks_uri", issuer.get() + "/keys"))
                  .getBytes(UTF_8);
          exchange.sendResponseHeaders(token ? status.get() : 200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    provider.start();
    try (SignInLab lab =
        SignInLab.start(rig, SignInLab.freeSite(), issuer.get(), secret, InstantSource.system())) {
      for (int answer : List.of(401, 200)) {
        status.set(answer);
        SignInLab.Browser browser = lab.browser();
        String there = browser.depart("");
        String state = there.replaceFirst(".*[?&]state=([^&]+).*", "$1");
        seen.append(there).append('\n');
        Reply back = browser.get(lab.api.url() + SingleSignOn.CALLBACK + "?code=c&state=" + state);
        assertThat(back.status()).as(back.raw().body()).isGreaterThanOrEqualTo(300);
        seen.append(back.raw().headers().map()).append(back.raw().body()).append('\n');
      }
      for (String path : List.of("/api/v1/session/ways", "/api/v1/session", "/")) {
        seen.append(browserless(lab, path)).append('\n');
      }
    } finally {
      provider.stop(0);
    }
    assertThat(shown)
        .as("the provider was shown it")
        .hasSizeGreaterThanOrEqualTo(2)
        .allMatch(s -> s.endsWith(":" + URLEncoder.encode(secret, UTF_8)));
    return secret;
  }

  private String browserless(SignInLab lab, String path) {
    return rig.send(
            HttpRequest.newBuilder(URI.create(lab.api.url() + path))
                .header("Authorization", "Bearer " + rig.token)
                .build())
        .raw()
        .body();
  }

  /** Real programs, one of which must know a password. */
  private static String startDatabase(StringBuffer seen, ProcessArguments processes)
      throws Exception {
    Path data = Rig.directory("planted");
    try (EmbeddedPostgres postgres =
        EmbeddedPostgres.start(data, line -> seen.append(line).append('\n'))) {
      Awaitility.await()
          .until(() -> processes.seen().stream().anyMatch(p -> p.contains(data.toString())));
      return postgres.password();
    } finally {
      Rig.delete(data);
    }
  }

  private static String plural(String field) {
    return field.substring(0, field.indexOf(' ')).toLowerCase(Locale.ROOT) + "s";
  }

  /**
   * As it is, in JSON, base64 at each offset, hex, URL-encoded both ways, and quoted for a shell.
   */
  private static Set<String> forms(String secret) {
    Set<String> out = new LinkedHashSet<>();
    byte[] bytes = secret.getBytes(UTF_8);
    out.add(secret);
    String json = Json.write(secret).replaceAll("^\"|\"$", "");
    out.add(json);
    out.add(Json.write(json).replaceAll("^\"|\"$", "")); // JSON in JSON
    for (int offset = 0; offset < 3; offset++) {
      byte[] shifted = new byte[offset + bytes.length];
      System.arraycopy(bytes, 0, shifted, offset, bytes.length);
      String whole = Base64.getEncoder().withoutPadding().encodeToString(shifted);
      // The first and the last group also hold what stands around it.
      String inner = whole.substring(offset == 0 ? 0 : 4, whole.length() / 4 * 4 - 4);
      out.add(inner);
      out.add(inner.replace('+', '-').replace('/', '_'));
    }
    out.add(HexFormat.of().formatHex(bytes));
    out.add(URLEncoder.encode(secret, UTF_8));
    out.add(URLEncoder.encode(secret, UTF_8).replace("+", "%20"));
    out.add(secret.replaceAll("([^a-zA-Z0-9_@%+=:,./-])", "\\\\$1"));
    out.add(secret.replace("'", "'\\''"));
    out.add(secret.replace("\\", "\\\\").replace("\"", "\\\""));
    return out;
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
