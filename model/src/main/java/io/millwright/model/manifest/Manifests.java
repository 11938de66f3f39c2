package io.millwright.model.manifest;

import io.millwright.model.Default;
import io.millwright.model.Kind;
import io.millwright.model.Names;
import io.millwright.model.OfferSpec;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Ref;
import io.millwright.model.Spec;
import io.millwright.model.Violation;
import io.millwright.model.Violations;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.exc.StreamConstraintsException;

/**
 * Reads what people declare: YAML with one or several documents, or JSON.
 *
 * <p>A document is a resource, a list of resources, or {@code kind: List} with {@code items}. What
 * only the server knows ({@code status}, {@code metadata.uid} and the like) may stand there and is
 * passed over, so that what was got can be applied.
 */
public final class Manifests {
  /** The version that every manifest names. */
  public static final String API_VERSION = "millwright/v1";

  /** More than this is refused without a look into it. */
  public static final int MAX_BYTES = 4 << 20;

  private static final int MAX_VIOLATIONS = 100;
  private static final int MAX_LABELS = 100;
  private static final int MAX_ANNOTATION_BYTES = 64 << 10;

  private static final List<String> KINDS = Arrays.stream(Kind.values()).map(Kind::title).toList();

  /** What every document has at its top. */
  private static final Set<String> TOP = Set.of("apiVersion", "kind", "metadata", "spec", "status");

  private static final Set<String> SERVER_SET =
      Set.of("uid", "generation", "revision", "createdAt", "deletedAt");

  private final String source;
  private final BiConsumer<Draft, Violations> also;
  private final List<Draft> drafts = new ArrayList<>();
  private final List<Violation> violations = new ArrayList<>();

  /**
   * What a manifest may say in {@code metadata}.
   *
   * @param name of the resource, one of its kind in a project: 1 to 63 lower-case letters, digits
   *     and hyphens
   * @param project whose it is; the one that the command or the address names if not given
   * @param labels short words to select by, at most 100; a key may have a prefix, as in {@code
   *     example.org/tier}
   * @param annotations any text that somebody wants to keep with it, 64 KiB in all; lines and tabs,
   *     but no other control characters
   */
  private record Declared(
      String name,
      @Nullable String project,
      @Default Map<String, String> labels,
      @Default Map<String, String> annotations) {
    Declared {
      labels = labels == null ? Map.of() : labels;
      annotations = annotations == null ? Map.of() : annotations;
    }
  }

  private Manifests(String source, BiConsumer<Draft, Violations> also) {
    this.source = source;
    this.also = also;
  }

  /**
   * The resources that {@code body} declares, in its order; at least one, no two of one name.
   *
   * @param source what the body is called in messages, for example {@code hello.yaml}
   * @throws ProblemException with everything that is wrong with it
   */
  public static List<Draft> parse(byte[] body, String source) {
    return parse(body, source, (_, _) -> {});
  }

  /**
   * As the other one.
   *
   * @param also what each must meet besides; what it finds is reported with its line like all else
   */
  public static List<Draft> parse(byte[] body, String source, BiConsumer<Draft, Violations> also) {
    return parse(documents(body, source), source, also);
  }

  /** As the other ones, of what was read or put together already. */
  static List<Draft> parse(List<Node> documents, String source) {
    return parse(documents, source, (_, _) -> {});
  }

  private static List<Draft> parse(
      List<Node> documents, String source, BiConsumer<Draft, Violations> also) {
    Manifests reading = new Manifests(source, also);
    reading.read(documents);
    if (!reading.violations.isEmpty()) {
      throw ProblemException.invalid(reading.violations);
    }
    if (reading.drafts.isEmpty()) {
      throw ProblemException.invalid(source, "declares no resource");
    }
    requireUnique(reading.drafts);
    return List.copyOf(reading.drafts);
  }

  /**
   * Reads the body of a request that is no manifest as strictly as one.
   *
   * @param type a record
   * @throws ProblemException with everything that is wrong with it
   */
  public static <R extends Record> R decode(byte[] body, Class<R> type) {
    return decode(body, type, "the request's body");
  }

  /**
   * Reads any document that is no manifest as strictly as one.
   *
   * @param type a record
   * @param source what the body is called in messages, for example {@code debian.yaml}
   * @throws ProblemException with everything that is wrong with it
   */
  public static <R extends Record> R decode(byte[] body, Class<R> type, String source) {
    List<Node> documents = documents(body, source);
    if (documents.size() != 1) {
      throw ProblemException.invalid("", source + " must be one mapping with fields");
    }
    Violations at = Violations.at("");
    R value = Decoder.record(type, documents.getFirst(), at, Set.of());
    at.raise();
    if (value == null) {
      throw new IllegalStateException("no value and no violation: " + type);
    }
    return value;
  }

  /**
   * Two drafts of one kind, project and name would overwrite each other.
   *
   * @throws ProblemException if there are such
   */
  public static void requireUnique(List<Draft> drafts) {
    record Key(Kind kind, @Nullable String project, String name) {}
    Map<Key, Draft> seen = new HashMap<>();
    Violations at = Violations.at("");
    for (Draft draft : drafts) {
      Draft first = seen.putIfAbsent(new Key(draft.kind(), draft.project(), draft.name()), draft);
      if (first != null) {
        at.field(draft.field("metadata.name"))
            .add("stands here twice: " + first.where() + " and " + draft.where());
      }
    }
    at.raise();
  }

  private static List<Node> documents(byte[] body, String source) {
    if (body.length > MAX_BYTES) {
      throw ProblemException.of(
          Problem.Type.TOO_LARGE,
          String.format(
              "%s has %.1f MiB; at most %d MiB are taken at once, apply it in several parts",
              source, body.length / (double) (1 << 20), MAX_BYTES >> 20));
    }
    try {
      String text = decode(body);
      return looksLikeJson(text) ? jsonOrFlowStyle(text) : YamlReader.documents(text);
    } catch (UnreadableException e) {
      Node.Mark mark = e.mark();
      throw ProblemException.invalid(mark == null ? source : source + " " + mark, e.text());
    }
  }

  private static String decode(byte[] body) {
    String other = otherEncoding(body);
    if (other != null) {
      throw new UnreadableException(null, "is " + other + "; save it as UTF-8");
    }
    boolean mark = startsWith(body, 0xef, 0xbb, 0xbf);
    ByteBuffer in = ByteBuffer.wrap(body);
    in.position(mark ? 3 : 0);
    CharBuffer out = CharBuffer.allocate(body.length);
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    CoderResult result = decoder.decode(in, out, true);
    if (result.isError()) {
      int line = 1;
      for (int i = 0; i < in.position(); i++) {
        line += body[i] == '\n' ? 1 : 0;
      }
      throw new UnreadableException(
          null,
          String.format(
              "is not UTF-8: byte 0x%02x in line %d; save it as UTF-8", body[in.position()], line));
    }
    return out.flip().toString();
  }

  private static @Nullable String otherEncoding(byte[] body) {
    if (startsWith(body, 0xff, 0xfe, 0, 0) || startsWith(body, 0, 0, 0xfe, 0xff)) {
      return "UTF-32";
    }
    // Without a byte order mark, ASCII in UTF-16 has a NUL in every other byte.
    boolean marked = startsWith(body, 0xff, 0xfe) || startsWith(body, 0xfe, 0xff);
    boolean bare = body.length >= 2 && (body[0] == 0) != (body[1] == 0);
    return marked || bare ? "UTF-16" : null;
  }

  private static boolean startsWith(byte[] body, int... start) {
    for (int i = 0; i < start.length; i++) {
      if (body.length <= i || body[i] != (byte) start[i]) {
        return false;
      }
    }
    return true;
  }

  private static boolean looksLikeJson(String text) {
    int i = 0;
    while (i < text.length() && Character.isWhitespace(text.charAt(i))) {
      i++;
    }
    return i < text.length() && (text.charAt(i) == '{' || text.charAt(i) == '[');
  }

  /** YAML may start with a brace as well; but who writes broken JSON wants to hear of JSON. */
  private static List<Node> jsonOrFlowStyle(String text) {
    try {
      return JsonReader.documents(text);
    } catch (StreamConstraintsException e) {
      throw new UnreadableException(
          JsonReader.mark(e.getLocation()), "is nested more than " + Budget.DEPTH + " levels deep");
    } catch (JacksonException e) {
      try {
        return YamlReader.documents(text);
      } catch (UnreadableException yaml) {
        String why = e.getOriginalMessage();
        String quoted = Names.quote(why.length() > 200 ? why.substring(0, 200) : why);
        throw new UnreadableException(
            e.getLocation() == null ? null : JsonReader.mark(e.getLocation()),
            "is no JSON: " + quoted.substring(1, quoted.length() - 1));
      }
    }
  }

  private void read(List<Node> documents) {
    for (int i = 0; i < documents.size() && !full(); i++) {
      document(documents.get(i), documents.size() == 1 ? source : source + " document " + (i + 1));
    }
  }

  /** Nobody reads more. */
  private boolean full() {
    return violations.size() >= MAX_VIOLATIONS;
  }

  private void document(Node node, String where) {
    if (node.empty()) {
      return;
    }
    if (node instanceof Node.Items items) {
      items(items, where);
      return;
    }
    if (node instanceof Node.Fields map
        && map.fields().get("kind") instanceof Node.Field kind
        && kind.value() instanceof Node.Scalar word
        && word.text().equals("List")) {
      Violations at = Violations.at("");
      for (String name : map.fields().keySet()) {
        if (!Set.of("apiVersion", "kind", "metadata", "items").contains(name)) {
          at.field(where + ": " + Names.quote(name)).add("is unknown in a List");
        }
      }
      Node.Field items = map.fields().get("items");
      if (items != null && items.value() instanceof Node.Items list) {
        items(list, where);
      } else {
        at.field(where + ": items").add("must be a list of resources");
      }
      keep(at, node, "", where);
      return;
    }
    resource(node, where);
  }

  private void items(Node.Items list, String where) {
    for (int i = 0; i < list.items().size() && !full(); i++) {
      Node item = list.items().get(i);
      if (!item.empty()) {
        resource(item, where + " item " + (i + 1));
      }
    }
  }

  private void resource(Node node, String where) {
    String prefix = where + ": ";
    if (!(node instanceof Node.Fields map)) {
      violations.add(
          new Violation(
              where,
              "must be a resource with apiVersion, kind, metadata and spec, not "
                  + node.describe()));
      return;
    }
    Violations at = Violations.at("");
    Kind kind = kind(map, at);
    for (String name : map.fields().keySet()) {
      if (!TOP.contains(name) && !at.full()) {
        at.field(Names.isWord(name) ? name : Names.quote(name))
            .add(
                "is unknown"
                    + Decoder.alternatives(
                        name, List.of("apiVersion", "kind", "metadata", "spec")));
      }
    }
    Declared metadata = metadata(map, at.field("metadata"));
    if (kind != null && metadata != null && Names.isLabel(metadata.name())) {
      prefix = kind.title() + " " + metadata.name() + ": ";
    }
    Spec spec = kind == null ? null : spec(map, kind.specType(), at);
    if (kind != null && metadata != null && spec != null) {
      Draft draft =
          new Draft(
              kind,
              metadata.name(),
              metadata.project(),
              metadata.labels(),
              metadata.annotations(),
              spec,
              where + (node.mark().line() == 0 ? "" : " (line " + node.mark().line() + ")"));
      also.accept(draft, at);
      drafts.add(draft);
    }
    keep(at, node, prefix, source);
  }

  /** Takes over what was found in a resource, and adds its place in the text. */
  private void keep(Violations found, Node root, String prefix, String file) {
    for (Violation v : found.list()) {
      if (!full()) {
        violations.add(
            new Violation(prefix + v.field(), v.message() + place(root.locate(v.field()), file)));
      }
    }
  }

  /** What was put together has no lines. */
  private static String place(Node.Mark mark, String file) {
    return mark.line() == 0 ? "" : " (" + file + " " + mark + ")";
  }

  private static @Nullable Kind kind(Node.Fields map, Violations at) {
    String version = word(map, "apiVersion", "is missing; write " + API_VERSION, at);
    if (version != null && !version.equals(API_VERSION)) {
      at.field("apiVersion").add(Names.quote(version) + " is unknown; write " + API_VERSION);
    }
    String title = word(map, "kind", "is missing; write one of " + String.join(", ", KINDS), at);
    if (title == null) {
      return null;
    }
    Kind kind = Kind.ofTitle(title).orElse(null);
    if (kind == null) {
      at.field("kind").add(Names.quote(title) + " is unknown" + Decoder.alternatives(title, KINDS));
    }
    return kind;
  }

  private static @Nullable String word(
      Node.Fields map, String name, String missing, Violations at) {
    Node.Field field = map.fields().get(name);
    if (field == null || field.value().empty()) {
      at.field(name).add(missing);
      return null;
    }
    if (field.value() instanceof Node.Scalar scalar) {
      return scalar.text();
    }
    at.field(name).add("must be text, not " + field.value().describe());
    return null;
  }

  private static @Nullable Declared metadata(Node.Fields map, Violations at) {
    Node.Field field = map.fields().get("metadata");
    if (field == null || field.value().empty()) {
      at.add("is missing; write at least metadata.name");
      return null;
    }
    Declared said = Decoder.record(Declared.class, field.value(), at, SERVER_SET);
    if (said == null) {
      return null;
    }
    Names.checkLabel(said.name(), at.field("name"));
    if (said.project() != null) {
      Names.checkLabel(said.project(), at.field("project"));
    }
    Names.checkLabels(said.labels(), at.field("labels"));
    at.field("labels")
        .require(said.labels().size() <= MAX_LABELS, "has more than " + MAX_LABELS + " labels");
    Names.checkAnnotations(said.annotations(), at.field("annotations"));
    long bytes =
        said.annotations().entrySet().stream()
            .mapToLong(e -> bytes(e.getKey()) + bytes(e.getValue()))
            .sum();
    at.field("annotations")
        .require(
            bytes <= MAX_ANNOTATION_BYTES,
            "has " + bytes + " bytes; at most " + MAX_ANNOTATION_BYTES + " are kept");
    return said;
  }

  private static long bytes(String s) {
    return s.getBytes(StandardCharsets.UTF_8).length;
  }

  private static @Nullable Spec spec(Node.Fields map, Class<? extends Spec> type, Violations at) {
    Violations here = at.field("spec");
    Node.Field field = map.fields().get("spec");
    if (field == null || field.value().empty()) {
      here.add("is missing");
      return null;
    }
    Spec spec = Decoder.record(type, field.value(), here, Set.of());
    if (spec != null) {
      spec.check(here);
      if (spec instanceof OfferSpec offer && here.list().isEmpty()) {
        Form.check(offer, here);
      }
      for (Ref ref : spec.references()) {
        Names.checkLabel(ref.name(), at.field(ref.field()));
      }
    }
    return spec;
  }
}
