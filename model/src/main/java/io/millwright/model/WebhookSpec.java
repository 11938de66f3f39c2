package io.millwright.model;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Where a project's events are told, as CloudEvents that are signed.
 *
 * @param url to which they are sent by POST; http or https
 * @param secret with which they are signed, 16 to 200 characters; a fresh one is made by {@code
 *     openssl rand -hex 32}
 * @param about what is told: titles of kinds, such as Machine, and Operation; everything if not
 *     given
 */
public record WebhookSpec(String url, @Secret String secret, @Default List<String> about)
    implements Spec {
  /** What stands for operations among kinds. */
  public static final String OPERATION = "Operation";

  private static final int LONGEST_URL = 2000;

  public WebhookSpec {
    about = about == null ? List.of() : List.copyOf(about);
  }

  public WebhookSpec withSecret(String other) {
    return new WebhookSpec(url, other, about);
  }

  /** What can stand in {@code about}. */
  public static List<String> subjects() {
    return Stream.concat(
            Stream.of(Kind.values()).map(Kind::title).filter(t -> !t.equals(Kind.WEBHOOK.title())),
            Stream.of(OPERATION))
        .toList();
  }

  @Override
  public void check(Violations at) {
    checkUrl(at.field("url"));
    at.field("secret").require(!secret.isBlank(), "must not be empty");
    List<String> known = subjects();
    for (int i = 0; i < about.size(); i++) {
      at.field("about")
          .index(i)
          .require(
              known.contains(about.get(i)),
              Names.quote(about.get(i))
                  + " is none of "
                  + known.stream().collect(Collectors.joining(", "))
                  + Names.hint(about.get(i), known));
    }
  }

  private void checkUrl(Violations at) {
    try {
      URI uri = new URI(url);
      boolean http = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
      if (!http || uri.getHost() == null || uri.getPort() > 65535 || url.length() > LONGEST_URL) {
        at.add("must be a URL with http or https and a host, such as https://ci.example.org/hook");
      }
      at.require(
          uri.getRawUserInfo() == null && uri.getRawFragment() == null,
          "must have neither user nor fragment");
      at.require(url.chars().allMatch(c -> c > ' ' && c < 127), "must be ASCII; encode the rest");
    } catch (URISyntaxException e) {
      at.add("is no URL, such as https://ci.example.org/hook");
    }
  }
}
