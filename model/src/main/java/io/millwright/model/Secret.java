package io.millwright.model;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A component of a spec that holds a secret: it is sealed before it reaches the database, and shown
 * to nobody. Of a mapping that are the values under those keys which the driver calls secret.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
public @interface Secret {
  /** What stands for a secret in every answer. Given back, it means: as it is. */
  String MASK = "(sealed)";
}
