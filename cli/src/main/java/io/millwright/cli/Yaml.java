package io.millwright.cli;

import io.millwright.client.Trees;
import java.io.StringWriter;
import java.io.Writer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLFactory;
import tools.jackson.dataformat.yaml.YAMLWriteFeature;
import tools.jackson.dataformat.yaml.util.StringQuotingChecker;

/** Trees from and to YAML. */
final class Yaml {
  private static final YAMLFactory YAML =
      YAMLFactory.builder()
          .disable(YAMLWriteFeature.WRITE_DOC_START_MARKER)
          .disable(YAMLWriteFeature.SPLIT_LINES)
          .enable(YAMLWriteFeature.MINIMIZE_QUOTES)
          .enable(YAMLWriteFeature.INDENT_ARRAYS_WITH_INDICATOR)
          .stringQuotingChecker(new Quoting())
          .build();

  private Yaml() {}

  /** Quotes whatever some reader of YAML, of whichever version, might take for something else. */
  private static final class Quoting extends StringQuotingChecker {
    private static final long serialVersionUID = 1;
    private static final Pattern PLAIN =
        Pattern.compile("[A-Za-z/_](?:[-A-Za-z0-9_./+@()=,]|:(?! |$)| (?![#:])(?! ))*(?<! )");
    private static final Set<String> WORDS =
        Set.of("true", "false", "yes", "no", "on", "off", "y", "n", "null");

    @Override
    public boolean needToQuoteName(String name) {
      return needToQuoteValue(name);
    }

    @Override
    public boolean needToQuoteValue(String value) {
      return value.length() > 400
          || !PLAIN.matcher(value).matches()
          || WORDS.contains(value.toLowerCase(Locale.ROOT));
    }
  }

  static String write(JsonNode node) {
    StringWriter out = new StringWriter();
    try (JsonGenerator g = YAML.createGenerator(ObjectWriteContext.empty(), (Writer) out)) {
      Trees.write(g, node);
    }
    return out.toString();
  }

  /**
   * All documents of a text.
   *
   * @throws Failure if it is no YAML
   */
  static List<JsonNode> read(String text) {
    List<JsonNode> out = new ArrayList<>();
    try (JsonParser p = YAML.createParser(ObjectReadContext.empty(), text)) {
      while (p.nextToken() != null) {
        out.add(Trees.value(p));
      }
      return out;
    } catch (JacksonException e) {
      String where = e.getLocation() == null ? "" : " line " + e.getLocation().getLineNr() + ": ";
      throw Failure.usage(Bundle.SOURCE + where + "is no YAML: " + e.getOriginalMessage());
    }
  }
}
