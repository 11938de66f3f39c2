package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.manifest.Json;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springdoc.core.configuration.SpringDocConfiguration;
import org.springdoc.core.properties.SpringDocConfigProperties;
import org.springdoc.webmvc.core.configuration.SpringDocWebMvcConfiguration;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.annotation.Order;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.web.SecurityFilterChain;
import tools.jackson.databind.JsonNode;

/**
 * The description of the API in the repository is what the code says. Rewrite it with {@code mvn
 * test -pl api -am -Dopenapi.update=true -Dtest=OpenApiTest
 * -Dsurefire.failIfNoSpecifiedTests=false}.
 */
class OpenApiTest {
  private static final Path FILE = Path.of("../client/openapi.json");
  private static final String GENERATED = "/generated";

  @Configuration(proxyBeanMethods = false)
  @Import(ApiConfiguration.class)
  @ImportAutoConfiguration({
    SpringDocConfiguration.class,
    SpringDocConfigProperties.class,
    SpringDocWebMvcConfiguration.class
  })
  static class Generating {
    @Bean
    RecordSchemas recordSchemas() throws java.io.IOException {
      return new RecordSchemas(
          Comments.read(
              List.of(
                  Path.of("src/main/java"),
                  Path.of("../model/src/main/java"),
                  Path.of("../engine/src/main/java/io/millwright/engine"))));
    }

    @Bean
    Description description(RecordSchemas schemas) {
      return new Description(schemas);
    }

    @Bean
    @Order(0)
    SecurityFilterChain generated(HttpSecurity http) {
      return http.securityMatcher(GENERATED)
          .authorizeHttpRequests(a -> a.anyRequest().permitAll())
          .build();
    }
  }

  private static String document = "";

  @BeforeAll
  static void describe() throws Exception {
    document = generate();
  }

  @Test
  void theDescriptionIsUpToDate() throws Exception {
    if (Boolean.getBoolean("openapi.update")) {
      Files.writeString(FILE, document);
    }
    assertThat(Files.readString(FILE))
        .as("client/openapi.json; see OpenApiTest for how to rewrite it")
        .isEqualTo(document);
  }

  @Test
  void everyOperationIsDescribed() {
    JsonNode api = Json.mapper().readTree(document);
    assertThat(api.get("openapi").stringValue()).startsWith("3.1");
    java.util.Set<String> ids = new java.util.HashSet<>();
    for (Map.Entry<String, JsonNode> path : api.get("paths").properties()) {
      for (Map.Entry<String, JsonNode> operation : path.getValue().properties()) {
        String where = operation.getKey() + " " + path.getKey();
        JsonNode o = operation.getValue();
        assertThat(ids.add(o.path("operationId").asString())).as(where).isTrue();
        assertThat(o.path("summary").asString()).as(where).isNotBlank();
        assertThat(o.path("tags").size()).as(where).isEqualTo(1);
        assertThat(o.path("responses").has("500")).as(where).isTrue();
        for (JsonNode parameter : o.path("parameters")) {
          assertThat(parameter.path("description").asString())
              .as(where + " " + parameter.path("name"))
              .isNotBlank();
        }
      }
    }
    assertThat(ids).contains("listMachines", "createVolume", "apply", "powerOnMachine");
  }

  /** A key that is accepted and dropped would be believed. */
  @Test
  void everyPostSaysWhatComesOfItsBeingSentAgain() {
    int posts = 0;
    for (Map.Entry<String, JsonNode> path :
        Json.mapper().readTree(document).get("paths").properties()) {
      JsonNode post = path.getValue().path("post");
      if (post.isMissingNode()) {
        continue;
      }
      posts++;
      boolean kept =
          post.path("parameters")
              .valueStream()
              .anyMatch(p -> p.path("name").asString().equals(Once.KEY));
      String told = post.path("description").asString("");
      assertThat(
              List.of(
                  kept,
                  told.contains(Once.KEY + " is refused, because "),
                  told.contains("may be sent again: ")))
          .as("POST " + path.getKey() + ": a Once, or what @Again says, and one of them")
          .containsOnlyOnce(true);
    }
    assertThat(posts).isGreaterThan(40);
  }

  @Test
  void everyReferenceLeadsSomewhere() {
    JsonNode schemas = Json.mapper().readTree(document).get("components").get("schemas");
    java.util.regex.Matcher m =
        java.util.regex.Pattern.compile("#/components/schemas/([A-Za-z]+)").matcher(document);
    while (m.find()) {
      assertThat(schemas.has(m.group(1))).as(m.group(1)).isTrue();
    }
  }

  private static String generate() throws Exception {
    try (RunningApi api =
        RunningApi.start(
            Unreachable.backend(),
            Map.of(
                "springdoc.api-docs.path", GENERATED,
                "springdoc.api-docs.version", "openapi_3_1",
                "springdoc.default-produces-media-type", "application/json",
                "springdoc.override-with-generic-response", "false"),
            Generating.class)) {
      byte[] raw =
          HttpClient.newHttpClient()
              .send(
                  HttpRequest.newBuilder(URI.create(api.url() + GENERATED)).build(),
                  HttpResponse.BodyHandlers.ofByteArray())
              .body();
      JsonNode tree = Json.mapper().readTree(new String(raw, UTF_8));
      return Json.mapper().writerWithDefaultPrettyPrinter().writeValueAsString(tree) + "\n";
    }
  }
}
