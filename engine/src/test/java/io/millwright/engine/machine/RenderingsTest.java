package io.millwright.engine.machine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.images.Answers;
import io.millwright.images.Catalogue;
import io.millwright.images.InstallSpec;
import io.millwright.images.NetInterface;
import io.millwright.images.Renderers;
import io.millwright.images.Source;
import io.millwright.images.Storage;
import io.millwright.model.Ip;
import io.millwright.model.ProblemException;
import io.millwright.model.manifest.Manifests;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What an installer is told of a machine that is only described. */
class RenderingsTest {
  private static final String HASH = "$6$secretsalt$" + "s".repeat(86);

  private static String bundle(String nics, String more) {
    return """
    apiVersion: millwright/v1
    kind: Machine
    metadata: {name: web}
    spec:
      image: debian
      size: small
      profiles: [base]
      nics: %s
      %s
    ---
    apiVersion: millwright/v1
    kind: Network
    metadata: {name: lab}
    spec:
      domain: lab.example
      dns: [10.0.0.53]
      subnets: [{cidr: 10.0.0.0/24, gateway: 10.0.0.1}, {cidr: "fd00::/64", gateway: "fd00::1"}]
    ---
    apiVersion: millwright/v1
    kind: Profile
    metadata: {name: base}
    spec: {users: [{name: anna, sudo: true, passwordHash: "%s"}]}
    """
        .formatted(nics, more, HASH);
  }

  private static InstallSpec describe(String text) {
    return Renderings.describe(
        Manifests.parse(text.getBytes(UTF_8), "test"),
        (_, _) -> Optional.empty(),
        new Storage.Disk.ByPath("/dev/vda"),
        Source.DISTRIBUTION,
        null);
  }

  private static InstallSpec describe(String text, Proposals proposals) {
    return Renderings.describe(
        Manifests.parse(text.getBytes(UTF_8), "test"),
        (_, _) -> Optional.empty(),
        new Storage.Disk.ByPath("/dev/vda"),
        Source.DISTRIBUTION,
        proposals);
  }

  private static void refused(String text, String what) {
    assertThatThrownBy(() -> describe(text))
        .isInstanceOfSatisfying(
            ProblemException.class, e -> assertThat(e.problem().toString()).contains(what));
  }

  @Test
  void describesAMachineThatIsNowhere() {
    InstallSpec spec = describe(bundle("[{network: lab, ipv4: 10.0.0.9, ipv6: \"fd00::9\"}]", ""));
    assertThat(spec.identity().hostname()).isEqualTo("web");
    assertThat(spec.identity().domain()).isEqualTo("lab.example");
    NetInterface card = spec.interfaces().getFirst();
    assertThat(card.ip().addresses().toString()).contains("10.0.0.9", "fd00::9");
    Answers answers =
        Renderers.of(requireNonNull(Catalogue.known().families().get("debian")), "13").render(spec);
    assertThat(requireNonNull(answers.ways().getFirst().initrd().get("/preseed.cfg")).asText())
        .contains("10.0.0.9");
  }

  @Test
  void proposesWhatTheMachineWouldBeGiven() {
    Proposals proposals =
        new Proposals(_ -> Set.of(Ip.parse("10.0.0.2"), Ip.parse("fd00::1000")), true);
    InstallSpec spec =
        describe(
            bundle("[{network: lab}, {network: lab, ipv4: 10.0.0.3, ipv6: none}]", ""), proposals);
    // .1 is the gateway's, .2 somebody's, and .3 its own other card's.
    assertThat(spec.interfaces().getFirst().ip().addresses().toString())
        .contains("10.0.0.4", "fd00::1001");
    assertThat(proposals.list())
        .extracting(Proposals.Proposed::field)
        .containsExactlyInAnyOrder("mac", "ipv4", "ipv6", "mac");
    Proposals full = new Proposals(_ -> Set.of(Ip.parse("10.0.0.5")), true);
    assertThatThrownBy(() ->
            describe(
                bundle("[{network: lab, ipv6: none}]", "")
                    .replace("gateway: 10.0.0.1", "gateway: 10.0.0.1, pool: 10.0.0.5"),
                full))
        .hasMessageContaining("all addresses of Network lab are taken");
  }

  @Test
  void looksOverExcludedRangesAndDoesNotWalkThroughThem() {
    Proposals proposals = new Proposals(_ -> Set.of(), false);
    InstallSpec spec =
        describe(
            bundle("[{network: lab, ipv4: none}]", "")
                .replace(
                    "gateway: \"fd00::1\"",
                    "gateway: \"fd00::1\", pool: \"fd00::2-fd00::ffff:0:0:5\","
                        + " exclude: [\"fd00::2-fd00::ffff:0:0:3\"]"),
            proposals);
    assertThat(spec.interfaces().getFirst().ip().addresses().toString())
        .contains("fd00::ffff:0:0:4");
  }

  @Test
  void masksHashesAndNothingElse() {
    InstallSpec spec = describe(bundle("[{network: lab, ipv4: 10.0.0.9, ipv6: none}]", ""));
    InstallSpec masked = Renderings.masked(spec);
    assertThat(masked.profile().toString()).doesNotContain(HASH).contains(Renderings.MASKED);
    assertThat(masked.interfaces()).isEqualTo(spec.interfaces());
    // The masked one is still a right one for every renderer.
    assertThat(
            Renderers.of(requireNonNull(Catalogue.known().families().get("debian")), "13")
                .render(masked)
                .ways()
                .toString())
        .doesNotContain(HASH);
  }

  @Test
  void refusesAddressesThatCannotBe() {
    refused(bundle("[{network: lab}]", ""), "no address is reserved");
    refused(bundle("[{network: lab, ipv4: 10.0.1.9, ipv6: none}]", ""), "is outside of");
    refused(bundle("[{network: lab, ipv4: 10.0.0.1, ipv6: none}]", ""), "is the gateway's");
    refused(
        bundle(
            "[{network: lab, ipv4: 10.0.0.9, ipv6: none}, {network: lab, ipv4: 10.0.0.9,"
                + " ipv6: none}]",
            ""),
        "twice");
  }

  @Test
  void refusesWhatIsMissingAndWhatIsTooMuch() {
    refused(bundle("[{network: other, ipv4: dhcp}]", ""), "there is no Network other");
    refused(
        bundle("[{network: lab, ipv4: dhcp, ipv6: none}]", "volumes: [data]"),
        "cannot be on a medium");
    refused(
        """
        apiVersion: millwright/v1
        kind: Size
        metadata: {name: small}
        spec: {cores: 1, memory: 1GiB, disk: 4GiB}
        """,
        "give exactly one");
    refused(
        bundle("[{network: lab, ipv4: dhcp, ipv6: none}]", "")
            + """
            ---
            apiVersion: millwright/v1
            kind: Hypervisor
            metadata: {name: h}
            spec: {driver: simulated}
            """,
        "is not taken here");
  }
}
