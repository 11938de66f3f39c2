package io.millwright.api;

import io.millwright.engine.port.Journal.Entry;
import io.millwright.engine.port.Operations;
import io.millwright.engine.port.Page;
import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Tx;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import io.millwright.model.manifest.Manifests;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What {@link CollectionWatch} has to know of a collection, or of the chosen part of it. */
interface Watched<T> {
  /** For the description of what lists it. */
  String DESCRIPTION =
      "As text/event-stream, a watch: `added` events of what there is, then `synced`, then `added`,"
          + " `modified` and `deleted` as things change, with the thing as data. With Last-Event-ID"
          + " only what changed since; 410 if that is not known any more.";

  /** Whether this line of the journal may be about one of them. */
  boolean concerns(Entry line);

  /** Whether one can cease to belong to it without being deleted. */
  boolean selective();

  Page<T> list(Tx tx, int limit, @Nullable String cursor);

  /** The one that a line is about, if it is there and belongs to it. */
  Optional<T> find(Tx tx, Entry line);

  UUID uid(T item);

  Object view(T item);

  /** What is shown of the one that a line is about, once it is gone. */
  Object gone(Entry line);

  /**
   * Resources of a kind.
   *
   * @param project null for all
   * @param among the projects of which the client may know, or null for all
   */
  record OfKind(
      Kind kind,
      @Nullable String project,
      Selector labels,
      Map<String, String> fields,
      @Nullable Set<String> among)
      implements Watched<Resource<?, ?>> {
    @Override
    public boolean concerns(Entry line) {
      String named = fields.get("metadata.name"); // which nothing ever changes
      return line.kind() == kind
          && (named == null || named.equals(line.name()))
          && (project == null || project.equals(line.project()))
          && (among == null || among.contains(line.project()));
    }

    @Override
    public boolean selective() {
      return !labels.requirements().isEmpty() || !fields.isEmpty();
    }

    @Override
    public Page<Resource<?, ?>> list(Tx tx, int limit, @Nullable String cursor) {
      return tx.resources()
          .list(new Resources.Query(kind, project, labels, fields, limit, cursor, among));
    }

    @Override
    public Optional<Resource<?, ?>> find(Tx tx, Entry line) {
      if (!selective()) {
        return tx.resources().find(line.uid());
      }
      Map<String, String> one = new HashMap<>(fields);
      String wanted = one.put("metadata.name", line.name());
      if (wanted != null && !wanted.equals(line.name())) {
        return Optional.empty();
      }
      return tx
          .resources()
          .list(new Resources.Query(kind, line.project(), labels, one, 1, null))
          .items()
          .stream()
          .filter(r -> r.uid().equals(line.uid()))
          .findFirst();
    }

    @Override
    public UUID uid(Resource<?, ?> resource) {
      return resource.uid();
    }

    @Override
    public Object view(Resource<?, ?> resource) {
      return ResourceView.of(resource);
    }

    @Override
    public Object gone(Entry line) {
      return ResourceView.GoneView.of(kind, line.project(), line.name(), line.uid());
    }
  }

  /**
   * Operations.
   *
   * @param among the projects of which the client may know, or null for all
   * @param most null to begin with all that there are; otherwise with so many, the newest ones
   */
  record OfWork(
      @Nullable String project,
      @Nullable Kind kind,
      @Nullable String name,
      @Nullable String state,
      @Nullable Set<String> among,
      @Nullable Integer most)
      implements Watched<Operation> {
    @Override
    public boolean concerns(Entry line) {
      return line.kind() == null
          && (project == null || project.equals(line.project()))
          && (among == null || among.contains(line.project()))
          && (name == null || name.equals(line.name()));
    }

    @Override
    public boolean selective() {
      return kind != null || state != null;
    }

    @Override
    public Page<Operation> list(Tx tx, int limit, @Nullable String cursor) {
      int wanted = most == null ? limit : most;
      Page<Operation> page =
          tx.operations()
              .list(
                  new Operations.Query(
                      project, kind, name, state, null, wanted, cursor, among, List.of()));
      return most == null ? page : new Page<>(page.items(), null);
    }

    @Override
    public Optional<Operation> find(Tx tx, Entry line) {
      return tx.operations()
          .find(line.uid())
          .filter(o -> kind == null || kind == o.target().kind())
          .filter(o -> state == null || Operations.is(o.state(), state));
    }

    @Override
    public UUID uid(Operation operation) {
      return operation.uid();
    }

    @Override
    public Object view(Operation operation) {
      return OperationView.of(operation);
    }

    @Override
    public Object gone(Entry line) {
      return new GoneView(
          Manifests.API_VERSION,
          OperationView.KIND,
          new ResourceView.GoneMetadata(line.uid().toString(), line.project(), line.uid()));
    }

    /** What there is to tell of an operation that was not chosen any more. */
    record GoneView(String apiVersion, String kind, ResourceView.GoneMetadata metadata) {}
  }
}
