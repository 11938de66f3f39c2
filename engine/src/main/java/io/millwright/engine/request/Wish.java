package io.millwright.engine.request;

import io.millwright.model.manifest.Draft;
import io.millwright.model.manifest.Json;
import io.millwright.model.manifest.Manifests;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What somebody wants to have done, so that it can be kept and done later. */
sealed interface Wish {
  /** To declare these. */
  record Declare(List<Draft> drafts, boolean mustBeNew) implements Wish {}

  /** To give a machine a new system disk. */
  record Renew(String project, String name, @Nullable String image) implements Wish {}

  /** To give a machine the system disk of one of its snapshots. */
  record Revert(String project, String name, String snapshot) implements Wish {}

  /**
   * To take a deleted volume out of quarantine, by its uid; under another name, if one is given.
   */
  record Restore(String project, String volume, @Nullable String as) implements Wish {}

  /** As it is kept; with the secrets that are in it. */
  record Kept(
      @Nullable String manifests,
      boolean mustBeNew,
      @Nullable String project,
      @Nullable String name,
      @Nullable String image,
      @Nullable String snapshot,
      @Nullable String volume) {}

  /** The wish as text. */
  default String text() {
    return Json.write(
        switch (this) {
          case Declare d ->
              new Kept(
                  d.drafts().stream().map(Wish::manifest).collect(Collectors.joining("\n---\n")),
                  d.mustBeNew(),
                  null,
                  null,
                  null,
                  null,
                  null);
          case Renew r -> new Kept(null, false, r.project(), r.name(), r.image(), null, null);
          case Revert r -> new Kept(null, false, r.project(), r.name(), null, r.snapshot(), null);
          case Restore r -> new Kept(null, false, r.project(), r.as(), null, null, r.volume());
        });
  }

  /** What {@link #text} made. */
  static Wish read(String text) {
    Kept kept = Json.read(text, Kept.class);
    String manifests = kept.manifests();
    if (manifests != null) {
      return new Declare(
          Manifests.parse(manifests.getBytes(StandardCharsets.UTF_8), "the request"),
          kept.mustBeNew());
    }
    String volume = kept.volume();
    if (volume != null) {
      return new Restore(String.valueOf(kept.project()), volume, kept.name());
    }
    String snapshot = kept.snapshot();
    if (snapshot != null) {
      return new Revert(String.valueOf(kept.project()), String.valueOf(kept.name()), snapshot);
    }
    return new Renew(String.valueOf(kept.project()), String.valueOf(kept.name()), kept.image());
  }

  private static String manifest(Draft draft) {
    return Json.write(draft.orProject(Apply.DEFAULT_PROJECT).manifest());
  }
}
