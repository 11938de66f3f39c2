package io.millwright.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * A place under version control where a project's declarations are kept.
 *
 * @param driver name of the driver that reads it, for example {@code git}
 * @param url of the repository: https, ssh or file; http only on this machine
 * @param branch whose newest commit counts; main if not given
 * @param path of the directory with the manifests, in all directories below; the whole repository
 *     if not given
 * @param intervalSeconds between two looks, 10 to 86400; 60 if not given
 * @param mode whether a new commit is applied by itself or after approval; approve if not given
 * @param prune true to delete what came from here and does not stand here any more
 * @param settings what the driver needs to get in; which keys there are, and which are secret, the
 *     driver says
 */
public record SourceSpec(
    String driver,
    String url,
    @Default("main") String branch,
    @Default(".") String path,
    @Default("60") Integer intervalSeconds,
    @Default("approve") Mode mode,
    @Default("false") Boolean prune,
    @Default Map<String, String> settings)
    implements Spec {
  private static final Pattern URL =
      Pattern.compile(
          "(https://|ssh://|file:///|http://(127\\.0\\.0\\.1|localhost|\\[::1\\])[:/])\\S+");
  private static final Pattern BRANCH = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._/-]{0,199}");
  private static final Pattern PATH =
      Pattern.compile("\\.|[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*");
  private static final int LONGEST = 1000;

  /** When a new commit is applied. */
  public enum Mode {
    /** As soon as it is seen; and what was changed by hand is put back. */
    @JsonProperty("auto")
    AUTO,
    /** When somebody approved it. */
    @JsonProperty("approve")
    APPROVE
  }

  public SourceSpec {
    branch = branch == null ? "main" : branch;
    path = path == null ? "." : path;
    intervalSeconds = intervalSeconds == null ? Integer.valueOf(60) : intervalSeconds;
    mode = mode == null ? Mode.APPROVE : mode;
    prune = prune != null && prune;
    settings =
        settings == null ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(settings));
  }

  @Override
  public void check(Violations at) {
    Names.checkLabel(driver, at.field("driver"));
    at.field("url")
        .require(
            url.length() <= LONGEST && URL.matcher(url).matches(),
            "must be an address as https://host/path, ssh://user@host/path or file:///path");
    String authority = url.replaceFirst("^[a-z]+://", "").replaceFirst("/.*", "");
    at.field("url")
        .require(
            authority.lastIndexOf(':', Math.max(0, authority.indexOf('@'))) < 0,
            "must not carry a password; give it in settings, where it is sealed");
    at.field("branch")
        .require(
            BRANCH.matcher(branch).matches() && !branch.contains(".."),
            "must be the name of a branch, such as main");
    at.field("path")
        .require(
            path.length() <= LONGEST && PATH.matcher(path).matches(),
            "must be a directory in the repository, such as env/prod, without a leading slash and"
                + " without ..");
    at.field("intervalSeconds")
        .require(intervalSeconds >= 10 && intervalSeconds <= 86_400, "must be 10 to 86400");
  }

  public SourceSpec withSettings(Map<String, String> next) {
    return new SourceSpec(driver, url, branch, path, intervalSeconds, mode, prune, next);
  }
}
