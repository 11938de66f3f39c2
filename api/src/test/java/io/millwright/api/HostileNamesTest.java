package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import io.millwright.model.Kind;
import io.millwright.model.Names;
import io.millwright.model.manifest.Json;
import java.net.URLEncoder;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** HTML and control characters are no name, no label and no annotation's key, of whatever it is. */
@Tag("database")
class HostileNamesTest {
  private static final List<String> HOSTILE =
      List.of(
          "<script>h0stile()</script>",
          "\"><img src=x onerror=h0stile()>",
          "h0stile\u0000",
          "h0stile\u001b[2J",
          "h0stile\r\nX-H0stile: 1",
          "h0stile\u007f",
          "\u202eh0stile",
          "../h0stile");

  private final Rig rig = Rig.shared();

  @Test
  void ofResources() {
    for (Kind kind : Kind.values()) {
      for (String hostile : HOSTILE) {
        String text = Json.write(hostile);
        refused("metadata.name", kind, "\"name\": " + text);
        refused("metadata.project", kind, "\"name\": \"h\", \"project\": " + text);
        refused("metadata.labels", kind, "\"name\": \"h\", \"labels\": {" + text + ": \"a\"}");
        refused("metadata.labels", kind, "\"name\": \"h\", \"labels\": {\"a\": " + text + "}");
        refused(
            "metadata.annotations",
            kind,
            "\"name\": \"h\", \"annotations\": {" + text + ": \"a\"}");
        if (!Names.isPlain(hostile)) { // HTML is a text like any other there
          refused(
              "metadata.annotations",
              kind,
              "\"name\": \"h\", \"annotations\": {\"a\": " + text + "}");
        }
      }
    }
    nothingIsKept();
  }

  private void refused(String field, Kind kind, String metadata) {
    Reply reply =
        rig.post(
            "apply?project=hostile",
            "{\"apiVersion\": \"millwright/v1\", \"kind\": \"%s\", \"metadata\": {%s}, \"spec\": {}}"
                .formatted(kind, metadata));
    isProblem(reply, kind + " with " + metadata);
    assertThat(reply.raw().body()).as(kind + " with " + metadata).contains(field);
  }

  @Test
  void ofPeopleTokensProjectsAndWhatStandsInPaths() {
    for (String hostile : HOSTILE) {
      String name = "{\"name\": " + Json.write(hostile) + "}";
      isProblem(rig.post("users", name), "user " + name);
      isProblem(rig.post("tokens", name), "token " + name);
      String path = URLEncoder.encode(hostile, UTF_8).replace("+", "%20");
      for (String way :
          List.of(
              "projects/" + path + "/quota",
              "projects/hostile/members/" + path,
              "projects/hostile/machines/" + path,
              "projects/hostile/sizes/" + path)) {
        isProblem(rig.put(way, "{\"role\": \"user\"}"), way);
      }
    }
    nothingIsKept();
  }

  /** Said as data that no browser takes for a page, and by no header of the sender's making. */
  private static void isProblem(Reply reply, String what) {
    assertThat(reply.status()).as(what + ": " + reply.raw().body()).isBetween(400, 422);
    assertThat(reply.header("X-H0stile")).as(what).isEmpty();
    assertThat(reply.header("Content-Type")).as(what).startsWith("application/problem+json");
  }

  private void nothingIsKept() {
    assertThat(
            rig.get("projects/-/sizes").raw().body()
                + rig.get("projects/-/machines").raw().body()
                + rig.get("users").raw().body()
                + rig.get("tokens").raw().body()
                + rig.get("projects").raw().body()
                + rig.get("projects/hostile/members").raw().body())
        .doesNotContain("h0stile");
  }
}
