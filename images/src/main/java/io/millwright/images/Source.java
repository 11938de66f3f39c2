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
 * @param proxy for fetching packages, or null; of an offline installer's system, which fetches
 *     packages later
 * @param repository directory on the medium with more packages, as the distribution's own tools lay
 *     a repository out, for example {@code /millwright}; or null
 * @param repositoryKey by which that directory is signed, or null if it is trusted as the medium is
 * @param repositories further ones, of others than the distribution, by URL
 * @param offline true if the installer reaches no network and all comes from the medium
 */
public record Source(
    @Nullable URI mirror,
    @Nullable URI proxy,
    @Nullable String repository,
    @Nullable String repositoryKey,
    List<PackageSource.Repository> repositories,
    boolean offline) {
  public Source {
    repositories = List.copyOf(repositories);
  }

  /** The distribution's own servers. */
  public static final Source DISTRIBUTION = new Source(null, null, null, null, List.of(), false);

  /** What is on the medium, and no network. */
  public static final Source MEDIUM = new Source(null, null, null, null, List.of(), true);

  /** The same, as somebody asks, or as before where nothing is said. */
  public Source with(@Nullable PackageSource asked) {
    return asked == null
        ? this
        : new Source(
            asked.mirror() == null ? mirror : asked.mirror(),
            asked.proxy() == null ? proxy : asked.proxy(),
            asked.repository() == null ? repository : asked.repository(),
            asked.repositoryKey() == null ? repositoryKey : asked.repositoryKey(),
            asked.repositories().isEmpty() ? repositories : asked.repositories(),
            offline);
  }

  public Source withMirror(@Nullable URI next) {
    return new Source(next, proxy, repository, repositoryKey, repositories, offline);
  }

  public Source withProxy(@Nullable URI next) {
    return new Source(mirror, next, repository, repositoryKey, repositories, offline);
  }

  public Source withRepository(@Nullable String next) {
    return new Source(mirror, proxy, next, repositoryKey, repositories, offline);
  }

  /** With a directory on the medium that is signed by this key. */
  public Source withRepository(String next, String key) {
    return new Source(mirror, proxy, next, key, repositories, offline);
  }

  /** With these further repositories. */
  public Source withRepositories(List<PackageSource.Repository> next) {
    return new Source(mirror, proxy, repository, repositoryKey, next, offline);
  }

  void check(Violations at) {
    new PackageSource(mirror, proxy, repository, repositoryKey, repositories).check(at);
    at.field("repositoryKey")
        .require(
            repositoryKey == null || repository != null,
            "is of a repository on the medium, which is not given; a further repository has its"
                + " own key");
    at.field("mirror")
        .require(mirror == null || !offline, "cannot be reached by an installer without network");
    at.field("repositories")
        .require(
            repositories.isEmpty() || !offline,
            "cannot be reached by an installer without network");
  }
}
