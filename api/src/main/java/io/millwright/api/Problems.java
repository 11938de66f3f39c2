package io.millwright.api;

import io.millwright.engine.request.Approving;
import io.millwright.engine.request.Held;
import io.millwright.model.Names;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Violation;
import io.millwright.model.manifest.Json;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.tomcat.util.http.InvalidParameterException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.http.converter.HttpMessageNotReadableException;
import org.springframework.web.ErrorResponse;
import org.springframework.web.HttpMediaTypeNotAcceptableException;
import org.springframework.web.HttpMediaTypeNotSupportedException;
import org.springframework.web.HttpRequestMethodNotSupportedException;
import org.springframework.web.bind.MissingRequestValueException;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;
import org.springframework.web.method.annotation.MethodArgumentTypeMismatchException;
import org.springframework.web.servlet.NoHandlerFoundException;
import org.springframework.web.servlet.resource.NoResourceFoundException;

/** Answers every failure with a problem document; nobody is ever shown what the code looks like. */
@RestControllerAdvice
final class Problems {
  private static final Logger LOG = LoggerFactory.getLogger(Problems.class);
  private static final SecureRandom RANDOM = new SecureRandom();

  private final Approving approving;

  Problems(Approving approving) {
    this.approving = approving;
  }

  /** Also what clients that accept only JSON or event streams get when something is wrong. */
  @ExceptionHandler
  @Nullable ResponseEntity<byte[]> answer(
      Exception e, HttpServletRequest request, HttpServletResponse response) {
    if (response.isCommitted()) {
      // A stream that broke: the client went away, or it hears of the problem when it resumes.
      LOG.debug("answer to {} ended early: {}", request.getRequestURI(), e.toString());
      return null;
    }
    HttpHeaders headers = new HttpHeaders();
    if (e instanceof ErrorResponse known) {
      headers.putAll(known.getHeaders());
    }
    headers.setContentType(MediaType.APPLICATION_PROBLEM_JSON);
    Problem problem = e instanceof Held held ? held(held) : problem(e);
    return ResponseEntity.status(problem.type().status())
        .headers(headers)
        .body(bytes(problem, request));
  }

  /** What must be approved first is kept for that, whichever operation it was. */
  private Problem held(Held held) {
    try {
      return Approving.problem(approving.hold(held)).problem();
    } catch (RuntimeException e) {
      return problem(e);
    }
  }

  /** Writes a problem where Spring MVC is not at work: in filters and in the web server. */
  static void write(Problem problem, HttpServletRequest request, HttpServletResponse response)
      throws IOException {
    if (response.isCommitted()) {
      return;
    }
    response.resetBuffer();
    response.setStatus(problem.type().status());
    response.setContentType(MediaType.APPLICATION_PROBLEM_JSON_VALUE);
    byte[] bytes = bytes(problem, request);
    response.setContentLength(bytes.length);
    response.getOutputStream().write(bytes);
    response.flushBuffer();
  }

  private static byte[] bytes(Problem problem, HttpServletRequest request) {
    request.setAttribute(Trail.PROBLEM, problem);
    return Json.mapper().writeValueAsBytes(ProblemView.of(problem, request.getRequestURI()));
  }

  static Problem problem(Exception e) {
    return switch (e) {
      case ProblemException p -> p.problem();
      case HttpRequestMethodNotSupportedException m ->
          plain(
              Problem.Type.METHOD_NOT_ALLOWED,
              m.getMethod() + " is not offered here" + instead(m.getSupportedMethods()));
      case HttpMediaTypeNotAcceptableException m ->
          plain(
              Problem.Type.NOT_ACCEPTABLE,
              "ask for application/json"
                  + (m.getSupportedMediaTypes().contains(MediaType.TEXT_EVENT_STREAM)
                      ? " or text/event-stream"
                      : ""));
      case HttpMediaTypeNotSupportedException m ->
          plain(
              Problem.Type.UNSUPPORTED_MEDIA_TYPE,
              (m.getContentType() == null
                      ? "the Content-Type is missing"
                      : "the Content-Type "
                          + Names.quote(m.getContentType().toString())
                          + " is not taken")
                  + "; send application/yaml or application/json");
      case NoHandlerFoundException _, NoResourceFoundException _ ->
          plain(Problem.Type.NOT_FOUND, "there is nothing at this path; see /api/v1/openapi.json");
      case MethodArgumentTypeMismatchException m -> {
        Class<?> type = m.getRequiredType();
        yield field(m.getName(), Names.quote(String.valueOf(m.getValue())) + " is " + no(type));
      }
      case MissingRequestValueException m -> field("", m.getBody().getDetail() + "");
      case HttpMessageNotReadableException m when m.getCause() instanceof ProblemException p ->
          p.problem();
      case HttpMessageNotReadableException _ ->
          field("", "the request has no body, or it ended early");
      case InvalidParameterException _ ->
          field("", "the address cannot be read: after % there are two hex digits, of UTF-8");
      case ErrorResponse r when r.getStatusCode().is4xxClientError() ->
          field("", "the request cannot be understood");
      default -> internal(e);
    };
  }

  /** The log has what the user is not shown, under an id that both have. */
  private static Problem internal(Exception e) {
    byte[] raw = new byte[4];
    RANDOM.nextBytes(raw);
    String id = HexFormat.of().formatHex(raw);
    LOG.error("request failed, id {}", id, e);
    return plain(
        Problem.Type.INTERNAL,
        "this is a fault of Millwright; the server's log tells more under the id " + id);
  }

  private static String instead(String @Nullable [] methods) {
    return methods == null
        ? ""
        : "; there are: " + List.of(methods).stream().sorted().collect(Collectors.joining(", "));
  }

  private static String no(@Nullable Class<?> type) {
    if (type == java.util.UUID.class) {
      return "no uid";
    }
    if (type == boolean.class || type == Boolean.class) {
      return "neither true nor false";
    }
    return "no whole number, or out of range";
  }

  private static Problem plain(Problem.Type type, String detail) {
    return new Problem(type, detail, List.of());
  }

  private static Problem field(String field, String message) {
    return new Problem(
        Problem.Type.INVALID,
        field.isEmpty() ? message : field + ": " + message,
        List.of(new Violation(field, message)));
  }
}
