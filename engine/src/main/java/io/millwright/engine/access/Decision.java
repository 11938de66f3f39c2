package io.millwright.engine.access;

/**
 * Yes or no.
 *
 * @param reason why not, for whoever asked; empty for yes
 */
public record Decision(boolean allowed, String reason) {
  static final Decision YES = new Decision(true, "");

  static Decision no(String reason) {
    return new Decision(false, reason);
  }
}
