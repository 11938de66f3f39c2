package io.millwright.drivers.dnsmasq;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.NetworkServices;
import io.millwright.driver.Outcome;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Publishes records to two running dnsmasq, one for DHCP and one for DNS, through files in the
 * directories that they watch.
 *
 * <p>{@link #publish} returns {@link Outcome.Done} when the files are safely on disk and a running
 * dnsmasq either watches them appear (inotify) or has a SIGHUP pending that was sent after they
 * were in place. It serves them within milliseconds, and after any restart. If one does not run,
 * the files are written for its next start and the act fails as UNREACHABLE. {@link #withdraw} is
 * done as well when no dnsmasq runs, for then nothing is served.
 *
 * <p>A machine's DHCP file is written first, then dnsmasq is told, then the hosts file; wherever
 * that is cut short, by a crash or on another node, the next act on that machine sees it and does
 * the rest (see {@link RecordText}). Files of other installations, and of people, are left alone.
 *
 * <p>What it cannot do: dnsmasq keeps a lease until it ends, also when the reservation is
 * withdrawn. Until then it does not give the address to another card, so a subnet's cooldown should
 * not be shorter than the lease time. The name is gone at once, for the one that answers for names
 * knows no leases.
 */
final class Dnsmasq implements NetworkServices {
  private static final Pattern FORM =
      Pattern.compile("mw-([0-9a-f]{8})-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})");

  private final String installation;
  private final String lease;
  private final WatchedDirectory dhcp;
  private final WatchedDirectory hosts;
  private final Daemon daemon;
  private final Daemon dns;
  private final AtomicBoolean swept = new AtomicBoolean();

  /**
   * One act at a time on one machine. Machines share locks by their hash; there are many, because
   * one is held while waiting for a signal that many machines are to share.
   */
  private final ReentrantLock[] locks =
      IntStream.range(0, 1024).mapToObj(i -> new ReentrantLock()).toArray(ReentrantLock[]::new);

  /**
   * @param daemon the one for DHCP
   * @param dns the one for DNS
   * @param lease seconds, or empty for what dnsmasq says
   */
  Dnsmasq(Path directory, Daemon daemon, Daemon dns, String installation, String lease) {
    this.installation = installation;
    this.lease = lease;
    this.dhcp = new WatchedDirectory(directory.resolve("dhcp"));
    this.hosts = new WatchedDirectory(directory.resolve("hosts"));
    this.daemon = daemon;
    this.dns = dns;
  }

  @Override
  public Map<UUID, Records> observe() throws DriverException {
    try {
      Set<String> names = new TreeSet<>(dhcp.list());
      names.addAll(hosts.list());
      Map<UUID, Records> found = new HashMap<>();
      for (String name : names) {
        Matcher form = FORM.matcher(name);
        if (form.matches() && form.group(1).equals(installation)) {
          UUID uid = UUID.fromString(form.group(2));
          // Nothing is there if it was withdrawn since the listing.
          read(uid, name).ifPresent(records -> found.put(uid, records));
        }
      }
      return found;
    } catch (IOException e) {
      throw fault(e);
    }
  }

  @Override
  public Optional<Records> find(UUID uid) throws DriverException {
    try {
      return read(uid, name(uid));
    } catch (IOException e) {
      throw fault(e);
    }
  }

  @Override
  public void check() throws DriverException {
    daemon.requireRunning();
    dns.requireRunning();
  }

  private String name(UUID uid) {
    return "mw-" + installation + "-" + uid;
  }

  private Optional<Records> read(UUID uid, String name) throws IOException {
    String inDhcp = dhcp.read(name);
    String inHosts = hosts.read(name);
    return inDhcp == null && inHosts == null
        ? Optional.empty()
        : Optional.of(RecordText.read(uid, inDhcp, inHosts));
  }

  @Override
  public Outcome publish(Records records) throws DriverException {
    String objection = RecordText.objection(records);
    if (objection != null) {
      throw new DriverException(FaultKind.REFUSED, "dnsmasq cannot serve this: " + objection + ".");
    }
    String newDhcp = RecordText.dhcp(records, lease);
    String newHosts = RecordText.hosts(records, RecordText.digest(newDhcp));
    return alone(
        records.uid(),
        name -> {
          String oldDhcp = dhcp.read(name);
          String oldHosts = hosts.read(name);
          boolean same = newDhcp.equals(oldDhcp == null ? "" : oldDhcp);
          if (!same || !newHosts.equals(oldHosts)) {
            replace(name, oldDhcp, oldHosts, records);
          }
          daemon.requireRunning();
          dns.requireRunning();
        });
  }

  private void replace(
      String name, @Nullable String oldDhcp, @Nullable String oldHosts, Records records)
      throws IOException, DriverException {
    String newDhcp = RecordText.dhcp(records, lease);
    boolean same = newDhcp.equals(oldDhcp == null ? "" : oldDhcp);
    if (!same) {
      if (newDhcp.isEmpty()) {
        dhcp.remove(name);
      } else {
        dhcp.write(name, newDhcp);
      }
    }
    boolean firstTime = oldDhcp == null && oldHosts == null;
    boolean told = same && RecordText.inAccord(oldDhcp, oldHosts);
    if (!firstTime && !told) {
      try {
        daemon.reload(this::reservations);
      } catch (DriverException e) {
        // The names are served from the next start on; who comes after us must still tell of DHCP.
        hosts.write(name, RecordText.hosts(records, RecordText.UNTOLD));
        throw e;
      }
    }
    hosts.write(name, RecordText.hosts(records, RecordText.digest(newDhcp)));
  }

  @Override
  public Outcome withdraw(UUID uid) throws DriverException {
    return alone(
        uid,
        name -> {
          String oldDhcp = dhcp.read(name);
          String oldHosts = hosts.read(name);
          if (oldDhcp == null && oldHosts == null) {
            list(); // a directory that is away has not had the records withdrawn from it
            return;
          }
          dhcp.remove(name);
          boolean told = oldDhcp == null && RecordText.inAccord(null, oldHosts);
          if (!told && daemon.pid().isPresent()) {
            // The hosts file goes last: as long as it is there, the withdrawal is not over.
            if (oldHosts == null) {
              hosts.write(name, "# millwright withdraws\n");
            }
            daemon.reload(this::reservations);
          }
          hosts.remove(name);
        });
  }

  @Override
  public void close() {}

  private interface Act {
    void on(String name) throws IOException, DriverException;
  }

  private Outcome alone(UUID uid, Act act) throws DriverException {
    ReentrantLock lock = locks[Math.floorMod(uid.hashCode(), locks.length)];
    try {
      lock.lockInterruptibly();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DriverException(
          FaultKind.UNREACHABLE, "Interrupted before anything was done.", "interrupted", e);
    }
    try {
      if (swept.compareAndSet(false, true)) {
        dhcp.sweep("mw-" + installation + "-");
        hosts.sweep("mw-" + installation + "-");
      }
      act.on(name(uid));
      return Outcome.DONE;
    } catch (IOException e) {
      throw fault(e);
    } finally {
      lock.unlock();
    }
  }

  private void list() throws IOException {
    dhcp.list();
    hosts.list();
  }

  private int reservations() {
    try {
      return dhcp.list().size();
    } catch (IOException e) {
      return 0; // only the pause until the next signal hangs on it
    }
  }

  private DriverException fault(IOException e) {
    String where = dhcp.path().getParent() + ": " + e;
    String reason = String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT);
    if (e instanceof NoSuchFileException || e instanceof NotDirectoryException) {
      return new DriverException(
          FaultKind.UNREACHABLE,
          "The directory of dnsmasq is not there; start dnsmasq with dhcp-hostsdir and hostsdir as"
              + " the network's settings say.",
          where,
          e);
    }
    if (e instanceof AccessDeniedException
        || e instanceof AtomicMoveNotSupportedException
        || reason.contains("read-only file system")
        || reason.contains("operation not permitted")) {
      return new DriverException(
          FaultKind.REFUSED,
          "The directory of dnsmasq is not writable for Millwright; it must be, with its"
              + " subdirectories on the same file system.",
          where,
          e);
    }
    if (reason.contains("no space left") || reason.contains("quota exceeded")) {
      return new DriverException(
          FaultKind.CAPACITY, "The disk that dnsmasq reads from is full.", where, e);
    }
    return new DriverException(
        FaultKind.UNREACHABLE, "The directory of dnsmasq cannot be read or written.", where, e);
  }
}
