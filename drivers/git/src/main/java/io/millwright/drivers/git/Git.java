package io.millwright.drivers.git;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverDescription.Setting;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.SourceDriver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.eclipse.jgit.api.TransportCommand;
import org.eclipse.jgit.api.errors.GitAPIException;
import org.eclipse.jgit.errors.NoRemoteRepositoryException;
import org.eclipse.jgit.lib.EmptyProgressMonitor;
import org.eclipse.jgit.lib.FileMode;
import org.eclipse.jgit.lib.ObjectId;
import org.eclipse.jgit.lib.ObjectLoader;
import org.eclipse.jgit.lib.Ref;
import org.eclipse.jgit.lib.Repository;
import org.eclipse.jgit.revwalk.RevWalk;
import org.eclipse.jgit.transport.RefSpec;
import org.eclipse.jgit.transport.TagOpt;
import org.eclipse.jgit.transport.UsernamePasswordCredentialsProvider;
import org.eclipse.jgit.treewalk.TreeWalk;
import org.eclipse.jgit.treewalk.filter.PathFilter;

/**
 * Git by JGit. Only the newest commit is fetched, into a directory that is gone afterwards; files
 * are read out of Git's own objects and never written to disk, so no name in a repository can name
 * a file of this machine.
 */
public final class Git implements SourceDriver {
  /** More than this in the whole directory, of any kind, is no directory of manifests. */
  static final int MOST_FILES = 20_000;

  static final long LARGEST_FILE = 4L << 20;
  static final long LARGEST_SUM = 32L << 20;

  private static final int TIMEOUT_SECONDS = 30;
  private static final String FETCHED = "refs/heads/fetched";

  @Override
  public DriverDescription describe() {
    return new DriverDescription(
        "git",
        List.of(
            new Setting("user", false, false, "name to sign in with over https; git if not given"),
            new Setting("token", false, true, "token or password to sign in with over https"),
            new Setting(WEBHOOK_SECRET, false, true, "with which the webhook's calls are signed")));
  }

  @Override
  public String newest(Place place) throws DriverException {
    requireKnownScheme(place);
    try {
      Ref ref =
          prepared(org.eclipse.jgit.api.Git.lsRemoteRepository().setRemote(place.url()), place)
              .callAsMap()
              .get(branch(place));
      if (ref == null || ref.getObjectId() == null) {
        throw noBranch(place);
      }
      return ref.getObjectId().name();
    } catch (GitAPIException e) {
      throw unreachable(e);
    }
  }

  @Override
  public Snapshot read(Place place) throws DriverException {
    requireKnownScheme(place);
    Path dir = null;
    try {
      dir = Files.createTempDirectory("millwright-git");
      return read(place, dir);
    } catch (GitAPIException | IOException e) {
      throw unreachable(e);
    } finally {
      delete(dir);
    }
  }

  private static Snapshot read(Place place, Path dir)
      throws DriverException, GitAPIException, IOException {
    try (org.eclipse.jgit.api.Git git =
        org.eclipse.jgit.api.Git.init().setBare(true).setDirectory(dir.toFile()).call()) {
      Ref there =
          prepared(git.lsRemote().setRemote(place.url()), place).callAsMap().get(branch(place));
      if (there == null) {
        throw noBranch(place);
      }
      long until = System.nanoTime() + TIMEOUT_SECONDS * 4_000_000_000L;
      prepared(
              git.fetch()
                  .setRemote(place.url())
                  .setRefSpecs(new RefSpec("+" + branch(place) + ":" + FETCHED))
                  .setTagOpt(TagOpt.NO_TAGS)
                  .setDepth(1)
                  .setProgressMonitor(
                      new EmptyProgressMonitor() {
                        @Override
                        public boolean isCancelled() {
                          return System.nanoTime() > until;
                        }
                      }),
              place)
          .call();
      Repository repository = git.getRepository();
      ObjectId commit = repository.resolve(FETCHED);
      if (commit == null) {
        throw noBranch(place);
      }
      try (RevWalk walk = new RevWalk(repository)) {
        ObjectId tree = walk.parseCommit(commit).getTree();
        return new Snapshot(commit.name(), files(repository, tree, place.path()));
      }
    }
  }

  private static SortedMap<String, byte[]> files(Repository repository, ObjectId tree, String path)
      throws DriverException, IOException {
    SortedMap<String, byte[]> out = new TreeMap<>();
    long sum = 0;
    int count = 0;
    try (TreeWalk walk = new TreeWalk(repository)) {
      walk.addTree(tree);
      walk.setRecursive(true);
      if (!path.equals(".")) {
        walk.setFilter(PathFilter.create(path));
      }
      while (walk.next()) {
        String name = walk.getPathString();
        if (++count > MOST_FILES) {
          throw refused(
              "there are more than "
                  + MOST_FILES
                  + " files in it; keep the manifests in a directory of their own and name that"
                  + " with spec.path");
        }
        FileMode mode = walk.getFileMode();
        if (mode == FileMode.SYMLINK) {
          link(repository, name, walk.getObjectId(0));
          continue; // what it leads to in the tree is read where it stands
        }
        if (mode == FileMode.GITLINK || !isManifest(name)) {
          continue;
        }
        ObjectLoader blob = repository.open(walk.getObjectId(0));
        sum += blob.getSize();
        if (blob.getSize() > LARGEST_FILE) {
          throw refused(name + " is larger than " + (LARGEST_FILE >> 20) + " MiB; split it");
        }
        if (sum > LARGEST_SUM) {
          throw refused(
              "its manifests are larger than "
                  + (LARGEST_SUM >> 20)
                  + " MiB together; use several sources with a spec.path each");
        }
        out.put(name, blob.getBytes((int) LARGEST_FILE));
      }
    }
    if (out.isEmpty()) {
      // An empty directory would otherwise mean: prune all.
      throw refused(
          count == 0 && !path.equals(".")
              ? "there is no directory " + path + " in it"
              : "there is no *.yaml, *.yml or *.json in it");
    }
    return out;
  }

  private static void link(Repository repository, String name, ObjectId id)
      throws DriverException, IOException {
    ObjectLoader blob = repository.open(id);
    String target = new String(blob.getBytes(1 << 16), java.nio.charset.StandardCharsets.UTF_8);
    int depth = name.split("/", -1).length - 1;
    boolean out = target.startsWith("/");
    for (String part : target.split("/", -1)) {
      depth += part.equals("..") ? -1 : part.isEmpty() || part.equals(".") ? 0 : 1;
      out |= depth < 0;
    }
    if (out) {
      throw refused(name + " is a link that leads out of the repository; put the file there");
    }
  }

  private static boolean isManifest(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return lower.endsWith(".yaml") || lower.endsWith(".yml") || lower.endsWith(".json");
  }

  private static String branch(Place place) {
    return "refs/heads/" + place.branch();
  }

  private static <C extends TransportCommand<C, ?>> C prepared(C command, Place place) {
    command.setTimeout(TIMEOUT_SECONDS);
    String token = place.settings().get("token");
    if (token != null) {
      command.setCredentialsProvider(
          new UsernamePasswordCredentialsProvider(
              place.settings().getOrDefault("user", "git"), token));
    }
    return command;
  }

  private static void requireKnownScheme(Place place) throws DriverException {
    if (place.url().startsWith("ssh:")) {
      throw new DriverException(
          FaultKind.UNSUPPORTED, "Git over ssh cannot be done yet; use https with a token");
    }
  }

  private static DriverException noBranch(Place place) {
    return refused("there is no branch " + place.branch() + " in it");
  }

  private static DriverException refused(String why) {
    return new DriverException(FaultKind.REFUSED, why);
  }

  /** Whatever the reason is, nothing is known then. */
  private static DriverException unreachable(Exception e) {
    String said = String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT);
    boolean signIn =
        said.contains("not authorized")
            || said.contains("authentication is required")
            || said.contains("not permitted");
    boolean missing = said.contains("not found");
    for (Throwable t = e; t != null; t = t.getCause()) {
      missing |= t instanceof NoRemoteRepositoryException;
    }
    return new DriverException(
        FaultKind.UNREACHABLE,
        signIn
            ? "the repository does not let us in; check settings.user and settings.token"
            : missing
                ? "there is no repository at this address, or it is not shown to us; check spec.url"
                : "the repository cannot be read",
        e.toString(),
        e);
  }

  private static void delete(@org.jspecify.annotations.Nullable Path dir) {
    if (dir == null) {
      return;
    }
    try (Stream<Path> all = Files.walk(dir)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(each);
      }
    } catch (IOException e) {
      // It is in the temporary directory, which the machine empties.
      return;
    }
  }
}
