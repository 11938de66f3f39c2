package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.access.SignIn;
import io.millwright.engine.access.SingleSignOn;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.InstantSource;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The API with a provider of identities behind it, and browsers that sign in. */
final class SignInLab implements AutoCloseable {
  static final String CLIENT = "millwright";
  static final String SECRET = "the client's secret";
  static final String PATH = "/api/v1/session/provider";

  final RunningApi api;

  private SignInLab(RunningApi api) {
    this.api = api;
  }

  /** A port on which nobody listens; what is told to a provider must be known before the start. */
  static URI freeSite() {
    try (ServerSocket probe = new ServerSocket(0)) {
      return URI.create("http://127.0.0.1:" + probe.getLocalPort());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static SignInLab start(Rig rig, URI site, URI issuer, InstantSource clock) {
    return start(rig, site, issuer, SECRET, clock);
  }

  static SignInLab start(Rig rig, URI site, URI issuer, String secret, InstantSource clock) {
    SingleSignOn provider =
        new SingleSignOn(
            rig.store,
            new SecretBox(new byte[32]),
            new SignIn(rig.store, clock),
            new SingleSignOn.Settings(
                issuer, CLIENT, secret, "the lab", "openid profile groups", "groups", site, null),
            clock);
    return new SignInLab(
        RunningApi.start(
            rig.backend(rig.engine.access().with(provider)),
            Map.of("server.port", Integer.toString(site.getPort())),
            ApiConfiguration.class));
  }

  @Override
  public void close() {
    api.close();
  }

  /** Somebody's browser: it keeps cookies by site and follows nothing by itself. */
  final class Browser {
    private final HttpClient http = HttpClient.newHttpClient();
    private final Map<String, Map<String, String>> cookies = new LinkedHashMap<>();

    Reply get(String url, String... headers) {
      HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url));
      if (headers.length > 0) {
        request.headers(headers);
      }
      return send(request);
    }

    Reply ours(String path, String... headers) {
      return get(api.url() + path, headers);
    }

    Reply send(HttpRequest.Builder request) {
      URI at = request.build().uri();
      Map<String, String> jar =
          cookies.computeIfAbsent(at.getAuthority(), _ -> new LinkedHashMap<>());
      if (!jar.isEmpty()) {
        request.header(
            "Cookie",
            jar.entrySet().stream()
                .map(e -> e.getKey() + "=" + e.getValue())
                .collect(Collectors.joining("; ")));
      }
      try {
        var raw = http.send(request.build(), BodyHandlers.ofString(UTF_8));
        for (String set : raw.headers().allValues("set-cookie")) {
          String pair = set.split(";", 2)[0];
          String name = pair.substring(0, pair.indexOf('='));
          String value = pair.substring(name.length() + 1);
          if (value.isEmpty()) {
            jar.remove(name);
          } else {
            jar.put(name, value);
          }
        }
        return new Reply(raw.statusCode(), raw);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    /** Goes to the provider; the answer is where that is. */
    String depart(String query) {
      Reply reply = ours(PATH + query);
      assertThat(reply.status()).as(reply.raw().body()).isEqualTo(303);
      return reply.header("Location");
    }

    /** Fills in the provider's forms; the answer is where it sends the person back to. */
    String signInThere(String where, String login) {
      for (int i = 0; i < 20; i++) {
        if (where.startsWith(api.url())) {
          return where;
        }
        Reply reply = get(where);
        if (reply.status() == 200) {
          reply = form(where, reply.raw().body(), login);
        }
        assertThat(reply.status()).as(where + " " + reply.raw().body()).isBetween(302, 303);
        where = URI.create(where).resolve(reply.header("Location")).toString();
      }
      throw new AssertionError("the provider sends us in circles");
    }

    private Reply form(String where, String html, String login) {
      Matcher action = Pattern.compile("<form[^>]* action=\"([^\"]+)\"").matcher(html);
      assertThat(action.find()).as(html).isTrue();
      Map<String, String> fields = new LinkedHashMap<>();
      Matcher input =
          Pattern.compile("<input type=\"hidden\" name=\"([^\"]+)\" value=\"([^\"]*)\"")
              .matcher(html);
      while (input.find()) {
        fields.put(input.group(1), input.group(2));
      }
      if (html.contains("name=\"login\"")) {
        fields.put("login", login);
        fields.put("password", "any");
      }
      String body =
          fields.entrySet().stream()
              .map(e -> e.getKey() + "=" + URLEncoder.encode(e.getValue(), UTF_8))
              .collect(Collectors.joining("&"));
      return send(
          HttpRequest.newBuilder(URI.create(where).resolve(action.group(1)))
              .header("Content-Type", "application/x-www-form-urlencoded")
              .POST(BodyPublishers.ofString(body)));
    }

    /**
     * Comes back, and expects to be let in. It is another site that sends them: so what is strict
     * of the cookies does not come along.
     */
    Reply arrive(String back) {
      cookies
          .computeIfAbsent(URI.create(back).getAuthority(), _ -> new LinkedHashMap<>())
          .remove(BearerFilter.COOKIE);
      Reply reply = get(back);
      assertThat(reply.status()).as(reply.raw().body()).isEqualTo(303);
      return reply;
    }

    /** Comes back, and expects to be told why not. */
    String refused(String back, int status) {
      Reply reply = get(back);
      assertThat(reply.status()).as(reply.raw().body()).isEqualTo(status);
      assertThat(reply.raw().headers().allValues("set-cookie"))
          .noneMatch(c -> c.startsWith("millwright_session"));
      return reply.json().path("detail").asString();
    }

    Browser signIn(String login) {
      arrive(signInThere(depart(""), login));
      return this;
    }

    /** Has the same cookies as another one, as a thief would. */
    void copy(Browser other) {
      other.cookies.forEach((site, jar) -> cookies.put(site, new LinkedHashMap<>(jar)));
    }
  }

  Browser browser() {
    return new Browser();
  }
}
