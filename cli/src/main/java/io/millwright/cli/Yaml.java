package io.millwright.cli;

import io.millwright.client.Trees;
import java.io.StringWriter;
import java.io.Writer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.common.Anchor;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.MappingStartEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.events.SequenceStartEvent;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;
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

  /**
   * The same as the server reads them: what is no text stays as it is written, for {@code name:
   * 0042} is no other name, and what is repeated by an alias stands there.
   *
   * @throws Failure if it is no YAML
   */
  static List<JsonNode> texts(String text) {
    LoadSettings settings =
        LoadSettings.builder().setCodePointLimit(Integer.MAX_VALUE).setUseMarks(true).build();
    try {
      return new Texts(new Parse(settings).parseString(text).iterator()).documents();
    } catch (MarkedYamlEngineException e) {
      String where = e.getProblemMark().map(m -> " line " + (m.getLine() + 1) + ": ").orElse(" ");
      throw Failure.usage(Bundle.SOURCE + where + "is no YAML: " + e.getProblem());
    } catch (YamlEngineException e) {
      throw Failure.usage(Bundle.SOURCE + " is no YAML: " + e.getMessage());
    }
  }

  /** Documents by their events; Jackson's reader knows no anchors of single values. */
  private record Texts(Iterator<Event> events, Map<Anchor, JsonNode> anchors) {
    private static final int DEEPEST = 200;
    private static final Set<String> NOTHING = Set.of("", "~", "null", "Null", "NULL");

    Texts(Iterator<Event> events) {
      this(events, new HashMap<>());
    }

    List<JsonNode> documents() {
      List<JsonNode> out = new ArrayList<>();
      while (events.hasNext()) {
        if (events.next().getEventId() == Event.ID.DocumentStart) {
          anchors.clear();
          out.add(value(events.next(), 0));
        }
      }
      return out;
    }

    private JsonNode value(Event event, int depth) {
      if (depth > DEEPEST) {
        throw new YamlEngineException("it is nested deeper than " + DEEPEST);
      }
      return switch (event) {
        case AliasEvent alias -> {
          JsonNode repeated = anchors.get(alias.getAlias());
          if (repeated == null) {
            throw new YamlEngineException(
                "the alias *" + alias.getAlias() + " has no anchor before it");
          }
          yield repeated;
        }
        case ScalarEvent scalar -> {
          boolean nothing = scalar.isPlain() && NOTHING.contains(scalar.getValue());
          yield known(
              scalar.getAnchor(),
              nothing
                  ? JsonNodeFactory.instance.nullNode()
                  : JsonNodeFactory.instance.stringNode(scalar.getValue()));
        }
        case MappingStartEvent mapping -> {
          ObjectNode out = JsonNodeFactory.instance.objectNode();
          for (Event key = events.next();
              key.getEventId() != Event.ID.MappingEnd;
              key = events.next()) {
            String name = value(key, depth + 1).asString("");
            out.set(name, value(events.next(), depth + 1));
          }
          yield known(mapping.getAnchor(), out);
        }
        case SequenceStartEvent sequence -> {
          ArrayNode out = JsonNodeFactory.instance.arrayNode();
          for (Event each = events.next();
              each.getEventId() != Event.ID.SequenceEnd;
              each = events.next()) {
            out.add(value(each, depth + 1));
          }
          yield known(sequence.getAnchor(), out);
        }
        default -> throw new YamlEngineException("a value is missing");
      };
    }

    private JsonNode known(Optional<Anchor> anchor, JsonNode node) {
      anchor.ifPresent(a -> anchors.put(a, node));
      return node;
    }
  }
}
