package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.Scope;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.People.Membership;
import io.millwright.engine.port.Quarantine;
import io.millwright.model.Kind;
import io.millwright.model.VolumeSpec;
import io.millwright.model.VolumeStatus;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Nothing is done that others have to approve before they have. */
@Tag("database")
class ApprovalsTest {
  private static final Rig RIG = Rig.shared();
  private static final List<String> PROJECTS =
      List.of(
          "ap1", "ap2", "ap3", "ap4", "ap5", "ap6", "ap7", "ap8", "ap9", "ap10", "ap11", "ap12");
  private static final Map<String, String> TOKENS = new HashMap<>();

  @BeforeAll
  static void people() {
    person("ask", Role.USER);
    person("op1", Role.OPERATOR);
    person("op2", Role.OPERATOR);
    person("adm", Role.ADMIN);
    Account other = account("ap-other");
    RIG.engine
        .access()
        .accounts()
        .grant(new Membership(false, "ap-other", "ap-elsewhere", Role.ADMIN));
    TOKENS.put("other", token(other));
    for (String project : PROJECTS) {
      RIG.apply(project, Rig.size("ap-big", 8, ""));
    }
  }

  private static void person(String name, Role role) {
    Account account = account("ap-" + name);
    for (String project : PROJECTS) {
      RIG.engine.access().accounts().grant(new Membership(false, "ap-" + name, project, role));
    }
    TOKENS.put(name, token(account));
  }

  private static Account account(String name) {
    Account own =
        RIG.engine.access().accounts().create(name, null, null).account().withPassword("", false);
    RIG.store.write(tx -> tx.people().update(own));
    return own;
  }

  private static String token(Account owner) {
    return RIG.engine.tokens().create(owner.name(), null, owner.uid(), Scope.ALL).secret();
  }

  private static Reply as(String who, String method, String path, String body) {
    return RIG.send(
        HttpRequest.newBuilder(RIG.uri(path))
            .header("Authorization", "Bearer " + TOKENS.get(who))
            .header("Content-Type", "application/yaml")
            .method(method, BodyPublishers.ofString(body))
            .build());
  }

  private static void rules(String project, String rules) {
    Reply put = RIG.put("projects/" + project + "/approval-rules", "{rules: [" + rules + "]}");
    assertThat(put.status()).as(put.raw().body()).isEqualTo(200);
  }

  private static String big(String name) {
    return Rig.machine(name).replace("size: small", "size: ap-big");
  }

  /** Asks for something that has to be approved; the uid of the request. */
  private static String held(Reply reply) {
    assertThat(reply.status()).as(reply.raw().body()).isEqualTo(409);
    assertThat(reply.json().path("type").asString()).endsWith("approval-needed");
    String detail = reply.json().path("detail").asString();
    return detail.replaceFirst(".*request ([-0-9a-f]{36}).*", "$1");
  }

  private static Reply decide(String who, String project, String uid, String what) {
    return as(who, "POST", "projects/" + project + "/approvals/" + uid + ":" + what, "");
  }

  private static boolean withdrawable(String who, String uid) {
    JsonNode shown = as(who, "GET", "projects/ap5/approvals/" + uid, "").json();
    return shown.path("withdrawable").asBoolean();
  }

  private static String state(String project, String uid) {
    return RIG.get("projects/" + project + "/approvals/" + uid).json().path("state").asString();
  }

  @Test
  void anotherPersonApprovesAndOnlyThenItIsDone() {
    rules("ap1", "{coresAbove: 4}");
    assertThat(as("ask", "PUT", "projects/ap1/machines/s", Rig.machine("s")).status())
        .as("what is small needs nobody")
        .isEqualTo(202);
    String quota = RIG.get("projects/ap1").json().path("used").toString();
    Reply dry = as("ask", "POST", "apply?project=ap1&dryRun=true", big("b"));
    assertThat(dry.json().path("approval").path("people").asInt()).isEqualTo(1);
    String uid = held(as("ask", "POST", "apply?project=ap1", big("b")));
    assertThat(held(as("ask", "PUT", "projects/ap1/machines/b", big("b"))))
        .as("the same again")
        .isEqualTo(uid);
    assertThat(RIG.get("projects/ap1/machines/b").status()).isEqualTo(404);
    assertThat(RIG.get("projects/ap1").json().path("used").toString()).isEqualTo(quota);
    JsonNode shown = as("op1", "GET", "projects/ap1/approvals/" + uid, "").json();
    assertThat(shown.path("plan").path(0).path("name").asString()).isEqualTo("b");
    assertThat(shown.path("plan").path(0).path("steps").size()).isPositive();
    assertThat(shown.path("because").path(0).asString())
        .isEqualTo("Machine b has 8 cores, more than 4");
    assertThat(shown.path("hindrance").asString()).isEmpty();

    assertThat(decide("ask", "ap1", uid, "approve").status()).as("a user").isEqualTo(403);
    assertThat(decide("other", "ap1", uid, "approve").status()).as("foreign").isEqualTo(404);
    assertThat(decide("op1", "ap2", uid, "approve").status()).as("not there").isEqualTo(404);
    Reply nobody = RIG.post("projects/ap1/approvals/" + uid + ":approve");
    assertThat(nobody.status()).isEqualTo(403);
    assertThat(nobody.raw().body()).contains("a person has to decide");
    assertThat(decide("op1", "ap1", uid, "approve").status()).isEqualTo(200);
    assertThat(state("ap1", uid)).isEqualTo("done");
    assertThat(RIG.get("projects/ap1/machines/b").status()).isEqualTo(200);
    assertThat(decide("op2", "ap1", uid, "approve").status()).as("it is over").isEqualTo(409);
    String off = big("b").replace("size:", "power: off, size:");
    assertThat(as("ask", "PUT", "projects/ap1/machines/b", off).status())
        .as("power needs nobody")
        .isEqualTo(202);
    String rebuild = held(as("ask", "POST", "projects/ap1/machines/b:rebuild", ""));
    assertThat(decide("op1", "ap1", rebuild, "approve").status()).isEqualTo(200);
    String events = RIG.get("projects/ap1/events?limit=200").raw().body();
    assertThat(events).contains("ApprovalWanted", "ApprovalDone");
    String audit = RIG.get("projects/ap1/audit?limit=100").raw().body();
    assertThat(audit).contains("\"held\"", "ap-op1", ":approve", "POST /api/v1/apply");
  }

  @Test
  void nobodyApprovesTheirOwnAndTwoAreTwo() {
    rules("ap2", "{coresAbove: 4, people: 2, roles: [operator]}");
    assertThat(as("ask", "PUT", "projects/ap2/machines/u", big("u")).status())
        .as("the rule is for operators")
        .isEqualTo(202);
    String uid = held(as("op1", "PUT", "projects/ap2/machines/b", big("b")));
    Reply own = decide("op1", "ap2", uid, "approve");
    assertThat(own.status()).isEqualTo(403);
    assertThat(own.raw().body()).contains("you asked for it yourself");
    assertThat(decide("op2", "ap2", uid, "approve").json().path("state").asString())
        .isEqualTo("waiting");
    assertThat(decide("op2", "ap2", uid, "approve").status()).as("twice").isEqualTo(409);
    assertThat(RIG.get("projects/ap2/machines/b").status()).isEqualTo(404);
    assertThat(decide("adm", "ap2", uid, "approve").json().path("state").asString())
        .isEqualTo("done");
    assertThat(RIG.get("projects/ap2/machines/b").status()).isEqualTo(200);
  }

  /** What the audit says became of the approvals of a request. */
  private static List<String> approvals(String project, String uid) {
    List<String> out = new ArrayList<>();
    for (JsonNode act : RIG.get("projects/" + project + "/audit").json().path("items")) {
      if (act.path("call").asString().endsWith(":approve")
          && act.path("name").asString().equals(uid)) {
        out.add(act.path("result").asString());
      }
    }
    return out;
  }

  @Test
  void machinesThatFollowAChangedSizeAreHeldAsIfEachWereChanged() {
    rules("ap10", "{coresAbove: 4}");
    String size = Rig.size("ap-own", 1, "");
    assertThat(as("op1", "PUT", "projects/ap10/sizes/ap-own", size).status()).isEqualTo(200);
    String larger = Rig.size("ap-own", 16, "");
    assertThat(as("op1", "PUT", "projects/ap10/sizes/ap-own", larger).status())
        .as("nobody has it")
        .isEqualTo(200);
    assertThat(as("op1", "PUT", "projects/ap10/sizes/ap-own", size).status()).isEqualTo(200);
    String machine = Rig.machine("m").replace("size: small", "size: ap-own");
    assertThat(as("ask", "PUT", "projects/ap10/machines/m", machine).status()).isEqualTo(202);
    String uid = held(as("op1", "PUT", "projects/ap10/sizes/ap-own", larger));
    assertThat(cores()).isOne();
    assertThat(decide("op2", "ap10", uid, "approve").status()).isEqualTo(200);
    assertThat(cores()).isEqualTo(16);
  }

  private static int cores() {
    JsonNode size = RIG.get("projects/ap10/sizes/ap-own").json();
    return size.path("spec").path("cores").asInt();
  }

  @Test
  void whatWasChangedMeanwhileLapses() {
    rules("ap3", "{coresAbove: 4}");
    String uid = held(as("ask", "PUT", "projects/ap3/machines/b", big("b")));
    RIG.apply("ap3", Rig.size("ap-big", 16, ""));
    Reply stale = decide("op1", "ap3", uid, "approve");
    assertThat(stale.status()).isEqualTo(409);
    assertThat(stale.raw().body()).contains("has lapsed, and nothing was done");
    assertThat(state("ap3", uid)).isEqualTo("lapsed");
    // What was not done is written when it was answered.
    Awaitility.await()
        .untilAsserted(() -> assertThat(approvals("ap3", uid)).containsExactly("conflict"));
    assertThat(RIG.get("projects/ap3/machines/b").status()).isEqualTo(404);
    String taken = held(as("ask", "POST", "projects/ap3/machines", big("c")));
    rules("ap3", "");
    assertThat(as("ask", "POST", "projects/ap3/machines", big("c")).status()).isEqualTo(202);
    assertThat(decide("op1", "ap3", taken, "approve").raw().body())
        .contains("there is a Machine c in project ap3 already");
    assertThat(state("ap3", taken)).isEqualTo("lapsed");
  }

  @Test
  void withAnotherSecretItIsAnotherRequest() {
    rules("ap11", "{coresAbove: 4}");
    String old = held(as("ask", "PUT", "projects/ap11/machines/s", secret("o")));
    String fresh = held(as("ask", "PUT", "projects/ap11/machines/s", secret("n")));
    assertThat(fresh).as("what was given first was the old one").isNotEqualTo(old);
    assertThat(held(as("ask", "PUT", "projects/ap11/machines/s", secret("n"))))
        .as("the same again")
        .isEqualTo(fresh);
    assertThat(decide("op1", "ap11", fresh, "approve").status()).isEqualTo(200);
    assertThat(state("ap11", fresh)).isEqualTo("done");
    assertThat(state("ap11", old)).isEqualTo("waiting");
    assertThat(as("ask", "PUT", "projects/ap11/machines/s", secret("n")).status())
        .as("it is what is declared now")
        .isLessThan(300);
  }

  private static String secret(String letter) {
    String users =
        "overrides: {users: [{name: eva, passwordHash: $6$secretsalt$" + letter.repeat(86) + "}]}";
    return big("s").replace("size:", users + ", size:");
  }

  @Test
  void aLargeVolumeIsHeldWhenItIsRestoredToo() {
    RIG.apply("ap12", Rig.volume("v", "7GiB"));
    RIG.store.write(tx -> {
      var volume =
          tx.resources()
              .find(Kind.VOLUME, "ap12", "v", VolumeSpec.class, VolumeStatus.class)
              .orElseThrow();
      UUID sim = tx.resources().find(Kind.HYPERVISOR, "shared", "sim").orElseThrow().uid();
      Instant now = Instant.now();
      tx.quarantine()
          .put(
              new Quarantine.Entry(
                  volume, sim, "ap12-disk", now, now.plus(Duration.ofDays(7)), false));
      tx.resources().remove(volume.uid());
    });
    rules("ap12", "{diskAbove: 5GiB}");
    String uid = held(as("ask", "POST", "projects/ap12/quarantine/v:restore?as=w", ""));
    assertThat(RIG.get("projects/ap12/volumes/w").status()).isEqualTo(404);
    assertThat(held(as("ask", "POST", "projects/ap12/quarantine/v:restore?as=w", "")))
        .as("the same again")
        .isEqualTo(uid);
    Reply approved = decide("op1", "ap12", uid, "approve");
    assertThat(approved.status()).as(approved.raw().body()).isEqualTo(200);
    assertThat(state("ap12", uid)).isEqualTo("done");
    assertThat(RIG.get("projects/ap12/volumes/w").status()).isEqualTo(200);
  }

  @Test
  void ofManyWhoApproveAtOnceOneHasItDone() throws Exception {
    rules("ap4", "{coresAbove: 4}");
    String uid = held(as("ask", "PUT", "projects/ap4/machines/b", big("b")));
    List<Callable<Integer>> all = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      String who = List.of("op1", "op2", "adm").get(i % 3);
      all.add(() -> decide(who, "ap4", uid, "approve").status());
    }
    int won = 0;
    try (var pool = Executors.newFixedThreadPool(12)) {
      for (Future<Integer> each : pool.invokeAll(all)) {
        assertThat(each.get()).isIn(200, 409);
        won += each.get() == 200 ? 1 : 0;
      }
    }
    assertThat(won).isEqualTo(1);
    JsonNode operations = RIG.get("operations?project=ap4&name=b").json().path("items");
    assertThat(operations.size()).isEqualTo(1);
  }

  @Test
  void itIsRejectedOrWithdrawn() {
    rules("ap5", "{networks: [], roles: [user]}");
    String uid = held(as("ask", "PUT", "projects/ap5/machines/a", Rig.machine("a")));
    assertThat(withdrawable("op1", uid)).isFalse();
    assertThat(decide("op1", "ap5", uid, "withdraw").status()).isEqualTo(403);
    assertThat(withdrawable("ask", uid)).isTrue();
    Account asker = RIG.store.read(tx -> tx.people().find("ap-ask")).orElseThrow();
    TOKENS.put(
        "ask-ci", RIG.engine.tokens().create("ap-ci", null, asker.uid(), Scope.ALL).secret());
    assertThat(withdrawable("ask-ci", uid)).as("by another token of theirs").isTrue();
    assertThat(decide("ask", "ap5", uid, "withdraw").status()).isEqualTo(200);
    assertThat(withdrawable("ask", uid)).as("it is over").isFalse();
    assertThat(decide("op1", "ap5", uid, "approve").status()).isEqualTo(409);
    String again = held(as("ask", "PUT", "projects/ap5/machines/a", Rig.machine("a")));
    assertThat(again).isNotEqualTo(uid);
    assertThat(decide("op1", "ap5", again, "reject?reason=too%20dear").status()).isEqualTo(200);
    JsonNode rejected = RIG.get("projects/ap5/approvals/" + again).json();
    assertThat(rejected.path("state").asString()).isEqualTo("rejected");
    assertThat(rejected.path("detail").asString())
        .isEqualTo("ap-op1/ap-op1 has rejected it: too dear");
    assertThat(RIG.get("projects/ap5/machines/a").status()).isEqualTo(404);
    assertThat(as("other", "GET", "projects/-/approvals", "").json().path("items").size()).isZero();
    JsonNode newest = RIG.get("projects/ap5/approvals?limit=1").json();
    assertThat(newest.path("items").size()).isOne();
    JsonNode older =
        RIG.get("projects/ap5/approvals?limit=1&before=" + newest.path("next").asString()).json();
    assertThat(older.path("items").get(0).path("uid").asString())
        .isLessThan(newest.path("items").get(0).path("uid").asString());
    assertThat(RIG.get("projects/ap5/approvals?waiting=true").json().path("items").size()).isZero();
  }

  @Test
  void whatATokenAskedForIsNotDoneWhenItIsVoid() {
    rules("ap7", "{coresAbove: 4}");
    Account ask = RIG.store.read(tx -> tx.people().find("ap-ask")).orElseThrow();
    Scope narrow = new Scope(Role.USER, List.of("ap7"), List.of());
    TOKENS.put("lost", RIG.engine.tokens().create("ap-lost", null, ask.uid(), narrow).secret());
    lapsesWithItsToken("lost");
    TOKENS.put("lost", RIG.engine.tokens().create("ap-lost", null, ask.uid(), narrow).secret());
    String stale = held(as("lost", "PUT", "projects/ap7/machines/c", big("c")));
    assertThat(RIG.delete("tokens/ap-lost").status()).isEqualTo(204);
    String again = held(as("ask", "PUT", "projects/ap7/machines/c", big("c")));
    assertThat(again).as("by a token that is in force").isNotEqualTo(stale);
    assertThat(state("ap7", stale)).isEqualTo("lapsed");
    assertThat(decide("op1", "ap7", again, "approve").status()).isEqualTo(200);
    assertThat(RIG.get("projects/ap7/machines/c").status()).isEqualTo(200);
  }

  @Test
  void whatATokenOfNobodyAskedForIsNotDoneWhenItIsVoid() {
    rules("ap7", "{coresAbove: 4}");
    TOKENS.put("nobody", RIG.engine.tokens().create("ap-nobody", null).secret());
    lapsesWithItsToken("nobody");
  }

  private static void lapsesWithItsToken(String who) {
    String machine = "projects/ap7/machines/" + who;
    String uid = held(as(who, "PUT", machine, big(who)));
    assertThat(RIG.delete("tokens/ap-" + who).status()).isEqualTo(204);
    Reply late = decide("op1", "ap7", uid, "approve");
    assertThat(late.status()).as(late.raw().body()).isEqualTo(409);
    assertThat(late.raw().body()).contains("asked for it is not in force any more");
    assertThat(state("ap7", uid)).isEqualTo("lapsed");
    assertThat(RIG.get(machine).status()).isEqualTo(404);
  }

  /** What waited when it was not written down yet by which token it was asked for. */
  @Test
  void whatWaitsFromBeforeIsDoneAsThePerson() {
    rules("ap7", "{coresAbove: 4}");
    String uid = held(as("ask", "PUT", "projects/ap7/machines/old", big("old")));
    RIG.sql("UPDATE approval SET token = NULL WHERE uid = '" + uid + "'");
    assertThat(decide("op1", "ap7", uid, "approve").status()).isEqualTo(200);
    assertThat(RIG.get("projects/ap7/machines/old").status()).isEqualTo(200);
  }

  @Test
  void nobodyGetsRoundARuleByNarrowingTheirOwnToken() {
    Account operator = RIG.store.read(tx -> tx.people().find("ap-op1")).orElseThrow();
    Scope weak = new Scope(Role.USER, List.of(), List.of());
    TOKENS.put("weak", RIG.engine.tokens().create("ap-weak", null, operator.uid(), weak).secret());
    rules("ap8", "{coresAbove: 4, roles: [operator]}");
    String uid = held(as("weak", "PUT", "projects/ap8/machines/b", big("b")));
    rules("ap8", "{coresAbove: 4, roles: [user]}");
    assertThat(held(as("weak", "PUT", "projects/ap8/machines/b", big("b"))))
        .as("it still is what it is narrowed to")
        .isEqualTo(uid);
    assertThat(as("op1", "PUT", "projects/ap8/machines/c", big("c")).status()).isEqualTo(202);
    rules("ap8", "{coresAbove: 4, roles: [operator]}");
    assertThat(decide("op2", "ap8", uid, "approve").status()).isEqualTo(200);
    assertThat(RIG.get("projects/ap8/machines/b").status()).isEqualTo(200);
  }

  @Test
  void theVoteOfWhoMayNotApproveAnyMoreDoesNotCount() {
    rules("ap9", "{coresAbove: 4, people: 2}");
    for (String who : List.of("left", "lower")) {
      person(who, Role.OPERATOR);
      String uid = held(as("ask", "PUT", "projects/ap9/machines/" + who, big(who)));
      assertThat(decide(who, "ap9", uid, "approve").status()).isEqualTo(200);
      if (who.equals("left")) {
        assertThat(RIG.post("users/ap-left:disable").status()).isEqualTo(200);
      } else {
        assertThat(RIG.put("projects/ap9/members/ap-lower", "{role: user}").status())
            .isEqualTo(200);
      }
      assertThat(decide("op1", "ap9", uid, "approve").json().path("state").asString())
          .as(who)
          .isEqualTo("waiting");
      assertThat(RIG.get("projects/ap9/machines/" + who).status()).isEqualTo(404);
      assertThat(decide("op2", "ap9", uid, "approve").json().path("state").asString())
          .as(who)
          .isEqualTo("done");
      assertThat(RIG.get("projects/ap9/machines/" + who).status()).isEqualTo(200);
    }
  }

  @Test
  void whatIsWrongIsSaid() {
    for (String wrong :
        List.of("{people: 3}", "{coresAbove: -1}", "{cores: 1}", "{roles: [king]}")) {
      Reply reply = RIG.put("projects/ap6/approval-rules", "{rules: [" + wrong + "]}");
      assertThat(reply.status()).as(wrong).isEqualTo(400);
      assertThat(reply.raw().body()).contains("rules[0]");
    }
    rules("ap6", "{coresAbove: 4}");
    String uid = held(as("ask", "PUT", "projects/ap6/machines/b", big("b")));
    String control = "%07";
    assertThat(decide("op1", "ap6", uid, "reject?reason=" + control).status()).isEqualTo(400);
    assertThat(decide("op1", "ap6", "nonsense", "approve").status()).isEqualTo(400);
    RIG.engine.access().accounts().revoke(false, "ap-ask", "ap6");
    assertThat(decide("op1", "ap6", uid, "approve").raw().body())
        .contains("ap-ask may not do it any more");
  }
}
