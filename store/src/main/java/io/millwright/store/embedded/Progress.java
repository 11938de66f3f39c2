package io.millwright.store.embedded;

/**
 * Hears, sentence by sentence, what a start is doing that takes long enough to be wondered about.
 */
@FunctionalInterface
public interface Progress {
  /** Takes one sentence for a human reader; it never holds a secret. */
  void say(String sentence);

  /** Listens to nothing. */
  static Progress silent() {
    return sentence -> {};
  }
}
