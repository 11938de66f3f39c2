package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.Scope;
import io.millwright.engine.access.Verb;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.People.Membership;
import io.millwright.model.manifest.Json;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;
import tools.jackson.databind.JsonNode;

/**
 * Every operation of the API, asked for by everybody: the rules that hold for all of them, and who
 * is the weakest that may, as docs/permissions.md has it.
 *
 * <p>A new operation changes that page; rewrite it with {@code -Ddocs.update=true} and look at the
 * difference: it says who may do the new thing.
 */
@Tag("database")
class WhoMayTest {
  private static final Path PAGE = Path.of("../docs/permissions.md");
  private static final String MINE = "whomay";
  private static final String NOWHERE = "whomay-nowhere";

  /** Whoever asks; null is nobody. */
  private static final Map<String, @Nullable String> TOKENS = new LinkedHashMap<>();

  /** From the weakest to the strongest, with a role in one project. */
  private static final List<String> HERE =
      List.of("somebody else", "viewer", "user", "operator", "admin");

  /** The same with a role in all projects. */
  private static final List<String> EVERYWHERE =
      List.of("somebody else", "all-viewer", "all-user", "all-operator", "all-admin");

  /** What works without a token, for everybody. */
  private static final Set<String> OPEN =
      Set.of("getHealth", "signIn", "getSignInWays", "goToProvider", "comeFromProvider");

  /**
   * A source's hook asks for no role but for a signature, which SourcesTest tries; the description
   * does not describe itself.
   */
  private static final Set<String> ELSEWHERE =
      Set.of("POST /api/v1/projects/{project}/sources/{name}/hook", "GET /api/v1/openapi.json");

  /** What a person has beside what there is in projects; no narrowed token gets at it. */
  private static final Set<String> OWNERS =
      Set.of("listTokens", "revokeToken", "listSessions", "endSession");

  /**
   * To sign out and to change a password means nothing by a token; what is no token is not made.
   */
  private static final Set<String> NEVER_REFUSED =
      Set.of("signOut", "changePassword", "createToken");

  private static final Rig RIG = Rig.shared();
  private static List<Operation> operations = List.of();
  private static String machineOperation = "";

  private record Operation(String id, String method, String path) {
    boolean inProject() {
      return path.contains("{project}");
    }
  }

  @BeforeAll
  static void everybody() throws Exception {
    List<Operation> all = new ArrayList<>();
    JsonNode document = Json.mapper().readTree(Files.readString(Path.of("../client/openapi.json")));
    document
        .get("paths")
        .properties()
        .forEach(path ->
            path.getValue()
                .properties()
                .forEach(o ->
                    all.add(
                        new Operation(
                            o.getValue().path("operationId").asString(),
                            o.getKey().toUpperCase(java.util.Locale.ROOT),
                            path.getKey()))));
    // It asks for no role but for a signature, which SourcesTest tries.
    all.removeIf(o -> o.id().equals("hookSource"));
    operations = all;

    RIG.apply(MINE, Rig.size("present1", 1, ""));
    machineOperation =
        RIG.put("projects/" + MINE + "/machines/present1", Rig.machine("present1"))
            .json()
            .path("metadata")
            .path("uid")
            .asString();
    assertThat(machineOperation).isNotEmpty();

    person("somebody else", new Membership(false, "whomay-else", "whomay-other", Role.ADMIN));
    person("viewer", new Membership(false, "whomay-viewer", MINE, Role.VIEWER));
    person("user", new Membership(false, "whomay-user", MINE, Role.USER));
    person("operator", new Membership(false, "whomay-operator", MINE, Role.OPERATOR));
    person("admin", new Membership(false, "whomay-admin", MINE, Role.ADMIN));
    Map<Role, Account> everywhere = new EnumMap<>(Role.class);
    for (Role role : Role.values()) {
      everywhere.put(
          role, person("all-" + role, new Membership(false, "whomay-all-" + role, null, role)));
    }
    Account admin = Objects.requireNonNull(everywhere.get(Role.ADMIN));
    TOKENS.put("anonymous", null);
    TOKENS.put("expired", token("whomay-expired", admin, Scope.ALL, Duration.ofMillis(1)));
    TOKENS.put(
        "wrong project",
        token("whomay-project", admin, new Scope(null, List.of("whomay-other"), List.of()), null));
    TOKENS.put(
        "only view",
        token("whomay-view", admin, new Scope(null, List.of(), List.of(Verb.VIEW)), null));
    TOKENS.put(
        "weak", token("whomay-weak", admin, new Scope(Role.VIEWER, List.of(), List.of()), null));
    Thread.sleep(20); // what expires after a millisecond has
  }

  private static Account person(String who, Membership membership) {
    Account fresh = RIG.engine.access().accounts().create(membership.who(), null, null).account();
    Account own = fresh.withPassword("", false);
    RIG.store.write(tx -> tx.people().update(own));
    RIG.engine.access().accounts().grant(membership);
    TOKENS.put(who, token(membership.who(), own, Scope.ALL, null));
    return own;
  }

  private static String token(
      String name, Account owner, Scope scope, @Nullable Duration lifetime) {
    return RIG.engine.tokens().create(name, lifetime, owner.uid(), scope).secret();
  }

  private static Reply ask(String who, Operation operation, String project, String name) {
    String path =
        operation
            .path()
            .replace("{project}", project)
            .replace("{name}", name)
            .replace("{uid}", machineOperation)
            .replaceAll("\\{[a-z]+\\}", "00000000-0000-0000-0000-000000000000");
    String query =
        switch (operation.id()) {
          case "adoptOrphan" -> "?as=x";
          case "apply" -> "?project=" + project;
          default -> "";
        };
    String body = operation.id().equals("apply") ? Rig.machine(name) : "{}";
    HttpRequest.Builder request =
        HttpRequest.newBuilder(RIG.uri(path + query))
            .header("Content-Type", "application/yaml")
            .method(
                operation.method(),
                Set.of("POST", "PUT").contains(operation.method())
                    ? BodyPublishers.ofString(body)
                    : BodyPublishers.noBody());
    String token = TOKENS.get(who);
    if (token != null) {
      request.header("Authorization", "Bearer " + token);
    }
    Reply reply = RIG.send(request.build());
    assertThat(reply.status()).as(who + ": " + operation.id()).isNotEqualTo(500);
    return reply;
  }

  /** Nobody learns from an answer more than that it is a no. */
  private static boolean refused(Reply reply) {
    return reply.status() == 401 || reply.status() == 403;
  }

  @Test
  void withoutATokenInForceThereIsNothing() {
    for (Operation operation : operations) {
      for (String who : List.of("anonymous", "expired")) {
        Reply reply = ask(who, operation, MINE, "present1");
        if (OPEN.contains(operation.id())) {
          assertThat(reply.status()).as(operation.id()).isIn(200, 400, 404);
        } else {
          assertThat(reply.status()).as(who + ": " + operation.id()).isEqualTo(401);
        }
      }
    }
    assertThat(RIG.send(HttpRequest.newBuilder(RIG.uri("openapi.json")).build()).status())
        .isEqualTo(401);
  }

  @Test
  void theForeignIsAsIfItWereNotThere() {
    int compared = 0;
    for (Operation operation : operations) {
      if (!operation.inProject() && !operation.id().equals("apply")) {
        continue;
      }
      for (String who : List.of("somebody else", "wrong project")) {
        String where = who + ": " + operation.id();
        Reply there = ask(who, operation, MINE, "present1");
        Reply missing = ask(who, operation, MINE, "missing");
        Reply nowhere = ask(who, operation, NOWHERE, "missing");
        assertThat(there.status()).as(where).isEqualTo(404);
        assertThat(plain(there, MINE, "present1"))
            .as(where)
            .isEqualTo(plain(missing, MINE, "missing"));
        assertThat(plain(missing, MINE, "missing"))
            .as(where)
            .isEqualTo(plain(nowhere, NOWHERE, "missing"));
        compared++;
      }
    }
    assertThat(compared).isGreaterThan(100);
  }

  @Test
  void whereNoProjectIsNamedItIsSaidWhetherSomethingMayBeDoneInAny() {
    assertThat(anywhere("somebody else", "declare Size")).isEmpty(); // admin of another one
    assertThat(anywhere("user", "declare Machine")).isEmpty();
    assertThat(anywhere("all-user", "declare Machine")).isEmpty();
    assertThat(anywhere("wrong project", "declare Machine")).isEmpty(); // good for one
    assertThat(anywhere("viewer", "declare Machine"))
        .isEqualTo("this needs the role user in a project");
    assertThat(anywhere("user", "declare Size"))
        .isEqualTo("this needs the role operator in a project");
    assertThat(anywhere("weak", "declare Machine"))
        .isEqualTo("this needs the role user in a project");
    assertThat(anywhere("only view", "declare Machine"))
        .isEqualTo("this token is not good for declare");
    assertThat(anywhere("admin", "tend")) // is of the house, in whatever project one is
        .isEqualTo("this needs the role operator in all projects");
    assertThat(anywhere("wrong project", "declare Hypervisor")).contains("in all projects");
  }

  /** Why somebody may not do it in any project; empty if they may. */
  private static String anywhere(String who, String what) {
    Reply reply =
        RIG.send(
            HttpRequest.newBuilder(RIG.uri("projects/-/access"))
                .header("Authorization", "Bearer " + TOKENS.get(who))
                .build());
    assertThat(reply.status()).as(reply.raw().body()).isEqualTo(200);
    for (JsonNode item : reply.json().path("items")) {
      String kind = item.path("kind").asString("");
      if (what.equals(item.path("verb").asString() + (kind.isEmpty() ? "" : " " + kind))) {
        return item.path("allowed").asBoolean() ? "" : item.path("reason").asString();
      }
    }
    throw new AssertionError("nothing was said of " + what);
  }

  /** One call of a sample of all that can be done with what is there: METHOD, path, body. */
  private record Doing(String method, String path, String body) {
    Reply by(String token, String project, String name) {
      return RIG.send(
          HttpRequest.newBuilder(RIG.uri("projects/" + project + "/" + path.replace("NAME", name)))
              .header("Authorization", "Bearer " + token)
              .header("Content-Type", "application/yaml")
              .method(
                  method,
                  body.isEmpty()
                      ? BodyPublishers.noBody()
                      : BodyPublishers.ofString(body.replace("NAME", name)))
              .build());
    }

    @Override
    public String toString() {
      return method + " " + path;
    }
  }

  private static String group(String name) {
    return """
    apiVersion: millwright/v1
    kind: Group
    metadata: {name: %s}
    spec: {count: 0, machine: {image: img, size: small}}
    """
        .formatted(name);
  }

  /** Get, list, update, delete and act, with bodies that would be taken. */
  private static final List<Doing> SAMPLE =
      List.of(
          new Doing("GET", "sizes/NAME", ""),
          new Doing("GET", "machines/NAME", ""),
          new Doing("GET", "volumes/NAME", ""),
          new Doing("GET", "groups/NAME", ""),
          new Doing("GET", "machines/NAME/actions", ""),
          new Doing("GET", "machines/NAME/customisation", ""),
          new Doing("GET", "volumes/NAME/actions", ""),
          new Doing("GET", "groups/NAME/actions", ""),
          new Doing("PUT", "sizes/NAME", Rig.size("NAME", 5, "")),
          new Doing(
              "PUT", "machines/NAME", Rig.machine("NAME").replace("{image", "{power: off, image")),
          new Doing("PUT", "volumes/NAME", Rig.volume("NAME", "3GiB")),
          new Doing("PUT", "groups/NAME", group("NAME").replace("count: 0", "count: 1")),
          new Doing("POST", "machines/NAME:power-off", ""),
          new Doing("POST", "machines/NAME:rebuild", ""),
          new Doing("POST", "machines/NAME/console-tickets", ""),
          new Doing("POST", "groups/NAME:pause", ""),
          new Doing("DELETE", "sizes/NAME", ""),
          new Doing("DELETE", "machines/NAME", ""),
          new Doing("DELETE", "volumes/NAME", ""),
          new Doing("DELETE", "groups/NAME", ""));

  /** The same things in a project, so that each of the sample is there. */
  private static void furnish(String project, String name) {
    RIG.apply(
        project,
        String.join(
            "---\n",
            Rig.size(name, 1, ""),
            Rig.volume(name, "1GiB"),
            Rig.machine(name),
            group(name)));
  }

  /** What there is in a project, with the revision of each. */
  private static String furniture(String project) {
    StringBuilder out = new StringBuilder();
    for (String kind : List.of("sizes", "volumes", "machines", "groups")) {
      for (JsonNode item : RIG.get("projects/" + project + "/" + kind).json().path("items")) {
        out.append(kind).append(' ').append(item.at("/metadata/name")).append(' ');
        out.append(item.at("/metadata/revision")).append(item.path("spec")).append('\n');
      }
    }
    return out.toString();
  }

  @Test
  void whatIsThereInSomebodyElsesProjectIsToTheByteWhatIsMissing() {
    furnish(MINE, "twins1");
    furnish("whomay-other", "twins1");
    String stranger = Objects.requireNonNull(TOKENS.get("somebody else"));
    String before = furniture(MINE);
    assertThat(before).contains("twins1");
    for (Doing doing : SAMPLE) {
      Reply foreign = doing.by(stranger, MINE, "twins1");
      Reply missing = doing.by(stranger, MINE, "absent");
      assertThat(foreign.status()).as(doing.toString()).isEqualTo(404);
      assertThat(foreign.raw().body()).as(doing.toString()).contains("twins1");
      assertThat(foreign.raw().body().replace("twins1", "absent"))
          .as(doing.toString())
          .isEqualTo(missing.raw().body());
      assertThat(foreign.raw().headers().map().keySet())
          .as(doing.toString())
          .isEqualTo(missing.raw().headers().map().keySet());
      // In their own project, the same call finds what has the same name.
      assertThat(doing.by(stranger, "whomay-other", "twins1").status())
          .as(doing.toString())
          .isNotIn(401, 403, 404);
    }
    assertThat(furniture(MINE)).isEqualTo(before);
  }

  @Test
  void aTokenWithoutAVerbDoesNotDoWhatNeedsIt() {
    Map<Verb, Doing> needs = new EnumMap<>(Verb.class);
    needs.put(Verb.VIEW, new Doing("GET", "sizes/NAME", ""));
    needs.put(Verb.DECLARE, new Doing("PUT", "sizes/NAME", Rig.size("NAME", 7, "")));
    needs.put(Verb.OPERATE, new Doing("POST", "machines/NAME:power-off", ""));
    needs.put(Verb.DELETE, new Doing("DELETE", "groups/NAME", ""));
    furnish("whomay-other", "scoped");
    Account owner = RIG.store.read(tx -> tx.people().find("whomay-else")).orElseThrow();
    String before = furniture("whomay-other");
    needs.forEach((verb, doing) -> {
      List<Verb> others = new ArrayList<>(List.of(Verb.values()));
      others.remove(verb);
      String narrow = token("whomay-no-" + verb, owner, new Scope(null, List.of(), others), null);
      assertThat(doing.by(narrow, "whomay-other", "scoped").status())
          .as("without " + verb)
          .isIn(verb == Verb.VIEW ? List.of(403, 404) : List.of(403));
    });
    assertThat(furniture("whomay-other")).isEqualTo(before);
    needs.forEach((verb, doing) -> {
      // With that verb alone, and with what every act needs: to see what it is about.
      String just =
          token(
              "whomay-just-" + verb,
              owner,
              new Scope(null, List.of(), List.of(Verb.VIEW, verb)),
              null);
      assertThat(doing.by(just, "whomay-other", "scoped").status())
          .as("with " + verb)
          .isIn(200, 202, 204);
    });
  }

  private static String plain(Reply reply, String project, String name) {
    return reply.status()
        + " "
        + reply
            .raw()
            .body()
            .replace(project + "/", "P/")
            .replaceAll("\\b" + project + "\\b", "P")
            .replaceAll("\\b" + name + "\\b", "N");
  }

  @Test
  void anOperationOfSomebodyElseIsNone() {
    for (Operation operation : operations) {
      if (operation.path().startsWith("/api/v1/operations/{uid}")) {
        for (String who : List.of("somebody else", "wrong project")) {
          assertThat(ask(who, operation, MINE, "present1").status())
              .as(who + ": " + operation.id())
              .isEqualTo(404);
        }
      }
    }
  }

  @Test
  void aTokenIsGoodForNoMoreThanItsScope() {
    for (Operation operation : operations) {
      if (OPEN.contains(operation.id())) {
        continue;
      }
      Reply view = ask("only view", operation, MINE, "missing");
      if (!operation.method().equals("GET") && !NEVER_REFUSED.contains(operation.id())) {
        assertThat(view.status()).as("only view: " + operation.id()).isEqualTo(403);
      }
      if (OWNERS.contains(operation.id())) {
        for (String who : List.of("only view", "weak", "wrong project")) {
          assertThat(ask(who, operation, MINE, "whomay-admin").status())
              .as(who + ": " + operation.id())
              .isEqualTo(403);
        }
        continue;
      }
      boolean viewer = !refused(ask("viewer", operation, MINE, "missing"));
      boolean weak = !refused(ask("weak", operation, MINE, "missing"));
      assertThat(weak)
          .as("an admin's token narrowed to viewer: " + operation.id())
          .isEqualTo(viewer);
    }
  }

  /** What the server has handlers for, whether or not its description tells of it. */
  private static Set<String> served() {
    Set<String> out = new TreeSet<>();
    RIG.api
        .context()
        .getBean("requestMappingHandlerMapping", RequestMappingHandlerMapping.class)
        .getHandlerMethods()
        .forEach((where, handler) -> {
          if (handler.getBeanType().getPackage() == WhoMayTest.class.getPackage()) {
            for (String path : where.getPatternValues()) {
              where.getMethodsCondition().getMethods().forEach(m -> out.add(m + " " + path));
            }
          }
        });
    return out;
  }

  @Test
  void whoMayWhatIsAsThePageSays() throws Exception {
    StringBuilder page = new StringBuilder(HEAD);
    Set<String> covered = new TreeSet<>();
    for (Operation operation : operations) {
      String here = least(HERE, operation);
      String everywhere = least(EVERYWHERE, operation);
      assertThat(everywhere).as("somebody may " + operation.id()).isNotEqualTo("nobody");
      covered.add(operation.id());
      page.append(
          "| `%s` | `%s %s` | %s | %s |\n"
              .formatted(operation.id(), operation.method(), operation.path(), here, everywhere));
    }
    assertThat(covered).hasSameSizeAs(operations);
    Set<String> notAsked = served();
    operations.forEach(o -> notAsked.remove(o.method() + " " + o.path()));
    assertThat(notAsked).as("what the server does and was not asked for").isEqualTo(ELSEWHERE);
    if (Boolean.getBoolean("docs.update")) {
      Files.writeString(PAGE, page.toString());
    }
    assertThat(Files.readString(PAGE))
        .as("docs/permissions.md; see WhoMayTest for how to rewrite it")
        .isEqualTo(page.toString());
  }

  /** The weakest who may; whoever is stronger may, too. */
  private static String least(List<String> ladder, Operation operation) {
    String least = OPEN.contains(operation.id()) ? "anybody" : null;
    for (String who : ladder) {
      boolean allowed = allowed(who, operation);
      if (least == null && allowed) {
        least = who;
      }
      assertThat(allowed || least == null || least.equals("anybody"))
          .as("%s may %s, so %s may too", least, operation.id(), who)
          .isTrue();
    }
    return least == null
        ? "nobody"
        : least.equals("somebody else")
            ? "everybody, for what is theirs"
            : least.replace("all-", "");
  }

  private static boolean allowed(String who, Operation operation) {
    Reply reply = ask(who, operation, MINE, "missing");
    boolean hidden =
        who.equals("somebody else")
            && reply.status() == 404
            && (operation.inProject()
                || operation.id().equals("apply")
                || operation.path().contains("{uid}:")
                || operation.path().startsWith("/api/v1/operations/"));
    return !refused(reply) && !hidden;
  }

  private static final String HEAD =
      """
      # Who may do what

      <!-- Written by WhoMayTest from what the server answers; do not edit. -->

      The weakest role that may do something, for every operation of the API: in the project that it
      is about, and in all projects. A stronger one may do it as well. What somebody may not see is
      answered as if it were not there. See [people.md](people.md).

      | Operation | Call | Role in the project | Role in all projects |
      |---|---|---|---|
      """;
}
