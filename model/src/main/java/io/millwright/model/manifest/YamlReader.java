package io.millwright.model.manifest;

import io.millwright.model.Names;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.common.Anchor;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.MappingStartEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.ReaderException;

/**
 * Reads YAML 1.2 documents from the parser's events.
 *
 * <p>Neither Jackson's YAML reader nor the engine's own composer does what manifests need: the
 * first turns aliases into text, the second recurses as deep as the text says before it can be
 * asked to stop, and both resolve {@code 12.10} to a number.
 */
final class YamlReader {
  private final String text;
  private final Budget budget = new Budget();
  private final Iterator<Event> events;
  private final Map<Anchor, Anchored> anchors = new HashMap<>();

  /** A part that can be repeated, and its price. */
  private record Anchored(Node node, Budget.Spent price) {}

  private YamlReader(String text) {
    this.text = text;
    LoadSettings settings =
        LoadSettings.builder()
            .setCodePointLimit(Manifests.MAX_BYTES)
            // With the usual 1 KiB the reader copies a scalar of n characters n / 1024 times.
            .setBufferSize(Math.max(1024, text.length() + 1))
            .setUseMarks(true)
            .setParseComments(false)
            .build();
    this.events = new Parse(settings).parseString(text).iterator();
  }

  /** The documents of {@code text}, empty ones included. */
  static List<Node> documents(String text) {
    return new YamlReader(text).read();
  }

  private List<Node> read() {
    List<Node> out = new ArrayList<>();
    while (true) {
      Event event = next();
      switch (event.getEventId()) {
        case StreamEnd -> {
          return out;
        }
        case DocumentStart -> {
          anchors.clear();
          out.add(node(next(), 0));
        }
        default -> {}
      }
    }
  }

  private Node node(Event event, int depth) {
    Node.Mark mark = mark(event.getStartMark());
    if (event instanceof AliasEvent alias) {
      return repeat(mark, alias.getAlias(), depth);
    }
    Budget.Spent before = budget.spent();
    Node node;
    Optional<Anchor> anchor;
    if (event instanceof ScalarEvent scalar) {
      refuseTag(mark, scalar.getTag());
      budget.value(mark, scalar.getValue().length());
      node = new Node.Scalar(mark, scalar.getValue(), !scalar.isPlain());
      anchor = scalar.getAnchor();
    } else if (event instanceof CollectionStartEvent start) {
      refuseTag(mark, start.getTag());
      budget.value(mark, 0);
      budget.depth(mark, depth + 1);
      node =
          event instanceof MappingStartEvent ? mapping(mark, depth + 1) : sequence(mark, depth + 1);
      anchor = start.getAnchor();
    } else {
      throw new UnreadableException(mark, "a value is missing here");
    }
    if (anchor.isPresent()) {
      Budget.Spent after = budget.spent();
      anchors.put(
          anchor.get(),
          new Anchored(
              node,
              new Budget.Spent(
                  after.values() - before.values(), after.characters() - before.characters())));
    }
    return node;
  }

  private Node repeat(Node.Mark mark, Anchor name, int depth) {
    // An alias inside the very part that it repeats is not there yet, so nothing can be endless.
    Anchored part = anchors.get(name);
    if (part == null) {
      throw new UnreadableException(
          mark, "the alias *" + brief(name.getValue()) + " has no anchor before it");
    }
    budget.repeat(mark, part.price());
    budget.depth(mark, depth + part.node().height());
    return part.node();
  }

  private Node mapping(Node.Mark mark, int depth) {
    Map<String, Node.Field> fields = new LinkedHashMap<>();
    while (true) {
      Event event = next();
      if (event.getEventId() == Event.ID.MappingEnd) {
        return new Node.Fields(mark, fields);
      }
      Node key = node(event, depth);
      if (!(key instanceof Node.Scalar name) || key.empty()) {
        throw new UnreadableException(key.mark(), "a key is a word, not " + key.describe());
      }
      if (name.text().equals("<<") && !name.quoted()) {
        throw new UnreadableException(
            key.mark(), "merge keys (<<) are not taken; write the fields out");
      }
      Node.Field earlier = fields.put(name.text(), new Node.Field(key.mark(), node(next(), depth)));
      if (earlier != null) {
        throw new UnreadableException(
            key.mark(),
            "the key "
                + Names.quote(name.text())
                + " stands here twice, first in line "
                + earlier.key().line());
      }
    }
  }

  private Node sequence(Node.Mark mark, int depth) {
    List<Node> items = new ArrayList<>();
    while (true) {
      Event event = next();
      if (event.getEventId() == Event.ID.SequenceEnd) {
        return new Node.Items(mark, items);
      }
      items.add(node(event, depth));
    }
  }

  private static void refuseTag(Node.Mark mark, Optional<String> tag) {
    if (tag.isPresent()) {
      throw new UnreadableException(
          mark, "the tag " + Names.quote(tag.get()) + " is not taken; write the value without it");
    }
  }

  private Event next() {
    try {
      return events.next();
    } catch (MarkedYamlEngineException e) {
      throw explain(e);
    } catch (ReaderException e) {
      throw new UnreadableException(
          markOf(e.getPosition()),
          String.format("the character U+%04X is not taken in YAML", e.getCodePoint()));
    } catch (RuntimeException e) {
      // Whatever else the parser may throw at strange input is about the input.
      throw new UnreadableException(null, "is no YAML: " + brief(String.valueOf(e.getMessage())));
    }
  }

  private UnreadableException explain(MarkedYamlEngineException e) {
    Node.Mark mark =
        e.getProblemMark().or(e::getContextMark).map(m -> mark(Optional.of(m))).orElse(null);
    String problem = String.valueOf(e.getProblem());
    if (mark != null && tabIndented(mark.line()) || problem.contains("(TAB)")) {
      return new UnreadableException(mark, "is indented with a tab; use spaces");
    }
    if (problem.startsWith("mapping values are not allowed")) {
      return new UnreadableException(
          mark,
          "a second ':' in one line; indent a mapping below its key, or quote a text that has"
              + " \": \" in it or ends with ':'");
    }
    String context = e.getContext() == null ? "" : e.getContext() + ": ";
    return new UnreadableException(mark, "is no YAML: " + brief(context + problem));
  }

  private boolean tabIndented(int line) {
    String indent = text.lines().skip(line - 1L).findFirst().orElse("");
    for (int i = 0; i < indent.length(); i++) {
      if (indent.charAt(i) == '\t') {
        return true;
      }
      if (indent.charAt(i) != ' ') {
        return false;
      }
    }
    return false;
  }

  private static Node.Mark mark(Optional<org.snakeyaml.engine.v2.exceptions.Mark> mark) {
    return mark.map(m -> new Node.Mark(m.getLine() + 1, m.getColumn() + 1))
        .orElse(new Node.Mark(1, 1));
  }

  /** The place of a code point. */
  private Node.Mark markOf(int position) {
    int line = 1;
    int column = 1;
    int i = 0;
    for (int n = 0; n < position && i < text.length(); n++) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      column = c == '\n' ? 1 : column + 1;
      line = c == '\n' ? line + 1 : line;
    }
    return new Node.Mark(line, column);
  }

  /** One line, not too long, nothing that a terminal would act on. */
  private static String brief(@Nullable String message) {
    String quoted = Names.quote(String.valueOf(message).replaceAll("\\s+", " "));
    return quoted.substring(1, quoted.length() - 1);
  }
}
