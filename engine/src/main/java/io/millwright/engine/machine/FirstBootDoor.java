package io.millwright.engine.machine;

import io.millwright.driver.ObjectName;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.port.Store;
import io.millwright.images.FirstBootReport;
import io.millwright.model.Kind;
import io.millwright.model.MachineStatus;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where machines report their first boot.
 *
 * <p>The path is signed, names one machine and one of its system disks, expires, and takes one
 * report of the first boot's end, and before that what it is at; whoever has it can report on that
 * machine and do nothing else.
 */
public final class FirstBootDoor {
  private static final Logger LOG = LoggerFactory.getLogger(FirstBootDoor.class);

  /** Longer than any first boot may take, so that it is the timeout that decides. */
  private static final Duration LIFETIME = Duration.ofDays(2);

  private static final Pattern PATH =
      Pattern.compile("/first-boot/([a-z0-9-]{1,120})/([0-9]{1,12})/([A-Za-z0-9_-]{32})");

  private final Store store;
  private final SecretBox secrets;
  private final InstantSource clock;
  private final List<URI> bases;

  /**
   * @param bases under which guests reach the door, such as {@code http://10.0.0.1:7071}; none if
   *     they cannot
   */
  public FirstBootDoor(Store store, SecretBox secrets, InstantSource clock, List<URI> bases) {
    this.store = store;
    this.secrets = secrets;
    this.clock = clock;
    this.bases = List.copyOf(bases);
  }

  /**
   * What the door says.
   *
   * @param status of HTTP
   */
  public record Answer(int status) {}

  /** True if machines can report at all. */
  public boolean open() {
    return !bases.isEmpty();
  }

  /**
   * Where the machine on this disk reports, by each way that it may have.
   *
   * @param since from when on the links count their days; the same moment gives the same links
   */
  public List<URI> links(String disk, Instant since) {
    String path = path(disk, since.plus(LIFETIME).getEpochSecond());
    return bases.stream().map(b -> b.resolve(path)).toList();
  }

  private String path(String disk, long expires) {
    return "/first-boot/" + disk + "/" + expires + "/" + secrets.sign(signed(disk, expires));
  }

  private static String signed(String disk, long expires) {
    return "first-boot\n" + disk + "\n" + expires;
  }

  /** Takes a report. */
  public Answer post(String path, byte[] body) {
    Matcher m = PATH.matcher(path);
    if (!m.matches()) {
      return new Answer(404);
    }
    String disk = m.group(1);
    long expires = Long.parseLong(m.group(2));
    byte[] right = secrets.sign(signed(disk, expires)).getBytes(StandardCharsets.US_ASCII);
    if (!MessageDigest.isEqual(right, m.group(3).getBytes(StandardCharsets.US_ASCII))) {
      return new Answer(404);
    }
    if (clock.instant().getEpochSecond() > expires) {
      return new Answer(410);
    }
    Optional<ObjectName> name = ObjectName.parse(disk);
    if (name.isEmpty()) {
      return new Answer(404);
    }
    boolean ended;
    try {
      ended = FirstBootReport.parse(body).running() == null;
    } catch (ProblemException e) {
      LOG.warn("a first boot's report on {} is refused: {}", disk, e.problem().detail());
      return new Answer(400);
    }
    return new Answer(
        store.inTransaction(tx -> {
          Optional<Resource<?, ?>> machine =
              tx.resources()
                  .find(name.get().mark().uid())
                  .filter(r -> r.kind() == Kind.MACHINE && !r.deleting())
                  .filter(r -> disk.equals(((MachineStatus) r.status()).disk()));
          if (machine.isEmpty()) {
            return 410;
          }
          String text = new String(body, StandardCharsets.UTF_8);
          if (!ended) {
            return tx.reports().tell(machine.get().uid(), disk, text, clock.instant()) ? 204 : 429;
          }
          if (!tx.reports().add(machine.get().uid(), disk, text)) {
            return 410;
          }
          tx.nudges().nudge(machine.get().uid());
          return 204;
        }));
  }
}
