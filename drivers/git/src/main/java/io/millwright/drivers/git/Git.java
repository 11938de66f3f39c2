package io.millwright.drivers.git;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverDescription.Setting;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.SourceDriver;
import io.millwright.model.Names;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;
import org.eclipse.jgit.api.FetchCommand;
import org.eclipse.jgit.api.errors.GitAPIException;
import org.eclipse.jgit.errors.NoRemoteRepositoryException;
import org.eclipse.jgit.lib.EmptyProgressMonitor;
import org.eclipse.jgit.lib.FileMode;
import org.eclipse.jgit.lib.ObjectId;
import org.eclipse.jgit.lib.ObjectLoader;
import org.eclipse.jgit.lib.Repository;
import org.eclipse.jgit.lib.StoredConfig;
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

  /** What a commit with all its files may take on the way, packed. */
  private static final long LARGEST_FETCH = 256L << 20;

  /** Without a byte for so long, it is over. */
  private static final int SILENCE_SECONDS = 30;

  private static final int FETCH_SECONDS = 120;
  private static final String FETCHED = "refs/heads/fetched";

  static {
    Unconfigured.install();
  }

  @Override
  public DriverDescription describe() {
    return new DriverDescription(
        "git",
        List.of(
            new Setting("user", false, false, "name to sign in with over https; git if not given"),
            new Setting("token", false, true, "token or password to sign in with over https"),
            new Setting(Ssh.KEY, false, true, "private key to sign in with over ssh, as OpenSSH's"),
            new Setting(
                Ssh.KNOWN_HOSTS,
                false,
                false,
                "the host's keys, as lines of known_hosts; needed for ssh"),
            new Setting(WEBHOOK_SECRET, false, true, "with which the webhook's calls are signed")));
  }

  @Override
  public Snapshot read(Place place) throws DriverException {
    Path dir = null;
    try {
      dir = Files.createTempDirectory("millwright-git");
      return read(place, dir);
    } catch (IOException e) {
      throw unreachable(place, e);
    } finally {
      delete(dir);
    }
  }

  private static Snapshot read(Place place, Path dir) throws DriverException, IOException {
    Path repo = dir.resolve("repo");
    try (org.eclipse.jgit.api.Git git =
        org.eclipse.jgit.api.Git.init().setBare(true).setDirectory(repo.toFile()).call()) {
      Repository repository = git.getRepository();
      StoredConfig config = repository.getConfig();
      // Whoever may answer for the address shall not lead us to another one.
      config.setString("http", null, "followRedirects", "false");
      // Nothing shall tidy up, on a thread of its own, what is gone in a moment.
      config.setInt("gc", null, "auto", 0);
      config.setBoolean("gc", null, "autoDetach", false);
      config.save();
      fetch(git, place, dir);
      ObjectId commit = repository.resolve(FETCHED);
      if (commit == null) {
        throw noBranch(place);
      }
      try (RevWalk walk = new RevWalk(repository)) {
        ObjectId tree = walk.parseCommit(commit).getTree();
        return new Snapshot(commit.name(), files(repository, tree, place.path()));
      }
    } catch (GitAPIException e) {
      throw unreachable(place, e);
    }
  }

  private static void fetch(org.eclipse.jgit.api.Git git, Place place, Path dir)
      throws DriverException, IOException, GitAPIException {
    Watch watch = new Watch(dir);
    FetchCommand fetch =
        git.fetch()
            .setRemote(place.url())
            .setRefSpecs(new RefSpec("+refs/heads/" + place.branch() + ":" + FETCHED))
            .setTagOpt(TagOpt.NO_TAGS)
            .setDepth(1)
            .setTimeout(SILENCE_SECONDS)
            .setProgressMonitor(watch);
    String token = place.settings().get("token");
    if (token != null) {
      fetch.setCredentialsProvider(
          new UsernamePasswordCredentialsProvider(
              place.settings().getOrDefault("user", "git"), token));
    }
    if (!place.url().startsWith("ssh:")) {
      watched(fetch, watch);
      return;
    }
    try (Ssh ssh = Ssh.open(place.settings(), dir)) {
      fetch.setTransportConfigCallback(ssh);
      watched(fetch, watch);
    }
  }

  private static void watched(FetchCommand fetch, Watch watch)
      throws DriverException, GitAPIException {
    try {
      fetch.call();
    } catch (GitAPIException e) {
      if (watch.tooLarge) {
        throw refused(
            "its newest commit is larger than "
                + (LARGEST_FETCH >> 20)
                + " MiB; keep the manifests in a repository of their own");
      }
      throw e;
    }
  }

  /** Ends a fetch that takes too long or too much. */
  private static final class Watch extends EmptyProgressMonitor {
    private final Path dir;
    private final long until = System.nanoTime() + FETCH_SECONDS * 1_000_000_000L;
    private long nextLook = System.nanoTime();
    private boolean tooLarge;

    Watch(Path dir) {
      this.dir = dir;
    }

    @Override
    public boolean isCancelled() {
      long now = System.nanoTime();
      if (now - nextLook > 0) {
        nextLook = now + 200_000_000L;
        tooLarge |= size(dir) > LARGEST_FETCH;
      }
      return tooLarge || now - until > 0;
    }

    private static long size(Path dir) {
      try (Stream<Path> all = Files.walk(dir)) {
        return all.mapToLong(f -> f.toFile().length()).sum();
      } catch (IOException | UncheckedIOException e) {
        return 0; // a file went while it was counted; the next look counts again
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
        if (!Names.isPlain(name)) {
          // It would stand as it is in logs and messages, and could be taken for a line of its own.
          throw refused(
              "the name of a file in it has characters that cannot be seen: "
                  + Names.quote(name)
                  + "; give it another one");
        }
        FileMode mode = walk.getFileMode();
        if (mode == FileMode.SYMLINK) {
          link(repository, tree, path, name, walk.getObjectId(0));
          continue; // what it leads to is read where it stands
        }
        if (mode == FileMode.GITLINK && !isHidden(name)) {
          // What had been declared there would otherwise be missing, and pruned.
          throw refused(
              name
                  + " is a submodule, and what stands in another repository is not read; put the"
                  + " files there, or keep the manifests in a directory without it and name that"
                  + " with spec.path");
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

  /** Refuses a link to anything that would be read if it stood there instead. */
  private static void link(
      Repository repository, ObjectId tree, String path, String name, ObjectId id)
      throws DriverException, IOException {
    String target = new String(repository.open(id).getBytes(1 << 16), StandardCharsets.UTF_8);
    Deque<String> at = new ArrayDeque<>(List.of(name.split("/", -1)));
    at.removeLast();
    boolean out = target.startsWith("/");
    for (String part : target.split("/", -1)) {
      if (part.equals("..")) {
        out |= at.pollLast() == null;
      } else if (!part.isEmpty() && !part.equals(".")) {
        at.addLast(part);
      }
    }
    if (out) {
      throw refused(name + " is a link that leads out of the repository; put the file there");
    }
    String to = String.join("/", at);
    if (name.equals(path)) {
      throw refused(path + " is a link; write what it leads to, " + to + ", to spec.path");
    }
    if (path.equals(".") || to.startsWith(path + "/") || isHidden(name)) {
      return;
    }
    if (isManifest(name) || !isFile(repository, tree, to)) {
      throw refused(name + " is a link that leads out of " + path + "; put there what it leads to");
    }
  }

  private static boolean isFile(Repository repository, ObjectId tree, String path)
      throws IOException {
    if (path.isEmpty()) {
      return false;
    }
    try (TreeWalk at = TreeWalk.forPath(repository, path, tree)) {
      return at != null && (at.getRawMode(0) & FileMode.TYPE_MASK) == FileMode.TYPE_FILE;
    }
  }

  private static boolean isManifest(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return (lower.endsWith(".yaml") || lower.endsWith(".yml") || lower.endsWith(".json"))
        && !isHidden(name);
  }

  private static boolean isHidden(String name) {
    return Arrays.stream(name.split("/", -1)).anyMatch(part -> part.startsWith("."));
  }

  private static DriverException noBranch(Place place) {
    return refused("there is no branch " + place.branch() + " in it");
  }

  static DriverException refused(String why) {
    return new DriverException(FaultKind.REFUSED, why);
  }

  /** Whatever the reason is, nothing is known then; but of a missing branch all is known. */
  private static DriverException unreachable(Place place, Exception e) {
    String said = "";
    boolean missing = false;
    String away = "the repository cannot be read";
    for (Throwable t = e; t != null; t = t.getCause()) {
      said += " " + t.getMessage();
      missing |= t instanceof NoRemoteRepositoryException;
      away =
          switch (t) {
            case UnknownHostException _ -> "there is no host of this name; check spec.url";
            case UnresolvedAddressException _ -> "there is no host of this name; check spec.url";
            case ConnectException _ ->
                "nobody answers at its host and port; check spec.url, and whether that runs";
            case SSLException _ -> "the host has no certificate that this server trusts";
            default -> away;
          };
    }
    said = said.toLowerCase(Locale.ROOT);
    if (said.contains("remote does not have refs/heads/")) {
      return noBranch(place);
    }
    return new DriverException(
        FaultKind.UNREACHABLE,
        unreachable(said, missing, away),
        // What JGit says may quote the address, which has no secret in it.
        e.toString(),
        e);
  }

  private static String unreachable(String said, boolean missing, String otherwise) {
    if (said.contains("server key did not validate") || said.contains("known_hosts")) {
      return "the host shows another key than settings.knownHosts has of it";
    }
    if (said.contains("not authorized")
        || said.contains("authentication is required")
        || said.contains("not permitted")
        || said.contains("no more authentication methods")) {
      return "the repository does not let us in; check the user, and settings.token or"
          + " settings.sshKey";
    }
    if (said.contains("redirect")) {
      return "the server leads to another address; write that one to spec.url";
    }
    if (missing || said.contains("not found")) {
      return "there is no repository at this address, or it is not shown to us; check spec.url";
    }
    return otherwise;
  }

  private static void delete(@org.jspecify.annotations.Nullable Path dir) {
    if (dir == null) {
      return;
    }
    try (Stream<Path> all = Files.walk(dir)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(each);
      }
    } catch (IOException | UncheckedIOException e) {
      // It is in the directory for temporary files, which others clean.
      System.getLogger(Git.class.getName())
          .log(System.Logger.Level.INFO, dir + " is left: " + e.getMessage());
    }
  }
}
