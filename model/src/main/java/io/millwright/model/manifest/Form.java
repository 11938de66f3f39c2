package io.millwright.model.manifest;

import io.millwright.model.Names;
import io.millwright.model.OfferSpec;
import io.millwright.model.OfferSpec.Parameter;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Violation;
import io.millwright.model.Violations;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Fills the holes in an offer's manifests.
 *
 * <p>It is the tree that is filled, after it was read and before it is decoded. So a value can
 * never become a key, another field or another document, and what comes out is judged as strictly
 * as what somebody wrote by hand.
 */
public final class Form {
  /** Short, so that looking for the end is cheap whatever the text is. */
  private static final Pattern HOLE = Pattern.compile("\\$?\\$\\{\\{([^{}]{0,100})}}");

  private static final Node.Mark NOWHERE = new Node.Mark(0, 0);

  private final Map<String, Parameter> parameters = new LinkedHashMap<>();
  private final Map<String, String> values;
  private final Set<String> used = new LinkedHashSet<>();
  private final Violations at;
  private long written;

  private Form(OfferSpec offer, Map<String, String> values, Violations at) {
    offer.parameters().forEach(p -> parameters.put(p.name(), p));
    this.values = values;
    this.at = at;
  }

  /**
   * What the offer declares with these values.
   *
   * @param given by the names of parameters, as text
   * @param source what the result is called in messages
   * @throws ProblemException INVALID with {@code parameters.NAME} of each that is wrong or missing,
   *     or with what is wrong with the manifests that come out
   */
  public static List<Draft> fill(OfferSpec offer, Map<String, String> given, String source) {
    Violations at = Violations.at("parameters");
    Map<String, String> values = new HashMap<>();
    List<String> known = offer.parameters().stream().map(Parameter::name).toList();
    for (String name : given.keySet()) {
      if (!known.contains(name)) {
        at.field(Names.isWord(name) ? name : Names.quote(name))
            .add(
                "is unknown"
                    + (known.isEmpty() ? "; there are none" : Decoder.alternatives(name, known)));
      }
    }
    for (Parameter parameter : offer.parameters()) {
      Violations here = at.field(parameter.name());
      String value = given.getOrDefault(parameter.name(), parameter.preset());
      if (value == null) {
        here.add("is missing");
      } else {
        parameter.check(value, here);
        values.put(parameter.name(), value);
      }
    }
    at.raise();
    return new Form(offer, values, at).fill(offer, source);
  }

  /** Reports what is wrong with an offer's manifests, by filling them with what may be given. */
  static void check(OfferSpec offer, Violations at) {
    Map<String, String> samples = new HashMap<>();
    for (Parameter parameter : offer.parameters()) {
      String sample = parameter.sample();
      if (sample != null) {
        samples.put(parameter.name(), sample);
      }
    }
    Form form = new Form(offer, samples, at);
    for (int i = 0; i < offer.manifests().size(); i++) {
      Violations here = at.field("manifests").index(i);
      JsonNode manifest = offer.manifests().get(i);
      String kind = manifest.path("kind").asString("");
      here.field("kind")
          .require(
              OfferSpec.kinds().contains(kind),
              "must be one of " + String.join(", ", OfferSpec.kinds()));
      here.field("metadata")
          .field("project")
          .require(
              manifest.path("metadata").path("project").isMissingNode(),
              "must be left out: it is the project that orders");
      form.node(manifest, here);
    }
    for (int i = 0; i < offer.parameters().size(); i++) {
      String name = offer.parameters().get(i).name();
      at.field("parameters")
          .index(i)
          .require(
              form.used.contains(name), "stands nowhere in the manifests: ${{ " + name + " }}");
    }
    if (!at.list().isEmpty()) {
      return;
    }
    try {
      new Form(offer, samples, at).fill(offer, "");
    } catch (ProblemException e) {
      for (Violation v : e.problem().errors()) {
        at.field("manifests")
            .add("with the presets and examples, " + v.field() + ": " + v.message());
      }
    }
  }

  private List<Draft> fill(OfferSpec offer, String source) {
    List<Node> nodes = new ArrayList<>();
    for (JsonNode manifest : offer.manifests()) {
      nodes.add(node(manifest, at));
    }
    at.raise();
    return Manifests.parse(nodes, source);
  }

  private Node node(JsonNode tree, Violations here) {
    if (tree.isObject()) {
      Map<String, Node.Field> fields = new LinkedHashMap<>();
      tree.properties()
          .forEach(p ->
              fields.put(
                  p.getKey(),
                  new Node.Field(
                      NOWHERE,
                      node(
                          p.getValue(),
                          here.field(
                              Names.isWord(p.getKey()) ? p.getKey() : Names.quote(p.getKey()))))));
      return new Node.Fields(NOWHERE, fields);
    }
    if (tree.isArray()) {
      List<Node> items = new ArrayList<>();
      for (int i = 0; i < tree.size(); i++) {
        items.add(node(tree.get(i), here.index(i)));
      }
      return new Node.Items(NOWHERE, items);
    }
    return tree.isString()
        ? text(tree.stringValue(), here)
        : new Node.Scalar(NOWHERE, tree.isNull() ? "null" : tree.asString(), false);
  }

  private Node text(String text, Violations here) {
    Matcher hole = HOLE.matcher(text);
    StringBuilder out = new StringBuilder();
    int from = 0;
    while (hole.find()) {
      out.append(text, from, hole.start());
      from = hole.end();
      if (hole.group().startsWith("$$")) {
        out.append(hole.group(), 1, hole.group().length());
        continue;
      }
      String name = hole.group(1).strip();
      String value = value(name, here);
      if (hole.start() == 0 && hole.end() == text.length()) {
        return new Node.Scalar(NOWHERE, value, quoted(name));
      }
      out.append(value);
    }
    out.append(text, from, text.length());
    spend(out.length());
    return new Node.Scalar(NOWHERE, out.toString(), true);
  }

  private boolean quoted(String name) {
    Parameter parameter = parameters.get(name);
    return parameter == null
        || switch (parameter.type()) {
          case STRING, ENUM -> true;
          case INTEGER, BOOLEAN -> false;
        };
  }

  private String value(String name, Violations here) {
    used.add(name);
    here.require(
        parameters.containsKey(name),
        Names.quote(name) + " is no parameter" + Names.hint(name, parameters.keySet()));
    @Nullable String value = values.get(name);
    spend(value == null ? 0 : value.length());
    return value == null ? "" : value;
  }

  /** A long value in many holes is more than anybody may send. */
  private void spend(int length) {
    written += length;
    if (written > Manifests.MAX_BYTES) {
      throw ProblemException.of(
          Problem.Type.TOO_LARGE,
          "filled in, the manifests have more than " + (Manifests.MAX_BYTES >> 20) + " MiB");
    }
  }
}
