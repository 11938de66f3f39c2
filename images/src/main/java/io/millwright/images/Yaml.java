package io.millwright.images;

import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.snakeyaml.engine.v2.api.DumpSettings;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.dataformat.yaml.YAMLFactory;
import tools.jackson.dataformat.yaml.YAMLMapper;
import tools.jackson.dataformat.yaml.YAMLWriteFeature;
import tools.jackson.dataformat.yaml.util.StringQuotingChecker;

/**
 * Writes YAML that YAML 1.1 and 1.2 readers take for the same: every text is in double quotes, and
 * so is a key unless it is a plain word.
 */
final class Yaml {
  private static final ObjectMapper MAPPER =
      new YAMLMapper(
          YAMLFactory.builder()
              .disable(YAMLWriteFeature.WRITE_DOC_START_MARKER)
              .disable(YAMLWriteFeature.MINIMIZE_QUOTES)
              .dumperOptions(
                  DumpSettings.builder()
                      // YAML 1.1 takes U+0085 and U+2028 for line breaks: all but ASCII is escaped.
                      .setUseUnicodeEncoding(false)
                      .setSplitLines(false)
                      .setMaxSimpleKeyLength(1024)
                      .build())
              .stringQuotingChecker(new QuoteAllButWords())
              .build());

  private Yaml() {}

  static String write(Map<String, ?> document) {
    return MAPPER.writeValueAsString(document);
  }

  private static final class QuoteAllButWords extends StringQuotingChecker {
    private static final long serialVersionUID = 1L;

    private static final Pattern WORD = Pattern.compile("[a-z][a-z0-9]*([-_][a-z0-9]+)*");

    /** In YAML 1.1 these are truth values or nothing. */
    private static final Set<String> WORDS_WITH_A_MEANING =
        Set.of("y", "n", "yes", "no", "on", "off", "true", "false", "null");

    @Override
    public boolean needToQuoteName(String name) {
      return WORDS_WITH_A_MEANING.contains(name) || !WORD.matcher(name).matches();
    }

    @Override
    public boolean needToQuoteValue(String value) {
      return true;
    }
  }
}
