package io.millwright.api;

import static java.lang.annotation.ElementType.METHOD;
import static java.lang.annotation.RetentionPolicy.RUNTIME;

import io.millwright.engine.access.Verb;
import io.millwright.model.Kind;
import java.lang.annotation.Retention;
import java.lang.annotation.Target;

/**
 * What one may do who may call this. Every handler has one; a server with a handler that has none
 * does not start.
 */
@Retention(RUNTIME)
@Target(METHOD)
@interface Needs {
  /** The verb that {@link io.millwright.engine.access.Policy} is asked about. */
  Verb value();

  /** The kind that it is about; of a {@link Collection} it need not be said. */
  Kind[] of() default {};

  /** Where one must be allowed to. */
  Where where() default Where.PROJECT;

  /** True for a GET that is not only reading, so that it belongs into the audit. */
  boolean acts() default false;

  /**
   * True for a POST that only says that the caller is still there: it comes again and again, and
   * only its refusal belongs into the audit, which is kept for ever.
   */
  boolean routine() default false;

  /** Where one must be allowed to do something. */
  enum Where {
    /** In the project that the path names as {@code {project}}. */
    PROJECT,
    /**
     * As {@link #PROJECT}; or, where the path has {@code -} for all of them, in any: the handler
     * shows of each what the caller may see.
     */
    PROJECTS,
    /** In the whole installation. */
    HOUSE,
    /**
     * What it is about is found only by looking: the handler asks by itself, with {@link Callers}.
     */
    HANDLER,
    /** Nobody needs to have shown who they are. */
    ANYBODY
  }
}
