package io.millwright.driver.testkit;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverDescription.Setting;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.SourceDriver;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/** A repository in memory: what was committed last is what is read, at {@code file:///NAME}. */
public final class SimulatedSource implements SourceDriver {
  private static final Map<String, Repository> REPOSITORIES = new ConcurrentHashMap<>();

  private record Repository(int commits, SortedMap<String, byte[]> files) {}

  public SimulatedSource() {}

  /**
   * Puts these files in place of those before.
   *
   * @return name of the commit
   */
  public static String commit(String repository, Map<String, String> files) {
    SortedMap<String, byte[]> bytes = new TreeMap<>();
    files.forEach((name, text) -> bytes.put(name, text.getBytes(StandardCharsets.UTF_8)));
    return name(
        REPOSITORIES.compute(
            repository, (_, was) -> new Repository(was == null ? 1 : was.commits() + 1, bytes)));
  }

  /** Forgets a repository. */
  public static void forget(String repository) {
    REPOSITORIES.remove(repository);
  }

  private static String name(Repository repository) {
    return String.format("%040x", repository.commits());
  }

  @Override
  public DriverDescription describe() {
    return new DriverDescription(
        SimulatedProvider.NAME,
        List.of(new Setting(WEBHOOK_SECRET, false, true, "with which calls are signed")));
  }

  @Override
  public Snapshot read(Place place) throws DriverException {
    Repository found = REPOSITORIES.get(place.url().substring("file:///".length()));
    if (found == null) {
      throw new DriverException(FaultKind.UNREACHABLE, "there is no such repository");
    }
    return new Snapshot(name(found), found.files());
  }
}
