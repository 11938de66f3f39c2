package io.millwright.model;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A field that people look for in a record and that is not there on purpose; who writes it is told
 * why, and what to do instead.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
public @interface LeftOut {
  /** As it would stand in a manifest. */
  String field();

  /** The rest of a sentence that begins with the field's name. */
  String why();
}
