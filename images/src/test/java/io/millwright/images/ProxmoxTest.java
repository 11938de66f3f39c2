package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.toml.TomlMapper;

class ProxmoxTest {
  private static final Proxmox RENDERER = new Proxmox();
  private static final TomlMapper TOML = new TomlMapper();

  /** The samples as a node would have them: with a domain, without sudo and packages. */
  static Map<String, InstallSpec> nodes() {
    Map<String, InstallSpec> out = new TreeMap<>();
    Samples.installed().forEach((name, spec) -> out.put(name, node(spec)));
    out.put(
        "two-disks-mirrored",
        node(Samples.of("static-v4"))
            .withInstallation(
                Installation.on(new Storage.Disk.ByPath("/dev/sda"))
                    .withStorage(
                        Storage.on(new Storage.Disk.ByPath("/dev/sda"))
                            .withMirror(new Storage.Disk.ByPath("/dev/sdb")))));
    out.put("btrfs", onto(BTRFS));
    return out;
  }

  private static final Storage BTRFS =
      Samples.ON_DISK
          .storage()
          .withFileSystems(new StorageSpec.Part("/", StorageSpec.Type.BTRFS, null));

  private static InstallSpec onto(Storage storage) {
    return node(Samples.of("static-v4")).withInstallation(Samples.ON_DISK.withStorage(storage));
  }

  private static InstallSpec node(InstallSpec spec) {
    ProfileSpec profile = spec.profile();
    return new InstallSpec(
        Samples.identity("lab.test"),
        spec.interfaces(),
        new ProfileSpec(
            profile.users().stream()
                .map(u ->
                    new ProfileSpec.User(
                        u.name(), u.keys(), u.passwordHash(), false, u.shell(), u.groups()))
                .toList(),
            List.of(),
            profile.files(),
            profile.scripts(),
            profile.timezone(),
            profile.locale() == null ? null : "de_AT.UTF-8",
            profile.ntp()),
        spec.reportTo(),
        spec.installation());
  }

  /** The samples that this installer takes. */
  static Map<String, InstallSpec> taken() {
    return Samples.takenBy(RENDERER, nodes(), ProxmoxTest::node);
  }

  static Stream<String> samples() {
    return taken().keySet().stream();
  }

  private static Map<String, AnswerFile> files(InstallSpec spec) {
    Answers answers = RENDERER.render(spec);
    assertThat(answers.ways()).hasSize(1);
    assertThat(answers.ways().getFirst().kernelArguments()).isEmpty();
    assertThat(answers.ways().getFirst().medium())
        .containsOnlyKeys("/auto-installer-mode.toml", "/answer.toml", "/proxmox-first-boot");
    return answers.ways().getFirst().medium();
  }

  private static String answer(InstallSpec spec) {
    return Objects.requireNonNull(files(spec).get("/answer.toml")).asText();
  }

  /** One that it takes, or would have otherwise. */
  private static InstallSpec sample(String name) {
    InstallSpec spec = taken().get(name);
    return spec == null ? Objects.requireNonNull(nodes().get(name), name) : spec;
  }

  @ParameterizedTest
  @MethodSource("samples")
  void isGolden(String sample) throws IOException {
    Golden.same("proxmox/" + sample, RENDERER.render(sample(sample)).ways().getFirst());
    assertThat(wrong(TOML.readTree(answer(sample(sample))))).isEmpty();
  }

  /** A second parser of the same format, and the shell for the hook. */
  @Tag("validators")
  @ParameterizedTest
  @MethodSource("samples")
  void othersReadItToo(String sample, @TempDir Path directory) throws Exception {
    Map<String, AnswerFile> files = files(sample(sample));
    Path answer = Files.writeString(directory.resolve("answer.toml"), answer(sample(sample)));
    assertThat(
            Outside.run(
                List.of(
                    "/usr/bin/python3",
                    "-c",
                    "import sys, tomllib; print(sorted(tomllib.load(open(sys.argv[1], 'rb'))))",
                    answer.toString())))
        .isEqualTo("['disk-setup', 'first-boot', 'global', 'network']\n");
    Path hook =
        Files.writeString(
            directory.resolve("hook"),
            Objects.requireNonNull(files.get("/proxmox-first-boot")).asText());
    assertThat(Outside.run(List.of("sh", "-n", hook.toString()))).isEmpty();
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThat(nodes().keySet())
        .filteredOn(s -> !RENDERER.check(sample(s)).isEmpty())
        .containsExactlyInAnyOrder(
            "mirror-and-proxy",
            "slaac",
            "raid",
            "filesystems",
            "lvm-filesystems",
            "encrypted",
            "encrypted-tang",
            "disk-by-size",
            "programs-before-and-after",
            "repositories-of-rpm",
            "repositories-of-apk",
            "repositories-of-pkg",
            "repository-on-medium",
            "signed-repository-on-medium");
    assertThat(fields(Objects.requireNonNull(Samples.installed().get("users-and-keys"))))
        .containsExactlyInAnyOrder("identity.domain", "profile.packages", "profile.users[0].sudo");
    assertThat(fields(sample("raid")))
        .containsExactly(
            "installation.storage.mirror",
            "installation.storage.filesystems[0].type",
            "installation.storage.filesystems[1].mount");
    assertThat(fields(sample("mirror-and-proxy")))
        .containsExactlyInAnyOrder(
            "installation.storage.disk", "installation.source.mirror", "installation.source.proxy");
    assertThatThrownBy(() -> RENDERER.render(sample("encrypted")))
        .isInstanceOf(ProblemException.class);
  }

  @Test
  void namesAreAskedOfSomebody() {
    InstallSpec slaac = node(Samples.of("slaac")).withInstallation(Samples.ON_DISK);
    assertThat(fields(slaac)).containsExactly("interfaces");
    IpConfig ip = slaac.interfaces().getFirst().ip();
    for (IpConfig told :
        List.of(
            ip.withDynamic(true, false, true),
            ip.withDynamic(false, true, true),
            ip.withDns(List.of(Ip.parse("fd00::1")), List.of()))) {
      assertThat(fields(slaac.withInterfaces(List.of(Samples.card(0, told))))).isEmpty();
    }
  }

  /** The installer wants a name server and is told the router, which is not to be asked later. */
  @Test
  void noNameServersAreNone() {
    IpConfig ip = Samples.of("static-v4").interfaces().getFirst().ip();
    assertThat(resolvConf(ip.withDns(List.of(), List.of()))).contains("");
    assertThat(resolvConf(ip.withDns(List.of(), List.of("lab.test"))))
        .contains("search lab.test\n");
    IpConfig dhcp = Samples.of("dhcp").interfaces().getFirst().ip().withDns(List.of(), List.of());
    assertThat(resolvConf(dhcp)).as("DHCP tells some").isEmpty();
  }

  private static Optional<String> resolvConf(IpConfig ip) {
    InstallSpec spec =
        node(Samples.of("static-v4"))
            .withInstallation(Samples.ON_DISK)
            .withInterfaces(List.of(Samples.card(0, ip)));
    String hook = Objects.requireNonNull(files(spec).get("/proxmox-first-boot")).asText();
    return Pattern.compile("'/etc/resolv\\.conf' <<'EOF'\n(.*?)EOF\n", Pattern.DOTALL)
        .matcher(hook)
        .results()
        .map(m -> new String(Base64.getMimeDecoder().decode(m.group(1)), StandardCharsets.UTF_8))
        .findFirst();
  }

  /** Its parser wants a level of RAID of each filesystem that has some, also on one disk. */
  @Test
  void oneDiskIsOneOfBtrfsToo() {
    JsonNode disk = TOML.readTree(answer(sample("btrfs"))).get("disk-setup");
    assertThat(disk.get("filesystem").asString()).isEqualTo("btrfs");
    assertThat(disk.at("/btrfs/raid").asString()).isEqualTo("raid0");
  }

  @Test
  void whatIsMirroredLiesOnNoLvm() {
    Storage two =
        Storage.on(new Storage.Disk.ByPath("/dev/sda"))
            .withMirror(new Storage.Disk.ByPath("/dev/sdb"));
    assertThat(fields(onto(two))).isEmpty();
    assertThat(fields(onto(two.withLayout(StorageSpec.Layout.LVM))))
        .containsExactly("installation.storage.layout");
    assertThat(fields(onto(BTRFS.withLayout(StorageSpec.Layout.LVM))))
        .containsExactly("installation.storage.layout");
  }

  /** They know neither a program for the first boot nor the words of today. */
  @ParameterizedTest
  @CsvSource({
    "8, true",
    "8.0, true",
    "8.3.1, true",
    "8.4, false",
    "8.4.1, false",
    "9, false",
    "10.1, false",
    "'', false"
  })
  void olderInstallersAreRefused(String version, boolean refused) {
    assertThat(new Proxmox(version).check(sample("dhcp")))
        .extracting(Refusal::field)
        .isEqualTo(refused ? List.of("installation") : List.of());
    Catalogue.Family family =
        Objects.requireNonNull(Catalogue.known().families().get("proxmox-ve"));
    assertThat(Renderers.of(family, version).check(sample("dhcp")))
        .extracting(Refusal::field)
        .isEqualTo(refused ? List.of("installation") : List.of());
  }

  private static List<String> fields(InstallSpec spec) {
    return RENDERER.check(spec).stream().map(Refusal::field).toList();
  }

  /** The rules of Proxmox VE's own parser; its samples tell whether these are they. */
  private static List<String> wrong(JsonNode answer) {
    List<String> out = new ArrayList<>();
    unknown(out, answer, "", Set.of("global", "network", "disk-setup", "first-boot"));
    JsonNode global = answer.path("global");
    unknown(
        out,
        global,
        "global.",
        Set.of(
            "fqdn",
            "country",
            "keyboard",
            "timezone",
            "mailto",
            "root-password",
            "root-password-hashed",
            "root-ssh-keys",
            "reboot-mode"));
    for (String needed : List.of("fqdn", "country", "keyboard", "timezone", "mailto")) {
      if (!global.has(needed)) {
        out.add("global." + needed + " is missing");
      }
    }
    JsonNode fqdn = global.path("fqdn");
    if (fqdn.isObject()) {
      // Other samples say that a domain may be missing, as long as DHCP is asked.
      if (!fqdn.path("source").asString("").equals("from-dhcp")) {
        out.add("global.fqdn has no source");
      }
    } else if (!fqdn.asString("").matches("[a-z0-9-]+(\\.[a-z0-9-]+)+")) {
      out.add("global.fqdn is not full");
    }
    if (global.has("root-password") == global.has("root-password-hashed")) {
      out.add("one root password is needed");
    }
    if (global.has("root-password") && global.get("root-password").asString().length() < 8) {
      out.add("global.root-password is short");
    }
    JsonNode network = answer.path("network");
    unknown(
        out,
        network,
        "network.",
        Set.of("source", "cidr", "dns", "gateway", "filter", "interface-name-pinning"));
    if (network.path("source").asString("").equals("from-answer")) {
      for (String needed : List.of("cidr", "dns", "gateway", "filter")) {
        if (!network.has(needed)) {
          out.add("network." + needed + " is missing");
        }
      }
      try {
        HostAddress.parse(network.path("cidr").asString(""));
      } catch (IllegalArgumentException e) {
        out.add("network.cidr: " + e.getMessage());
      }
    } else if (network.has("cidr")) {
      out.add("network.cidr beside DHCP");
    }
    network
        .at("/interface-name-pinning/mapping")
        .forEach(name -> {
          if (name.asString().length() > 15) {
            out.add("an interface's name is too long");
          }
        });
    JsonNode disk = answer.path("disk-setup");
    unknown(
        out,
        disk,
        "disk-setup.",
        Set.of("filesystem", "disk-list", "filter", "filter-match", "zfs", "btrfs", "lvm"));
    if (disk.has("disk-list") == disk.has("filter")) {
      out.add("disk-setup needs one of disk-list and filter");
    }
    List<String> names = new ArrayList<>();
    disk.path("disk-list").forEach(d -> names.add(d.asString()));
    if (new HashSet<>(names).size() != names.size()) {
      out.add("disk-setup.disk-list names one twice");
    }
    for (String kind : List.of("zfs", "btrfs")) {
      if (disk.path("filesystem").asString("").equals(kind) && !disk.path(kind).has("raid")) {
        out.add("disk-setup." + kind + ".raid is missing");
      }
      String raid =
          disk.path(kind).path("raid").asString("raid0").toLowerCase(java.util.Locale.ROOT);
      if (!raid.equals("raid0") && disk.has("disk-list") && names.size() < 2) {
        out.add("disk-setup." + kind + ".raid needs two disks");
      }
    }
    if (disk.at("/lvm/swapsize").asDouble(0)
        > disk.at("/lvm/hdsize").asDouble(Double.MAX_VALUE) / 2) {
      out.add("disk-setup.lvm.swapsize is more than half of the disk");
    }
    return out;
  }

  private static void unknown(List<String> out, JsonNode at, String where, Set<String> known) {
    at.propertyNames()
        .forEach(name -> {
          if (!known.contains(name)) {
            out.add(where + name + " is unknown");
          }
        });
  }

  @Test
  void theRulesAreThoseOfTheRealParser() throws IOException {
    try (Stream<Path> good = Files.list(Outside.schema("proxmox-answers/good"));
        Stream<Path> bad = Files.list(Outside.schema("proxmox-answers/bad"))) {
      assertThat(good.sorted().toList())
          .hasSizeGreaterThan(15)
          .allSatisfy(file -> assertThat(judged(file)).isEmpty());
      // Whether DHCP tells a domain is known to the installer only.
      assertThat(
              bad.filter(file -> !file.getFileName().toString().contains("from_dhcp"))
                  .sorted()
                  .toList())
          .hasSizeGreaterThan(8)
          .allSatisfy(file -> assertThat(judged(file)).isNotEmpty());
    }
  }

  private static List<String> judged(Path file) {
    try {
      return wrong(TOML.readTree(Files.readString(file)));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Provide
  Arbitrary<InstallSpec> spec() {
    return Hostile.spec().map(spec -> node(spec.withInstallation(Samples.ON_DISK)));
  }

  @Property
  void saysWhatTheSpecSaysAndNoMore(@ForAll("spec") InstallSpec spec) {
    JsonNode answer = TOML.readTree(answer(spec));
    assertThat(wrong(answer)).isEmpty();
    assertThat(leaves(answer, ""))
        .isSubsetOf(
            "global.fqdn",
            "global.country",
            "global.keyboard",
            "global.timezone",
            "global.mailto",
            "global.root-password-hashed",
            "global.root-ssh-keys",
            "global.reboot-mode",
            "network.source",
            "network.cidr",
            "network.gateway",
            "network.dns",
            "network.filter.ID_NET_NAME_MAC",
            "disk-setup.filesystem",
            "disk-setup.filter-match",
            "disk-setup.filter.ID_SERIAL",
            "disk-setup.filter.ID_SERIAL_SHORT",
            "disk-setup.filter.ID_SCSI_SERIAL",
            "disk-setup.filter.SCSI_IDENT_SERIAL",
            "first-boot.source",
            "first-boot.ordering");
    assertThat(answer.at("/global/fqdn").asString()).isEqualTo(spec.identity().fqdn());
    String timezone = spec.profile().timezone();
    assertThat(answer.at("/global/timezone").asString())
        .isEqualTo(timezone == null ? "UTC" : timezone);
    assertThat(answer.at("/disk-setup/filter/ID_SERIAL").asString()).isEqualTo("mw-system");
    Set<String> macs = new HashSet<>();
    spec.cards().forEach(card -> macs.add(mac(card.mac())));
    JsonNode filter = answer.at("/network/filter/ID_NET_NAME_MAC");
    if (!filter.isMissingNode()) {
      assertThat(macs).contains(filter.asString());
    }
  }

  private static String mac(@Nullable Mac mac) {
    return mac == null ? "" : "*" + mac.text().replace(":", "");
  }

  @Test
  void keysOfRootReachTheInstaller() {
    InstallSpec spec = node(Samples.of("users-and-keys")).withInstallation(Samples.ON_DISK);
    JsonNode global = TOML.readTree(answer(spec)).get("global");
    assertThat(global.get("root-ssh-keys").get(0).asString()).isEqualTo(Samples.KEY);
    assertThat(global.get("country").asString()).isEqualTo("at");
    ProfileSpec.User odd =
        new ProfileSpec.User(
            "root",
            List.of(Samples.KEY + " \"\\']\u00fc#"),
            Samples.HASH,
            false,
            "/bin/sh",
            List.of());
    global = TOML.readTree(answer(spec.withProfile(Samples.withUsers(odd)))).get("global");
    assertThat(global.get("root-ssh-keys").get(0).asString()).isEqualTo(odd.keys().getFirst());
    assertThat(global.get("root-password-hashed").asString()).isEqualTo(Samples.HASH);
  }

  /** As after an installation by hand; but whoever declares a bridge gets that one alone. */
  @Test
  void guestsReachTheNetworkByABridge() {
    assertThat(interfaces("bond"))
        .containsSubsequence(
            "iface bond0 inet manual",
            "auto vmbr0",
            "iface vmbr0 inet static",
            "    address 10.0.0.5/24",
            "    gateway 10.0.0.1",
            "    bridge-ports bond0");
    assertThat(interfaces("slaac-with-names"))
        .containsSubsequence(
            "iface nic0 inet manual", "iface vmbr0 inet manual", "iface vmbr0 inet6 auto");
    assertThat(interfaces("bridge")).noneMatch(line -> line.contains("vmbr0"));
  }

  /** Where no address comes from a router, none is taken, and no route either. */
  @Test
  void theKernelListensToRoutersOnlyWhereItShall() {
    assertThat(written("static-v6", Ifupdown2.KERNEL))
        .contains(
            "net.ipv6.conf.nic0.disable_ipv6 = 1", // a port of the bridge
            "net.ipv6.conf.vmbr0.disable_ipv6 = 0",
            "net.ipv6.conf.vmbr0.accept_ra = 0",
            "net.ipv6.conf.vmbr0.autoconf = 0");
    assertThat(written("static-v4", Ifupdown2.KERNEL))
        .contains("net.ipv6.conf.vmbr0.disable_ipv6 = 1");
    assertThat(written("slaac-with-names", Ifupdown2.KERNEL))
        .contains(
            "net.ipv6.conf.vmbr0.disable_ipv6 = 0",
            "net.ipv6.conf.vmbr0.accept_ra = 1",
            "net.ipv6.conf.vmbr0.autoconf = 1",
            "net.ipv6.conf.vmbr0.accept_ra_defrtr = 1");
    assertThat(written("three-mixed", Ifupdown2.KERNEL))
        .contains("net.ipv6.conf.nic0.accept_ra = 1", "net.ipv6.conf.nic0.accept_ra_defrtr = 0");
    String hook =
        Objects.requireNonNull(files(sample("slaac-with-names")).get("/proxmox-first-boot"))
            .asText();
    assertThat(hook.indexOf("sysctl -q -e -p " + Ifupdown2.KERNEL))
        .isGreaterThan(hook.indexOf(" name nic0"));
  }

  private static List<String> interfaces(String sample) {
    return written(sample, "/etc/network/interfaces");
  }

  private static List<String> written(String sample, String path) {
    String program =
        Objects.requireNonNull(files(sample(sample)).get("/proxmox-first-boot")).asText();
    String begin = "'" + path + "' <<'EOF'\n";
    int from = program.indexOf(begin) + begin.length();
    String content = program.substring(from, program.indexOf("\nEOF", from)).replace("\n", "");
    return new String(Base64.getDecoder().decode(content), StandardCharsets.UTF_8).lines().toList();
  }

  private static Set<String> leaves(JsonNode at, String path) {
    if (!at.isObject()) {
      return Set.of(path);
    }
    Set<String> out = new TreeSet<>();
    at.properties()
        .forEach(e ->
            out.addAll(
                leaves(e.getValue(), path.isEmpty() ? e.getKey() : path + "." + e.getKey())));
    return out;
  }
}
