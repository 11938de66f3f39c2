package io.millwright.images;

import io.pebbletemplates.pebble.PebbleEngine;
import io.pebbletemplates.pebble.loader.ClasspathLoader;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.Locale;
import java.util.Map;

/** Lays out an answer file by its template; what stands in it was decided before. */
final class Template {
  private static final PebbleEngine ENGINE = engine();

  private Template() {}

  private static PebbleEngine engine() {
    ClasspathLoader loader = new ClasspathLoader(Template.class.getClassLoader());
    loader.setPrefix("io/millwright/images");
    return new PebbleEngine.Builder()
        .loader(loader)
        .strictVariables(true)
        .newLineTrimming(false)
        .autoEscaping(false) // each format has rules of its own, kept by who fills in the values
        .defaultLocale(Locale.ROOT)
        .build();
  }

  static String fill(String template, Map<String, Object> values) {
    StringWriter out = new StringWriter();
    try {
      ENGINE.getTemplate(template).evaluate(out, values, Locale.ROOT);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toString();
  }
}
