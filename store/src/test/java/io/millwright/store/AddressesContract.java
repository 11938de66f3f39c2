package io.millwright.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.port.Addresses.Lease;
import io.millwright.model.Cidr;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.NetworkSpec.Subnet;
import io.millwright.model.Range;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the store promises of addresses. */
@NullUnmarked
abstract class AddressesContract extends DatabaseTest {
  private Optional<Ip> allocate(UUID network, Subnet subnet, UUID machine) {
    return allocate(store, network, subnet, machine);
  }

  private static Optional<Ip> allocate(SqlStore store, UUID network, Subnet subnet, UUID machine) {
    return store.inTransaction(tx -> tx.addresses().allocate(network, subnet, machine, "nic0"));
  }

  private Optional<Lease> claim(UUID network, String ip, UUID machine, String iface) {
    return tx(tx -> tx.addresses().claim(network, Ip.parse(ip), machine, iface));
  }

  private void release(UUID machine, UUID network, int seconds, Ip... keep) {
    store.write(tx ->
        tx.addresses().release(machine, Map.of(network, List.of(keep)), Map.of(network, seconds)));
  }

  /** Lets all cool-downs of a network end now. */
  private void cool(UUID network) {
    jdbc.sql(
            "UPDATE address SET cooling_until = now() - interval '1 second'"
                + " WHERE network = :n AND cooling_until IS NOT NULL")
        .param("n", network)
        .update();
  }

  private List<Ip> all(UUID network, Subnet subnet) {
    List<Ip> out = new ArrayList<>();
    Optional<Ip> next;
    while ((next = allocate(network, subnet, uid())).isPresent()) {
      out.add(next.get());
    }
    return out;
  }

  private static List<Ip> allocatable(Subnet subnet) {
    List<Ip> out = new ArrayList<>();
    Range range = subnet.allocationRange();
    for (Ip ip = range.from(); ip.compareTo(range.to()) <= 0; ip = ip.plus(1)) {
      if (subnet.allocatable(ip)) {
        out.add(ip);
      }
    }
    return out;
  }

  @Test
  void everyAddressOfASubnetIsGivenOnceInOrder() {
    for (Subnet subnet :
        List.of(
            subnet("10.1.0.0/26", null),
            subnet("10.1.0.0/24", "10.1.0.250-10.1.0.255"),
            subnet("10.1.0.0/24", "10.1.0.0-10.1.0.9", "10.1.0.3", "10.1.0.5-10.1.0.7"),
            subnet("10.1.0.0/32", null),
            subnet("255.255.255.252/31", null),
            subnet("fd00::/123", null),
            subnet("fd00::/64", "fd00::ffff:0-fd00::1:ffff:0", "fd00::ffff:1-fd00::1:fffe:ffff"),
            subnet("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff8/126", null),
            new Subnet(Cidr.parse("10.2.0.0/29"), Ip.parse("10.2.0.1"), null, List.of(), null))) {
      if (subnet.cidr().toString().startsWith("fd00::/64")) {
        // Too many to walk through here, and the store must not do so either.
        assertThat(all(uid(), subnet))
            .extracting(Ip::toString)
            .containsExactly("fd00::ffff:0", "fd00::1:ffff:0");
      } else {
        assertThat(all(uid(), subnet)).containsExactlyElementsOf(allocatable(subnet));
      }
    }
  }

  @Test
  void anExhaustedSubnetGivesAgainWhatComesBack() {
    UUID network = uid();
    Subnet subnet = subnet("10.0.0.0/28", null);
    UUID one = uid();
    Ip its = allocate(network, subnet, one).orElseThrow();
    all(network, subnet);
    UUID two = uid();
    assertThat(allocate(network, subnet, one)).contains(its); // its own is no new one
    release(one, network, 300);
    assertThat(allocate(network, subnet, two)).isEmpty();
    cool(network);
    assertThat(allocate(network, subnet, two)).contains(its);
    assertThat(allocate(network, subnet, one)).isEmpty();
  }

  @Test
  void whoComesBackSoonGetsItsAddressAgain() {
    UUID network = uid();
    Subnet subnet = subnet("10.0.0.0/24", null);
    UUID machine = uid();
    allocate(network, subnet, uid());
    Ip first = allocate(network, subnet, machine).orElseThrow();
    release(machine, network, 300);
    assertThat(store.<List<Lease>>read(tx -> tx.addresses().leases(machine)).getFirst())
        .satisfies(lease -> assertThat(lease.coolingUntil()).isNotNull());
    allocate(network, subnet, uid());
    assertThat(allocate(network, subnet, machine)).contains(first);
    assertThat(store.<List<Lease>>read(tx -> tx.addresses().leases(machine)).getFirst())
        .satisfies(lease -> assertThat(lease.coolingUntil()).isNull());
  }

  @Test
  void whatIsKeptIsNotReleasedAndWhatIsNotListedCoolsByDefault() {
    UUID network = uid();
    UUID other = uid();
    Subnet v4 = subnet("10.0.0.0/24", null);
    Subnet v6 = subnet("fd00::/64", null);
    UUID machine = uid();
    Ip kept =
        tx(tx -> {
          tx.addresses().allocate(network, v6, machine, "nic0");
          tx.addresses().allocate(other, v4, machine, "nic1");
          return tx.addresses().allocate(network, v4, machine, "nic0").orElseThrow();
        });
    release(machine, network, 60, kept);
    List<Lease> leases = store.read(tx -> tx.addresses().leases(machine));
    assertThat(leases).hasSize(3);
    assertThat(leases)
        .filteredOn(l -> l.coolingUntil() == null)
        .extracting(Lease::ip)
        .containsExactly(kept);
    release(machine, network, 60);
    assertThat(store.<List<Lease>>read(tx -> tx.addresses().leases(machine)))
        .allSatisfy(l -> assertThat(l.coolingUntil()).isNotNull());
    cool(network);
    assertThat(store.<List<Lease>>read(tx -> tx.addresses().leasesOf(network))).isEmpty();
  }

  @Test
  void anAddressByNameIsHadByOne() {
    UUID network = uid();
    UUID a = uid();
    UUID b = uid();
    assertThat(claim(network, "10.0.0.5", a, "nic0")).isEmpty();
    assertThat(claim(network, "10.0.0.5", a, "nic0")).isEmpty();
    assertThat(claim(network, "10.0.0.5", b, "nic0").map(Lease::machine)).contains(a);
    assertThat(claim(uid(), "10.0.0.5", b, "nic0")).isEmpty();
    assertThat(claim(network, "10.0.0.5", a, "nic1")).isEmpty(); // moved between its interfaces
    release(a, network, 300);
    assertThat(claim(network, "10.0.0.5", b, "nic0")).isEmpty(); // cooling, but asked for by name
    assertThat(claim(network, "10.0.0.5", a, "nic0").map(Lease::machine)).contains(b);
    assertThat(claim(network, "10.0.0.10", b, "nic0")).isEmpty();
    assertThat(claim(network, "10.0.0.9", b, "nic0")).isEmpty();
    assertThat(claim(network, "fd00::1", b, "nic0")).isEmpty();
    List<Lease> leases = store.read(tx -> tx.addresses().leasesOf(network));
    assertThat(leases)
        .extracting(l -> l.ip().toString())
        .containsExactly("10.0.0.5", "10.0.0.9", "10.0.0.10", "fd00::1");
    List<Ip> asked = List.of(Ip.parse("10.0.0.9"), Ip.parse("10.0.0.77"), Ip.parse("fd00::1"));
    UUID nobody = uid();
    assertThat(store.<Set<Ip>>read(tx -> tx.addresses().others(network, asked, nobody)))
        .containsExactlyInAnyOrder(Ip.parse("10.0.0.9"), Ip.parse("fd00::1"));
    for (Lease lease : leases) {
      assertThat(store.<Set<Ip>>read(tx -> tx.addresses().others(network, asked, lease.machine())))
          .as("its own is no other's")
          .doesNotContain(lease.ip());
    }
  }

  @Test
  void macsBelongToOneInterface() {
    UUID a = uid();
    UUID b = uid();
    Mac mac = tx(tx -> tx.addresses().allocateMac(a, "nic0"));
    assertThat(mac.text()).startsWith("52:54:00:");
    assertThat(this.<Mac>tx(tx -> tx.addresses().allocateMac(a, "nic0"))).isEqualTo(mac);
    Mac second = tx(tx -> tx.addresses().allocateMac(a, "nic1"));
    assertThat(second).isNotEqualTo(mac);
    assertThat(claimMac(mac, b, "nic0")).contains(a);
    Mac chosen = Mac.parse("02-00-00-00-AB-CD");
    assertThat(claimMac(chosen, a, "nic0")).isEmpty();
    assertThat(claimMac(chosen, a, "nic0")).isEmpty();
    assertThat(macs(a)).isEqualTo(Map.of("nic0", chosen, "nic1", second));
    assertThat(claimMac(mac, b, "nic0")).isEmpty(); // it was let go
    // Two interfaces exchange theirs.
    assertThat(claimMac(second, a, "nic0")).isEmpty();
    assertThat(claimMac(chosen, a, "nic1")).isEmpty();
    assertThat(macs(a)).isEqualTo(Map.of("nic0", second, "nic1", chosen));
    store.write(tx -> tx.addresses().releaseMacs(a, List.of("nic1")));
    assertThat(macs(a)).isEqualTo(Map.of("nic1", chosen));
    store.write(tx -> tx.addresses().releaseMacs(a, List.of()));
    assertThat(macs(a)).isEmpty();
  }

  private Optional<UUID> claimMac(Mac mac, UUID machine, String iface) {
    return tx(tx -> tx.addresses().claimMac(mac, machine, iface));
  }

  private Map<String, Mac> macs(UUID machine) {
    Map<String, Mac> out = new HashMap<>();
    jdbc.sql("SELECT iface, mac::text AS mac FROM mac WHERE machine = :machine")
        .param("machine", machine)
        .query(row -> {
          out.put(row.getString("iface"), Mac.parse(row.getString("mac")));
        });
    return out;
  }

  @Test
  void manyAtOnceOnTwoNodesGetOneEach() throws Exception {
    compete(subnet("10.0.0.0/16", "10.0.1.0-10.0.2.243"), 500, 16);
    compete(subnet("fd00::/64", "fd00::1-fd00::64"), 100, 16);
  }

  @Test
  @Tag("slow")
  @Timeout(600)
  void thousandsAtOnceOnTwoNodesGetOneEach() throws Exception {
    int many = Integer.getInteger("many", 2_000);
    int last = 256 + many - 1;
    String pool = "10.0.1.0-10.0." + last / 256 + "." + last % 256;
    compete(subnet("10.0.0.0/16", pool), many, 32);
  }

  /** As many as there are, each wanted in a transaction, some of which fail after all. */
  private void compete(Subnet subnet, int addresses, int threads) throws Exception {
    assertThat(allocatable(subnet)).hasSize(addresses);
    UUID network = uid();
    AtomicInteger turn = new AtomicInteger();
    try (Database second = Database.open(settings)) {
      List<Optional<Ip>> given =
          together(
              threads,
              addresses,
              () -> {
                int n = turn.incrementAndGet();
                SqlStore node = n % 2 == 0 ? store : second.store();
                if (n % 7 == 0) {
                  UUID fails = uid();
                  node.dryRun(tx -> tx.addresses().allocate(network, subnet, fails, "nic0"));
                }
                return allocate(node, network, subnet, uid());
              });
      assertThat(given).allMatch(Optional::isPresent);
      assertThat(new HashSet<>(given)).hasSize(addresses);
      assertThat(allocate(network, subnet, uid())).isEmpty();
      assertThat(allocate(second.store(), network, subnet, uid())).isEmpty();
    }
  }

  @Test
  void transactionsThatWantSeveralAddressesInAnyOrderAllGetThem() throws Exception {
    List<UUID> networks = List.of(uid(), uid(), uid());
    Subnet subnet = subnet("10.0.0.0/25", null); // 126, and 40 machines take 3 of each
    try (Database second = Database.open(settings)) {
      AtomicInteger turn = new AtomicInteger();
      List<Integer> given =
          together(
              12,
              40,
              () -> {
                int n = turn.incrementAndGet();
                Random random = new Random(n);
                UUID machine = uid();
                return (n % 2 == 0 ? store : second.store())
                    .inTransaction(tx -> {
                      int got = 0;
                      for (int i = 0; i < 9; i++) {
                        UUID network = networks.get((i + random.nextInt(3)) % 3);
                        got +=
                            tx.addresses().allocate(network, subnet, machine, "nic" + i).isPresent()
                                ? 1
                                : 0;
                      }
                      return got;
                    });
              });
      // Each network has room for a third and some; what one of them lacks is never given twice.
      assertThat(given.stream().mapToInt(i -> i).sum()).isBetween(300, 360);
      for (UUID network : networks) {
        List<Lease> leases = store.read(tx -> tx.addresses().leasesOf(network));
        assertThat(new TreeSet<>(leases.stream().map(Lease::ip).toList())).hasSize(leases.size());
      }
    }
  }
}
