package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.millwright.model.Operation;
import io.millwright.model.Resource;
import io.millwright.model.manifest.Json;
import java.util.Map;
import java.util.TreeMap;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;

/**
 * The answer to a request that changes something, in the form in which it is kept for who repeats
 * the request.
 *
 * @param body JSON, or empty
 */
record Answer(int status, Map<String, String> headers, String body) {

  static Answer of(int status, Object view) {
    return new Answer(status, Map.of(), Json.write(view));
  }

  /** There is nothing to do any more. */
  static Answer of(int status, Resource<?, ?> resource) {
    return of(status, (Object) ResourceView.of(resource))
        .with(HttpHeaders.ETAG, Precondition.etag(resource));
  }

  /** There is work to do, and this is its record. */
  static Answer accepted(Operation operation) {
    return of(202, (Object) OperationView.of(operation))
        .with(HttpHeaders.LOCATION, OperationsApi.location(operation.uid()));
  }

  static Answer gone() {
    return new Answer(204, Map.of(), "");
  }

  Answer with(String header, String value) {
    Map<String, String> next = new TreeMap<>(headers);
    next.put(header, value);
    return new Answer(status, next, body);
  }

  ResponseEntity<byte[]> entity() {
    ResponseEntity.BodyBuilder out = ResponseEntity.status(status);
    headers.forEach(out::header);
    return body.isEmpty()
        ? out.build()
        : out.contentType(MediaType.APPLICATION_JSON).body(body.getBytes(UTF_8));
  }
}
