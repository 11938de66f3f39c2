package io.millwright.model;

/** Whether a machine runs. */
public enum Power {
  ON,
  OFF
}
