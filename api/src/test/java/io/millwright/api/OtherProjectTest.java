package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.api.Rig.Reply;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.Scope;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.People.Membership;
import io.millwright.model.Kind;
import io.millwright.store.WorkLoop;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What one asks for by name, by filter, by number or with a stolen ticket, and is somebody else's:
 * the answer is the very one that is given for what is not there.
 */
@Tag("database")
class OtherProjectTest {
  private static final String THEIRS = "othp-theirs";
  private static final String MINE = "othp-mine";

  /** As long as the real ones, and in no project. */
  private static final String NOBODYS = "othp-absent";

  private static final Rig RIG = Rig.shared();
  private static String ben = "";
  private static String anna = "";

  @BeforeAll
  static void twoProjects() {
    anna = member("othp-anna", THEIRS);
    ben = member("othp-ben", MINE);
    RIG.apply(THEIRS, everyKind());
    RIG.apply(THEIRS, Rig.machine("resting"));
    RIG.apply(MINE, labelled(Rig.machine("mine"), "mine"));
    try (WorkLoop _ = RIG.work()) {
      for (String ready :
          List.of(
              THEIRS + "/machines?fieldSelector=status.ready=true,metadata.name=theirs",
              THEIRS + "/machines?fieldSelector=status.ready=true,metadata.name=resting",
              MINE + "/machines?fieldSelector=status.ready=true,metadata.name=mine")) {
        Awaitility.await()
            .until(() -> RIG.get("projects/" + ready).json().path("items").size() == 1);
      }
      assertThat(RIG.post("projects/" + THEIRS + "/machines/resting:power-off").status())
          .isEqualTo(202);
      String snapshot = theirs(Kind.SNAPSHOT, "{machine: resting, description: theirs}");
      Awaitility.await()
          .untilAsserted(() -> {
            Reply reply = RIG.post("apply?project=" + THEIRS, snapshot);
            assertThat(reply.status()).as(reply.raw().body()).isLessThan(300);
          });
    }
  }

  private static String member(String name, String project) {
    Account account = RIG.engine.access().accounts().create(name, null, null).account();
    Account own = account.withPassword("", false);
    RIG.store.write(tx -> tx.people().update(own));
    RIG.engine.access().accounts().grant(new Membership(false, name, project, Role.ADMIN));
    return RIG.engine.tokens().create(name, null, own.uid(), Scope.ALL).secret();
  }

  private static String labelled(String manifest, String whose) {
    return manifest.replace("name: ", "labels: {whose: %s}, name: ".formatted(whose));
  }

  /** One of each kind, of the same name and with the same label. */
  private static String everyKind() {
    Map<Kind, String> specs = new LinkedHashMap<>();
    specs.put(
        Kind.HYPERVISOR, "{driver: simulated, cordoned: true, settings: {world: othp-theirs}}");
    specs.put(Kind.NETWORK, "{subnets: [{cidr: 10.77.0.0/24}]}");
    specs.put(Kind.SIZE, "{cores: 3, memory: 1GiB, disk: 4GiB}");
    specs.put(Kind.PROFILE, "{users: [{name: eva}]}");
    specs.put(
        Kind.IMAGE, "{os: debian, version: '12', build: {builder: simulated, suite: bookworm}}");
    specs.put(Kind.VOLUME, "{size: 1GiB, hypervisor: sim, reclaim: delete}");
    specs.put(Kind.MACHINE, "{image: img, size: small}");
    specs.put(Kind.GROUP, "{count: 0, machine: {image: img, size: small}}");
    specs.put(Kind.POOL, "{ready: 0, ttl: 1h, machine: {image: img, size: small}}");
    specs.put(Kind.SOURCE, "{url: 'https://git.example.org/theirs', driver: simulated}");
    specs.put(Kind.WEBHOOK, "{url: 'http://127.0.0.1:9/theirs', secret: 0123456789abcdef}");
    specs.put(
        Kind.OFFER,
        "{title: theirs, manifests: [{apiVersion: millwright/v1, kind: Group,"
            + " metadata: {name: ordered},"
            + " spec: {count: 0, machine: {image: img, size: small}}}]}");
    Set<Kind> kinds = EnumSet.allOf(Kind.class);
    kinds.remove(Kind.SNAPSHOT); // of a machine that is at rest, so later
    assertThat(specs.keySet()).as("one of each kind").isEqualTo(kinds);
    StringBuilder out = new StringBuilder();
    specs.forEach((kind, spec) -> out.append(theirs(kind, spec)));
    return out.toString();
  }

  private static String theirs(Kind kind, String spec) {
    return """
    ---
    apiVersion: millwright/v1
    kind: %s
    metadata: {name: theirs, labels: {whose: theirs}}
    spec: %s
    """
        .formatted(kind, spec);
  }

  private static HttpRequest.Builder as(String token, String path) {
    return HttpRequest.newBuilder(RIG.uri(path)).header("Authorization", "Bearer " + token);
  }

  private static String answer(String token, String path) {
    Reply reply = RIG.send(as(token, path).build());
    return reply.status() + " " + reply.raw().body();
  }

  private static List<String> filters() {
    List<String> out = new ArrayList<>();
    for (Kind kind : Kind.values()) {
      String list = "projects/-/" + kind.plural() + "?";
      out.add(list + "labelSelector=whose=%s");
      out.add(list + "labelSelector=whose+in+(%s,x)");
      out.add(list + "fieldSelector=metadata.name=%s");
    }
    out.add("projects/-/snapshots?fieldSelector=spec.description=%s");
    out.add("projects/-/offers?fieldSelector=spec.title=%s");
    out.add("projects/-/events?name=%s");
    out.add("projects/-/events?kind=Machine&name=%s");
    out.add("operations?name=%s");
    out.add("operations?kind=Machine&name=%s");
    return out;
  }

  @Test
  void aFilterThatFitsTheirThingsFindsWhatOneFindsThatFitsNone() {
    for (String filter : filters()) {
      String theirs = answer(ben, filter.formatted("theirs"));
      assertThat(theirs).as(filter).startsWith("200 ").doesNotContain(THEIRS);
      assertThat(theirs)
          .as(filter)
          .doesNotContain("\"theirs\"")
          .isEqualTo(answer(ben, filter.formatted("absent")));
      // It does fit: who may see them is shown them, and ben his own by the same filter.
      assertThat(answer(anna, filter.formatted("theirs")))
          .as(filter)
          .startsWith("200 ")
          .contains(THEIRS);
      if (filter.contains("/machines?") || filter.contains("Machine&")) {
        assertThat(answer(ben, filter.formatted("mine"))).as(filter).contains(MINE);
      }
    }
  }

  @Test
  void theirProjectIsNoneWhateverOneFiltersBy() {
    for (String filter : filters()) {
      String theirs =
          filter.startsWith("operations")
              ? filter + "&project=" + THEIRS
              : filter.replace("projects/-/", "projects/" + THEIRS + "/");
      String path = theirs.formatted("theirs");
      assertThat(answer(ben, path).replace(THEIRS, NOBODYS))
          .as(path)
          .isEqualTo(answer(ben, path.replace(THEIRS, NOBODYS)));
      assertThat(answer(anna, path)).as(path).startsWith("200 ").contains(THEIRS);
    }
  }

  @Test
  void theLogOfTheirOperationIsThatOfNone() {
    int withLines = 0;
    for (var operation : RIG.get("operations?limit=1000&project=" + THEIRS).json().path("items")) {
      String uid = operation.at("/metadata/uid").asString();
      String none = "00000000-0000-7000-8000-000000000000";
      for (String path : List.of("", "/logs", "/logs?after=1&limit=5")) {
        assertThat(answer(ben, "operations/" + uid + path).replace(uid, none))
            .as(path)
            .startsWith("404 ")
            .isEqualTo(answer(ben, "operations/" + none + path));
      }
      Reply cancel =
          RIG.send(as(ben, "operations/" + uid + ":cancel").POST(BodyPublishers.noBody()).build());
      assertThat(cancel.status()).isEqualTo(404);
      Reply log = RIG.send(as(anna, "operations/" + uid + "/logs").build());
      assertThat(log.status()).isEqualTo(200);
      withLines += log.json().path("items").isEmpty() ? 0 : 1;
    }
    assertThat(withLines).as("of these operations something was logged").isPositive();
  }

  private static String ticket(String token, String project, String machine) {
    Reply made =
        RIG.send(
            as(token, "projects/" + project + "/machines/" + machine + "/console-tickets")
                .POST(BodyPublishers.noBody())
                .build());
    assertThat(made.status()).as(made.raw().body()).isEqualTo(201);
    return made.json().path("ticket").asString();
  }

  private static WebSocket open(String token, String path) {
    URI http = RIG.uri(path);
    return RIG.http
        .newWebSocketBuilder()
        .header("Authorization", "Bearer " + token)
        .buildAsync(URI.create("ws" + http.toString().substring(4)), new WebSocket.Listener() {})
        .join();
  }

  private static void refused(String token, String path, int... statuses) {
    assertThatThrownBy(() -> open(token, path).abort())
        .as(path)
        .cause()
        .isInstanceOfSatisfying(
            WebSocketHandshakeException.class,
            e -> assertThat(e.getResponse().statusCode()).isIn(boxed(statuses)));
  }

  private static List<Integer> boxed(int... statuses) {
    return java.util.Arrays.stream(statuses).boxed().toList();
  }

  @Test
  void aTicketToTheirConsoleOpensNothingForAnybodyElse() {
    for (String what : List.of("console", "screen")) {
      String theirs = "projects/" + THEIRS + "/machines/theirs/" + what;
      String mine = "projects/" + MINE + "/machines/mine/" + what;
      refused(ben, theirs + "?ticket=" + ticket(anna, THEIRS, "theirs"), 401, 404);
      refused(ben, mine + "?ticket=" + ticket(anna, THEIRS, "theirs"), 401);
      refused(ben, theirs + "?ticket=" + ticket(ben, MINE, "mine"), 401, 404);
      refused(ben, theirs, 404);
      // They are good for those for whom they were made.
      open(anna, theirs + "?ticket=" + ticket(anna, THEIRS, "theirs")).abort();
      open(ben, mine + "?ticket=" + ticket(ben, MINE, "mine")).abort();
    }
    assertThat(
            RIG.send(
                    as(ben, "projects/" + THEIRS + "/machines/theirs/console-tickets")
                        .POST(BodyPublishers.noBody())
                        .build())
                .status())
        .isEqualTo(404);
  }

  @Test
  void aWatchHearsOfItsOwnWhatItDoesNotHearOfTheirs() throws Exception {
    List<String> watches =
        List.of(
            "projects/-/sizes",
            "projects/-/sizes?labelSelector=whose",
            "projects/-/sizes?labelSelector=whose+in+(alive,mine,theirs)",
            "projects/-/sizes?fieldSelector=metadata.name=alive",
            "projects/-/events?name=alive&changes=true",
            "projects/-/events?kind=Size&changes=true");
    Map<String, Heard> hers = new LinkedHashMap<>();
    Map<String, Heard> his = new LinkedHashMap<>();
    try {
      for (String path : watches) {
        hers.put(path, new Heard(Events.openAs(RIG, anna, path), path));
        his.put(path, new Heard(Events.openAs(RIG, ben, path), path));
      }
      for (int cores = 10; cores < 13; cores++) {
        String size = labelled(Rig.size("alive", cores, ""), "alive");
        // Each of hers is before one of his that he hears, and so would have been heard before it.
        RIG.apply(THEIRS, size);
        for (Heard heard : hers.values()) {
          heard.await(THEIRS);
        }
        RIG.apply(MINE, size);
        for (Heard heard : his.values()) {
          heard.await(MINE);
        }
      }
      his.forEach((path, heard) -> assertThat(heard.all()).as(path).doesNotContain(THEIRS));
      hers.forEach((path, heard) -> assertThat(heard.all()).as(path).doesNotContain(MINE));
    } finally {
      for (Heard heard : hers.values()) {
        heard.events.close();
      }
      for (Heard heard : his.values()) {
        heard.events.close();
      }
    }
  }

  /** What a stream has told so far. */
  private static final class Heard {
    private final Events events;
    private final StringBuilder all = new StringBuilder();

    Heard(Events events, String path) throws Exception {
      this.events = events;
      assertThat(events.status).isEqualTo(200);
      if (path.contains("/events")) {
        return;
      }
      // What there is already comes first.
      Events.Event event = events.next();
      while (!event.name().equals("synced")) {
        all.append(event.data()).append('\n');
        event = events.next();
      }
    }

    /** Reads until something new of that project is told. */
    void await(String project) throws Exception {
      Events.Event event;
      do {
        event = events.next();
        all.append(event.data()).append('\n');
      } while (!event.data().contains(project) || !event.data().contains("alive"));
    }

    String all() {
      return all.toString();
    }
  }
}
