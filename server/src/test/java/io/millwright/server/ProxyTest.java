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

  /** From where somebody seems to have signed in, and whether the cookie is for TLS only. */
  private static List<String> signIn(World world, String... proxies) throws Exception {
    var engine = world.engine;
    Backend backend = new Backend("test", world.store, engine, engine.access());
    Accounts.Fresh person = engine.access().accounts().create("proxied", null, null);
    try (Web web =
            Web.start(
                new Address("127.0.0.1", 0),
                null,
                List.of(proxies).stream().map(Cidr::parse).toList(),
                backend);
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
