package io.millwright.store;

import io.millwright.engine.port.Addresses;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.NetworkSpec.Subnet;
import io.millwright.model.Range;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Addresses. Each is a row with the address in its primary key.
 *
 * <p>An allocation never waits for another transaction: candidates that one holds which has not
 * ended are passed over, by a lock on the address as such. Only when nothing else is left does it
 * wait to see whether one of them becomes free after all.
 */
final class SqlAddresses implements Addresses {
  /** So many candidates that others took may come in a row before it looks anew. */
  private static final int TRIES = 64;

  private static final int ROUNDS = 4;
  private static final int PAGE = 1000;
  private static final int DEFAULT_COOLDOWN_SECONDS = 300;
  private static final String TAKEN = "(cooling_until IS NULL OR cooling_until >= now())";

  private final JdbcClient jdbc;
  private final Candidates candidates;

  SqlAddresses(JdbcClient jdbc, Candidates candidates) {
    this.jdbc = jdbc;
    this.candidates = candidates;
  }

  @Override
  public Optional<Ip> allocate(UUID network, Subnet subnet, UUID machine, String iface) {
    Candidates.Line line = candidates.of(network, subnet);
    for (int round = 0; round < ROUNDS; round++) {
      for (int i = 0; i < TRIES; i++) {
        Ip candidate = line.take((from, to) -> free(network, subnet, from, to));
        if (candidate == null) {
          // Looked through with nothing found: only what it has already can be left.
          Optional<Ip> held = held(network, subnet, machine, iface);
          if (held.isEmpty() || retake(network, held.get(), machine, iface)) {
            return held;
          }
          continue;
        }
        Optional<Taken> taken = tryTake(network, subnet, candidate, machine, iface);
        if (taken.isPresent()
            && (!taken.get().before() || retake(network, taken.get().ip(), machine, iface))) {
          return Optional.of(taken.get().ip());
        }
      }
      line.clear();
    }
    return lastOnes(network, subnet, machine, iface);
  }

  private record Taken(Ip ip, boolean before) {}

  private Optional<Taken> tryTake(
      UUID network, Subnet subnet, Ip candidate, UUID machine, String iface) {
    return jdbc.sql(
            """
            WITH held AS (
              SELECT ip FROM address
              WHERE machine = :machine AND iface = :iface AND network = :network
                AND ip <<= CAST(:cidr AS inet)
              ORDER BY cooling_until DESC NULLS FIRST LIMIT 1),
            taken AS (
              INSERT INTO address AS a (network, ip, machine, iface)
              SELECT :network, CAST(:ip AS inet), :machine, :iface
              WHERE NOT EXISTS (SELECT FROM held)
                AND pg_try_advisory_xact_lock(hashtextextended(:lock, 2))
              ON CONFLICT (network, ip) DO UPDATE SET machine = excluded.machine,
                iface = excluded.iface, cooling_until = NULL
              WHERE a.cooling_until < now()
              RETURNING ip)
            SELECT host(ip) AS ip, true AS before FROM held
            UNION ALL
            SELECT host(ip), false FROM taken
            """)
        .param("network", network)
        .param("machine", machine)
        .param("iface", iface)
        .param("cidr", subnet.cidr().toString())
        .param("ip", candidate.toString())
        .param("lock", network + " " + candidate)
        .query((row, n) -> new Taken(Ip.parse(row.getString("ip")), row.getBoolean("before")))
        .optional();
  }

  private Optional<Ip> held(UUID network, Subnet subnet, UUID machine, String iface) {
    return jdbc.sql(
            """
            SELECT host(ip) AS ip FROM address
            WHERE machine = :machine AND iface = :iface AND network = :network
              AND ip <<= CAST(:cidr AS inet)
            ORDER BY cooling_until DESC NULLS FIRST LIMIT 1
            """)
        .param("network", network)
        .param("machine", machine)
        .param("iface", iface)
        .param("cidr", subnet.cidr().toString())
        .query((row, n) -> Ip.parse(row.getString("ip")))
        .optional();
  }

  /** False if somebody else took it over while it cooled. */
  private boolean retake(UUID network, Ip ip, UUID machine, String iface) {
    return jdbc.sql(
                """
                UPDATE address SET cooling_until = NULL
                WHERE network = :network AND ip = CAST(:ip AS inet)
                  AND machine = :machine AND iface = :iface
                """)
            .param("network", network)
            .param("ip", ip.toString())
            .param("machine", machine)
            .param("iface", iface)
            .update()
        == 1;
  }

  /** Tries all that is not taken for sure, waiting for whoever is about to take it. */
  private Optional<Ip> lastOnes(UUID network, Subnet subnet, UUID machine, String iface) {
    Ip from = subnet.allocationRange().from();
    Ip to = subnet.allocationRange().to();
    while (from.compareTo(to) <= 0) {
      List<Ip> free = free(network, subnet, from, to);
      if (free.isEmpty()) {
        break;
      }
      for (Ip ip : free) {
        if (bind(network, ip, machine, iface, "a.cooling_until < now()")) {
          return Optional.of(ip);
        }
      }
      from = free.getLast().plus(1);
    }
    return Optional.empty();
  }

  /** The first addresses in this part of the subnet that may be allocated and have no row. */
  private List<Ip> free(UUID network, Subnet subnet, Ip from, Ip to) {
    List<Ip> out = new ArrayList<>();
    Ip at = from;
    while (at.compareTo(to) <= 0 && out.size() < Candidates.BATCH) {
      List<Ip> taken =
          jdbc.sql(
                  """
                  SELECT host(ip) FROM address
                  WHERE network = :network AND ip >= CAST(:from AS inet)
                    AND ip <= CAST(:to AS inet) AND
                  """
                      + TAKEN
                      + " ORDER BY ip LIMIT "
                      + PAGE)
              .param("network", network)
              .param("from", at.toString())
              .param("to", to.toString())
              .query((row, n) -> Ip.parse(row.getString(1)))
              .list();
      Ip end = taken.size() < PAGE ? to : taken.getLast();
      Set<Ip> passed = new HashSet<>(taken);
      while (at.compareTo(end) <= 0 && out.size() < Candidates.BATCH) {
        Ip skipped = endOfExcluded(subnet, at);
        if (skipped != null) {
          at = skipped; // excluded ranges of IPv6 are too long to walk through
        } else if (!passed.contains(at) && subnet.allocatable(at)) {
          out.add(at);
        }
        if (at.equals(to)) {
          return out; // the address after it may not exist
        }
        at = at.plus(1);
      }
    }
    return out;
  }

  private static @Nullable Ip endOfExcluded(Subnet subnet, Ip at) {
    Ip last = subnet.allocationRange().to();
    for (Range range : subnet.exclude()) {
      if (range.contains(at)) {
        return range.to().compareTo(last) > 0 ? last : range.to();
      }
    }
    return null;
  }

  @Override
  public Optional<Lease> claim(UUID network, Ip ip, UUID machine, String iface) {
    // One that cools is free to whoever names it, and a machine may move it between its interfaces.
    if (bind(
        network,
        ip,
        machine,
        iface,
        "a.cooling_until IS NOT NULL OR (a.machine = excluded.machine AND a.iface <> :iface)")) {
      return Optional.empty();
    }
    return jdbc.sql(LEASES + "WHERE network = :network AND ip = CAST(:ip AS inet)")
        .param("network", network)
        .param("ip", ip.toString())
        .query((row, n) -> lease(row))
        .optional()
        .filter(lease -> !lease.machine().equals(machine));
  }

  /** Waits for a transaction that binds it at the same time. */
  private boolean bind(UUID network, Ip ip, UUID machine, String iface, String takeOverIf) {
    return jdbc.sql(
                """
                INSERT INTO address AS a (network, ip, machine, iface)
                VALUES (:network, CAST(:ip AS inet), :machine, :iface)
                ON CONFLICT (network, ip) DO UPDATE SET machine = excluded.machine,
                  iface = excluded.iface, cooling_until = NULL
                WHERE
                """
                    + takeOverIf)
            .param("network", network)
            .param("ip", ip.toString())
            .param("machine", machine)
            .param("iface", iface)
            .update()
        == 1;
  }

  @Override
  public void release(UUID machine, Map<UUID, List<Ip>> keep, Map<UUID, Integer> cooldownSeconds) {
    List<String> keptNetworks = new ArrayList<>();
    List<String> keptIps = new ArrayList<>();
    keep.forEach((network, ips) ->
        ips.forEach(ip -> {
          keptNetworks.add(network.toString());
          keptIps.add(ip.toString());
        }));
    jdbc.sql(
            """
            UPDATE address a SET cooling_until = now() + interval '1 second' *
              coalesce((SELECT c.seconds
                        FROM unnest(CAST(:coolNetworks AS uuid[]), CAST(:coolSeconds AS integer[]))
                          AS c(network, seconds)
                        WHERE c.network = a.network),
                       :byDefault)
            WHERE machine = :machine AND cooling_until IS NULL
              AND NOT EXISTS (
                SELECT FROM unnest(CAST(:keptNetworks AS uuid[]), CAST(:keptIps AS inet[]))
                  AS k(network, ip)
                WHERE k.network = a.network AND k.ip = a.ip)
            """)
        .param("machine", machine)
        .param("byDefault", DEFAULT_COOLDOWN_SECONDS)
        .param("coolNetworks", Columns.texts(cooldownSeconds.keySet()))
        .param("coolSeconds", Columns.texts(cooldownSeconds.values()))
        .param("keptNetworks", keptNetworks.toArray(String[]::new))
        .param("keptIps", keptIps.toArray(String[]::new))
        .update();
  }

  private static final String LEASES =
      "SELECT network, host(ip) AS ip, machine, iface, cooling_until FROM address ";

  @Override
  public List<Lease> leases(UUID machine) {
    return jdbc.sql(
            LEASES + "WHERE machine = :machine AND " + TAKEN + " ORDER BY network, address.ip")
        .param("machine", machine)
        .query((row, n) -> lease(row))
        .list();
  }

  @Override
  public Set<Ip> others(UUID network, Collection<Ip> ips, UUID machine) {
    return jdbc
        .sql(
            LEASES
                + "WHERE network = :network AND machine <> :machine"
                + " AND address.ip = ANY (CAST(:ips AS inet[])) AND "
                + TAKEN)
        .param("network", network)
        .param("machine", machine)
        .param("ips", Columns.texts(ips))
        .query((row, n) -> lease(row))
        .stream()
        .map(Lease::ip)
        .collect(Collectors.toSet());
  }

  @Override
  public boolean bound(Collection<UUID> networks, Ip ip, UUID machine) {
    return jdbc.sql(
            """
            SELECT EXISTS (
              SELECT FROM address
              WHERE network = ANY (CAST(:networks AS uuid[])) AND ip = CAST(:ip AS inet)
                AND machine <> :machine AND cooling_until IS NULL)
            """)
        .param("networks", Columns.texts(networks))
        .param("ip", ip.toString())
        .param("machine", machine)
        .query(Boolean.class)
        .single();
  }

  @Override
  public void holdWires(Collection<UUID> hypervisors, boolean alone) {
    String lock = alone ? "pg_advisory_xact_lock" : "pg_advisory_xact_lock_shared";
    for (UUID hypervisor : hypervisors) {
      jdbc.sql("SELECT " + lock + "(hashtextextended(:hypervisor, 3))")
          .param("hypervisor", hypervisor.toString())
          .query((row, n) -> Boolean.TRUE)
          .single();
    }
  }

  @Override
  public List<Lease> leasesOf(UUID network) {
    // inet sorts by address; host() would sort as text.
    return jdbc.sql(LEASES + "WHERE network = :network AND " + TAKEN + " ORDER BY address.ip")
        .param("network", network)
        .query((row, n) -> lease(row))
        .list();
  }

  private static Lease lease(ResultSet row) throws SQLException {
    return new Lease(
        Columns.uuid(row, "network"),
        Ip.parse(row.getString("ip")),
        Columns.uuid(row, "machine"),
        row.getString("iface"),
        Columns.instant(row, "cooling_until"));
  }

  @Override
  public Optional<UUID> claimMac(Mac mac, UUID machine, String iface) {
    jdbc.sql(
            """
            DELETE FROM mac
            WHERE machine = :machine AND iface = :iface AND mac <> CAST(:mac AS macaddr)
            """)
        .param("mac", mac.text())
        .param("machine", machine)
        .param("iface", iface)
        .update();
    int bound =
        jdbc.sql(
                """
                INSERT INTO mac AS m (mac, machine, iface)
                VALUES (CAST(:mac AS macaddr), :machine, :iface)
                ON CONFLICT (mac) DO UPDATE SET iface = excluded.iface
                WHERE m.machine = excluded.machine
                """)
            .param("mac", mac.text())
            .param("machine", machine)
            .param("iface", iface)
            .update();
    if (bound == 1) {
      return Optional.empty();
    }
    return jdbc.sql("SELECT machine FROM mac WHERE mac = CAST(:mac AS macaddr)")
        .param("mac", mac.text())
        .query(UUID.class)
        .optional();
  }

  @Override
  public Mac allocateMac(UUID machine, String iface) {
    while (true) {
      Mac candidate = Mac.ofQemu(ThreadLocalRandom.current().nextInt());
      Optional<String> mac =
          jdbc.sql(
                  """
                  WITH held AS (
                    SELECT mac FROM mac WHERE machine = :machine AND iface = :iface),
                  made AS (
                    INSERT INTO mac (mac, machine, iface)
                    SELECT CAST(:mac AS macaddr), :machine, :iface
                    WHERE NOT EXISTS (SELECT FROM held)
                    ON CONFLICT DO NOTHING RETURNING mac)
                  SELECT mac::text FROM held UNION ALL SELECT mac::text FROM made
                  """)
              .param("mac", candidate.text())
              .param("machine", machine)
              .param("iface", iface)
              .query(String.class)
              .optional();
      if (mac.isPresent()) {
        return Mac.parse(mac.get());
      }
    }
  }

  @Override
  public Map<DnsName, UUID> claimNames(UUID machine, Collection<DnsName> names) {
    // In the same order by everybody, so that two that want the same names do not wait for each
    // other.
    List<DnsName> sorted =
        names.stream()
            .distinct()
            .sorted(Comparator.comparing(DnsName::place).thenComparing(DnsName::name))
            .toList();
    jdbc.sql(
            """
            DELETE FROM dns_name n WHERE machine = :machine AND NOT EXISTS (
              SELECT FROM unnest(CAST(:places AS text[]), CAST(:names AS text[])) AS k(place, name)
              WHERE k.place = n.place AND k.name = n.name)
            """)
        .param("machine", machine)
        .param("places", sorted.stream().map(DnsName::place).toArray(String[]::new))
        .param("names", sorted.stream().map(DnsName::name).toArray(String[]::new))
        .update();
    Map<DnsName, UUID> others = new LinkedHashMap<>();
    for (DnsName name : sorted) {
      Optional<UUID> other = Optional.empty();
      while (!bind(name, machine) && other.isEmpty()) {
        other =
            jdbc.sql("SELECT machine FROM dns_name WHERE place = :place AND name = :name")
                .param("place", name.place())
                .param("name", name.name())
                .query(UUID.class)
                .optional(); // empty if it has just let go
      }
      other.ifPresent(has -> others.put(name, has));
    }
    return others;
  }

  /** Waits for a transaction that binds it at the same time. */
  private boolean bind(DnsName name, UUID machine) {
    return jdbc.sql(
                """
                INSERT INTO dns_name AS n (place, name, machine) VALUES (:place, :name, :machine)
                ON CONFLICT (place, name) DO UPDATE SET machine = excluded.machine
                WHERE n.machine = excluded.machine
                """)
            .param("place", name.place())
            .param("name", name.name())
            .param("machine", machine)
            .update()
        == 1;
  }

  @Override
  public void releaseMacs(UUID machine, List<String> keep) {
    jdbc.sql("DELETE FROM mac WHERE machine = :machine AND iface <> ALL (CAST(:keep AS text[]))")
        .param("machine", machine)
        .param("keep", keep.toArray(String[]::new))
        .update();
  }
}
