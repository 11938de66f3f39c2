package io.millwright.engine.machine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.images.Answers;
import io.millwright.images.Catalogue;
import io.millwright.images.CloudInit;
import io.millwright.images.InstallSpec;
import io.millwright.images.NetInterface;
import io.millwright.images.Refusal;
import io.millwright.images.Renderers;
import io.millwright.images.Seed;
import io.millwright.images.Source;
import io.millwright.images.Storage;
import io.millwright.model.Ip;
import io.millwright.model.MachineSpec;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import io.millwright.model.manifest.Manifests;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

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

  /**
   * What an interface says stands in place of its network's; what it leaves out is the network's.
   */
  @Test
  void anInterfaceHasItsOwnNameServersAndSearchDomains() {
    String cards =
        """
        [{network: lab, ipv4: 10.0.0.9, ipv6: none, mac: "52:54:00:00:00:01",
            dns: ["fd00::53", 10.0.0.54], search: [own.test, lab.test]},
          {network: lab, ipv4: 10.0.0.10, ipv6: none, mac: "52:54:00:00:00:02", dns: []},
          {network: lab, ipv4: 10.0.0.11, ipv6: none, mac: "52:54:00:00:00:03", search: []},
          {network: lab, ipv4: none, ipv6: none, mac: "52:54:00:00:00:04"},
          {network: lab, ipv4: none, ipv6: none, mac: "52:54:00:00:00:05"}]\
        """;
    String built =
        """
        bonds: [{name: b0, members: [nic3, nic4], network: lab, ipv4: dhcp, ipv6: none,
            dns: [10.0.0.55], search: [bond.test]}]
          vlans:
            - {name: v7, link: nic0, id: 7, network: lab, ipv4: 10.0.0.12, ipv6: none,
                dns: [10.0.0.56], search: [vlan.test]}
            - {name: v8, link: nic0, id: 8, network: lab, ipv4: none, ipv6: none}
          bridges: [{name: r0, members: [v8], network: lab, ipv4: 10.0.0.13, ipv6: none,
              dns: [10.0.0.57], search: [bridge.test]}]\
        """;
    InstallSpec spec = describe(bundle(cards, built));
    Map<String, String> found = new TreeMap<>();
    spec.interfaces()
        .forEach(face -> found.put(face.name(), face.ip().dns() + " " + face.ip().search()));
    assertThat(found)
        .containsEntry("nic0", "[fd00::53, 10.0.0.54] [own.test, lab.test]")
        .containsEntry("nic1", "[] [lab.example]")
        .containsEntry("nic2", "[10.0.0.53] []")
        .containsEntry("b0", "[10.0.0.55] [bond.test]")
        .containsEntry("v7", "[10.0.0.56] [vlan.test]")
        .containsEntry("r0", "[10.0.0.57] [bridge.test]");
    JsonNode v2 =
        new YAMLMapper().readTree(CloudInit.ofClone("debian").render(clone(spec)).networkConfig());
    assertThat(v2.at("/version").asInt()).isEqualTo(2);
    assertThat(v2.at("/ethernets/nic0/nameservers").toString())
        .isEqualTo(
            "{\"addresses\":[\"fd00::53\",\"10.0.0.54\"],\"search\":[\"own.test\",\"lab.test\"]}");
    assertThat(v2.at("/ethernets/nic1/nameservers").toString())
        .isEqualTo("{\"search\":[\"lab.example\"]}");
    assertThat(v2.at("/ethernets/nic2/nameservers").toString())
        .isEqualTo("{\"addresses\":[\"10.0.0.53\"]}");
    assertThat(v2.at("/bonds/b0/nameservers").toString())
        .isEqualTo("{\"addresses\":[\"10.0.0.55\"],\"search\":[\"bond.test\"]}");
    assertThat(v2.at("/vlans/v7/nameservers").toString())
        .isEqualTo("{\"addresses\":[\"10.0.0.56\"],\"search\":[\"vlan.test\"]}");
    assertThat(v2.at("/bridges/r0/nameservers").toString())
        .isEqualTo("{\"addresses\":[\"10.0.0.57\"],\"search\":[\"bridge.test\"]}");
  }

  private static InstallSpec clone(InstallSpec spec) {
    return spec.withInstallation(null).withProfile(spec.profile().withStorage(null));
  }

  /** All that only an installer does, as somebody writes it. */
  private static final String INSTALLED =
      """
      bridges: [{name: br0, members: [nic1], network: lab, ipv4: 10.0.0.10, ipv6: none}]
        overrides:
          keyboard: de
          packageSource: {mirror: "http://mirror.lab.test/debian"}
          storage:
            layout: lvm
            filesystems: [{mount: /, type: xfs, size: 10GiB}, {type: swap, size: 1GiB}]
          commands:
            before: [{name: look, content: "#!/bin/sh\\nlsblk\\n"}]
            after: [{name: harden, content: "#!/bin/sh\\nchmod 0700 /root\\n"}]
            end: poweroff
      """;

  private static String installed(String more) {
    return bundle(
            "[{network: lab, ipv4: 10.0.0.9, ipv6: none, mac: \"52:54:00:00:00:01\"},"
                + " {network: lab, ipv4: none, ipv6: none, mac: \"52:54:00:00:00:02\"}]",
            more)
        .replace(
            "domain: lab.example",
            "domain: lab.example\n  defaults: {keyboard: fr, packageSource: {proxy:"
                + " \"http://10.0.0.7:3128\"}}");
  }

  private static Answers render(String family, String version, InstallSpec spec) {
    return Renderers.of(requireNonNull(Catalogue.known().families().get(family)), version)
        .render(spec);
  }

  private static String file(Answers answers, String path) {
    return answers.ways().stream()
        .flatMap(way ->
            java.util.stream.Stream.concat(
                way.initrd().entrySet().stream(), way.medium().entrySet().stream()))
        .filter(file -> file.getKey().endsWith(path))
        .map(file -> file.getValue().asText())
        .findFirst()
        .orElseThrow();
  }

  @Test
  void whatOnlyAnInstallerDoesReachesItFromEveryLayer() {
    InstallSpec spec = describe(installed(INSTALLED));
    Answers debian = render("debian", "13", spec);
    assertThat(file(debian, "/preseed.cfg"))
        .contains("keyboard-configuration/xkb-keymap select de\n")
        .contains("mirror/http/hostname string mirror.lab.test\n")
        .contains("mirror/http/proxy string http://10.0.0.7:3128\n")
        .contains("lv_name{ root }", "filesystem{ xfs }", "linux-swap $lvmok{ }")
        .contains("debian-installer/exit/poweroff boolean true\n");
    assertThat(file(debian, "/before/000-look")).isEqualTo("#!/bin/sh\nlsblk\n");
    assertThat(file(debian, "/millwright/finish")).contains("br0");
    String rocky = file(render("rocky", "9", spec), "/ks.cfg");
    assertThat(rocky)
        .contains("keyboard --xlayouts=de", "http://mirror.lab.test/debian", "http://10.0.0.7:3128")
        .contains("/tmp/millwright-look", "/tmp/millwright-harden", "--fstype=xfs", "volgroup")
        .contains("\npoweroff --eject\n");
    String suse = file(render("opensuse-leap", "15.6", spec), "/autoinst.xml");
    assertThat(suse).contains("http://10.0.0.7:3128", "look");
  }

  @Test
  void twoDisksAndAKeyReachTheInstaller() {
    String wanted =
        """
        overrides:
            packageSource: {mirror: "http://mirror.lab.test/r"}
            storage:
              mirror: /dev/vdb
              encryption:
                by: tang
                server: http://tang.lab.test:7500
                thumbprint: 7ZrXEVjR6Oc6X9bXPdDBVR5Ym3R_Vm3bXD7ZzRrXk2k
        """;
    String text = installed(wanted).replace("ipv4: 10.0.0.9", "ipv4: dhcp");
    InstallSpec spec = describe(text);
    assertThat(file(render("rocky", "9", spec), "/ks.cfg"))
        .contains("raid", "/dev/vdb", "http://tang.lab.test:7500");
    // Who cannot refuses by the field that was written.
    var debian = Renderers.of(requireNonNull(Catalogue.known().families().get("debian")), "13");
    MachineSpec machine =
        (MachineSpec) Renderings.machine(Manifests.parse(text.getBytes(UTF_8), "test")).spec();
    assertThat(
            debian.objections(spec).stream()
                .map(v -> Objections.ofMachine(v, machine, List.of(), List.of()))
                .map(v -> v.field() + ": " + v.message()))
        .anyMatch(line ->
            line.startsWith(
                "overrides: storage.mirror: Millwright does not have Debian's installer"))
        .anyMatch(line -> line.startsWith("overrides: storage.encryption: Debian's installer"));
  }

  @Test
  void aCloneDoesWhatItsFirstBootCanAndRefusesTheRest() {
    CloudInit clone = CloudInit.ofClone("debian");
    InstallSpec all = describe(installed(INSTALLED));
    assertThat(clone.check(all))
        .extracting(Refusal::field)
        .containsExactly(
            "profile.storage.layout", "profile.commands.before", "profile.commands.end");
    InstallSpec spec =
        all.withProfile(
            all.profile()
                .withStorage(null)
                .withCommands(new ProfileSpec.Commands(List.of(), all.profile().after())));
    Seed seed = clone.render(spec);
    assertThat(seed.userData())
        .contains("layout: \"de\"", "\"http://mirror.lab.test/debian\"")
        .contains("http_proxy: \"http://10.0.0.7:3128\"");
    assertThat(seed.networkConfig()).contains("bridges:", "br0");
    assertThat(CloudInit.ofClone("rocky").check(spec))
        .extracting(Refusal::field)
        .containsExactly("profile.packageSource.mirror", "profile.packageSource.proxy");
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
    refused(
        bundle("[{network: lab, ipv4: 10.0.1.9, ipv6: none}]", ""),
        "spec.nics[0].ipv4, message=10.0.1.9 is outside of the network's subnet 10.0.0.0/24");
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
    refused(
        bundle("[{network: other, ipv4: dhcp}]", ""),
        "spec.nics[0].network, message=there is no Network other");
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
