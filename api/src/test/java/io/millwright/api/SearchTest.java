package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.port.Audit;
import io.millwright.model.Kind;
import java.net.URLEncoder;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What is searched for in a long list is found however old it is. */
@Tag("database")
class SearchTest {
  private final Rig rig = Rig.shared();

  /** Values of a field, of what a list answers. */
  private List<String> found(String list, String words, String field) {
    String q = "q=" + URLEncoder.encode(words, UTF_8);
    Rig.Reply reply = rig.get(list + (list.contains("?") ? "&" : "?") + "limit=2&" + q);
    assertThat(reply.status()).as(reply.raw().body()).isEqualTo(200);
    List<String> out = new ArrayList<>();
    reply.json().path("items").forEach(i -> out.add(i.at(field).asString()));
    return out;
  }

  private void refusesWhatIsTooLong(String list) {
    assertThat(rig.get(list + "?q=" + "x".repeat(201)).raw().body())
        .contains("q: must be 200 characters at most");
  }

  @Test
  void operationsAreFoundByWhatIsShownOfThem() {
    rig.sql(
        """
        INSERT INTO operation (uid, project, verb, kind, target, name, generation, word, state,
                               requested_by, created_at, ended_at, steps)
        SELECT gen_random_uuid(), 'search-' || n % 2, 'CREATE', 'MACHINE', gen_random_uuid(),
               'sought-' || n, 1, 'failed',
               jsonb_build_object('word', 'failed', 'reason', 'Full', 'message',
                 'Disk ' || n || ' is at 100% of a_b\\c ' || n),
               'Search Ann', now(), now(), '[]'
        FROM generate_series(0, 9) n
        """);
    assertThat(rig.get("operations?project=search-0&limit=2").json().path("items").size())
        .isEqualTo(2);
    String names = "/spec/target/name";
    assertThat(found("operations", "SOUGHT-0 create machine", names)).containsExactly("sought-0");
    assertThat(found("operations?project=search-0", "ann dISK is 0", names))
        .containsExactly("sought-8", "sought-6");
    assertThat(found("operations?project=search-1", "sought-0", names)).isEmpty();
    assertThat(found("operations?project=search-1", "search-1", names))
        .as("a project that is not shown, since all of it is")
        .isEmpty();
    assertThat(found("operations", "search-1 failed sought-1", names)).containsExactly("sought-1");
    assertThat(found("operations", "sought 100% a_b\\c 3", names)).containsExactly("sought-3");
    for (String nowhere : List.of("sought 10%0", "sought a_b_c", "sought-_ disk", "so%t")) {
      assertThat(found("operations", nowhere, names)).as(nowhere).isEmpty();
    }
    refusesWhatIsTooLong("operations");
  }

  @Test
  void eventsAre() {
    rig.store.write(tx -> {
      for (int i = 0; i < 10; i++) {
        tx.journal()
            .note(
                Kind.IMAGE, "search-e", UUID.randomUUID(), "e" + i, "Würfel", "It fell, said " + i);
      }
    });
    String events = "projects/search-e/events";
    assertThat(found(events, "image e0 WÜRFEL", "/name")).containsExactly("e0");
    assertThat(found(events, "fell", "/name")).containsExactly("e8", "e9");
    assertThat(found("projects/-/events", "search-e fell 3", "/name")).containsExactly("e3");
    assertThat(found(events + "?kind=Machine", "fell", "/name")).isEmpty();
    refusesWhatIsTooLong(events);
  }

  @Test
  void actsAreAlsoByWhatBecameOfThem() {
    rig.store.write(tx -> {
      for (int i = 0; i < 10; i++) {
        tx.audit()
            .append(
                new Audit.Act(
                    "Search Eve",
                    "",
                    "192.0.2." + i,
                    "declare",
                    "POST /x",
                    "Size",
                    "search-a",
                    "a" + i,
                    i % 3 == 0 ? "not-found" : "done",
                    i % 3 == 0 ? "there is none" : ""));
      }
    });
    for (String audit : List.of("audit", "projects/search-a/audit")) {
      assertThat(found(audit, "eve size A0", "/name")).containsExactly("a0");
      assertThat(found(audit, "eve 192.0.2.1", "/name")).containsExactly("a1");
      assertThat(found(audit + "?result=not-found", "eve", "/name")).containsExactly("a9", "a6");
      assertThat(found(audit + "?result=done", "eve", "/name")).containsExactly("a8", "a7");
      assertThat(found(audit + "?result=done", "eve there is none", "/name")).isEmpty();
      refusesWhatIsTooLong(audit);
    }
    assertThat(rig.get("audit?result=dome").raw().body()).contains("did you mean \\\"done\\\"?");
  }

  @Test
  void requestsAreAlsoByHowTheyStandNow() {
    rig.sql(
        """
        INSERT INTO approval (uid, project, requester, asker, kind, name, people, because, plan,
                              fingerprint, wish, state, detail, created_at, expires_at)
        SELECT CAST('00000000-0000-0000-0000-00000000000' || n AS uuid), 'search-r', 'Search Rob',
               'a' || n, 'MACHINE', 'r' || n, 1, '{}', '[]', 'f', '',
               CASE WHEN n < 4 THEN 'WAITING' WHEN n < 8 THEN 'DONE' ELSE 'REJECTED' END,
               'because of ' || n, now(),
               now() + CASE n WHEN 0 THEN interval '-1 hour' ELSE interval '1 hour' END
        FROM generate_series(0, 9) n
        """);
    String approvals = "projects/search-r/approvals";
    assertThat(found(approvals, "ROB machine r1", "/name")).containsExactly("r1");
    assertThat(found(approvals, "because", "/name")).containsExactly("r9", "r8");
    assertThat(found("projects/-/approvals", "search-r expired", "/name")).containsExactly("r0");
    assertThat(found(approvals + "?state=expired", "", "/name")).containsExactly("r0");
    assertThat(found(approvals + "?state=done", "", "/name")).containsExactly("r7", "r6");
    assertThat(found(approvals + "?state=waiting", "", "/name")).containsExactly("r3", "r2");
    assertThat(found(approvals + "?waiting=true", "r1", "/name")).containsExactly("r1");
    assertThat(found(approvals + "?waiting=true&state=waiting", "r0", "/name")).isEmpty();
    assertThat(rig.get(approvals + "?waiting=true&state=done").status()).isEqualTo(400);
    assertThat(rig.get(approvals + "?state=don").raw().body())
        .contains("did you mean \\\"done\\\"?");
    refusesWhatIsTooLong(approvals);
  }
}
