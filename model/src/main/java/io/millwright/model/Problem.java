package io.millwright.model;

import java.util.List;

/**
 * What went wrong, for whoever asked; becomes the problem document of RFC 9457.
 *
 * @param type what kind of problem it is
 * @param detail one sentence for a person: what is wrong and what to do next
 * @param errors the fields concerned, if any
 */
public record Problem(Type type, String detail, List<Violation> errors) {

  /** The kinds of problems, each with its HTTP status. */
  public enum Type {
    INVALID(400, "invalid", "The input is not valid"),
    UNAUTHENTICATED(401, "unauthenticated", "A valid token is needed"),
    FORBIDDEN(403, "forbidden", "Not allowed"),
    PASSWORD_CHANGE(403, "password-change-needed", "The first password must be changed"),
    CSRF(403, "csrf", "The request may come from another site"),
    NOT_FOUND(404, "not-found", "There is no such thing"),
    METHOD_NOT_ALLOWED(405, "method-not-allowed", "This cannot be done here"),
    NOT_ACCEPTABLE(406, "not-acceptable", "The answer cannot be given in that form"),
    CONFLICT(409, "conflict", "It conflicts with what is there"),
    QUOTA(409, "quota-exceeded", "It is more than the project may have"),
    APPROVAL(409, "approval-needed", "Somebody has to approve it first"),
    GONE(410, "gone", "It is there no more"),
    PRECONDITION(412, "precondition-failed", "It was changed in the meantime"),
    TOO_LARGE(413, "too-large", "The input is too large"),
    UNSUPPORTED_MEDIA_TYPE(415, "unsupported-media-type", "The input is in an unknown form"),
    KEY_REUSED(422, "idempotency-key-reused", "The Idempotency-Key belongs to another request"),
    TOO_MANY(429, "too-many-requests", "Too many requests"),
    INTERNAL(500, "internal", "Millwright failed"),
    UNAVAILABLE(503, "unavailable", "Not available just now");

    private final int status;
    private final String slug;
    private final String title;

    Type(int status, String slug, String title) {
      this.status = status;
      this.slug = slug;
      this.title = title;
    }

    public int status() {
      return status;
    }

    /** The last part of the problem's type URI. */
    public String slug() {
      return slug;
    }

    public String title() {
      return title;
    }
  }

  public Problem {
    errors = List.copyOf(errors);
  }

  /**
   * What is wrong with the first field concerned, or else the detail: for who is told one thing.
   */
  public String first() {
    return errors.isEmpty() ? detail : errors.getFirst().message();
  }
}
