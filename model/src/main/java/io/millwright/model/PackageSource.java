package io.millwright.model;

import java.net.URI;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Where a system's packages come from.
 *
 * @param mirror URL of a mirror of the distribution; its own servers if not given
 * @param proxy URL of the proxy by which packages are fetched
 * @param repository directory on the installation medium with more packages, as the distribution's
 *     own tools lay a repository out, for example {@code /extra}
 */
public record PackageSource(
    @Nullable URI mirror, @Nullable URI proxy, @Nullable String repository) {
  /** Nothing of it said. */
  public static final PackageSource NONE = new PackageSource(null, null, null);

  /** Letters of which no shell, template or package manager minds one; no hidden directories. */
  private static final Pattern DIRECTORY =
      Pattern.compile("(/[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}){1,6}");

  /** Collects what is wrong with it whatever the system. */
  public void check(Violations at) {
    checkUrl(at.field("mirror"), mirror);
    checkUrl(at.field("proxy"), proxy);
    if (repository != null) {
      at.field("repository")
          .require(
              DIRECTORY.matcher(repository).matches(),
              Names.quote(repository) + " is no directory on a medium, such as /extra");
    }
  }

  private static void checkUrl(Violations at, @Nullable URI url) {
    at.require(
        url == null || isWeb(url),
        "must be an http or https URL without user; the medium carries no password");
  }

  /** True for a URL of a server without a user's name or password in it. */
  static boolean isWeb(URI url) {
    return ("http".equals(url.getScheme()) || "https".equals(url.getScheme()))
        && url.getHost() != null
        && url.getRawUserInfo() == null
        && url.getRawFragment() == null;
  }
}
