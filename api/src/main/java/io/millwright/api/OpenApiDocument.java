package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.swagger.v3.oas.annotations.Hidden;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * The description of this API, from which clients are made.
 *
 * <p>It is written when Millwright is built, and a test holds it to be what the code says; so the
 * server that runs has no need of what makes it.
 */
@Hidden
@RestController
@RequestMapping("/api/v1/openapi.json")
final class OpenApiDocument {
  private final byte[] document;

  OpenApiDocument() {
    try (InputStream in = OpenApiDocument.class.getResourceAsStream("openapi.json")) {
      if (in == null) {
        throw new IllegalStateException("openapi.json was not packaged");
      }
      document = in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Needs(value = Verb.SIGN_IN, where = Needs.Where.HANDLER)
  @GetMapping
  ResponseEntity<byte[]> get() {
    return ResponseEntity.ok().contentType(MediaType.APPLICATION_JSON).body(document);
  }
}
