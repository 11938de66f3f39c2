package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import io.millwright.api.SignInLab.Browser;
import io.millwright.engine.access.Role;
import io.millwright.engine.access.SingleSignOn;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.People.Membership;
import io.millwright.model.manifest.Json;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** People who sign in by a real provider of identities ({@code lab/identity}). */
@Tag("database")
class SingleSignOnTest {
  private static final Rig RIG = Rig.shared();

  @TempDir private static Path dir;
  private static Path people = Path.of("");
  private static Process provider;
  private static SignInLab lab;

  @BeforeAll
  static void begin() throws IOException {
    people = dir.resolve("people.json");
    tell(Map.of());
    URI site = SignInLab.freeSite();
    provider =
        new ProcessBuilder(
                "../lab/identity",
                people.toString(),
                SignInLab.CLIENT,
                SignInLab.SECRET,
                site + SingleSignOn.CALLBACK)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    BufferedReader said = provider.inputReader(UTF_8);
    String line = said.readLine();
    assertThat(line).as("lab/identity ended").isNotNull().startsWith("ready ");
    lab =
        SignInLab.start(
            RIG, site, URI.create(line.substring("ready ".length())), InstantSource.system());
  }

  @AfterAll
  static void end() throws IOException {
    lab.close();
    provider.getOutputStream().close(); // it ends with its input
  }

  private static void tell(Map<String, ?> claims) throws IOException {
    Files.writeString(people, Json.write(claims));
  }

  private static Map<String, Object> person(String name, String... groups) {
    return Map.of("preferred_username", name, "name", "Person " + name, "groups", groups);
  }

  private static JsonNode session(Browser browser) {
    Reply reply = browser.ours("/api/v1/session");
    assertThat(reply.status()).as(reply.raw().body()).isEqualTo(200);
    return reply.json();
  }

  @Test
  void groupsGiveRolesAndChangesOfThemTakeEffectAtTheNextSignIn() throws Exception {
    RIG.engine.access().accounts().grant(new Membership(true, "sso-shop", "sso", Role.USER));
    RIG.engine.access().accounts().grant(new Membership(true, "sso-ops", null, Role.OPERATOR));
    tell(Map.of("id-1", person("sso-anna", "sso-shop", "unknown here")));
    Browser anna = lab.browser().signIn("id-1");
    JsonNode session = session(anna);
    assertThat(session.path("user").path("name").asString()).isEqualTo("sso-anna");
    assertThat(session.path("user").path("displayName").asString()).isEqualTo("Person sso-anna");
    assertThat(session.path("user").path("mustChangePassword").asBoolean()).isFalse();
    assertThat(session.path("roles").path("projects").path("sso").asString()).isEqualTo("user");
    assertThat(session.path("roles").has("global")).isFalse();

    // The cookie is of the same kind as any session's: what changes something needs the header.
    HttpRequest.Builder declare =
        HttpRequest.newBuilder(URI.create(lab.api.url() + "/api/v1/projects/sso/volumes"))
            .header("Content-Type", "application/yaml")
            .POST(BodyPublishers.ofString(Rig.volume("sso-v", "1GiB")));
    assertThat(anna.send(declare.copy()).status()).isEqualTo(403);
    assertThat(
            anna.send(declare.copy().header("X-CSRF-Token", session.path("csrfToken").asString()))
                .status())
        .isEqualTo(202);

    tell(Map.of("id-1", person("sso-anna", "sso-ops")));
    assertThat(session(anna).path("roles").path("projects").has("sso"))
        .as("as it was when she signed in")
        .isTrue();
    Browser again = lab.browser().signIn("id-1");
    JsonNode now = session(again);
    assertThat(now.path("roles").path("projects").has("sso")).isFalse();
    assertThat(now.path("roles").path("global").asString()).isEqualTo("operator");
    assertThat(
            RIG.store.read(tx -> tx.people().list()).stream()
                .filter(a -> a.name().equals("sso-anna"))
                .toList())
        .hasSize(1)
        .allMatch(a -> a.password() == null && a.groups().equals(List.of("sso-ops")));
    assertThat(RIG.get("audit?who=sso-anna").json().path("items").toString())
        .contains("GET /api/v1/session/provider/callback", "done");
  }

  @Test
  void whoIsShutOutWhileTheyArriveStaysSo() throws Exception {
    tell(Map.of("id-shut", person("sso-shut")));
    lab.browser().signIn("id-shut");
    tell(Map.of("id-shut", person("sso-shut", "another group")));
    Browser again = lab.browser();
    String back = again.signInThere(again.depart(""), "id-shut");
    RIG.meanwhile(
        tx -> {
          Account account = tx.people().lock("sso-shut").orElseThrow();
          tx.people().update(account.withDisabled(true));
        },
        () -> again.refused(back, 403));
    assertThat(RIG.store.read(tx -> tx.people().find("sso-shut")).orElseThrow().disabled())
        .isTrue();
  }

  @Test
  void theyGoWhereTheyWantedButToNoOtherSite() throws Exception {
    tell(Map.of("id-2", person("sso-ben")));
    Browser ben = lab.browser();
    Reply back = ben.arrive(ben.signInThere(ben.depart("?returnTo=%2Fmachines%3Fq%3Dx"), "id-2"));
    assertThat(back.header("Location")).isEqualTo("/machines?q=x");
    for (String evil :
        List.of(
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "/%09/evil.example",
            "javascript:alert(1)",
            "",
            "/x%0d%0aSet-Cookie:a=b")) {
      String encoded = evil.contains("%") ? evil : java.net.URLEncoder.encode(evil, UTF_8);
      Reply refused = lab.browser().ours(SignInLab.PATH + "?returnTo=" + encoded);
      assertThat(refused.status()).as(evil).isEqualTo(400);
      assertThat(refused.raw().body()).contains("returnTo: must be a path of this site");
    }
  }

  @Test
  void nobodyComesBackInSomebodyElsesPlaceOrTwice() throws Exception {
    tell(Map.of("id-3", person("sso-carl")));
    Browser carl = lab.browser();
    String back = carl.signInThere(carl.depart(""), "id-3");
    assertThat(lab.browser().refused(back, 401)).contains("this browser has begun no sign-in");
    Browser other = lab.browser();
    other.depart("");
    assertThat(other.refused(back, 401)).contains("another sign-in", "(state)");
    assertThat(carl.refused(back.replaceAll("iss=[^&]+", "iss=https%3A%2F%2Fx.example"), 401))
        .contains("another provider");
    Browser replayed = lab.browser();
    replayed.copy(carl);
    carl.arrive(back);
    assertThat(carl.refused(back, 401)).contains("has ended it already");
    assertThat(replayed.refused(back, 401)).contains("the code was used already or has expired");
  }

  @Test
  void whoTheProviderDoesNotSignInIsToldWhy() {
    Browser dora = lab.browser();
    String state = dora.depart("").replaceFirst(".*[?&]state=([^&]+).*", "$1");
    String back = lab.api.url() + SingleSignOn.CALLBACK + "?state=" + state;
    assertThat(dora.refused(back + "&error=access_denied&error_description=x&more=1", 401))
        .contains("the lab did not sign you in: access_denied");
    assertThat(dora.refused(back, 401)).contains("gave no code");
    Reply page =
        dora.get(back + "&error=%3Cscript%3E", "Accept", "text/html,application/xhtml+xml");
    assertThat(page.status()).isEqualTo(401);
    assertThat(page.header("Content-Type")).startsWith("text/html");
    assertThat(page.header("Content-Security-Policy")).contains("default-src 'none'");
    assertThat(page.raw().body())
        .contains("Not signed in", "&lt;script&gt;")
        .doesNotContain("<script");
  }

  @Test
  void whoWasShutOutOrRemovedStaysOut() throws Exception {
    tell(Map.of("id-5", person("sso-eva")));
    Browser eva = lab.browser().signIn("id-5");
    assertThat(RIG.post("users/sso-eva:disable").status()).isEqualTo(200);
    Browser again = lab.browser();
    assertThat(again.refused(again.signInThere(again.depart(""), "id-5"), 403))
        .contains("sso-eva was shut out here");
    assertThat(RIG.post("users/sso-eva:enable").status()).isEqualTo(200);
    lab.browser().signIn("id-5");

    RIG.engine.access().accounts().grant(new Membership(false, "sso-eva", "sso", Role.ADMIN));
    assertThat(RIG.delete("users/sso-eva").status()).isEqualTo(204);
    assertThat(eva.ours("/api/v1/session").status()).isEqualTo(401);
    Browser removed = lab.browser();
    assertThat(removed.refused(removed.signInThere(removed.depart(""), "id-5"), 403))
        .contains("sso-eva was shut out here");
    assertThat(RIG.post("users/sso-eva:enable").status()).isEqualTo(200);
    assertThat(session(lab.browser().signIn("id-5")).path("roles").path("projects").isEmpty())
        .as("roles went with the removal")
        .isTrue();
  }

  @Test
  void aNameIsNobodyElses() throws Exception {
    assertThat(RIG.post("users", "{name: sso-fred}").status()).isEqualTo(201);
    tell(Map.of("id-6", person("sso-fred"), "id-7", person("Sso Fred; DROP TABLE account")));
    Browser fred = lab.browser();
    assertThat(fred.refused(fred.signInThere(fred.depart(""), "id-6"), 409))
        .contains("the name sso-fred is somebody else's here");
    // What is no name here is not taken for one; what the provider itself calls them is.
    assertThat(session(lab.browser().signIn("id-7")).path("user").path("name").asString())
        .isEqualTo("id-7");
    assertThat(RIG.post("users/id-7:reset-password").status()).isEqualTo(409);
  }

  @Test
  void thePageLearnsOfTheProvider() {
    JsonNode ways = lab.browser().ours("/api/v1/session/ways").json();
    assertThat(ways.path("provider").path("name").asString()).isEqualTo("the lab");
    assertThat(ways.path("provider").path("path").asString()).isEqualTo(SignInLab.PATH);
    assertThat(RIG.get("session/ways").json().has("provider")).isFalse();
    assertThat(RIG.get("session/provider").status()).isEqualTo(404);
    assertThat(RIG.dump()).doesNotContain(SignInLab.SECRET);
  }
}
