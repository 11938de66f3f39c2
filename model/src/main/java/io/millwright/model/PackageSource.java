package io.millwright.model;

import java.net.URI;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Where a system's packages come from.
 *
 * @param mirror URL of a mirror of the distribution; its own servers if not given
 * @param proxy URL of the proxy by which packages are fetched
 * @param repository directory on the installation medium with more packages, as the distribution's
 *     own tools lay a repository out, for example {@code /extra}
 * @param repositoryKey public OpenPGP key in ASCII armour that this directory is signed by; without
 *     one it is trusted as the medium is that it comes with
 * @param repositories further repositories, of others than the distribution; they stay in the
 *     installed system
 */
public record PackageSource(
    @Nullable URI mirror,
    @Nullable URI proxy,
    @Nullable String repository,
    @Nullable String repositoryKey,
    @Default List<Repository> repositories) {
  /** Nothing of it said. */
  public static final PackageSource NONE = new PackageSource(null, null, null);

  /** Letters of which no shell, template or package manager minds one; no hidden directories. */
  private static final Pattern DIRECTORY =
      Pattern.compile("(/[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}){1,6}");

  public PackageSource {
    repositoryKey = repositoryKey == null ? null : text(repositoryKey);
    repositories = repositories == null ? List.of() : List.copyOf(repositories);
  }

  /** Without further repositories. */
  public PackageSource(@Nullable URI mirror, @Nullable URI proxy, @Nullable String repository) {
    this(mirror, proxy, repository, null, List.of());
  }

  /**
   * A repository of packages.
   *
   * @param name under which the system knows it
   * @param url of its directory; for the package managers that know variables it may have some,
   *     such as {@code $releasever}
   * @param suite for apt, for example {@code bookworm}; one that ends with {@code /} is a directory
   *     without components
   * @param components for apt, for example {@code main}
   * @param key public key by which it is signed: an OpenPGP key in ASCII armour, or for Alpine and
   *     FreeBSD an RSA key in PEM
   * @param keyName for Alpine, the file name of the key, which stands in the repository's
   *     signature, for example {@code build@example.org-5f3a1b2c.rsa.pub}
   */
  public record Repository(
      String name,
      URI url,
      @Nullable String suite,
      @Default List<String> components,
      String key,
      @Nullable String keyName) {
    /** Letters of which no package manager's file and no shell minds one within quotes. */
    private static final Pattern URL = Pattern.compile("[-A-Za-z0-9._~%/:+@=,$\\[\\]]{1,2000}");

    private static final Pattern SUITE = Pattern.compile("[A-Za-z0-9.][-A-Za-z0-9._+~/]{0,127}");
    private static final Pattern COMPONENT = Pattern.compile("[A-Za-z0-9][-A-Za-z0-9._+~/]{0,127}");
    private static final Pattern KEY_NAME =
        Pattern.compile("[A-Za-z0-9][-A-Za-z0-9._+@]{0,119}\\.pub");

    public Repository {
      components = components == null ? List.of() : List.copyOf(components);
      key = text(key);
    }

    void check(Violations at) {
      Names.checkLabel(name, at.field("name"));
      at.field("name").require(!name.equals("millwright"), "is taken; use another one");
      checkUrl(at.field("url"), url);
      at.field("url")
          .require(
              !isWeb(url) || URL.matcher(url.toString()).matches(),
              "must have no query and no quotes, brackets or signs that mean something to a shell");
      if (suite != null) {
        at.field("suite")
            .require(
                SUITE.matcher(suite).matches(),
                Names.quote(suite) + " is no suite, such as bookworm");
      }
      for (int i = 0; i < components.size(); i++) {
        at.field("components")
            .index(i)
            .require(
                COMPONENT.matcher(components.get(i)).matches(),
                Names.quote(components.get(i)) + " is no component, such as main");
      }
      at.field("components")
          .require(suite != null || components.isEmpty(), "are of a suite, which is not given");
      if (suite != null) {
        at.field("components")
            .require(
                suite.endsWith("/") == components.isEmpty(),
                "are needed with a suite, such as main, unless it ends with '/'");
      }
      SigningKey.check(key, at.field("key"));
      if (keyName != null) {
        at.field("keyName")
            .require(
                KEY_NAME.matcher(keyName).matches(),
                Names.quote(keyName)
                    + " is no key's file name, such as build@example.org-5f3a1b2c.rsa.pub");
      }
    }
  }

  /** A key that was saved on Windows is the same key. */
  private static String text(String key) {
    return key.replace("\r\n", "\n").strip();
  }

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
    if (repositoryKey != null) {
      SigningKey.check(repositoryKey, at.field("repositoryKey"));
    }
    Set<String> names = new HashSet<>();
    for (int i = 0; i < repositories.size(); i++) {
      Violations here = at.field("repositories").index(i);
      repositories.get(i).check(here);
      here.field("name").require(names.add(repositories.get(i).name()), "stands here twice");
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
