package io.millwright.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Commands about people, their limits and what they did. */
class PeopleCommandsTest extends CliTestCase {
  private String sent(int request) {
    return server.seen().get(request).body();
  }

  @Test
  void aPersonIsAddedAndTheFirstPasswordIsAllThatIsSaid() {
    server.on("POST /users", 201, "{\"name\":\"anna\",\"password\":\"abcde-fghij\"}");
    Result made =
        run("user", "create", "anna", "--role", "admin", "--display-name", "Anna A.").done();
    assertThat(made.out()).isEqualTo("abcde-fghij\n");
    assertThat(sent(0))
        .isEqualTo("{\"name\":\"anna\",\"role\":\"admin\",\"displayName\":\"Anna A.\"}");
    run("user", "create", "ben").done();
    assertThat(sent(1)).isEqualTo("{\"name\":\"ben\"}");
    server.on("POST /users/anna:reset-password", 200, "{\"password\":\"klmno\\u001b[31m\"}");
    assertThat(run("user", "passwd", "anna").done().out())
        .as("nothing reaches the terminal that is no text")
        .doesNotContain("\u001b");
  }

  @Test
  void peopleAreListedWithWhatTheyAre() {
    server.on(
        "GET /users",
        200,
        """
        {"items":[
          {"name":"anna","displayName":"Anna A.","disabled":false,"mustChangePassword":false,
           "groups":[],"roles":{"global":"admin","projects":{}},
           "createdAt":"2026-11-20T12:00:00Z"},
          {"name":"ben","displayName":"ben","disabled":false,"mustChangePassword":true,
           "groups":[],"roles":{"projects":{"shop":"user","web":"viewer"}},
           "createdAt":"2026-11-21T11:00:00Z"},
          {"name":"eva","displayName":"Eva","disabled":true,"mustChangePassword":false,
           "groups":["ops"],"roles":{"projects":{}},"createdAt":"2026-11-21T11:59:00Z"}]}
        """);
    assertThat(run("user", "list").done().out().lines().map(l -> l.replaceAll(" +", " ").strip()))
        .containsExactly(
            "NAME DISPLAY-NAME STATE ROLE PROJECTS AGE",
            "anna Anna A. active admin - 24h",
            "ben ben new - shop=user,web=viewer 1h",
            "eva Eva disabled - - 1m");
    assertThat(run("user", "list", "-o", "name").done().out()).isEqualTo("anna\nben\neva\n");
    assertThat(run("user", "list", "-o", "json").done().out()).contains("\"mustChangePassword\"");
  }

  @Test
  void peopleAreShutOutLetInAndRemovedOneAfterTheOther() {
    server
        .on("POST /users/anna:disable", 200, "{}")
        .on("POST /users/ben:disable", 200, "{}")
        .on("POST /users/anna:enable", 200, "{}")
        .on("DELETE /users/anna", 204, "");
    assertThat(run("user", "disable", "anna", "ben").done().out())
        .isEqualTo("user anna disabled\nuser ben disabled\n");
    assertThat(run("user", "enable", "anna").done().out()).isEqualTo("user anna enabled\n");
    assertThat(run("user", "delete", "anna").done().out()).isEqualTo("user anna deleted\n");
    server.on("DELETE /users/nobody", FakeServer.problem(404, "not-found", "there is no user"));
    assertThat(run("user", "delete", "nobody").code()).isNotZero();
    run("user")
        .failed(
            2, "say what to do: millwright user create, list, passwd, disable, enable or delete");
  }

  @Test
  void rolesAreGivenInAProjectOrInAll() {
    server
        .on("PUT /projects/shop/members/ben", 200, "{}")
        .on("PUT /roles/platform", 200, "{}")
        .on("DELETE /projects/shop/members/ben", 204, "")
        .on("DELETE /roles/platform", 204, "")
        .on(
            "GET /projects/shop/members",
            200,
            """
            {"items":[{"name":"ben","group":false,"role":"user"},
                      {"name":"platform","group":true,"role":"operator"}]}
            """);
    assertThat(run("member", "add", "ben", "--role", "user", "-p", "shop").done().out())
        .isEqualTo("ben is user in project shop\n");
    assertThat(sent(0)).isEqualTo("{\"role\":\"user\"}");
    assertThat(run("member", "add", "platform", "--group", "--role", "operator", "-A").done().out())
        .isEqualTo("platform is operator in all projects\n");
    assertThat(server.lines()).last().isEqualTo("PUT /roles/platform?group=true");
    assertThat(
            run("member", "list", "-p", "shop")
                .done()
                .out()
                .lines()
                .map(l -> l.replaceAll(" +", " ").strip()))
        .containsExactly("NAME KIND ROLE", "ben user user", "platform group operator");
    assertThat(run("member", "remove", "ben", "-p", "shop").done().out())
        .isEqualTo("ben has no role in project shop any more\n");
    assertThat(run("member", "remove", "platform", "--group", "-A").done().out())
        .isEqualTo("platform has no role in all projects any more\n");
    assertThat(run("member", "add", "ben").code()).as("without a role").isEqualTo(2);
  }

  @Test
  void aQuotaIsChangedInWhatIsGiven() {
    String project =
        """
        {"name":"shop","quota":{"machines":20,"memory":"64GiB","ttl":"30d"},
         "used":{"machines":3,"cores":6,"memory":"6GiB","disk":"30GiB","addresses":3}}
        """;
    server
        .on("POST /projects", 201, "{\"name\":\"shop\"}")
        .on("GET /projects", 200, "{\"items\":[\"default\",\"shop\"]}")
        .on("GET /projects/shop", 200, project)
        .on("PUT /projects/shop/quota", 200, project);
    assertThat(run("project", "create", "shop").done().out()).isEqualTo("project shop created\n");
    assertThat(run("project", "list").done().out()).isEqualTo("default\nshop\n");
    assertThat(
            run("project", "describe", "shop")
                .done()
                .out()
                .lines()
                .map(l -> l.replaceAll(" +", " ").strip()))
        .containsExactly(
            "WHAT USED QUOTA",
            "machines 3 20",
            "cores 6 no limit",
            "memory 6GiB 64GiB",
            "disk 30GiB no limit",
            "addresses 3 no limit",
            "ttl - 30d");
    run("project", "quota", "shop", "--cores", "8", "--memory", "none", "--ttl", "7d").done();
    assertThat(server.seen().getLast().body())
        .isEqualTo("{\"machines\":20,\"ttl\":\"7d\",\"cores\":8}");
  }

  @Test
  void theAuditIsListedOldestFirstAndVerified() {
    server
        .on(
            "GET /projects/shop/audit",
            200,
            """
            {"items":[
              {"seq":2,"at":"2026-11-21T11:59:00Z","who":"ben","as":"token","origin":"10.0.0.9","verb":"delete",
               "call":"DELETE /x","kind":"Machine","project":"shop","name":"web","result":"refused"},
              {"seq":1,"at":"2026-11-21T11:58:00Z","who":"anna","origin":"10.0.0.8",
               "verb":"sign-in","call":"POST /api/v1/session","kind":"","project":"","name":"",
               "result":"done"}]}
            """)
        .on("GET /audit", 200, "{\"items\":[]}")
        .on(
            "GET /audit/verification",
            FakeServer.json(200, "{\"rows\":2,\"seq\":2,\"head\":\"abc\"}"),
            FakeServer.json(200, "{\"rows\":2,\"seq\":2,\"head\":\"abc\",\"altered\":1}"),
            FakeServer.json(200, "{\"rows\":0,\"seq\":0,\"head\":\"\"}"));
    assertThat(
            run("audit", "list", "-p", "shop")
                .done()
                .out()
                .lines()
                .map(l -> l.replaceAll(" +", " ").strip()))
        .containsExactly(
            "SEQ AT WHO FROM VERB WHAT RESULT",
            "1 2026-11-21T11:58:00Z anna 10.0.0.8 sign-in POST /api/v1/session done",
            "2 2026-11-21T11:59:00Z ben (token) 10.0.0.9 delete Machine shop/web refused");
    run("audit", "list", "-A", "--who", "anna", "--limit", "7");
    assertThat(server.lines()).last().isEqualTo("GET /audit?limit=7&who=anna");
    assertThat(run("audit", "verify").done().out())
        .isEqualTo("2 rows are as they were written; the last one is 2:abc\n");
    run("audit", "verify", "--noted", "2:abc").failed(1, "row 1 was altered or taken out");
    assertThat(server.lines()).last().isEqualTo("GET /audit/verification?noted=2%3Aabc");
    assertThat(run("audit", "verify").done().out())
        .as("there is nothing to note yet")
        .isEqualTo("0 rows are as they were written\n");
  }

  @Test
  void deliveriesAreListedAndToldOnceMore() {
    server
        .on(
            "GET /projects/shop/webhooks/ci/deliveries",
            200,
            """
            {"items":[
              {"uid":"u2","type":"io.millwright.machine.ready","state":"pending","attempts":2,
               "detail":"it answered 500","status":500,"createdAt":"2026-11-21T11:59:00Z"},
              {"uid":"u1","type":"io.millwright.operation.failed","state":"delivered","attempts":1,
               "detail":"","status":204,"createdAt":"2026-11-21T11:00:00Z"}]}
            """)
        .on("POST /projects/shop/webhooks/ci/deliveries/u2:redeliver", 204, "");
    assertThat(
            run("webhook", "deliveries", "ci", "-p", "shop")
                .done()
                .out()
                .lines()
                .map(l -> l.replaceAll(" +", " ").strip()))
        .containsExactly(
            "UID TYPE STATE ATTEMPTS ANSWER AGE",
            "u2 io.millwright.machine.ready pending 2 it answered 500 1m",
            "u1 io.millwright.operation.failed delivered 1 204 1h");
    assertThat(run("webhook", "redeliver", "ci", "u2", "-p", "shop").done().out())
        .isEqualTo("webhook/ci is told once more\n");
  }

  @Test
  void whatWaitsIsShownWithItsPlanAndApproved() {
    String request =
        """
        {"uid":"u1","project":"shop","requester":"anna","kind":"Machine","name":"big",
         "state":"%s","people":2,"because":["Machine big has 16 cores, more than 8"],
         "votes":[{"who":"ben","yes":true,"reason":"fine","at":"2026-11-21T11:59:00Z"}],
         "plan":[{"kind":"Machine","project":"shop","name":"big","action":"created","changes":[],
           "impact":"create","destroys":false,"keeps":[],
           "steps":[{"title":"create the disk","destroys":false}]}],
         "detail":"","createdAt":"2026-11-21T11:59:00Z","expiresAt":"2026-11-28T11:59:00Z"}
        """;
    server
        .on(
            "GET /projects/shop/approvals",
            200,
            "{\"items\":[" + request.formatted("waiting") + "," + request.formatted("done") + "]}")
        .on("GET /projects/shop/approvals/u1", 200, request.formatted("waiting"))
        .on("POST /projects/shop/approvals/u1:approve?reason=ok", 200, request.formatted("done"))
        .on("GET /projects/shop/approval-rules", 200, "{\"rules\":[{\"coresAbove\":8}]}");
    assertThat(
            run("approval", "list", "-p", "shop")
                .done()
                .out()
                .lines()
                .map(l -> l.replaceAll(" +", " ").strip()))
        .containsExactly(
            "UID PROJECT WHAT STATE APPROVED REQUESTER AGE",
            "u1 shop machine/big waiting 1/2 anna 1m");
    assertThat(run("approval", "show", "u1", "-p", "shop").done().out())
        .contains(
            "because    Machine big has 16 cores, more than 8",
            "approved   ben: fine",
            "+ machine/big is created",
            "1. create the disk");
    assertThat(run("approval", "approve", "u1", "--reason", "ok", "-p", "shop").done().out())
        .isEqualTo("request u1 is done, 1 of 2 approved\n");
    assertThat(run("approval", "rules", "-p", "shop").done().out()).contains("coresAbove: 8");
    run("approval")
        .failed(
            2,
            "say what to do: millwright approval list, show, approve, reject, withdraw or rules");
  }

  @Test
  void aMonthIsShownAsATableAndAsCsv() {
    server
        .on(
            "GET /projects/shop/showback?month=2026-10",
            200,
            """
            {"month":"2026-10","currency":"EUR","total":"12.3456","items":[
              {"project":"shop","size":"small","machines":3,"hours":"617.28","cost":"12.3456"},
              {"project":"shop","size":"tiny","machines":1,"hours":"5.00"}]}
            """)
        .on(
            "GET /projects/-/showback",
            200,
            "{\"month\":\"2026-11\",\"currency\":\"EUR\",\"total\":\"0\",\"items\":[]}")
        .on(
            "GET /prices",
            200,
            "{\"currency\":\"EUR\",\"sizes\":{\"small\":\"0.02\",\"old\":\"1\"}}")
        .on("PUT /prices", 200, "{\"currency\":\"CHF\",\"sizes\":{\"small\":\"0.03\"}}");
    assertThat(
            run("showback", "--month", "2026-10", "-p", "shop")
                .done()
                .out()
                .lines()
                .map(l -> l.replaceAll(" +", " ").strip()))
        .containsExactly(
            "PROJECT SIZE MACHINES HOURS COST",
            "shop small 3 617.28 12.3456 EUR",
            "shop tiny 1 5.00 without price");
    assertThat(run("showback", "--month", "2026-10", "-p", "shop", "--csv").done().out())
        .isEqualTo(
            "month,project,size,machines,hours,cost,currency\n"
                + "2026-10,shop,small,3,617.28,12.3456,EUR\n"
                + "2026-10,shop,tiny,1,5.00,without price,EUR\n");
    run("showback", "-A").done();
    assertThat(server.lines()).last().isEqualTo("GET /projects/-/showback");
    assertThat(
            run("price", "small=0.03", "old=none", "--currency", "CHF")
                .done()
                .out()
                .lines()
                .map(l -> l.replaceAll(" +", " ").strip()))
        .containsExactly("SIZE PER-HOUR", "small 0.03 CHF");
    assertThat(server.seen().getLast().body())
        .isEqualTo("{\"currency\":\"CHF\",\"sizes\":{\"small\":\"0.03\"}}");
    run("price", "small").failed(2, "write SIZE=PRICE, such as small=0.02, not small");
  }
}
