package io.millwright.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A place under version control where declarations of a project are kept.
 *
 * @param driver that reads it; git if not given
 * @param url of the repository: {@code https://host/path}, {@code ssh://user@host/path}, {@code
 *     file:///path}; file and http only where the server's operator allows it
 * @param branch whose newest commit counts; main if not given
 * @param path of the directory with the manifests, in all directories below; the whole repository
 *     if not given
 * @param intervalSeconds between two looks, 10 to 86400; 60 if not given
 * @param apply auto: a new commit is applied as soon as it is seen, and what was changed by hand is
 *     put back; approved: when somebody approved it, the default
 * @param prune true to delete what came from here and does not stand here any more
 * @param settings what the driver needs to get in; which keys there are, and which are secret, the
 *     driver says
 */
public record SourceSpec(
    @Default("git") String driver,
    String url,
    @Default("main") String branch,
    @Default(".") String path,
    @Default("60") Integer intervalSeconds,
    @Default("approved") When apply,
    @Default("false") Boolean prune,
    @Default @Secret Map<String, String> settings)
    implements Spec {
  private static final Pattern URL =
      Pattern.compile("(https?|ssh)://([^/@\\s]+@)?[^/@\\s]+/\\S+|file:///\\S+");
  private static final Pattern ORIGIN = Pattern.compile("[a-z]+://[^/]*");
  private static final Pattern BRANCH = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._/-]{0,199}");
  private static final Pattern PATH =
      Pattern.compile("\\.|[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*");
  private static final int LONGEST = 1000;

  /** When a new commit is applied. */
  public enum When {
    /** As soon as it is seen; and what was changed by hand is put back. */
    @JsonProperty("auto")
    AUTO,
    /** When somebody approved it. */
    @JsonProperty("approved")
    APPROVED
  }

  public SourceSpec {
    driver = driver == null ? "git" : driver;
    branch = branch == null ? "main" : branch;
    path = path == null ? "." : path;
    intervalSeconds = intervalSeconds == null ? Integer.valueOf(60) : intervalSeconds;
    apply = apply == null ? When.APPROVED : apply;
    prune = prune != null && prune;
    settings = settings == null ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(settings));
  }

  @Override
  public void check(Violations at) {
    Names.checkLabel(driver, at.field("driver"));
    boolean address = url.length() <= LONGEST && URL.matcher(url).matches() && Names.isPlain(url);
    at.field("url")
        .require(
            address && !url.contains("/../") && !url.endsWith("/.."),
            "must be an address as https://host/path, ssh://user@host/path or file:///path");
    at.field("url")
        .require(
            !url.matches("[a-z]+://[^/@]*:[^/@]*@.*") && !url.matches("https?://[^/]*@.*"),
            "must not carry a name or password; give them in settings, where they are sealed");
    at.field("branch")
        .require(
            BRANCH.matcher(branch).matches() && !branch.contains("..") && !branch.contains("//"),
            "must be the name of a branch, such as main");
    at.field("path")
        .require(
            path.length() <= LONGEST && PATH.matcher(path).matches(),
            "must be a directory in the repository, such as env/prod, without a leading slash and"
                + " without ..");
    at.field("intervalSeconds")
        .require(intervalSeconds >= 10 && intervalSeconds <= 86_400, "must be 10 to 86400");
  }

  /** To whom secrets are shown: scheme, user, host and port of the address. */
  public String origin() {
    Matcher found = ORIGIN.matcher(url);
    return found.lookingAt() ? found.group() : url;
  }

  public SourceSpec withSettings(Map<String, String> next) {
    return new SourceSpec(driver, url, branch, path, intervalSeconds, apply, prune, next);
  }
}
