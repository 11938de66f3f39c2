package io.millwright.images;

import io.millwright.model.PackageSource;
import io.millwright.model.Violations;
import java.net.URI;
import org.jspecify.annotations.Nullable;

/**
 * Where an installer gets packages from.
 *
 * @param mirror of the distribution, or null for its own
 * @param proxy for fetching packages, or null
 * @param repository directory on the medium with more packages, as the distribution's own tools lay
 *     a repository out, for example {@code /millwright}; or null
 * @param offline true if the installer reaches no network and all comes from the medium
 */
public record Source(
    @Nullable URI mirror, @Nullable URI proxy, @Nullable String repository, boolean offline) {
  /** The distribution's own servers. */
  public static final Source DISTRIBUTION = new Source(null, null, null, false);

  /** What is on the medium, and no network. */
  public static final Source MEDIUM = new Source(null, null, null, true);

  /** The same, as somebody asks, or as before where nothing is said. */
  public Source with(@Nullable PackageSource asked) {
    return asked == null
        ? this
        : new Source(
            asked.mirror() == null ? mirror : asked.mirror(),
            asked.proxy() == null ? proxy : asked.proxy(),
            asked.repository() == null ? repository : asked.repository(),
            offline);
  }

  public Source withMirror(@Nullable URI next) {
    return new Source(next, proxy, repository, offline);
  }

  public Source withProxy(@Nullable URI next) {
    return new Source(mirror, next, repository, offline);
  }

  public Source withRepository(@Nullable String next) {
    return new Source(mirror, proxy, next, offline);
  }

  void check(Violations at) {
    new PackageSource(mirror, proxy, repository).check(at);
    at.field("mirror")
        .require(mirror == null || !offline, "cannot be reached by an installer without network");
    at.field("proxy")
        .require(proxy == null || !offline, "cannot be reached by an installer without network");
  }
}
