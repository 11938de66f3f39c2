package io.millwright.api;

import io.millwright.engine.port.Page;
import io.millwright.engine.request.Masking;
import io.millwright.model.Kind;
import io.millwright.model.Resource;
import io.millwright.model.Spec;
import io.millwright.model.Status;
import io.millwright.model.manifest.Manifests;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A resource as it is shown: secrets are masked. */
record ResourceView(String apiVersion, Kind kind, MetadataView metadata, Spec spec, Status status) {

  static ResourceView of(Resource<?, ?> resource) {
    return new ResourceView(
        Manifests.API_VERSION,
        resource.kind(),
        MetadataView.of(resource.metadata()),
        Masking.mask(resource.spec()),
        resource.status());
  }

  /**
   * A part of a collection.
   *
   * @param kind for example {@code MachineList}
   * @param next cursor of the following part; left out at the end
   */
  record ListView(String apiVersion, String kind, List<ResourceView> items, @Nullable String next) {
    static ListView of(Kind kind, Page<Resource<?, ?>> page) {
      return new ListView(
          Manifests.API_VERSION,
          kind.title() + "List",
          page.items().stream().map(ResourceView::of).toList(),
          page.next());
    }
  }

  /** What there is to tell of a resource that is gone. */
  record GoneView(String apiVersion, Kind kind, GoneMetadata metadata) {
    static GoneView of(Kind kind, String project, String name, UUID uid) {
      return new GoneView(Manifests.API_VERSION, kind, new GoneMetadata(name, project, uid));
    }
  }

  /** What is known of it still. */
  record GoneMetadata(String name, String project, UUID uid) {}
}
