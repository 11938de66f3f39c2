package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpRequest;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What is said to sources over HTTP; what they do is tried where there are machines. */
@Tag("database")
class SourcesTest {
  private static final String SOURCE =
      """
      apiVersion: millwright/v1
      kind: Source
      metadata: {name: shop}
      spec:
        url: %s
        driver: simulated
        settings: {webhookSecret: hook-secret}
      """;

  private final Rig rig = Rig.shared();

  private Rig.Reply hook(String path, String body, String... headers) {
    HttpRequest.Builder out =
        HttpRequest.newBuilder(rig.uri(path)).header("Content-Type", "application/json");
    if (headers.length > 0) {
      out.headers(headers);
    }
    return rig.send(out.POST(HttpRequest.BodyPublishers.ofString(body)).build());
  }

  private static String signature(String body) throws Exception {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec("hook-secret".getBytes(UTF_8), "HmacSHA256"));
    return "sha256=" + HexFormat.of().formatHex(mac.doFinal(body.getBytes(UTF_8)));
  }

  @Test
  void aWebhookNeedsNoTokenButASignature() throws Exception {
    rig.apply("hooks", SOURCE.formatted("https://git.example.org/shop"));
    String path = "projects/hooks/sources/shop/hook";
    String body = "{\"ref\":\"refs/heads/main\"}";
    assertThat(hook(path, body, "X-Hub-Signature-256", signature(body)).status()).isEqualTo(204);
    assertThat(hook(path, body, "X-Gitlab-Token", "hook-secret").status()).isEqualTo(204);
    Rig.Reply unsigned = hook(path, body);
    assertThat(unsigned.status()).isEqualTo(401);
    assertThat(hook(path, body + " ", "X-Hub-Signature-256", signature(body)).status())
        .isEqualTo(401);
    // Nobody learns by it what there is.
    Rig.Reply none = hook("projects/hooks/sources/none/hook", body, "X-Gitlab-Token", "");
    assertThat(none.status()).isEqualTo(401);
    assertThat(none.json().path("detail")).isEqualTo(unsigned.json().path("detail"));
    assertThat(rig.get("projects/hooks/sources/shop").raw().body())
        .contains("\"webhookSecret\":\"(sealed)\"")
        .doesNotContain("hook-secret");
    assertThat(rig.dump()).doesNotContain("hook-secret");
  }

  @Test
  void whatWasNotReadCannotBeApproved() {
    rig.apply("approvals", SOURCE.formatted("https://git.example.org/shop"));
    String path = "projects/approvals/sources/shop";
    assertThat(rig.post(path + ":approve?commit=xyz").status()).isEqualTo(400);
    Rig.Reply early = rig.post(path + ":approve?commit=0123456789");
    assertThat(early.status()).isEqualTo(409);
    assertThat(early.json().path("detail").asString()).contains("has not been read yet");
    assertThat(rig.post(path + ":sync").status()).isEqualTo(200);
    assertThat(rig.post("projects/approvals/sources/none:sync").status()).isEqualTo(404);
    assertThat(rig.get(path + "/actions").raw().body())
        .contains("\"action\":\"approve\",\"allowed\":false,\"reason\":\"no commit waits for it\"");
  }

  @Test
  void theServersOwnFilesAreNoRepository() {
    for (String url : new String[] {"file:///etc", "http://127.0.0.1/x"}) {
      Rig.Reply refused = rig.post("apply?project=own", SOURCE.formatted(url));
      assertThat(refused.status()).isEqualTo(400);
      assertThat(refused.json().path("detail").asString())
          .contains("spec.url: must be https or ssh")
          .contains("--sources");
    }
    for (String url :
        new String[] {
          "https://anna:secret@git.example.org/x", "https://anna@git.example.org/x", "git@host:x",
          "https://git.example.org/a/../b", "ext::sh -c id", "/etc"
        }) {
      Rig.Reply refused = rig.post("apply?project=own", SOURCE.formatted("\"" + url + "\""));
      assertThat(refused.status()).as(url).isEqualTo(400);
      assertThat(refused.json().path("detail").asString()).contains("spec.url: must");
    }
  }
}
