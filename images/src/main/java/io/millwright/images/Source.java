package io.millwright.images;

import io.millwright.model.PackageSource;
import io.millwright.model.Violations;
import java.net.URI;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where an installer gets packages from.
 *
 * @param mirror of the distribution, or null for its own
 * @param proxy for fetching packages, or null
 * @param repository directory on the medium with more packages, as the distribution's own tools lay
 *     a repository out, for example {@code /millwright}; or null
 * @param repositories further ones, of others than the distribution, by URL
 * @param offline true if the installer reaches no network and all comes from the medium
 */
public record Source(
    @Nullable URI mirror,
    @Nullable URI proxy,
    @Nullable String repository,
    List<PackageSource.Repository> repositories,
    boolean offline) {
  public Source {
    repositories = List.copyOf(repositories);
  }

  /** The distribution's own servers. */
  public static final Source DISTRIBUTION = new Source(null, null, null, List.of(), false);

  /** What is on the medium, and no network. */
  public static final Source MEDIUM = new Source(null, null, null, List.of(), true);

  /** The same, as somebody asks, or as before where nothing is said. */
  public Source with(@Nullable PackageSource asked) {
    return asked == null
        ? this
        : new Source(
            asked.mirror() == null ? mirror : asked.mirror(),
            asked.proxy() == null ? proxy : asked.proxy(),
            asked.repository() == null ? repository : asked.repository(),
            asked.repositories().isEmpty() ? repositories : asked.repositories(),
            offline);
  }

  public Source withMirror(@Nullable URI next) {
    return new Source(next, proxy, repository, repositories, offline);
  }

  public Source withProxy(@Nullable URI next) {
    return new Source(mirror, next, repository, repositories, offline);
  }

  public Source withRepository(@Nullable String next) {
    return new Source(mirror, proxy, next, repositories, offline);
  }

  /** With these further repositories. */
  public Source withRepositories(List<PackageSource.Repository> next) {
    return new Source(mirror, proxy, repository, next, offline);
  }

  void check(Violations at) {
    new PackageSource(mirror, proxy, repository, repositories).check(at);
    at.field("mirror")
        .require(mirror == null || !offline, "cannot be reached by an installer without network");
    at.field("proxy")
        .require(proxy == null || !offline, "cannot be reached by an installer without network");
    at.field("repositories")
        .require(
            repositories.isEmpty() || !offline,
            "cannot be reached by an installer without network");
  }
}
