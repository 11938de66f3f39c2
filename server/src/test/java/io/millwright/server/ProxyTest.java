package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Backend;
import io.millwright.engine.access.Accounts;
import io.millwright.model.Cidr;
import io.millwright.server.ServerSettings.Address;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** From where people come who come by a proxy. */
@Tag("database")
class ProxyTest {
  @Test
  void onlyAProxyThatWasNamedIsBelieved() throws Exception {
    try (World world = new World()) {
      assertThat(signIn(world, "127.0.0.0/29"))
          .containsExactly("203.0.113.7", "true"); // and not what the person claims to be
      assertThat(signIn(world, "192.0.2.0/24")).containsExactly("127.0.0.1", "false");
      assertThat(signIn(world)).containsExactly("127.0.0.1", "false");
    }
  }

  @Test
  void aPageInClearIsNotOursWhereWeAreAskedByTls() throws Exception {
    try (World world = new World()) {
      assertThat(origin(world, "http", "127.0.0.0/29")).isEqualTo(403);
      assertThat(origin(world, "https", "127.0.0.0/29")).isEqualTo(401);
      // Nobody who is believed says by what the browser asked.
      assertThat(origin(world, "https")).isEqualTo(401);
      assertThat(origin(world, "http")).isEqualTo(401);
      assertThat(origin(world, "ftp")).isEqualTo(403);
    }
  }

  /** What becomes of a wrong password from a page of this scheme, by a proxy that does TLS. */
  private static int origin(World world, String scheme, String... proxies) throws Exception {
    try (Web web = web(world, proxies);
        HttpClient http = HttpClient.newHttpClient()) {
      String host = "127.0.0.1:" + web.port();
      return http.send(
              HttpRequest.newBuilder(URI.create("http://" + host + "/api/v1/session"))
                  .header("Content-Type", "application/json")
                  .header("X-Forwarded-For", "203.0.113.7")
                  .header("X-Forwarded-Proto", "https")
                  .header("Origin", scheme + "://" + host)
                  .POST(
                      HttpRequest.BodyPublishers.ofString(
                          "{\"name\": \"nobody-%s-%d\", \"password\": \"wrong\"}"
                              .formatted(scheme, proxies.length)))
                  .build(),
              HttpResponse.BodyHandlers.discarding())
          .statusCode();
    }
  }

  private static Web web(World world, String... proxies) {
    var engine = world.engine;
    return Web.start(
        new Address("127.0.0.1", 0),
        null,
        List.of(proxies).stream().map(Cidr::parse).toList(),
        new Backend("test", world.store, engine, engine.access()));
  }

  /** From where somebody seems to have signed in, and whether the cookie is for TLS only. */
  private static List<String> signIn(World world, String... proxies) throws Exception {
    var engine = world.engine;
    Accounts.Fresh person = engine.access().accounts().create("proxied", null, null);
    try (Web web = web(world, proxies);
        HttpClient http = HttpClient.newHttpClient()) {
      HttpResponse<String> answer =
          http.send(
              HttpRequest.newBuilder(
                      URI.create("http://127.0.0.1:" + web.port() + "/api/v1/session"))
                  .header("Content-Type", "application/json")
                  .header("X-Forwarded-For", "10.66.66.66, 203.0.113.7")
                  .header("X-Forwarded-Proto", "https")
                  .POST(
                      HttpRequest.BodyPublishers.ofString(
                          "{\"name\": \"proxied\", \"password\": \"%s\"}"
                              .formatted(person.password())))
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
      String cookie = answer.headers().firstValue("Set-Cookie").orElseThrow();
      String origin =
          engine.access().signIn().list(person.account().uid()).getFirst().session().origin();
      return List.of(origin, Boolean.toString(cookie.contains("Secure")));
    } finally {
      engine.access().accounts().delete("proxied");
    }
  }
}
