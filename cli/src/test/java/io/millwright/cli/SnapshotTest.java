package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.client.Trees;
import org.junit.jupiter.api.Test;

/** snapshot create, list, revert and delete: what is asked, and what is said. */
class SnapshotTest extends CliTestCase {
  private static final String SNAPSHOTS = "/projects/default/snapshots";
  private static final String SNAPSHOT =
      """
      {"apiVersion":"millwright/v1","kind":"Snapshot",
       "metadata":{"name":"before","project":"default","uid":"0193-s",
        "createdAt":"2026-11-21T11:00:00Z"},
       "spec":{"machine":"hello","description":"before the upgrade"},
       "status":{"size":"8GiB","hypervisor":"lab","takenAt":"2026-11-21T11:00:05Z",
        "conditions":[{"type":"Ready","status":"true","message":"","since":"2026-11-21T11:00:05Z"}]}}
      """;
  private static final String REVERT = "POST /projects/default/machines/hello:revert";
  private static final String PLAN =
      """
      {"items":[{"kind":"Machine","name":"hello","action":"changed","impact":"rebuild",
       "destroys":true,"steps":[{"title":"copy the disk of snapshot before","destroys":false},
        {"title":"delete the old system disk","destroys":true}]}]}
      """;

  @Test
  void oneIsTakenUnderTheNameThatIsGivenOrThatOfMachineAndTime() {
    server.on("POST " + SNAPSHOTS, 202, Samples.running());
    Result result =
        run("snapshot", "create", "machine/hello", "--name", "before", "--description", "a try");
    result.done();
    assertThat(result.out().strip())
        .isEqualTo("snapshot/before of machine/hello: operation 0193-op");
    FakeServer.Seen seen = server.seen().getLast();
    assertThat(seen.header("Idempotency-key")).isNotEmpty();
    assertThat(Trees.read(seen.body()))
        .isEqualTo(
            Trees.read(
                """
                {"apiVersion":"millwright/v1","kind":"Snapshot","metadata":{"name":"before"},
                 "spec":{"machine":"hello","description":"a try"}}
                """));

    assertThat(run("snapshot", "create", "hello").done().out())
        .startsWith("snapshot/hello-20261121-120000 of machine/hello: ");
    assertThat(server.seen().getLast().body()).doesNotContain("description");
  }

  @Test
  void aMachineThatIsNotOffIsAnErrorInOneLine() {
    server.on(
        "POST " + SNAPSHOTS,
        FakeServer.problem(409, "conflict", "Machine hello is running; power it off first"));
    Result result = run("snapshot", "create", "hello");
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).contains("power it off first");
    assertThat(result.err().lines()).hasSize(1);
  }

  @Test
  void thoseOfOneMachineAreListed() {
    server.on("GET " + SNAPSHOTS, 200, Samples.list(SNAPSHOT));
    assertThat(run("snapshot", "list", "hello").done().out())
        .contains("before", "hello", "8GiB", "before the upgrade");
    assertThat(server.seen().getLast().line()).contains("spec.machine");
    assertThat(run("snapshot", "list", "-o", "name").done().out().strip())
        .isEqualTo("snapshot/before");
    assertThat(server.seen().getLast().line()).doesNotContain("spec.machine");
  }

  @Test
  void aRevertShowsItsPlanFirstAndIsNotDoneInADryRun() {
    server
        .on("GET " + SNAPSHOTS + "/before", 200, SNAPSHOT)
        .on(REVERT, FakeServer.json(200, PLAN), FakeServer.json(202, Samples.running()));
    Result shown = run("snapshot", "revert", "before", "--dry-run");
    assertThat(shown.code()).isEqualTo(2);
    assertThat(shown.out())
        .contains("copy the disk of snapshot before", "This is destroyed", "delete the old");
    assertThat(server.seen())
        .filteredOn(s -> s.line().startsWith(REVERT))
        .singleElement()
        .satisfies(s -> assertThat(s.line()).contains("snapshot=before", "dryRun=true"));

    server.on(REVERT, FakeServer.json(200, PLAN), FakeServer.json(202, Samples.running()));
    Result done = run("snapshot", "revert", "snapshot/before");
    assertThat(done.code()).isZero();
    assertThat(done.out())
        .contains("This is destroyed")
        .endsWith("machine/hello revert to before: operation 0193-op\n");
    FakeServer.Seen last = server.seen().getLast();
    assertThat(last.line()).contains("snapshot=before", "dryRun=false");
    assertThat(last.header("Idempotency-key")).isNotEmpty();
  }

  @Test
  void aSnapshotThatIsNotThereRevertsNothing() {
    server.on(
        "GET " + SNAPSHOTS + "/none", FakeServer.problem(404, "not-found", "no Snapshot none"));
    Result result = run("snapshot", "revert", "none");
    assertThat(result.code()).isNotZero();
    assertThat(result.err()).contains("no Snapshot none");
    assertThat(server.seen()).noneMatch(s -> s.line().startsWith("POST"));
  }

  @Test
  void oneIsDeletedAndWhatToDoHasToBeSaid() {
    server.on("DELETE " + SNAPSHOTS + "/before", 202, Samples.running());
    assertThat(run("snapshot", "delete", "before").done().out().strip())
        .isEqualTo("snapshot/before delete: operation 0193-op");
    run("snapshot").failed(2, "say what to do: millwright snapshot create, list, revert or delete");
  }
}
