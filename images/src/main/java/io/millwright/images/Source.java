package io.millwright.images;

import io.millwright.model.Names;
import io.millwright.model.Violations;
import java.net.URI;
import java.util.regex.Pattern;
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

  /** Letters of which no shell, template or package manager minds one; no hidden directories. */
  private static final Pattern DIRECTORY =
      Pattern.compile("(/[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}){1,6}");

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
    checkUri(at.field("mirror"), mirror);
    checkUri(at.field("proxy"), proxy);
    at.field("mirror")
        .require(mirror == null || !offline, "cannot be reached by an installer without network");
    at.field("proxy")
        .require(proxy == null || !offline, "cannot be reached by an installer without network");
    if (repository != null) {
      at.field("repository")
          .require(
              DIRECTORY.matcher(repository).matches(),
              Names.quote(repository) + " is no directory on a medium, such as /millwright");
    }
  }

  private static void checkUri(Violations at, @Nullable URI uri) {
    at.require(
        uri == null
            || (("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))
                && uri.getHost() != null
                && uri.getRawUserInfo() == null),
        "must be an http or https URL without user; the medium carries no password");
  }
}
