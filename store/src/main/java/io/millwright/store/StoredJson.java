package io.millwright.store;

import io.millwright.model.manifest.Json;
import tools.jackson.core.SerializableString;
import tools.jackson.core.io.CharacterEscapes;
import tools.jackson.core.io.SerializedString;
import tools.jackson.databind.ObjectWriter;

/** How records stand in jsonb columns: as the model writes them. */
final class StoredJson {
  private static final ObjectWriter WRITER = Json.mapper().writer(new WithoutNul());

  private StoredJson() {}

  static String write(Object value) {
    return WRITER.writeValueAsString(value);
  }

  static <T> T read(String json, Class<T> type) {
    return Json.read(json, type);
  }

  /** PostgreSQL's text holds no NUL; what guests print may well have some. */
  static String text(String any) {
    return any.indexOf('\0') < 0 ? any : any.replace('\0', '\ufffd');
  }

  /** jsonb refuses {@code \u0000}, so that it becomes the replacement character here too. */
  private static final class WithoutNul extends CharacterEscapes {
    private static final long serialVersionUID = 1L;
    private static final SerializableString REPLACEMENT = new SerializedString("\\ufffd");

    @Override
    public int[] getEscapeCodesForAscii() {
      int[] codes = standardAsciiEscapesForJSON();
      codes[0] = ESCAPE_CUSTOM;
      return codes;
    }

    @Override
    public SerializableString getEscapeSequence(int c) {
      return REPLACEMENT;
    }
  }
}
