package io.millwright.model.manifest;

import io.millwright.model.Kind;
import io.millwright.model.Spec;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A resource as somebody declared it, good in itself but not yet compared with anything.
 *
 * @param project null if the manifest names none, for whoever took it to choose
 * @param where it stands, for messages, such as {@code hello.yaml document 2}
 */
public record Draft(
    Kind kind,
    String name,
    @Nullable String project,
    Map<String, String> labels,
    Map<String, String> annotations,
    Spec spec,
    String where) {
  public Draft {
    labels = Collections.unmodifiableMap(new TreeMap<>(labels));
    annotations = Collections.unmodifiableMap(new TreeMap<>(annotations));
  }

  /** For messages: {@code Machine hello}. */
  public String title() {
    return kind.title() + " " + name;
  }

  /** The field of a violation in this draft: {@code Machine hello: spec.image}. */
  public String field(String path) {
    return title() + ": " + path;
  }

  /** The same draft with one more annotation. */
  public Draft annotated(String key, String value) {
    Map<String, String> more = new TreeMap<>(annotations);
    more.put(key, value);
    return new Draft(kind, name, project, labels, more, spec, where);
  }

  /** The same draft with one more label. */
  public Draft labelled(String key, String value) {
    Map<String, String> more = new TreeMap<>(labels);
    more.put(key, value);
    return new Draft(kind, name, project, more, annotations, spec, where);
  }

  /** The manifest that declares it. */
  public JsonNode manifest() {
    ObjectNode out = Json.mapper().createObjectNode();
    out.put("apiVersion", Manifests.API_VERSION);
    out.put("kind", kind.title());
    ObjectNode metadata = out.putObject("metadata");
    metadata.put("name", name);
    if (project != null) {
      metadata.put("project", project);
    }
    if (!labels.isEmpty()) {
      metadata.set("labels", Json.tree(labels));
    }
    if (!annotations.isEmpty()) {
      metadata.set("annotations", Json.tree(annotations));
    }
    out.set("spec", Json.tree(spec));
    return out;
  }

  /** The same draft of another spec of its kind. */
  public Draft withSpec(Spec next) {
    return new Draft(kind, name, project, labels, annotations, next, where);
  }

  /** The same draft in this project, unless it names one itself. */
  public Draft orProject(String chosen) {
    return project != null ? this : new Draft(kind, name, chosen, labels, annotations, spec, where);
  }
}
