package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Events.Event;
import io.millwright.api.Rig.Reply;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.Scope;
import io.millwright.engine.port.People.Account;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Watches: nothing is lost, not at the beginning and not between two connections. */
@Tag("database")
class StreamsTest {
  private final Rig rig = Rig.shared();

  private LiveStreams live() {
    return rig.api.context().getBean("impatientStreams", LiveStreams.class);
  }

  @Test
  void aWatchTellsWhatThereIsAndWhatBecomesOfIt() throws Exception {
    rig.put("projects/w1/sizes/old", Rig.size("old", 1, ""));
    try (Events events = Events.open(rig, "projects/w1/sizes")) {
      assertThat(events.status).isEqualTo(200);
      assertThat(events.contentType).startsWith("text/event-stream");
      Event present = events.next();
      assertThat(present.name()).isEqualTo("added");
      assertThat(present.about()).isEqualTo("old");
      assertThat(present.id()).isEmpty();
      Event synced = events.next();
      assertThat(synced.name()).isEqualTo("synced");
      assertThat(synced.id()).isNotEmpty();

      rig.put("projects/w1/sizes/new", Rig.size("new", 1, ""));
      expect(events, "added", "new");
      rig.put("projects/w1/sizes/new", Rig.size("new", 2, ""));
      Event changed = expect(events, "modified", "new");
      assertThat(changed.json().at("/spec/cores").asInt()).isEqualTo(2);
      rig.put(
          "projects/w1/profiles/p",
          "{apiVersion: millwright/v1, kind: Profile, metadata: {name: p}, spec: {}}");
      rig.put("projects/w1-other/sizes/new", Rig.size("new", 1, ""));
      rig.delete("projects/w1/sizes/new");
      Event gone = expect(events, "deleted", "new");
      assertThat(gone.json().has("spec")).isFalse();
      assertThat(gone.json().at("/metadata/uid").asString()).isNotEmpty();
    }
  }

  private static Event expect(Events events, String name, String about) throws Exception {
    Event event = events.next();
    assertThat(event.name() + " " + event.about()).isEqualTo(name + " " + about);
    assertThat(event.id()).isNotEmpty();
    return event;
  }

  @Test
  void aWatchGoesOnWhereItStopped() throws Exception {
    String last;
    try (Events events = Events.open(rig, "projects/w2/sizes")) {
      last = events.next().id();
    }
    rig.put("projects/w2/sizes/a", Rig.size("a", 1, ""));
    rig.put("projects/w2/sizes/b", Rig.size("b", 1, ""));
    rig.put("projects/w2/sizes/b", Rig.size("b", 2, ""));
    rig.put("projects/w2/sizes/c", Rig.size("c", 1, ""));
    rig.delete("projects/w2/sizes/c");
    try (Events events = Events.open(rig, "projects/w2/sizes", "Last-Event-ID", last)) {
      Event a = expect(events, "added", "a");
      Event b = expect(events, "added", "b");
      assertThat(b.json().at("/spec/cores").asInt()).isEqualTo(2);
      rig.put("projects/w2/sizes/a", Rig.size("a", 3, ""));
      expect(events, "modified", "a");
      assertThat(a.id()).isNotEqualTo(b.id());
      last = a.id();
    }
    try (Events events = Events.open(rig, "projects/w2/sizes", "Last-Event-ID", last)) {
      expect(events, "added", "b");
      expect(events, "modified", "a");
    }
    Reply nonsense =
        rig.get("projects/w2/sizes", "Accept", "text/event-stream", "Last-Event-ID", "x");
    assertThat(nonsense.status()).isEqualTo(400);
    assertThat(nonsense.header("Content-Type")).isEqualTo("application/problem+json");
    assertThat(nonsense.json().at("/errors/0/field").asString()).isEqualTo("Last-Event-ID");
  }

  @Test
  void aPlaceThatIsNotKeptIsGone() throws Exception {
    String last;
    try (Events events = Events.open(rig, "projects/w3/sizes")) {
      last = events.next().id();
    }
    rig.put("projects/w3/sizes/a", Rig.size("a", 1, ""));
    rig.put("projects/w3/sizes/b", Rig.size("b", 1, ""));
    rig.store.write(tx -> tx.journal().prune(Duration.ZERO));
    Reply gone = rig.get("projects/w3/sizes", "Accept", "text/event-stream", "Last-Event-ID", last);
    assertThat(gone.status()).as(gone.raw().body()).isEqualTo(410);
  }

  @Test
  void whatNoLongerMatchesIsDeletedForAWatcherWithASelector() throws Exception {
    rig.put("projects/w4/sizes/a", Rig.size("a", 1, "labels: {on: \"yes\"}"));
    rig.put("projects/w4/sizes/b", Rig.size("b", 1, ""));
    try (Events events = Events.open(rig, "projects/w4/sizes?labelSelector=on=yes")) {
      assertThat(events.next().about()).isEqualTo("a");
      assertThat(events.next().name()).isEqualTo("synced");
      rig.put("projects/w4/sizes/b", Rig.size("b", 2, ""));
      rig.put("projects/w4/sizes/b", Rig.size("b", 2, "labels: {on: \"yes\"}"));
      expect(events, "added", "b");
      rig.put("projects/w4/sizes/a", Rig.size("a", 1, ""));
      expect(events, "deleted", "a");
      rig.put("projects/w4/sizes/b", Rig.size("b", 3, "labels: {on: \"yes\"}"));
      expect(events, "modified", "b");
    }
    try (Events events = Events.open(rig, "projects/w4/sizes?fieldSelector=spec.cores=3")) {
      assertThat(events.next().about()).isEqualTo("b");
      assertThat(events.next().name()).isEqualTo("synced");
    }
  }

  @Test
  void whatNoLongerMatchesIsDeletedAlsoForAWatcherThatGoesOn() throws Exception {
    String matching = "projects/w22/sizes?labelSelector=on=yes";
    rig.put("projects/w22/sizes/a", Rig.size("a", 1, "labels: {on: \"yes\"}"));
    rig.put("projects/w22/sizes/b", Rig.size("b", 1, ""));
    String last;
    try (Events events = Events.open(rig, matching)) {
      assertThat(events.next().about()).isEqualTo("a");
      last = events.next().id();
    }
    try (Events events = Events.open(rig, matching, "Last-Event-ID", last)) {
      rig.put("projects/w22/sizes/a", Rig.size("a", 1, ""));
      expect(events, "deleted", "a");
      rig.put("projects/w22/sizes/a", Rig.size("a", 2, ""));
      rig.put("projects/w22/sizes/a", Rig.size("a", 2, "labels: {on: \"yes\"}"));
      expect(events, "added", "a");
      rig.put("projects/w22/sizes/a", Rig.size("a", 3, ""));
      expect(events, "deleted", "a");
    }
  }

  /** Writers write while watchers come: each sees every resource, whenever it came. */
  @Test
  void nothingIsLostBetweenTheListAndTheChanges() throws Exception {
    int writers = 3;
    int each = 20;
    List<Thread> threads = new ArrayList<>();
    for (int w = 0; w < writers; w++) {
      int writer = w;
      threads.add(
          Thread.ofVirtual()
              .start(() -> {
                for (int i = 0; i < each; i++) {
                  String name = "s" + writer + "-" + i;
                  rig.put("projects/w5/sizes/" + name, Rig.size(name, 1, ""));
                }
              }));
    }
    List<Events> watchers = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      watchers.add(Events.open(rig, "projects/w5/sizes"));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    for (Events events : watchers) {
      Set<String> seen = new HashSet<>();
      while (seen.size() < writers * each) {
        Event event = events.next();
        assertThat(event.name()).isNotEqualTo(Events.END);
        if (!event.name().equals("synced")) {
          seen.add(event.about());
        }
      }
      events.close();
    }
  }

  @Test
  void anOperationIsFollowedToItsEnd() throws Exception {
    Reply made = rig.post("projects/w6/machines", Rig.machine("m"));
    String path = made.header("Location");
    UUID uid = UUID.fromString(made.json().at("/metadata/uid").asString());
    UUID target = UUID.fromString(made.json().at("/spec/target/uid").asString());
    List<String> ids = new ArrayList<>();
    try (Events events = Events.open(rig, path)) {
      assertThat(events.next().json().at("/status/state").asString()).isEqualTo("pending");
      Operation claimed =
          rig.store.inTransaction(tx -> tx.operations().claim(target)).orElseThrow();
      assertThat(events.next().json().at("/status/state").asString()).isEqualTo("running");
      rig.store.write(tx -> tx.operations().log(uid, "create-disk", List.of("one", "two")));
      Event one = events.next();
      assertThat(one.name()).isEqualTo("log");
      assertThat(one.json().path("line").asString()).isEqualTo("one");
      ids.add(one.id());
      assertThat(events.next().json().path("line").asString()).isEqualTo("two");
      rig.store.write(tx -> {
        tx.operations().log(uid, "create-disk", List.of("three"));
        tx.operations().progress(uid, claimed.epoch(), new Operation.State.Succeeded(), List.of());
      });
      assertThat(events.next().json().path("line").asString()).isEqualTo("three");
      Event last = events.next();
      assertThat(last.json().at("/status/state").asString()).isEqualTo("succeeded");
      assertThat(last.json().at("/status/percent").asInt()).isEqualTo(100);
      assertThat(events.next().name()).isEqualTo(Events.END);
    }
    try (Events events = Events.open(rig, path, "Last-Event-ID", ids.getFirst())) {
      assertThat(events.next().json().path("line").asString()).isEqualTo("two");
      assertThat(events.next().json().path("line").asString()).isEqualTo("three");
      assertThat(events.next().name()).isEqualTo("operation");
      assertThat(events.next().name()).isEqualTo(Events.END);
    }
  }

  @Test
  void operationsAreWatchedAsResourcesAre() throws Exception {
    Reply made = rig.post("projects/wa/machines", Rig.machine("m"));
    String uid = made.json().at("/metadata/uid").asString();
    UUID target = UUID.fromString(made.json().at("/spec/target/uid").asString());
    String last;
    Operation claimed;
    try (Events events = Events.open(rig, "operations?project=wa")) {
      Event present = events.next();
      assertThat(present.name() + present.json().at("/metadata/uid").asString())
          .isEqualTo("added" + uid);
      assertThat(events.next().name()).isEqualTo("synced");
      rig.post("projects/wa-other/machines", Rig.machine("m"));
      claimed = rig.store.inTransaction(tx -> tx.operations().claim(target)).orElseThrow();
      Event running = events.next();
      assertThat(running.name()).isEqualTo("modified");
      assertThat(running.json().at("/metadata/uid").asString()).isEqualTo(uid);
      assertThat(running.json().at("/status/state").asString()).isEqualTo("running");
      last = running.id();
    }
    rig.post("projects/wa/machines", Rig.machine("n"));
    try (Events events = Events.open(rig, "operations?project=wa", "Last-Event-ID", last)) {
      Event added = events.next();
      assertThat(added.name()).isEqualTo("added");
      assertThat(added.json().at("/spec/target/name").asString()).isEqualTo("n");
    }
    try (Events running = Events.open(rig, "operations?project=wa&state=running&kind=Machine");
        Events open = Events.open(rig, "operations?project=wa&state=open")) {
      assertThat(running.next().json().at("/metadata/uid").asString()).isEqualTo(uid);
      assertThat(running.next().name()).isEqualTo("synced");
      assertThat(open.next().json().at("/status/state").asString()).isEqualTo("pending");
      assertThat(open.next().json().at("/status/state").asString()).isEqualTo("running");
      assertThat(open.next().name()).isEqualTo("synced");
      rig.store.write(tx ->
          tx.operations()
              .progress(
                  claimed.uid(), claimed.epoch(), new Operation.State.Succeeded(), List.of()));
      Event left = running.next();
      assertThat(left.name()).isEqualTo("deleted");
      assertThat(left.json().at("/metadata/uid").asString()).isEqualTo(uid);
      assertThat(open.next().name()).isEqualTo("deleted");
    }
    try (Events newest = Events.open(rig, "operations?project=wa&limit=1")) {
      assertThat(newest.next().json().at("/spec/target/name").asString()).isEqualTo("n");
      assertThat(newest.next().name()).isEqualTo("synced");
    }
  }

  @Test
  void thatSomebodyDidSomethingIsHeardByWhoMaySeeItsProjectOrDidIt() throws Exception {
    rig.post("users", "{\"name\": \"st-acts\"}");
    rig.put("projects/st-mine/members/st-acts", "{\"role\": \"user\"}");
    UUID account =
        rig.store.inTransaction(tx -> {
          Account fresh = tx.people().find("st-acts").orElseThrow().withPassword("", false);
          tx.people().update(fresh);
          return fresh.uid();
        });
    String secret = rig.engine.tokens().create("st-acts", null, account, Scope.ALL).secret();
    try (Events heard = Events.openAs(rig, secret, "projects/-/events?changes=true")) {
      rig.put("projects/st-theirs/quota", "{machines: 7}"); // what comes after it is heard first
      rig.post("tokens", "{name: st-house}");
      rig.put("projects/st-mine/quota", "{machines: 7}");
      assertThat(act(heard)).isEqualTo("st-mine");
      rig.send(
          HttpRequest.newBuilder(rig.uri("tokens"))
              .header("Authorization", "Bearer " + secret)
              .header("Content-Type", "application/yaml")
              .POST(BodyPublishers.ofString("{name: st-own}"))
              .build());
      assertThat(act(heard)).isEmpty();
      rig.put("projects/st-mine/approval-rules", "{rules: []}");
      assertThat(act(heard)).isEqualTo("st-mine");
      // A page that hears of its own refusal would read again, and be refused, for ever.
      assertThat(
              rig.send(
                      HttpRequest.newBuilder(rig.uri("projects/st-mine/audit"))
                          .header("Authorization", "Bearer " + secret)
                          .build())
                  .status())
          .isEqualTo(403);
      rig.put("prices", "{\"currency\": \"EUR\", \"sizes\": {}}");
      assertThat(act(heard)).isEmpty();
    }
  }

  /** The project of the next line, which says nothing else. */
  private static String act(Events heard) throws Exception {
    Event line = heard.next();
    while (line.json().has("kind")) { // of what is shared
      line = heard.next();
    }
    assertThat(line.json().path("name").asString()).isEmpty();
    assertThat(line.json().path("reason").asString()).isEmpty();
    return line.json().path("project").asString();
  }

  @Test
  void listsThatTheJournalDoesNotKnowAreWatchedToo() throws Exception {
    String last;
    try (Events tokens = Events.open(rig, "tokens")) {
      Event event = tokens.next();
      while (!event.name().equals("synced")) {
        assertThat(event.name()).isEqualTo("added");
        event = tokens.next();
      }
      rig.post("tokens", "{name: seen}");
      Event added = tokens.next();
      assertThat(added.name() + " " + added.json().path("name").asString()).isEqualTo("added seen");
      last = added.id();
      assertThat(last).isNotEmpty().isNotEqualTo(event.id());
    }
    try (Events tokens = Events.open(rig, "tokens", "Last-Event-ID", last)) {
      rig.delete("tokens/seen");
      Event gone = tokens.next();
      assertThat(gone.name() + " " + gone.json().path("name").asString()).isEqualTo("deleted seen");
    }
    assertThat(rig.get("tokens", "Accept", "text/event-stream", "Last-Event-ID", last).status())
        .isEqualTo(410);
    try (Events projects = Events.open(rig, "projects")) {
      Event event = projects.next();
      while (!event.name().equals("synced")) {
        event = projects.next();
      }
      rig.put("projects/wb/sizes/s", Rig.size("s", 1, ""));
      assertThat(projects.next().json().asString()).isEqualTo("wb");
    }
    for (String list : List.of("orphans", "projects/-/quarantine")) {
      try (Events events = Events.open(rig, list)) {
        assertThat(events.status).as(list).isEqualTo(200);
        assertThat(events.next().name()).as(list).isEqualTo("synced");
      }
    }
  }

  /**
   * Who may do what, which are answers to the asker and short lists of people; and histories, to
   * which lines are added and in which none changes; and what others have on a hypervisor, which is
   * looked at there. They are read when they are shown.
   */
  private static final Pattern READ_WHEN_SHOWN =
      Pattern.compile(
          ".*/(actions|access|users|roles|members|sessions|audit|revisions|foreign-machines)");

  /** Whatever can be listed can be watched; a new list has to say how. */
  @Test
  void everyListIsWatchable() {
    JsonNode api = rig.get("openapi.json").json();
    List<String> deaf = new ArrayList<>();
    api.path("paths")
        .properties()
        .forEach(path -> {
          JsonNode get = path.getValue().path("get");
          if (get.path("operationId").asString("").startsWith("list")
              && !READ_WHEN_SHOWN.matcher(path.getKey()).matches()
              && !get.at("/responses/200/content").has("text/event-stream")) {
            deaf.add(path.getKey());
          }
        });
    assertThat(api.path("paths").size()).isGreaterThan(20);
    assertThat(deaf).isEmpty();
  }

  @Test
  void eventsAreToldAsTheyHappen() throws Exception {
    UUID uid = UUID.randomUUID();
    note(uid, "one");
    String last;
    try (Events events = Events.open(rig, "projects/w7/events")) {
      assertThat(events.next().json().path("message").asString()).isEqualTo("one");
      note(uid, "two");
      Event two = events.next();
      assertThat(two.json().path("message").asString()).isEqualTo("two");
      last = two.id();
      note(uid, "three");
      assertThat(events.next().json().path("message").asString()).isEqualTo("three");
    }
    try (Events events = Events.open(rig, "projects/w7/events", "Last-Event-ID", last)) {
      assertThat(events.next().json().path("message").asString()).isEqualTo("three");
    }
  }

  private void note(UUID uid, String message) {
    rig.store.write(tx -> tx.journal().note(Kind.SIZE, "w7", uid, "s", "Told", message));
  }

  @Test
  void whoGoesAwayLeavesNothingBehind() throws Exception {
    Events events = Events.open(rig, "projects/w8/sizes");
    events.next();
    int open = live().count();
    assertThat(open).isPositive();
    assertThat(events.any().name()).isEqualTo(Events.COMMENT);
    events.close();
    Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> live().count() < open);
  }

  @Test
  void onePersonDoesNotTakeTheStreamsOfAll() throws Exception {
    String one = viewer("w12-one");
    String other = viewer("w12-other");
    int before = live().count();
    List<Events> all = new ArrayList<>();
    try {
      for (int i = 0; i < 100; i++) {
        Events events = Events.openAs(rig, one, "projects/w12/sizes");
        all.add(events);
        assertThat(events.status).isEqualTo(200);
      }
      try (Events more = Events.openAs(rig, one, "projects/w12/sizes")) {
        assertThat(more.status).isEqualTo(429);
      }
      all.add(Events.openAs(rig, other, "projects/w12/sizes"));
      assertThat(all.getLast().status).as("somebody else").isEqualTo(200);
      all.removeFirst().close();
      Awaitility.await()
          .until(() -> {
            Events again = Events.openAs(rig, one, "projects/w12/sizes");
            all.add(again);
            return again.status == 200;
          });
    } finally {
      for (Events events : all) {
        events.close();
      }
    }
    Awaitility.await().until(() -> live().count() <= before);
  }

  /** The token of somebody who sees everything. */
  private String viewer(String name) {
    UUID uid = rig.engine.access().accounts().create(name, null, Role.VIEWER).account().uid();
    rig.store.write(
        tx -> tx.people().update(tx.people().find(uid).orElseThrow().withPassword("", false)));
    return rig.engine.tokens().create(name, null, uid, Scope.ALL).secret();
  }

  @Test
  void aListTellsNothingNewToATokenThatIsRevoked() throws Exception {
    String secret = rig.post("tokens", "{name: reader}").json().path("secret").asString();
    try (Events projects = Events.openAs(rig, secret, "projects")) {
      Event event = projects.next();
      while (!event.name().equals("synced")) {
        event = projects.next();
      }
      rig.delete("tokens/reader");
      rig.put("projects/w11/sizes/s", Rig.size("s", 1, ""));
      assertThat(projects.next().name()).isEqualTo(Events.END);
    }
  }

  @Test
  void anOperationTellsNothingNewToATokenThatIsRevoked() throws Exception {
    String secret = rig.post("tokens", "{name: follower}").json().path("secret").asString();
    Reply made = rig.post("projects/w10/machines", Rig.machine("m"));
    UUID uid = UUID.fromString(made.json().at("/metadata/uid").asString());
    try (Events operation = Events.openAs(rig, secret, made.header("Location"))) {
      assertThat(operation.next().name()).isEqualTo("operation");
      rig.delete("tokens/follower");
      rig.store.write(tx -> tx.operations().log(uid, "create-disk", List.of("one")));
      assertThat(operation.next().name()).isEqualTo(Events.END);
    }
  }

  @Test
  void aWatchEndsWithItsToken() throws Exception {
    String secret = rig.post("tokens", "{name: watcher}").json().path("secret").asString();
    try (Events events = Events.openAs(rig, secret, "projects/w9/sizes")) {
      assertThat(events.next().name()).isEqualTo("synced");
      rig.delete("tokens/watcher");
      assertThat(events.next().name()).isEqualTo(Events.END);
    }
  }
}
