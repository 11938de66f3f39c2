package io.millwright.engine.port;

import java.util.List;
import java.util.function.BiConsumer;

/** All that is kept in words, for whoever looks for what must not stand there. */
public interface Written {
  /**
   * Values in what is declared that begin so, each once.
   *
   * @param prefix without quotes and backslashes
   */
  List<String> declared(String prefix);

  /**
   * What was written of work, of things and of requests: logs, steps, events, states, the audit,
   * what webhooks tell, and plans that wait for approval.
   *
   * @param text is given where it stands, as a user knows it, and the text; of what is kept as JSON
   *     that is JSON
   */
  void each(BiConsumer<String, String> text);
}
