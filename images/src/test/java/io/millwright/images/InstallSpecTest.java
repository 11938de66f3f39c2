package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.ByteSize;
import io.millwright.model.Cidr;
import io.millwright.model.Firmware;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import io.millwright.model.Violation;
import io.millwright.model.Violations;
import java.net.URI;
import java.util.List;
import org.junit.jupiter.api.Test;

class InstallSpecTest {
  private static List<String> wrong(InstallSpec spec) {
    Violations at = Violations.at("");
    spec.check(at);
    return at.list().stream().map(Violation::field).toList();
  }

  private static IpConfig v4(String address) {
    return IpConfig.NONE.withStatic(List.of(HostAddress.parse(address)), null, null);
  }

  private static NetInterface.Bond bond(IpConfig ip, String... members) {
    return new NetInterface.Bond("bond0", MachineSpec.BondMode.LACP, List.of(members), ip);
  }

  private static NetInterface.Vlan vlan(String link, int id, IpConfig ip) {
    return new NetInterface.Vlan("v" + id, link, id, ip);
  }

  @Test
  void samplesAreRight() {
    Samples.all().forEach((name, spec) -> assertThat(wrong(spec)).as(name).isEmpty());
  }

  @Test
  void identity() {
    InstallSpec plain = Samples.net();
    assertThat(
            wrong(
                new InstallSpec(
                    new InstallSpec.Identity("a b", "Hello", "-x"),
                    List.of(),
                    plain.profile(),
                    List.of())))
        .containsExactly("identity.instanceId", "identity.hostname", "identity.domain");
  }

  /** Under which its DHCP reservation is published. */
  @Test
  void whatIsMadeOfOthersHasTheAddressOfTheFirstThatItNames() {
    NetInterface bond = bond(IpConfig.NONE, "nic1", "nic0");
    NetInterface vlan = vlan("bond0", 7, IpConfig.NONE);
    NetInterface bridge = new NetInterface.Bridge("br0", List.of("v7"), v4("10.0.0.5/24"));
    InstallSpec spec =
        Samples.net(
            new NetInterface.Ethernet("nic0", Mac.ofQemu(1), IpConfig.NONE),
            new NetInterface.Ethernet("nic1", Mac.ofQemu(2), IpConfig.NONE),
            bond,
            vlan,
            bridge);
    assertThat(wrong(spec)).isEmpty();
    assertThat(spec.firstMac(bond)).contains(Mac.ofQemu(2));
    assertThat(spec.firstMac(bridge)).contains(Mac.ofQemu(2));
  }

  @Test
  void namesAndMacsAreUnique() {
    assertThat(
            wrong(
                Samples.net(
                    Samples.card(0, v4("10.0.0.5/24")),
                    new NetInterface.Ethernet("nic0", Mac.ofQemu(1), v4("10.0.0.5/24")),
                    new NetInterface.Ethernet("lo", Mac.ofQemu(9), IpConfig.NONE),
                    new NetInterface.Ethernet("a;b", Mac.ofQemu(8), IpConfig.NONE))))
        .containsExactly(
            "interfaces[1].name",
            "interfaces[1].ip.addresses[0]",
            "interfaces[1].mac",
            "interfaces[2].name",
            "interfaces[3].name");
  }

  @Test
  void addressesAndGateways() {
    IpConfig odd =
        IpConfig.NONE
            .withStatic(
                List.of(HostAddress.parse("10.0.0.0/24"), HostAddress.parse("10.1.0.5/24")),
                Ip.parse("10.1.0.5"),
                Ip.parse("fd00::1"))
            .withMtu(70)
            .withDns(List.of(), List.of("No.Domain"))
            .withRoutes(
                List.of(
                    new MachineSpec.Route(Cidr.parse("10.0.0.0/8"), Ip.parse("fd00::1"), -1),
                    new MachineSpec.Route(Cidr.parse("fd00::/8"), Ip.parse("fd00::1"), null)));
    assertThat(wrong(Samples.net(Samples.card(0, odd))))
        .containsExactlyInAnyOrder(
            "interfaces[0].ip.addresses[0]",
            "interfaces[0].ip.gateway4",
            "interfaces[0].ip.gateway6",
            "interfaces[0].ip.routes[0].via",
            "interfaces[0].ip.routes[0].via",
            "interfaces[0].ip.routes[0].metric",
            "interfaces[0].ip.routes[1].via",
            "interfaces[0].ip.routes[1]",
            "interfaces[0].ip.mtu",
            "interfaces[0].ip.search[0]");
    assertThat(
            wrong(
                Samples.net(
                    Samples.card(0, IpConfig.NONE.withDynamic(false, false, true).withMtu(1279)))))
        .containsExactly("interfaces[0].ip.mtu");
    // Who is asked for the addresses alone knows which routers are near.
    MachineSpec.Route far =
        new MachineSpec.Route(Cidr.parse("10.0.0.0/8"), Ip.parse("192.168.1.1"), null);
    assertThat(wrong(Samples.net(Samples.card(0, v4("10.0.0.5/24").withRoutes(List.of(far))))))
        .containsExactly("interfaces[0].ip.routes[0].via");
    assertThat(
            wrong(
                Samples.net(
                    Samples.card(
                        0,
                        IpConfig.NONE.withDynamic(true, false, false).withRoutes(List.of(far))))))
        .isEmpty();
    assertThat(
            wrong(
                Samples.net(
                    Samples.card(
                        0,
                        IpConfig.NONE.withStatic(
                            List.of(HostAddress.parse("fd00::5/64")), null, Ip.parse("fe80::1"))))))
        .isEmpty();
  }

  @Test
  void bondsAndVlans() {
    assertThat(
            wrong(
                Samples.net(
                    Samples.card(0, v4("10.0.0.5/24")),
                    Samples.card(1, IpConfig.NONE),
                    bond(IpConfig.NONE, "nic0", "nic1"),
                    vlan("nic1", 7, v4("10.7.0.5/24")),
                    vlan("bond0", 4095, v4("10.8.0.5/24").withMtu(9000)))))
        .containsExactly(
            "interfaces[0].ip", "interfaces[3].link", "interfaces[4].id", "interfaces[4].ip.mtu");
    assertThat(wrong(Samples.net(Samples.card(0, IpConfig.NONE), bond(IpConfig.NONE, "nic0"))))
        .containsExactly("interfaces[1].members");
    assertThat(
            wrong(
                Samples.net(
                    Samples.card(0, IpConfig.NONE), bond(IpConfig.NONE, "nic0", "nic7", "nic0"))))
        .containsExactly("interfaces[1].members[1]", "interfaces[1].members[2]");
  }

  @Test
  void bridges() {
    assertThat(
            wrong(
                Samples.net(
                    Samples.card(0, IpConfig.NONE),
                    Samples.card(1, v4("10.0.0.5/24")),
                    new NetInterface.Bridge("br0", List.of("nic0", "nic1", "nic9"), IpConfig.NONE),
                    new NetInterface.Bridge("br1", List.of("br0", "nic0"), v4("10.1.0.5/24")),
                    vlan("br0", 5, IpConfig.NONE))))
        .containsExactly(
            "interfaces[1].ip",
            "interfaces[2].members[2]",
            "interfaces[3].members[0]",
            "interfaces[3].members[1]",
            "interfaces[4].link");
  }

  @Test
  void subnetsDoNotOverlap() {
    assertThat(
            wrong(
                Samples.net(
                    Samples.card(0, v4("10.0.0.5/24")),
                    Samples.card(1, v4("10.0.0.6/24")),
                    Samples.card(2, v4("10.0.1.6/16")))))
        .containsExactly("interfaces[2].ip.addresses[0]", "interfaces[2].ip.addresses[0]");
  }

  @Test
  void aCardWithoutMacIsTheOnlyOneOrHasAKernelsName() {
    NetInterface any = new NetInterface.Ethernet("nic0", null, v4("10.0.0.5/24"));
    NetInterface byName = new NetInterface.Ethernet("enp1s0f1", null, IpConfig.NONE);
    assertThat(wrong(Samples.net(any))).isEmpty();
    assertThat(wrong(Samples.net(byName, Samples.card(1, IpConfig.NONE)))).isEmpty();
    assertThat(wrong(Samples.net(any, Samples.card(1, IpConfig.NONE))))
        .containsExactly("interfaces[0].mac");
  }

  private static List<String> wrong(Installation how) {
    return wrong(Samples.of("dhcp").withInstallation(how)).stream()
        .map(field -> field.replace("installation.", ""))
        .toList();
  }

  private static List<String> wrong(Storage storage) {
    return wrong(Samples.ON_DISK.withStorage(storage)).stream()
        .map(field -> field.replace("storage.", ""))
        .toList();
  }

  private static StorageSpec.Part part(String mount, String size) {
    return new StorageSpec.Part(
        mount, StorageSpec.Type.EXT4, size.isEmpty() ? null : ByteSize.parse(size));
  }

  @Test
  void storage() {
    Storage right = Samples.ON_DISK.storage();
    Storage.Disk path = new Storage.Disk.ByPath("/dev/vda");
    ByteSize gib = ByteSize.parse("1GiB");
    Storage.Disk bySize = new Storage.Disk.BySize(gib, gib);
    assertThat(wrong(right)).isEmpty();
    assertThat(wrong(right.withMirror(path).withUntouched("mw-data"))).isEmpty();
    assertThat(wrong(right.withMirror(right.disk()))).containsExactly("mirror");
    assertThat(wrong(right.withMirror(bySize))).containsExactly("mirror");
    assertThat(wrong(right.withUntouched("mw-system", "*")))
        .containsExactly("untouched[1]", "disk");
    assertThat(wrong(Storage.on(bySize))).containsExactly("capacity");
    assertThat(wrong(right.withCapacity(gib))).containsExactly("capacity");
    assertThat(
            wrong(
                right
                    .withCapacity(ByteSize.parse("20GiB"))
                    .withFileSystems(part("/", "10GiB"), part("/var", "10GiB"))))
        .containsExactly("capacity");
    assertThat(
            wrong(
                right.withFileSystems(
                    part("/var", ""),
                    part("/var", ""),
                    part("/etc", "1GiB"),
                    part("/a b", "1MiB"),
                    new StorageSpec.Part("/x", StorageSpec.Type.SWAP, gib),
                    new StorageSpec.Part(null, StorageSpec.Type.XFS, gib))))
        .containsExactly(
            "filesystems[1].mount",
            "filesystems[1].size",
            "filesystems[2].mount",
            "filesystems[3].mount",
            "filesystems[3].size",
            "filesystems[4].mount",
            "filesystems[5].mount",
            "filesystems");
    assertThat(
            wrong(
                right.withEncryption(
                    new Storage.Encryption.Tang(URI.create("http://u:p@h/"), "'"))))
        .containsExactly("encryption.server", "encryption.thumbprint");
  }

  @Test
  void installation() {
    Installation right = Samples.ON_DISK;
    assertThat(
            wrong(
                right
                    .withFirmware(Firmware.UEFI)
                    .withStorage(right.storage().withTable(StorageSpec.Table.MSDOS))))
        .containsExactly("storage.table");
    assertThat(wrong(right.withKeyboard("U S"))).containsExactly("keyboard");
    assertThat(
            wrong(
                right.withSource(
                    Source.MEDIUM
                        .withMirror(URI.create("http://h/"))
                        .withProxy(URI.create("ftp://h/"))
                        .withRepository("/../x"))))
        .containsExactlyInAnyOrder("source.mirror", "source.proxy", "source.repository");
    ProfileSpec.Script script = new ProfileSpec.Script("x", "#!/bin/sh\n");
    assertThat(
            wrong(
                right.withScripts(
                    List.of(script, script), List.of(new ProfileSpec.Script("A", "true")))))
        .containsExactly("before[1].name", "after[0].name", "after[0].content");
  }

  @Test
  void halfACharacterIsNoText() {
    ProfileSpec profile =
        new ProfileSpec(
            List.of(),
            List.of(),
            List.of(new ProfileSpec.File("/etc/x", "\ud83d", "0644", "root")),
            List.of(new ProfileSpec.Script("s", "#!/bin/sh\n\ude00")),
            null,
            null,
            List.of());
    assertThat(wrong(Samples.with(profile)))
        .containsExactly("profile.files[0].content", "profile.scripts[0].content");
  }

  @Test
  void doors() {
    for (String bad : List.of("ftp://h/", "http:/x", "http://u:p@h/", "http://h/#f", "x")) {
      assertThat(wrong(Samples.with(Samples.PLAIN, URI.create(bad))))
          .as(bad)
          .containsExactly("reportTo[0]");
    }
  }
}
