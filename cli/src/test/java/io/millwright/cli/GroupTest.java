package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** What is asked of groups and their images, and how that is told. */
class GroupTest extends CliTestCase {
  private static final String WEB = "/projects/default/groups/web";
  private static final String OPERATION =
      """
      {"kind":"Operation","metadata":{"uid":"0198-7"},"status":{"state":"pending"}}
      """;
  private static final String PLAN =
      """
      {"dryRun":true,"items":[{"kind":"Machine","project":"default","name":"web-2",
       "action":"deleted","impact":"destroy","changes":[],"steps":[{"title":"remove web-2",
       "destroys":true}],"keeps":["volume web-2-data"]}]}
      """;

  private static String group(String paused) {
    return """
    {"kind":"Group","metadata":{"name":"web","project":"default"},"spec":{"count":3},
     "status":{"healthy":2,"updated":1,"revision":4,"paused":%s,"conditions":[
      {"type":"Ready","value":"false","reason":"RollingOut","message":"So far so good."}]}}
    """
        .formatted(paused);
  }

  @Test
  void scalingTellsTheOperationAndADryRunTheLosses() {
    server.on("POST " + WEB + ":scale", 202, OPERATION);
    assertThat(run("group", "scale", "group/web", "2").done().out().strip())
        .isEqualTo("group/web scale to 2: operation 0198-7");
    assertThat(server.lines().getLast()).contains("count=2");
    assertThat(server.seen().getLast().header("Idempotency-key")).isNotEmpty();

    server.on("POST " + WEB + ":scale", 200, PLAN);
    Result dry = run("group", "scale", "web", "2", "--dry-run");
    assertThat(dry.code()).isEqualTo(2);
    assertThat(dry.out()).contains("web-2").contains("remove web-2");
    assertThat(server.lines().getLast()).contains("dryRun=true");
  }

  @Test
  void aGroupThatIsAsDeclaredHasNothingToDo() {
    server.on("POST " + WEB + ":scale", 200, group("false"));
    assertThat(run("group", "scale", "web", "3").done().out().strip())
        .isEqualTo("group/web scale to 3: nothing to do");
    run("group", "scale", "web", "many");
    assertThat(server.lines()).hasSize(1);
  }

  @Test
  void aRolloutIsShownPausedAndContinued() {
    server.on("GET " + WEB, 200, group("true"));
    server.on(
        "GET " + WEB + "/members",
        200,
        """
        {"items":[{"name":"web-0","state":"healthy","revision":4,"hypervisor":"hv1",
         "since":"2026-11-21T11:00:00Z","message":""},
         {"name":"web-1","state":"unhealthy","revision":3,"hypervisor":"hv2",
         "message":"port 80 does not answer"}]}
        """);
    Result status = run("group", "rollout", "status", "web");
    assertThat(status.done().out())
        .contains("group/web: So far so good.")
        .contains("2 of 3 members healthy, 1 of revision 4, paused")
        .contains("port 80 does not answer");
    assertThat(run("group", "rollout", "status", "web", "-o", "name").done().out().lines())
        .containsExactly("machine/web-0", "machine/web-1");

    server.on("POST " + WEB + ":pause", 200, group("true"));
    assertThat(run("group", "rollout", "pause", "web").done().out().strip())
        .isEqualTo("group/web paused");
    server.on("POST " + WEB + ":continue", 202, OPERATION);
    assertThat(run("group", "rollout", "continue", "web").done().out().strip())
        .isEqualTo("group/web continue: operation 0198-7");
  }

  @Test
  void revisionsAreListedComparedAndGoneBackTo() {
    server.on(
        "GET " + WEB + "/revisions",
        200,
        """
        {"items":[{"number":1,"machine":{"image":"d12","size":"small"},"by":"anna",
         "at":"2026-11-20T12:00:00Z","stable":true},
         {"number":2,"machine":{"image":"d13","size":"small"},"by":"bert",
         "at":"2026-11-21T11:59:00Z","declared":true}]}
        """);
    assertThat(run("group", "history", "web").done().out().lines())
        .anySatisfy(l -> assertThat(l).contains("d12").contains("anna").contains("rolled out"))
        .anySatisfy(l -> assertThat(l).contains("d13").contains("bert").contains("declared"));

    server.on(
        "GET " + WEB + "/diff",
        200,
        """
        {"changes":[{"path":"image","before":"d12","after":"d13"}]}
        """);
    assertThat(run("group", "diff", "web", "1", "2").done().out())
        .contains("image")
        .contains("d12")
        .contains("d13");
    assertThat(server.lines().getLast()).contains("from=1").contains("to=2");
    server.on("GET " + WEB + "/diff", 200, "{\"changes\":[]}");
    assertThat(run("group", "diff", "web", "2", "2").done().out().strip())
        .isEqualTo("There is no difference.");

    server.on("POST " + WEB + ":rollback", 202, OPERATION);
    assertThat(run("group", "rollout", "rollback", "web", "--to", "1").done().out().strip())
        .isEqualTo("group/web rollback: operation 0198-7");
    assertThat(server.lines().getLast()).contains("to=1");
    server.on(
        "POST " + WEB + ":rollback",
        FakeServer.problem(400, "invalid", "there is no revision 7; there are: 1, 2"));
    Result wrong = run("group", "rollout", "rollback", "web", "--to", "7");
    assertThat(wrong.code()).isNotZero();
    assertThat(wrong.err().lines()).hasSize(1);
    assertThat(wrong.err()).contains("there are: 1, 2");
  }

  @Test
  void anImageIsBuiltAndItsBuildsAreListed() {
    server.on("POST /projects/default/images/gold:build", 202, OPERATION);
    assertThat(run("image", "build", "image/gold").done().out().strip())
        .isEqualTo("image/gold build: operation 0198-7");
    server.on(
        "GET /projects/default/images/gold",
        200,
        """
        {"kind":"Image","metadata":{"name":"gold"},"status":{"builds":[
         {"number":1,"state":"former","sha256":"0123456789abcdef","fileSize":150000000,
          "begunAt":"2026-11-14T12:00:00Z"},
         {"number":2,"state":"failed","begunAt":"2026-11-21T11:00:00Z",
          "message":"build 2 did not pass its check: it is ill"}]}}
        """);
    assertThat(run("image", "list", "gold").done().out().lines())
        .anySatisfy(l ->
            assertThat(l)
                .contains("1")
                .contains("former")
                .contains("0123456789ab")
                .contains("143MiB"))
        .anySatisfy(l -> assertThat(l).contains("failed").contains("it is ill"));
    assertThat(run("image", "list", "gold", "-o", "name").done().out().lines())
        .containsExactly("1", "2");
    server.on("GET /projects/default/images/new", 200, "{\"status\":{}}");
    assertThat(run("image", "list", "new").err().strip()).isEqualTo("image/new was not built yet");
  }
}
