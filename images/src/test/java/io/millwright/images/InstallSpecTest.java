package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.Cidr;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.ProfileSpec;
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
            "interfaces[0].ip.routes[0].metric",
            "interfaces[0].ip.routes[1]",
            "interfaces[0].ip.mtu",
            "interfaces[0].ip.search[0]");
    assertThat(
            wrong(
                Samples.net(
                    Samples.card(0, IpConfig.NONE.withDynamic(false, false, true).withMtu(1279)))))
        .containsExactly("interfaces[0].ip.mtu");
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
