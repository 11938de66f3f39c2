package io.millwright.model;

import java.util.UUID;

/** One declared thing and what is known of it. */
public record Resource<S extends Spec, T extends Status>(
    Kind kind, Metadata metadata, S spec, T status) {

  public UUID uid() {
    return metadata.uid();
  }

  public String name() {
    return metadata.name();
  }

  public String project() {
    return metadata.project();
  }

  public long generation() {
    return metadata.generation();
  }

  /** True once its deletion was asked for. */
  public boolean deleting() {
    return metadata.deletedAt() != null;
  }

  /** For messages: {@code Machine hello}. */
  public String title() {
    return kind.title() + " " + metadata.name();
  }

  public Resource<S, T> withMetadata(Metadata next) {
    return new Resource<>(kind, next, spec, status);
  }

  public Resource<S, T> withSpec(S next) {
    return new Resource<>(kind, metadata, next, status);
  }

  public Resource<S, T> withStatus(T next) {
    return new Resource<>(kind, metadata, spec, next);
  }

  /**
   * This resource seen as one of a given kind.
   *
   * @throws IllegalArgumentException if it is of another kind; a bug of the caller
   */
  @SuppressWarnings("unchecked") // checked by the two isInstance tests
  public <A extends Spec, B extends Status> Resource<A, B> as(Class<A> specType, Class<B> status) {
    if (!specType.isInstance(this.spec) || !status.isInstance(this.status)) {
      throw new IllegalArgumentException(title() + " is no " + specType.getSimpleName());
    }
    return (Resource<A, B>) this;
  }
}
