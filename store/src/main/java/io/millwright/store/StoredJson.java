package io.millwright.store;

import io.millwright.model.manifest.Json;

/** How records stand in jsonb columns: as the model writes them. */
final class StoredJson {
  private static final String NUL = "\\u0000";

  private StoredJson() {}

  /** jsonb refuses an escaped NUL, so that it becomes the replacement character here too. */
  static String write(Object value) {
    String json = Json.write(value);
    int at = json.indexOf(NUL);
    if (at < 0) {
      return json;
    }
    StringBuilder out = new StringBuilder(json);
    // From escape to escape: in \\u0000 it is the backslash that is escaped.
    for (int i = json.indexOf('\\'); i >= 0; i = json.indexOf('\\', i + 2)) {
      if (json.startsWith(NUL, i)) {
        out.replace(i, i + NUL.length(), "\\ufffd");
      }
    }
    return out.toString();
  }

  static <T> T read(String json, Class<T> type) {
    return Json.read(json, type);
  }

  /** PostgreSQL's text holds no NUL; what guests print may well have some. */
  static String text(String any) {
    return any.indexOf('\0') < 0 ? any : any.replace('\0', '\ufffd');
  }
}
