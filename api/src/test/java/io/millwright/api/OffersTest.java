package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.Scope;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.People.Membership;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** An order is an apply by whoever orders, of what an operator has published. */
@Tag("database")
class OffersTest {
  private static final String OFFER =
      """
      apiVersion: millwright/v1
      kind: Offer
      metadata: {name: %s}
      spec:
        title: A machine
        parameters:
          - {name: name, type: string, example: a}
          - {name: size, type: enum, options: [small, of-big], preset: small}
        manifests:
          - apiVersion: millwright/v1
            kind: Machine
            metadata: {name: "${{ name }}"}
            spec: {image: img, size: "${{ size }}"}
      """;

  private static final Rig RIG = Rig.shared();
  private static final Map<String, String> TOKENS = new HashMap<>();

  @BeforeAll
  static void people() {
    for (Role role : Role.values()) {
      person(role.name(), role, "of1");
    }
    person("STRANGER", Role.ADMIN, "of-elsewhere");
    RIG.apply("shared", Rig.size("of-big", 8, ""));
    RIG.apply("shared", OFFER.formatted("of-house"));
  }

  private static void person(String who, Role role, String project) {
    String name = "of-" + who.toLowerCase(java.util.Locale.ROOT);
    Account own =
        RIG.engine.access().accounts().create(name, null, null).account().withPassword("", false);
    RIG.store.write(tx -> tx.people().update(own));
    RIG.engine.access().accounts().grant(new Membership(false, name, project, role));
    TOKENS.put(who, RIG.engine.tokens().create(name, null, own.uid(), Scope.ALL).secret());
  }

  private static Reply as(String who, String method, String path, String body) {
    return RIG.send(
        HttpRequest.newBuilder(RIG.uri(path))
            .header("Authorization", "Bearer " + TOKENS.get(who))
            .header("Content-Type", "application/json")
            .method(method, BodyPublishers.ofString(body))
            .build());
  }

  private static Reply order(String who, String path, String parameters) {
    return as(who, "POST", "projects/" + path, "{\"parameters\": {" + parameters + "}}");
  }

  @Test
  void operatorsPublishAndUsersOrder() {
    String offer = OFFER.formatted("own");
    assertThat(as("USER", "PUT", "projects/of1/offers/own", offer).status()).isEqualTo(403);
    assertThat(as("OPERATOR", "PUT", "projects/of1/offers/own", offer).status()).isEqualTo(200);
    assertThat(as("OPERATOR", "PUT", "projects/shared/offers/own", offer).status())
        .as("for all projects, by who may something in all")
        .isEqualTo(403);
    assertThat(as("USER", "GET", "projects/shared/offers/of-house", "").status()).isEqualTo(200);

    Reply plan = order("USER", "of1/offers/own:order?dryRun=true", "\"name\": \"m1\"");
    assertThat(plan.status()).as(plan.raw().body()).isEqualTo(200);
    assertThat(plan.json().path("items").path(0).path("steps").size()).isPositive();
    assertThat(plan.json().path("manifests").asString())
        .contains("kind: Machine", "name: m1", "project: of1", "ordered-from: of1/own");
    assertThat(RIG.get("projects/of1/machines/m1").status()).isEqualTo(404);

    assertThat(order("VIEWER", "of1/offers/own:order", "\"name\": \"m1\"").status()).isEqualTo(403);
    Reply foreign = order("STRANGER", "of1/offers/own:order", "\"name\": \"m1\"");
    Reply missing = order("STRANGER", "of9/offers/own:order", "\"name\": \"m1\"");
    assertThat(foreign.status()).isEqualTo(404);
    assertThat(foreign.raw().body().replace("of1", "of9")).isEqualTo(missing.raw().body());

    Reply made = order("USER", "of1/offers/own:order", "\"name\": \"m1\"");
    assertThat(made.status()).as(made.raw().body()).isEqualTo(202);
    assertThat(made.json().path("items").path(0).path("operation").asString()).isNotEmpty();
    JsonNode machine = RIG.get("projects/of1/machines/m1").json();
    assertThat(machine.path("metadata").path("annotations").path("millwright.io/ordered-from"))
        .hasToString("\"of1/own\"");
    assertThat(order("USER", "of1/offers/of-house:order", "\"name\": \"m2\"").status())
        .as("an offer of the house")
        .isEqualTo(202);
    assertThat(RIG.get("projects/of1/machines/m2").status()).isEqualTo(200);
    assertThat(RIG.get("projects/of1/audit?limit=100").raw().body()).contains("own: Machine m1");
  }

  @Test
  void nothingThatIsThereIsChangedByAnOrder() {
    assertThat(order("USER", "of1/offers/of-house:order", "\"name\": \"there\"").status())
        .isEqualTo(202);
    for (String query : new String[] {"", "?dryRun=true"}) {
      Reply again =
          order(
              "USER",
              "of1/offers/of-house:order" + query,
              "\"name\": \"there\", \"size\": \"of-big\"");
      assertThat(again.status()).isEqualTo(409);
      assertThat(again.json().path("detail").asString())
          .isEqualTo("there is a Machine there in project of1 already");
    }
    assertThat(RIG.get("projects/of1/machines/there").raw().body()).contains("\"size\":\"small\"");
  }

  @Test
  void whatIsWrongIsCalledByItsParameter() {
    Reply wrong =
        order("USER", "of1/offers/of-house:order", "\"size\": \"huge\", \"colour\": \"red\"");
    assertThat(wrong.status()).isEqualTo(400);
    assertThat(wrong.json().path("errors").toString())
        .contains("parameters.size", "parameters.colour", "parameters.name");
    assertThat(order("USER", "of1/offers/none:order", "").status()).isEqualTo(404);
    // HTML and YAML in a value are a name that is refused, and nothing else.
    for (String name : new String[] {"<b>x</b>", "a\\nspec: {}", "${{ size }}", "a, b: c"}) {
      Reply refused = order("USER", "of1/offers/of-house:order", "\"name\": \"" + name + "\"");
      assertThat(refused.status()).as(name).isEqualTo(400);
      assertThat(refused.json().path("detail").asString()).contains("metadata.name");
    }
  }

  @Test
  void quotaAndApprovalHoldForOrders() {
    person("LIMITED", Role.USER, "of2");
    assertThat(RIG.post("projects", "{name: of2}").status()).isEqualTo(201);
    assertThat(RIG.put("projects/of2/quota", "{machines: 1}").status()).isEqualTo(200);
    assertThat(RIG.put("projects/of2/approval-rules", "{rules: [{coresAbove: 4}]}").status())
        .isEqualTo(200);
    String big = "\"name\": \"big\", \"size\": \"of-big\"";
    Reply plan = order("LIMITED", "of2/offers/of-house:order?dryRun=true", big);
    assertThat(plan.json().path("approval").path("people").asInt()).isEqualTo(1);
    Reply held = order("LIMITED", "of2/offers/of-house:order", big);
    assertThat(held.status()).isEqualTo(409);
    assertThat(held.json().path("type").asString()).endsWith("approval-needed");
    assertThat(RIG.get("projects/of2/machines/big").status()).isEqualTo(404);
    assertThat(order("LIMITED", "of2/offers/of-house:order", "\"name\": \"a\"").status())
        .isEqualTo(202);
    Reply over = order("LIMITED", "of2/offers/of-house:order", "\"name\": \"b\"");
    assertThat(over.status()).isEqualTo(409);
    assertThat(over.json().path("type").asString()).endsWith("quota-exceeded");
  }
}
