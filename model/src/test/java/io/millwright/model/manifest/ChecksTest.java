package io.millwright.model.manifest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.Any;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.Names;
import io.millwright.model.NetworkSpec;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import io.millwright.model.Spec;
import io.millwright.model.Violation;
import io.millwright.model.Violations;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What each kind's own check says; the specs are written as people write them. */
class ChecksTest {
  private static final String ED25519 =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDj0mRkZs/0wL3eADFGqpMNknJwK9i2h16l+pg5UXEq0";
  private static final String ECDSA =
      "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPyR07fX4Ni83HiL"
          + "gaYlD6Fl7W1vxRtHx8+C6ir52Vc+gVkw+U56AWaxxA4w9+uFwTT9g8WP75vqdQ7bE1w1Frg=";

  /** What would end a line, a quotation, a document or a command in what the guest reads. */
  static List<String> breakouts() {
    return List.of(
        "\n",
        "a\nb",
        "a\n",
        "\na",
        "a\r\nruncmd: [reboot]",
        "a\u0085b",
        "a\u2028b",
        "a\u2029b",
        "a\u0000",
        "a\u001b[2J",
        "a\u007f",
        "a: b",
        "a #b",
        "a'b",
        "a\"b",
        "'; reboot; '",
        "$(reboot)",
        "`reboot`",
        "a;b",
        "a|b",
        "a&b",
        "a>b",
        "{{ a }}",
        "{% a %}",
        "#cloud-config",
        "- a",
        "--- a",
        "../a",
        "a/b",
        "a\\b",
        "a\tb",
        " a",
        "a ",
        "",
        "root:x",
        "a,b",
        "%s",
        "a\u202eb",
        "\ufeffa",
        "a".repeat(300),
        "é",
        "А",
        "-a",
        "!a",
        "*",
        "~a");
  }

  private static List<String> wrong(Kind kind, String spec) {
    String body =
        "{\"apiVersion\": \"millwright/v1\", \"kind\": \"%s\", \"metadata\": {\"name\": \"a\"}, \"spec\": "
                .formatted(kind.title())
            + spec
            + "}";
    try {
      Manifests.parse(body.getBytes(StandardCharsets.UTF_8), "a.json");
      return List.of();
    } catch (ProblemException e) {
      return e.problem().errors().stream().map(Violation::field).toList();
    }
  }

  @ParameterizedTest
  @CsvSource({"0, true", "1, false", "3, false", "4, true"})
  void thereAreNoMoreCanariesThanMembers(int count, boolean may) {
    assertThat(
            wrong(
                Kind.GROUP,
                """
                {"count": %d, "machine": {"image": "a", "size": "a"}, "rollout": {"canary": 4}}
                """
                    .formatted(count)))
        .isEqualTo(may ? List.of() : List.of("Group a: spec.rollout.canary"));
  }

  /** Everything that is fetched, built, installed and defined takes it for granted. */
  @ParameterizedTest
  @ValueSource(strings = {"aarch64", "riscv64", "i686", "amd64", "X86_64", ""})
  void imagesAreOfOneArchitecture(String arch) {
    String build = "\"build\": {\"builder\": \"a\", \"suite\": \"bookworm\"}";
    String image = "{\"os\": \"debian\", \"version\": \"12\", \"arch\": %s, " + build + "}";
    assertThatThrownBy(() ->
            Manifests.parse(
                """
                {"apiVersion": "millwright/v1", "kind": "Image", "metadata": {"name": "a"},
                 "spec": %s}
                """
                    .formatted(image.formatted(q(arch)))
                    .getBytes(StandardCharsets.UTF_8),
                "a.json"))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e ->
                assertThat(e.problem().errors())
                    .singleElement()
                    .satisfies(v -> {
                      assertThat(v.field()).isEqualTo("Image a: spec.arch");
                      assertThat(v.message()).startsWith("only x86_64 is supported");
                    }));
    assertThat(wrong(Kind.IMAGE, image.formatted(q("x86_64")))).isEmpty();
  }

  @Test
  void nothingIsLargerThanCanBeCounted() {
    assertThat(wrong(Kind.SIZE, "{\"cores\": 1, \"memory\": \"65TiB\", \"disk\": \"65TiB\"}"))
        .containsExactly("Size a: spec.memory", "Size a: spec.disk");
    assertThat(wrong(Kind.VOLUME, "{\"hypervisor\": \"a\", \"size\": \"8388607TiB\"}"))
        .containsExactly("Volume a: spec.size");
    assertThat(wrong(Kind.VOLUME, "{\"hypervisor\": \"a\", \"size\": \"64TiB\"}")).isEmpty();
  }

  private static String q(String text) {
    return Json.write(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"games", "nobody", "www-data", "_apt", "systemd-network"})
  void nobodyLogsInAsTheSystem(String name) {
    String profile = "{\"users\": [{\"name\": \"%s\"}]}".formatted(name);
    assertThat(wrong(Kind.PROFILE, profile)).containsExactly("Profile a: spec.users[0].name");
  }

  @ParameterizedTest
  @ValueSource(strings = {"root", "staff", "users", "sudo", "docker", "debian"})
  void aGroupOfTheSystemIsNoAccount(String name) {
    assertThat(wrong(Kind.PROFILE, "{\"users\": [{\"name\": \"%s\"}]}".formatted(name))).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("breakouts")
  void nothingBreaksOutOfNames(String text) {
    assertThat(wrong(Kind.PROFILE, "{\"users\": [{\"name\": " + q(text) + "}]}"))
        .containsExactly("Profile a: spec.users[0].name");
    assertThat(
            wrong(Kind.PROFILE, "{\"users\": [{\"name\": \"a\", \"groups\": [" + q(text) + "]}]}"))
        .containsExactly("Profile a: spec.users[0].groups[0]");
    assertThat(
            wrong(
                Kind.MACHINE, "{\"image\": \"a\", \"size\": \"a\", \"hostname\": " + q(text) + "}"))
        .containsExactly("Machine a: spec.hostname");
    assertThat(wrong(Kind.MACHINE, "{\"image\": " + q(text) + ", \"size\": \"a\"}"))
        .containsExactly("Machine a: spec.image");
    assertThat(wrong(Kind.NETWORK, "{\"domain\": " + q(text) + ", \"search\": []}"))
        .containsExactly("Network a: spec.domain");
    assertThat(wrong(Kind.NETWORK, "{\"search\": [" + q(text) + "]}"))
        .containsExactly("Network a: spec.search[0]");
    assertThat(
            wrong(
                Kind.NETWORK,
                "{\"attachments\": [{\"hypervisor\": \"h\", \"bridge\": " + q(text) + "}]}"))
        .containsExactly("Network a: spec.attachments[0].bridge");
    assertThat(wrong(Kind.HYPERVISOR, "{\"driver\": " + q(text) + "}"))
        .containsExactly("Hypervisor a: spec.driver");
    assertThat(wrong(Kind.PROFILE, "{\"packages\": [" + q(text) + "]}"))
        // A colon is what comes before the architecture, as in libc6:i386.
        .containsExactlyElementsOf(
            text.equals("root:x") ? List.of() : List.of("Profile a: spec.packages[0]"));
    assertThat(wrong(Kind.PROFILE, "{\"ntp\": [" + q(text) + "]}"))
        .containsExactly("Profile a: spec.ntp[0]");
    assertThat(wrong(Kind.PROFILE, "{\"timezone\": " + q(text) + "}"))
        .containsExactly("Profile a: spec.timezone");
    assertThat(wrong(Kind.PROFILE, "{\"timezone\": \"Europe/Viena\"}"))
        .containsExactly("Profile a: spec.timezone");
    assertThat(wrong(Kind.PROFILE, "{\"locale\": " + q(text) + "}"))
        .containsExactly("Profile a: spec.locale");
    assertThat(
            wrong(
                Kind.PROFILE,
                "{\"scripts\": [{\"name\": " + q(text) + ", \"content\": \"#!/bin/sh\"}]}"))
        .containsExactly("Profile a: spec.scripts[0].name");
    assertThat(
            wrong(
                Kind.PROFILE,
                "{\"users\": [{\"name\": \"a\", \"passwordHash\": " + q(text) + "}]}"))
        .containsExactly("Profile a: spec.users[0].passwordHash");
    assertThat(
            wrong(
                Kind.PROFILE, "{\"users\": [{\"name\": \"a\", \"shell\": " + q("/" + text) + "}]}"))
        .isSubsetOf("Profile a: spec.users[0].shell");
    assertThat(
            wrong(
                Kind.PROFILE,
                "{\"files\": [{\"path\": \"/a\", \"content\": \"\", \"owner\": " + q(text) + "}]}"))
        .containsExactlyElementsOf(
            text.equals("root:x") ? List.of() : List.of("Profile a: spec.files[0].owner"));
    assertThat(
            wrong(
                Kind.PROFILE,
                "{\"files\": [{\"path\": \"/a\", \"content\": \"\", \"mode\": " + q(text) + "}]}"))
        .containsExactly("Profile a: spec.files[0].mode");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"\n", "a\nb", "a\r", "a\u0000b", "a\u0085b", "a\u2028", "a\u001b[2J", "\u202e"})
  void nothingBreaksOutOfLines(String text) {
    assertThat(
            wrong(
                Kind.PROFILE,
                "{\"files\": [{\"path\": " + q("/" + text + "x") + ", \"content\": \"\"}]}"))
        .containsExactly("Profile a: spec.files[0].path");
    assertThat(wrong(Kind.PROFILE, key(ED25519 + " " + text + "x"))).hasSize(1);
    assertThat(
            wrong(
                Kind.IMAGE,
                "{\"os\": \"a\", \"version\": \"1\", \"source\": {\"path\": "
                    + q("/" + text)
                    + "}}"))
        .containsExactly("Image a: spec.source.path");
    assertThat(
            wrong(
                Kind.IMAGE,
                "{\"os\": \"a\", \"version\": \"1\", \"source\": {\"url\": "
                    + q("http://a/" + text)
                    + ", \"sha256\": \""
                    + "0".repeat(64)
                    + "\"}}"))
        .containsExactly("Image a: spec.source.url");
    assertThat(
            wrong(
                Kind.NETWORK,
                "{\"attachments\": [{\"hypervisor\": \"h\", \"network\": " + q(text) + "}]}"))
        .containsExactly("Network a: spec.attachments[0].network");
  }

  private static String key(String line) {
    return "{\"users\": [{\"name\": \"a\", \"keys\": [" + q(line) + "]}]}";
  }

  @Test
  void takesKeysAsOpensshWritesThem() {
    for (String line :
        List.of(
            ED25519,
            ED25519 + " anna@laptop",
            ED25519 + " Jürgen Müller",
            ED25519 + "\n",
            ED25519 + " ",
            ECDSA + " x")) {
      assertThat(wrong(Kind.PROFILE, key(line))).as(line).isEmpty();
    }
  }

  @Test
  void refusesWhatIsNoKey() {
    for (String line :
        List.of(
            "",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            ED25519.substring(0, ED25519.length() - 4),
            ED25519.substring(0, 40),
            ED25519 + "AAAA",
            ED25519.replace("ssh-ed25519", "ssh-rsa"),
            ED25519.replace("AAAAC3", "AAAAD3"),
            ED25519.replace(" ", ""),
            ED25519 + "\n" + ED25519,
            ED25519 + " a\nssh-ed25519 b",
            "command=\"reboot\" " + ED25519,
            "ssh-dss AAAAB3NzaC1kc3MAAAAA",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            ED25519.replace("ssh-ed25519 ", "ssh-ed25519 \t"),
            "'" + ED25519 + "'")) {
      assertThat(wrong(Kind.PROFILE, key(line)))
          .as(line)
          .containsExactly("Profile a: spec.users[0].keys[0]");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "$6$saltsalt$"
        + "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
        + "0, true",
    "$y$j9T$saltsaltsaltsalt$0123456789012345678901234567890123456789012, true",
    "$2b$12$01234567890123456789012345678901234567890123456789012, true",
    "secret, false",
    "$1$salt$0123456789012345678901, false",
    "$6$, false",
    "*, false",
    "!, false"
  })
  void takesHashesAndNoPasswords(String hash, boolean ok) {
    assertThat(
            wrong(
                Kind.PROFILE,
                "{\"users\": [{\"name\": \"a\", \"passwordHash\": " + q(hash) + "}]}"))
        .hasSize(ok ? 0 : 1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "a/b", "/", "//", "/a/", "/a//b", "/../a", "/a/..", "/a/./b", "~/a"})
  void refusesPaths(String path) {
    assertThat(wrong(Kind.PROFILE, "{\"files\": [{\"path\": " + q(path) + ", \"content\": \"\"}]}"))
        .containsExactly("Profile a: spec.files[0].path");
  }

  @Test
  void takesPaths() {
    for (String path : List.of("/a", "/etc/a b", "/...", "/.a/..b", "/ä", "/a:b'c")) {
      assertThat(
              wrong(Kind.PROFILE, "{\"files\": [{\"path\": " + q(path) + ", \"content\": \"\"}]}"))
          .as(path)
          .isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "echo", "\n#!/bin/sh\n", "#!/bin/sh\r\nls\r\n", " #!/bin/sh"})
  void refusesScripts(String content) {
    assertThat(
            wrong(
                Kind.PROFILE,
                "{\"scripts\": [{\"name\": \"a\", \"content\": " + q(content) + "}]}"))
        .containsExactly("Profile a: spec.scripts[0].content");
  }

  @Test
  void refusesContentThatIsTooLong() {
    String content = "#!" + "a".repeat(1 << 20);
    assertThat(
            wrong(
                Kind.PROFILE,
                "{\"files\": [{\"path\": \"/a\", \"content\": "
                    + q(content)
                    + "}],"
                    + "\"scripts\": [{\"name\": \"a\", \"content\": "
                    + q(content)
                    + "}]}"))
        .containsExactly("Profile a: spec.files[0].content", "Profile a: spec.scripts[0].content");
  }

  /** Whatever passes the check leaves no line for anybody else's text. */
  @Property
  void checkedProfilesAreOneLineWhereTheyMustBe(@ForAll("profiles") ProfileSpec spec) {
    Violations at = Violations.at("");
    spec.check(at);
    if (at.list().isEmpty()) {
      spec.users()
          .forEach(u -> {
            assertThat(u.name() + u.shell() + u.keys() + u.groups()).matches(Names::isPlain);
          });
      spec.files()
          .forEach(f -> assertThat(f.path() + f.mode() + f.owner()).matches(Names::isPlain));
      assertThat(
              spec.packages()
                  + ""
                  + spec.timezone()
                  + spec.locale()
                  + spec.ntp()
                  + spec.keyboard()
                  + spec.packageSource()
                  + spec.storage())
          .matches(Names::isPlain);
    }
  }

  /** A check reports and never throws. */
  @Property
  void checksNeverThrow(@ForAll("specs") Spec spec) {
    Violations at = Violations.at("spec");
    spec.check(at);
    spec.references().forEach(ref -> assertThat(ref.field()).startsWith("spec."));
    at.list().forEach(v -> assertThat(v.message()).matches(Names::isPlain));
  }

  @Provide
  Arbitrary<Spec> specs() {
    return Arbitraries.of(Kind.values()).flatMap(k -> Any.of(k.specType()).map(Spec.class::cast));
  }

  @Provide
  Arbitrary<ProfileSpec> profiles() {
    return Any.of(ProfileSpec.class);
  }

  private static List<String> machine(String rest) {
    return wrong(
            Kind.MACHINE, "{\"image\": \"a\", \"size\": \"a\", " + rest.replace('\'', '"') + "}")
        .stream()
        .map(f -> f.replace("Machine a: spec.", ""))
        .toList();
  }

  @Test
  void bridgesHaveInterfacesThatAreFree() {
    String nics = "'nics': [{'network': 'n', %s}, {'network': 'n'}, {'network': 'n'}], ";
    String plain = nics.formatted("'ipv4': 'none'");
    String bridges = "'bridges': [{'name': 'br0', 'network': 'n', 'members': [%s]}]";
    String bonds = "'bonds': [{'name': 'bond0', 'network': 'n', 'members': ['nic0', 'nic1']}], ";
    String vlans = "'vlans': [{'name': 'v7', 'link': '%s', 'id': 7, 'network': 'n'}], ";
    assertThat(machine(plain + bridges.formatted("'nic0'"))).isEmpty();
    assertThat(
            machine(plain + bonds + vlans.formatted("nic2") + bridges.formatted("'bond0', 'v7'")))
        .isEmpty();
    assertThat(machine(plain + bridges.formatted(""))).containsExactly("bridges[0].members");
    assertThat(machine(plain + bridges.formatted("'nic0', 'nic7'")))
        .containsExactly("bridges[0].members[1]");
    assertThat(machine(plain + bridges.formatted("'nic0', 'nic0'")))
        .containsExactly("bridges[0].members[1]");
    assertThat(machine(plain + bridges.formatted("'br0'")))
        .containsExactly("bridges[0].members[0]");
    String two = bridges.replace("}]", "}, {'name': 'br1', 'network': 'n', 'members': [%s]}]");
    assertThat(machine(plain + two.formatted("'nic0'", "'br0'")))
        .containsExactly("bridges[1].members[0]");
    assertThat(machine(plain + two.formatted("'nic0'", "'nic0'")))
        .containsExactly("bridges[1].members[0]");
    assertThat(machine(plain + bonds + bridges.formatted("'nic1', 'nic2'")))
        .containsExactly("bridges[0].members[0]");
    assertThat(machine(nics.formatted("'ipv6': 'slaac'") + bridges.formatted("'nic0'")))
        .containsExactly("nics[0]");
    assertThat(
            machine(
                plain
                    + bonds.replace("'network'", "'ipv4': '10.0.0.9', 'network'")
                    + bridges.formatted("'bond0'")))
        .containsExactly("bonds[0]");
    assertThat(machine(plain + vlans.formatted("nic0") + bridges.formatted("'nic0'")))
        .containsExactly("vlans[0].link");
    assertThat(machine(plain + bridges.formatted("'nic0'").replace("br0", "nic2")))
        .containsExactly("bridges[0].name");
    assertThat(machine(plain + bridges.formatted("'nic0'").replace("'network': 'n', ", "")))
        .containsExactly("bridges[0].network");
  }

  @Test
  void bondsHaveCardsThatAreFree() {
    String nics = "'nics': [{'network': 'n', %s}, {'network': 'n'}, {'network': 'n'}], ";
    String bonds = "'bonds': [{'name': 'bond0', 'network': 'n', 'members': [%s]}]";
    String plain = nics.formatted("'ipv4': 'none'");
    assertThat(machine(plain + bonds.formatted("'nic0', 'nic1'"))).isEmpty();
    assertThat(machine(plain + bonds.formatted("'nic0'"))).containsExactly("bonds[0].members");
    assertThat(machine(plain + bonds.formatted("'nic0', 'nic7'")))
        .containsExactly("bonds[0].members[1]");
    assertThat(machine(plain + bonds.formatted("'nic0', 'nic0'")))
        .containsExactly("bonds[0].members[1]");
    assertThat(machine(nics.formatted("'ipv4': 'dhcp'") + bonds.formatted("'nic0', 'nic1'")))
        .containsExactly("nics[0]");
    assertThat(machine(plain + bonds.formatted("'nic0', 'nic1'").replace("bond0", "nic2")))
        .containsExactly("bonds[0].name");
  }

  @Test
  void vlansHaveALinkAndATagOfTheirOwn() {
    String nics = "'nics': [{'network': 'n'}], ";
    String vlans = "'vlans': [{'name': '%s', 'link': '%s', 'id': %d, 'network': 'n'}";
    assertThat(machine(nics + vlans.formatted("v1", "nic0", 5) + "]")).isEmpty();
    assertThat(machine(nics + vlans.formatted("v1", "eth0", 5) + "]"))
        .containsExactly("vlans[0].link");
    assertThat(machine(nics + vlans.formatted("v1", "nic0", 0) + "]"))
        .containsExactly("vlans[0].id");
    assertThat(machine(nics + vlans.formatted("v1", "nic0", 4095) + "]"))
        .containsExactly("vlans[0].id");
    assertThat(
            machine(
                nics
                    + vlans.formatted("v1", "nic0", 5)
                    + ", {'name': 'v2', 'link': 'nic0', 'id': 5, 'network': 'n'}]"))
        .containsExactly("vlans[1]");
  }

  @Test
  void addressesAndCardsStandOnce() {
    assertThat(
            machine(
                "'nics': [{'network': 'n', 'ipv4': '10.0.0.5', 'mac': '52:54:00:00:00:01'},"
                    + " {'network': 'n', 'ipv4': '10.0.0.5', 'mac': '52-54-00-00-00-01'}]"))
        .containsExactly("nics[1].ipv4", "nics[1].mac");
    assertThat(machine("'nics': [{'network': 'n', 'ipv4': 'fd00::5', 'ipv6': '10.0.0.5'}]"))
        .containsExactly("nics[0].ipv4", "nics[0].ipv6");
    assertThat(machine("'nics': [{'name': 'nic1', 'network': 'n'}, {'network': 'n'}]"))
        .containsExactly("nics[1].name");
    assertThat(machine("'volumes': ['v', 'v'], 'profiles': ['p', 'p']"))
        .containsExactly("volumes[1]", "profiles[1]");
  }

  @ParameterizedTest
  @ValueSource(strings = {"Eth0", "0a", "e-0", "abcdefghijklm", "e.1", "e0/..", "lo", "all", "é"})
  void refusesInterfaceNames(String name) {
    assertThat(machine("'nics': [{'network': 'n', 'name': '" + name + "'}]"))
        .containsExactly("nics[0].name");
  }

  @Test
  void routesStayInTheirFamily() {
    assertThat(
            machine(
                "'nics': [{'network': 'n', 'routes': [{'to': '10.0.0.0/8', 'via': 'fd00::1'},"
                    + " {'to': '::/0', 'via': 'fe80::1', 'metric': -1}]}]"))
        .containsExactly("nics[0].routes[0].via", "nics[0].routes[1].metric");
  }

  /** On every kind of interface, by the rules of a network. */
  @Test
  void nameServersAreAddressesAndSearchDomainsAreDomains() {
    String nics = "'nics': [{'network': 'n'%s}, {'network': 'n'}, {'network': 'n'}]";
    String built =
        ", 'bonds': [{'name': 'b', 'members': ['nic1', 'nic2'], 'network': 'n'%1$s}],"
            + " 'vlans': [{'name': 'v', 'link': 'nic0', 'id': 7, 'network': 'n'%1$s},"
            + " {'name': 'w', 'link': 'nic0', 'id': 8, 'network': 'n'}],"
            + " 'bridges': [{'name': 'r', 'members': ['w'], 'network': 'n'%1$s}]";
    String good = ", 'dns': ['10.0.0.53', 'fd00::53'], 'search': ['lab.test', 'a.b.example']";
    for (String right : List.of("", good, ", 'dns': [], 'search': []")) {
      assertThat(machine(nics.formatted(right) + built.formatted(right))).as(right).isEmpty();
    }
    String wrong = ", 'dns': ['10.0.0.53', 'ns.lab.test'], 'search': ['lab.test', 'a b']";
    assertThat(machine(nics.formatted(wrong))).containsExactly("nics[0].dns[1]");
    String domain = ", 'search': ['lab.test', 'a b']";
    assertThat(machine(nics.formatted(domain) + built.formatted(domain)))
        .containsExactly(
            "nics[0].search[1]",
            "bonds[0].search[1]",
            "vlans[0].search[1]",
            "bridges[0].search[1]");
  }

  @ParameterizedTest
  @MethodSource("breakouts")
  void nothingElsePassesForASearchDomain(String text) {
    assertThat(machine("'nics': [{'network': 'n', 'search': [" + Json.write(text) + "]}]"))
        .isNotEmpty();
  }

  /** They would be dropped without a word. */
  @Test
  void whatIsInABondOrBridgeOrWasImportedHasNoNameServersOfItsOwn() {
    assertThat(
            machine(
                "'nics': [{'network': 'n', 'dns': []}, {'network': 'n', 'search': ['lab.test']},"
                    + " {'network': 'n', 'dns': ['10.0.0.53'], 'search': []}],"
                    + " 'bonds': [{'name': 'b', 'members': ['nic0', 'nic1'], 'network': 'n'}],"
                    + " 'bridges': [{'name': 'r', 'members': ['nic2'], 'network': 'n'}]"))
        .containsExactly("nics[0].dns", "nics[1].search", "nics[2].dns", "nics[2].search");
    String imported =
        "{'hypervisor': 'h', 'image': 'none', 'size': 's', 'imported': true, 'nics': [{'network':"
            + " 'n', 'mac': '52:54:00:00:00:01', 'ipv4': 'none', 'ipv6': 'none',"
            + " 'dns': ['10.0.0.53'], 'search': []}]}";
    assertThat(wrong(Kind.MACHINE, imported.replace('\'', '"')))
        .containsExactly("Machine a: spec.nics[0].dns", "Machine a: spec.nics[0].search");
  }

  private static List<String> network(String spec) {
    return wrong(Kind.NETWORK, "{" + spec.replace('\'', '"') + "}").stream()
        .map(f -> f.replace("Network a: spec.", ""))
        .toList();
  }

  /** Field, what is wrong and what would be right, in one sentence that people read. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          MACHINE | 'bonds': [{'name': 'b', 'members': ['nic0'], 'network': 'n'}] | bonds[0].members: a bond has at least two members
          MACHINE | 'vlans': [{'name': 'v', 'link': 'nic0', 'id': 4095, 'network': 'n'}] | vlans[0].id: a VLAN tag is 1 to 4094
          NETWORK | 'subnets': [{'cidr': '10.0.0.0/24', 'gateway': '10.9.0.1'}] | subnets[0].gateway: 10.9.0.1 is no usable address of 10.0.0.0/24
          """)
  void whatNoNetworkCanBeIsToldInWords(Kind kind, String spec, String told) {
    String machine =
        kind == Kind.MACHINE
            ? "'image': 'i', 'size': 's', 'nics': [{'network': 'n'}, {'network': 'n'}], "
            : "";
    String body =
        "{'apiVersion': 'millwright/v1', 'kind': '%s', 'metadata': {'name': 'a'}, 'spec': {%s}}"
            .formatted(kind.title(), machine + spec)
            .replace('\'', '"');
    assertThatThrownBy(() -> Manifests.parse(body.getBytes(StandardCharsets.UTF_8), "a.json"))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e ->
                assertThat(e.problem().errors())
                    .extracting(v -> v.field().replaceFirst(".*spec\\.", "") + ": " + v.message())
                    .anySatisfy(
                        line -> assertThat(line).startsWith(told + " (a.json line 1, column ")));
  }

  @Test
  void gatewaysAreUsable() {
    for (String gateway : List.of("10.0.0.0", "10.0.0.255", "10.0.1.1", "fd00::1")) {
      assertThat(network("'subnets': [{'cidr': '10.0.0.0/24', 'gateway': '" + gateway + "'}]"))
          .as(gateway)
          .containsExactly("subnets[0].gateway");
    }
    for (String gateway : List.of("fd00::", "fd01::1", "10.0.0.1")) {
      assertThat(network("'subnets': [{'cidr': 'fd00::/64', 'gateway': '" + gateway + "'}]"))
          .as(gateway)
          .containsExactly("subnets[0].gateway");
    }
    assertThat(network("'subnets': [{'cidr': 'fd00::/64', 'gateway': 'fe80::1'}]")).isEmpty();
    assertThat(network("'subnets': [{'cidr': 'fd00::/64', 'gateway': 'fd00::1'}]")).isEmpty();
  }

  @Test
  void poolsAndExclusionsAreInside() {
    assertThat(
            network(
                "'subnets': [{'cidr': '10.0.0.0/24', 'pool': '10.0.0.200-10.0.1.5',"
                    + " 'exclude': ['10.0.0.1', 'fd00::1'], 'cooldownSeconds': -1},"
                    + " {'cidr': '10.1.0.0/24'}]"))
        .containsExactly(
            "subnets[0].pool", "subnets[0].exclude[1]", "subnets[0].cooldownSeconds", "subnets[1]");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0.0.0.0/0",
        "0.1.0.0/16",
        "127.0.0.0/8",
        "127.5.5.0/24",
        "224.1.0.0/16",
        "239.255.255.255/32",
        "240.0.0.0/24",
        "255.255.255.0/24",
        "::/64",
        "::1/128",
        "ff05::/64",
        "fe80::/64",
        "febf::/64"
      })
  void subnetsAreWhereHostsCanBe(String cidr) {
    assertThat(wrong(Kind.NETWORK, "{\"subnets\": [{\"cidr\": \"" + cidr + "\"}]}"))
        .contains("Network a: spec.subnets[0].cidr");
  }

  @Test
  void ipv6NeedsPacketsThatAreLargeEnough() {
    String spec = "{\"mtu\": %d, \"subnets\": [{\"cidr\": \"%s\"}]}";
    assertThat(wrong(Kind.NETWORK, spec.formatted(1279, "fd00::/64")))
        .containsExactly("Network a: spec.mtu");
    assertThat(wrong(Kind.NETWORK, spec.formatted(1280, "fd00::/64"))).isEmpty();
    assertThat(wrong(Kind.NETWORK, spec.formatted(600, "10.0.0.0/24"))).isEmpty();
  }

  @Test
  void aFileIsWrittenOnce() {
    assertThat(
            wrong(
                Kind.PROFILE,
                "{\"files\": [{\"path\": \"/a\", \"content\": \"\"},"
                    + " {\"path\": \"/a\", \"content\": \"b\"}]}"))
        .containsExactly("Profile a: spec.files[1].path");
  }

  @ParameterizedTest
  @CsvSource({
    "Pacific/Chatham, true",
    "UTC, true",
    "Etc/GMT+5, true",
    "US/Eastern, true",
    "Mars/Phobos, false",
    "SystemV/EST5EDT, false"
  })
  void zonesAreOnesThatThereAre(String zone, boolean ok) {
    assertThat(wrong(Kind.PROFILE, "{\"timezone\": " + q(zone) + "}")).hasSize(ok ? 0 : 1);
  }

  @Test
  void attachmentsNameOneThing() {
    assertThat(
            network(
                "'attachments': [{'hypervisor': 'h'}, {'hypervisor': 'h', 'bridge': 'a'},"
                    + " {'hypervisor': 'i', 'bridge': 'a', 'network': 'b'}]"))
        .containsExactly("attachments[0]", "attachments[1].hypervisor", "attachments[2]");
  }

  @Test
  void searchIsTheDomainUnlessSaid() {
    assertThat(((NetworkSpec) spec("kind: Network", "domain: lab.test")).search())
        .containsExactly("lab.test");
    assertThat(((NetworkSpec) spec("kind: Network", "domain: lab.test\n  search: []")).search())
        .isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "image: debian-12 | spec.image",
        "profiles: [a] | spec.profiles",
        "volumes: [a] | spec.volumes",
        "expiry: {ttl: 1h} | spec.expiry",
        "drift: rebuild | spec.drift",
        "nics: [{network: a, mac: '52:54:00:aa:00:01', ipv6: none}] | spec.nics[0].ipv4",
        "nics: [{network: a, mac: '52:54:00:aa:00:01', ipv4: none, ipv6: slaac}] |"
            + " spec.nics[0].ipv6",
        "nics: [{network: a, ipv4: none, ipv6: none}] | spec.nics[0].mac"
      })
  void whatWasImportedStaysAsItWasMade(String more, String field) {
    String image = more.startsWith("image") ? "" : "\n  image: none";
    assertThatThrownBy(() ->
            spec("kind: Machine", "hypervisor: h\n  size: s\n  imported: true\n  " + more + image))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e ->
                assertThat(e.problem().errors())
                    .singleElement()
                    .extracting(Violation::field)
                    .asString()
                    .endsWith(field));
  }

  @Test
  void defaultsAreWhatTheReferenceSays() {
    MachineSpec machine = (MachineSpec) spec("kind: Machine", "image: a\n  size: a");
    assertThat(Json.write(machine))
        .isEqualTo(
            "{\"image\":\"a\",\"size\":\"a\",\"firmware\":\"bios\",\"power\":\"on\","
                + "\"readyTimeoutSeconds\":1800}");
    assertThat(Json.write(spec("kind: Hypervisor", "driver: libvirt")))
        .isEqualTo(
            "{\"driver\":\"libvirt\",\"concurrency\":4,\"deadlineSeconds\":60,\"cordoned\":false}");
    assertThat(Json.write(spec("kind: Volume", "size: 1GiB\n  hypervisor: h")))
        .isEqualTo(
            "{\"size\":\"1GiB\",\"hypervisor\":\"h\",\"reclaim\":\"retain\",\"quarantineDays\":7}");
  }

  private static Spec spec(String kind, String rest) {
    return ManifestsTest.parse(
            "apiVersion: millwright/v1\n%s\nmetadata: {name: a}\nspec:\n  %s\n"
                .formatted(kind, rest))
        .getFirst()
        .spec();
  }

  @Test
  void imagesHaveOneOrigin() {
    String image = "{\"os\": \"a\", \"version\": \"1\"%s}";
    assertThat(wrong(Kind.IMAGE, image.formatted(""))).containsExactly("Image a: spec");
    assertThat(wrong(Kind.IMAGE, image.formatted(", \"source\": {}")))
        .containsExactly("Image a: spec.source");
    assertThat(wrong(Kind.IMAGE, image.formatted(", \"source\": {\"url\": \"http://a/b\"}")))
        .containsExactly("Image a: spec.source.sha256");
    assertThat(
            wrong(Kind.IMAGE, image.formatted(", \"source\": {\"url\": \"file:///etc/passwd\"}")))
        .containsExactly("Image a: spec.source.url", "Image a: spec.source.sha256");
    assertThat(
            wrong(
                Kind.IMAGE, image.formatted(", \"firmware\": [], \"source\": {\"path\": \"/a\"}")))
        .containsExactly("Image a: spec.firmware");
  }

  @Test
  void metadataIsChecked() {
    String size =
        "spec: {cores: 1, memory: 1GiB, disk: 1GiB}\nkind: Size\napiVersion: millwright/v1\n";
    assertThat(ManifestsTest.wrong(size + "metadata: {name: a, project: A}").getFirst())
        .startsWith("Size a: metadata.project: ");
    assertThat(ManifestsTest.wrong(size + "metadata: {name: a, labels: {a b: c}}").getFirst())
        .startsWith("Size a: metadata.labels.\"a b\": ");
    assertThat(ManifestsTest.wrong(size + "metadata: {name: a, labels: {a: b c}}").getFirst())
        .startsWith("Size a: metadata.labels.a: ");
    assertThat(ManifestsTest.wrong(size + "metadata: {name: a, lables: {}}").getFirst())
        .contains("did you mean \"labels\"?");
    assertThat(ManifestsTest.wrong(size + "metadata: {name: 'a\\nb'}").getFirst())
        .startsWith("hello.yaml: metadata.name: \"a\\nb\" is no name");
    assertThat(ManifestsTest.wrong(size).getFirst()).startsWith("hello.yaml: metadata: is missing");
    String half = "x".repeat(33_000);
    assertThat(
            ManifestsTest.wrong(
                    size + "metadata: {name: a, annotations: {a: %s, b: %s}}".formatted(half, half))
                .getFirst())
        .contains("has 66002 bytes; at most 65536 are kept");
    String note = size + "metadata: {name: a, annotations: {a: \"%s\"}}";
    assertThat(ManifestsTest.parse(note.formatted("any\\n\\ttext, <b>ü</b>"))).hasSize(1);
    for (String unseen : List.of("\\e[2J", "\\x7f", "a\\rb", "\\u202e", "\\u2028", "\\n\\b")) {
      assertThat(ManifestsTest.wrong(note.formatted(unseen)).getFirst())
          .as(unseen)
          .startsWith("Size a: metadata.annotations.a: ")
          .contains("has characters that cannot be seen; leave them out")
          .matches("\\P{Cntrl}*");
    }
    String many =
        IntStream.range(0, 101).mapToObj(i -> "l" + i + ": a").collect(Collectors.joining(", "));
    assertThat(ManifestsTest.wrong(size + "metadata: {name: a, labels: {" + many + "}}").getFirst())
        .contains("has more than 100 labels");
  }
}
