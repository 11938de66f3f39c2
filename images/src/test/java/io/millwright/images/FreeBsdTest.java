package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class FreeBsdTest {
  private static final FreeBsd RENDERER = new FreeBsd();

  /** The samples that this installer takes, and one with all that it can do. */
  static Map<String, InstallSpec> taken() {
    Map<String, InstallSpec> out =
        Samples.takenBy(RENDERER, Samples.installed(), UnaryOperator.identity());
    out.put(
        "user-with-password",
        Samples.with(
                new ProfileSpec(
                    List.of(
                        new ProfileSpec.User(
                            "ada",
                            List.of(Samples.KEY),
                            null,
                            false,
                            "/bin/bash",
                            List.of("wheel")),
                        new ProfileSpec.User(
                            "bob", List.of(), Samples.HASH, false, "/bin/sh", List.of())),
                    List.of(),
                    List.of(new ProfileSpec.File("/etc/motd", "hello\n", "0644", "root:root")),
                    List.of(new ProfileSpec.Script("first", "#!/bin/sh\necho one\n")),
                    "Europe/Vienna",
                    "de_AT.UTF-8",
                    List.of("ntp.lab.test")),
                URI.create("http://10.0.0.254:8480/m/x?t=1"),
                URI.create("https://[fd00::fe]/m/x"))
            .withInstallation(Samples.ON_DISK));
    return out;
  }

  private static InstallSpec sample(String name) {
    return Objects.requireNonNull(Samples.installed().get(name), name);
  }

  static Stream<String> samples() {
    return taken().keySet().stream();
  }

  private static String config(InstallSpec spec) {
    Answers answers = RENDERER.render(spec);
    assertThat(answers.ways()).hasSize(1);
    Answers.Way way = answers.ways().getFirst();
    assertThat(way.kernelArguments()).isEmpty();
    assertThat(way.medium()).containsOnlyKeys("/etc/installerconfig");
    return Objects.requireNonNull(way.medium().get("/etc/installerconfig")).asText();
  }

  /** Its two parts, divided as bsdinstall divides them: before every line that begins with #!. */
  private static List<String> parts(InstallSpec spec) {
    String[] parts = config(spec).split("(?m)^(?=#!)");
    assertThat(parts).hasSize(2);
    return List.of(parts);
  }

  private static Map<String, String> files(InstallSpec spec) throws Exception {
    Map<String, String> out = new LinkedHashMap<>();
    for (List<String> call : FinishTest.calls(parts(spec).getLast())) {
      if (call.getFirst().equals("put")) {
        out.put(call.get(3), call.get(4));
      }
    }
    return out;
  }

  @ParameterizedTest
  @MethodSource("samples")
  void isGolden(String sample) throws Exception {
    InstallSpec spec = Objects.requireNonNull(taken().get(sample));
    Golden.same("freebsd/" + sample + "/installerconfig", config(spec));
    Golden.same(
        "freebsd/" + sample + "/rc.conf", Objects.requireNonNull(files(spec).get("/etc/rc.conf")));
  }

  @Tag("validators")
  @ParameterizedTest
  @MethodSource("samples")
  void shellsTakeTheScripts(String sample, @TempDir Path directory) throws Exception {
    InstallSpec spec = Objects.requireNonNull(taken().get(sample));
    List<String> scripts = new ArrayList<>(parts(spec));
    Map<String, String> files = files(spec);
    for (String name :
        List.of("/etc/rc.d/millwright_names", "/usr/local/libexec/millwright-names")) {
      scripts.add(Objects.requireNonNull(files.get(name), name));
    }
    for (String script : scripts) {
      Path file = Files.writeString(directory.resolve("script"), script);
      assertThat(Outside.run(List.of("dash", "-n", file.toString()))).isEmpty();
    }
  }

  /** rc.conf as a shell has it after it has read it. */
  private static Map<String, String> rc(InstallSpec spec) throws Exception {
    String text = Objects.requireNonNull(files(spec).get("/etc/rc.conf"));
    Path directory = Files.createTempDirectory("rc");
    Path file = directory.resolve("rc.conf");
    try {
      StringBuilder script = new StringBuilder("PATH=/nonexistent\nset -eu\n").append(text);
      List<String> names = text.lines().map(line -> line.substring(0, line.indexOf('='))).toList();
      assertThat(names).doesNotHaveDuplicates();
      names.forEach(n -> script.append("printf '%s\\0' \"$").append(n).append("\"\n"));
      Files.writeString(file, script);
      String[] values = Outside.run(List.of("dash", file.toString())).split("\0", -1);
      Map<String, String> out = new LinkedHashMap<>();
      for (int i = 0; i < names.size(); i++) {
        out.put(names.get(i), values[i]);
      }
      return out;
    } finally {
      Files.deleteIfExists(file);
      Files.deleteIfExists(directory);
    }
  }

  @Test
  void theNetworkStandsInRcConf() throws Exception {
    assertThat(rc(Objects.requireNonNull(taken().get("three-mixed-plain"))))
        .containsEntry("hostname", "hello.lab.test")
        .containsEntry("ifconfig_nic0", "SYNCDHCP")
        .containsEntry("ifconfig_nic0_ipv6", "inet6 accept_rtadv no_radr")
        .containsEntry("ifconfig_nic1", "mtu 1400 inet 10.0.0.5/24")
        .containsEntry("ifconfig_nic1_ipv6", "inet6 fd00::5 prefixlen 64 -accept_rtadv")
        .containsEntry("ifconfig_nic2", "DHCP")
        .containsEntry("defaultrouter", "10.0.0.1")
        .containsEntry("ipv6_defaultrouter", "fd00::1")
        .containsEntry("rtsold_enable", "YES");
    assertThat(rc(sample("bond-vlan")))
        .containsEntry("cloned_interfaces", "lagg0")
        .containsEntry("ifconfig_lagg0_name", "bond0")
        .containsEntry("ifconfig_nic0", "mtu 9000 up")
        .containsEntry("ifconfig_bond0", "laggproto lacp laggport nic0 laggport nic1 mtu 9000 up")
        .containsEntry("vlans_bond0", "web storage")
        .containsEntry("create_args_web", "vlan 10")
        .containsEntry("ifconfig_storage", "mtu 9000 inet 10.40.0.7/24");
  }

  /** vt(4) has names of its own, and takes one that it does not know without a word. */
  @Test
  void aKeyboardIsOneThatTheConsoleKnows() throws Exception {
    for (var name : Map.of("us", "us", "de", "de", "gb", "uk", "at", "de").entrySet()) {
      assertThat(rc(keyboard(name.getKey()))).containsEntry("keymap", name.getValue());
    }
    assertThat(RENDERER.check(keyboard("brai")))
        .extracting(Refusal::field)
        .containsExactly("installation.keyboard");
  }

  private static InstallSpec keyboard(String x11) {
    return sample("dhcp").withInstallation(Samples.ON_DISK.withKeyboard(x11));
  }

  @Test
  void aRouterThatMayBeOnEveryLinkIsNamedWithItsLink() throws Exception {
    assertThat(rc(Samples.routersOnTheLink().withInstallation(Samples.ON_DISK)))
        .containsEntry("ipv6_defaultrouter", "fe80::1%nic0")
        .containsEntry("ipv6_route_nic0_0", "2001:db8::/32 fe90::2%nic0")
        .containsEntry("ipv6_route_nic0_1", "2001:db9::/32 fd00::9");
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThat(samples())
        .contains("static-v4", "static-v6", "dhcp", "slaac", "vlan", "bond", "air-gapped")
        .doesNotContain("users-and-keys", "three-mixed");
    assertThat(fields(sample("users-and-keys")))
        .containsExactly("profile.packages", "profile.users[0].sudo");
    assertThat(fields(sample("three-mixed")))
        .containsExactly("interfaces[1].ip.routes[0].metric", "interfaces[2].ip.dhcp6");
    assertThat(fields(sample("two-disks"))).containsExactly("installation.storage.layout");
    assertThat(fields(Samples.of("dhcp"))).containsExactly("installation");
    assertThat(
            fields(
                Samples.net(
                        Samples.card(0, IpConfig.NONE),
                        Samples.card(1, IpConfig.NONE),
                        new NetInterface.Bond(
                            "b-1",
                            MachineSpec.BondMode.BALANCE_ALB,
                            List.of("nic0", "nic1"),
                            IpConfig.NONE),
                        new NetInterface.Vlan("b_1", "b-1", 4, IpConfig.NONE))
                    .withInstallation(
                        Samples.ON_DISK.withSource(
                            Source.DISTRIBUTION.withMirror(URI.create("http://mirror/"))))))
        .containsExactly("interfaces[2].mode", "interfaces[3].name", "installation.source");
    assertThatThrownBy(() -> RENDERER.render(sample("two-disks")))
        .isInstanceOf(ProblemException.class);
  }

  private static List<String> fields(InstallSpec spec) {
    return RENDERER.check(spec).stream().map(Refusal::field).toList();
  }

  @Provide
  Arbitrary<InstallSpec> spec() {
    return Hostile.spec()
        .map(spec -> {
          ProfileSpec p = spec.profile();
          return spec.withProfile(
                  new ProfileSpec(
                      p.users().stream()
                          .map(u ->
                              new ProfileSpec.User(
                                  u.name(),
                                  u.keys(),
                                  u.passwordHash(),
                                  false,
                                  u.shell(),
                                  u.groups()))
                          .toList(),
                      List.of(),
                      p.files(),
                      p.scripts(),
                      p.timezone(),
                      p.locale(),
                      p.ntp()))
              .withInstallation(Samples.ON_DISK);
        })
        .filter(spec -> RENDERER.check(spec).isEmpty());
  }

  @Property
  void saysWhatTheSpecSaysAndNoMore(@ForAll("spec") InstallSpec spec) throws Exception {
    ProfileSpec profile = spec.profile();
    List<String> parts = parts(spec);
    InstallSpec plain = spec.withProfile(Samples.PLAIN);
    assertThat(parts.getFirst()).isEqualTo(parts(plain).getFirst());
    List<List<String>> calls = FinishTest.calls(parts.getLast());
    List<List<String>> expected = new ArrayList<>();
    expected.add(List.of("no_password", "root", ""));
    for (ProfileSpec.User user : profile.users()) {
      String shell = user.shell().equals("/bin/bash") ? "/bin/sh" : user.shell();
      expected.add(List.of("user", user.name(), shell, ""));
      user.groups().forEach(group -> expected.add(List.of("join", user.name(), group, "")));
      String hash = user.passwordHash();
      expected.add(
          hash == null
              ? List.of("no_password", user.name(), "")
              : List.of("password", user.name(), hash + "\n"));
      if (!user.keys().isEmpty()) {
        expected.add(List.of("keys", user.name(), String.join("\n", user.keys()) + "\n"));
      }
    }
    assertThat(calls.stream().filter(c -> !c.getFirst().equals("put")).toList())
        .startsWith(expected.toArray(new List[0]))
        .hasSize(expected.size() + (profile.locale() == null ? 2 : 3));
    List<List<String>> files =
        profile.files().stream()
            .map(f ->
                List.of(
                    "put", f.mode(), f.owner().replace(":root", ":wheel"), f.path(), f.content()))
            .toList();
    assertThat(calls.stream().filter(c -> c.getFirst().equals("put")).toList())
        .endsWith(files.toArray(new List[0]));
    // No value of rc.conf is more than a value.
    assertThat(rc(spec)).containsEntry("hostname", spec.identity().fqdn());
  }

  /** What the first part says on a made-up machine; nothing if it gives up. */
  private static String partitions(Storage storage, Path root) throws Exception {
    return partitions(storage, "cd0", root);
  }

  private static String partitions(Storage storage, String medium, Path root) throws Exception {
    Path script = root.resolve("part");
    Files.writeString(
        script,
        """
        sysctl() { echo "cd0 vtbd0 vtbd1 da0"; }
        mount() { printf '/dev/iso9660/FREEBSD\t/\tcd9660\tro\t0 0\ntmpfs\t/tmp\ttmpfs\trw\t0 0\n'; }
        glabel() { printf '  ufs/other  N/A  vtbd1p2\niso9660/FREEBSD  N/A  MEDIUM\n'; }
        diskinfo() {
          case $* in
            *-s*vtbd0) echo mw-data ;;
            *-s*vtbd1) echo mw-system ;;
            *-s*) echo ;;
            *da0) echo "$1 512 53687091200 104857600" ;;
            *) echo "$1 512 21474836480 41943040" ;;
          esac
        }
        set -e
        """
                .replace("MEDIUM", medium)
            + parts(Samples.of("dhcp").withInstallation(Samples.ON_DISK.withStorage(storage)))
                .getFirst()
            + "echo \"$PARTITIONS\"\n");
    Process process =
        new ProcessBuilder("dash", script.toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .redirectOutput(root.resolve("said").toFile())
            .start();
    int code = process.waitFor();
    String said = Files.readString(root.resolve("said")).strip();
    assertThat(code == 0).isEqualTo(!said.isEmpty());
    return said;
  }

  @Test
  void findsTheDiskAndNoneThatIsToBeLeftAlone(@TempDir Path root) throws Exception {
    Storage storage = Samples.ON_DISK.storage();
    assertThat(partitions(storage.withUntouched("mw-data"), root))
        .isEqualTo("vtbd1 GPT { auto freebsd-ufs / }");
    assertThat(partitions(Storage.on(new Storage.Disk.BySerial("absent")), root)).isEmpty();
    assertThat(partitions(Storage.on(new Storage.Disk.ByPath("/dev/da0")), root))
        .startsWith("da0 GPT");
    Storage bySize =
        Storage.on(
            new Storage.Disk.BySize(
                io.millwright.model.ByteSize.parse("20GiB"),
                io.millwright.model.ByteSize.parse("30GiB")));
    assertThat(partitions(bySize, root)).isEmpty();
    assertThat(partitions(bySize.withUntouched("mw-data"), root)).startsWith("vtbd1 GPT");
    // A stick that the installer came from, which goes by a label.
    assertThat(partitions(bySize, "vtbd0", root)).startsWith("vtbd1 GPT");
    assertThat(partitions(bySize, "vtbd0s1", root)).startsWith("vtbd1 GPT");
    assertThat(partitions(bySize, "vtbd10", root)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "/dev/vtbd0, true",
    "/dev/da12, true",
    "/dev/nda0, true",
    "/dev/sdda0, true",
    "/dev/vda, false",
    "/dev/sdb, false",
    "/dev/vda1, false",
    "/dev/nvme0n1, false",
    "/dev/mmcblk0, false",
    "/dev/disk/by-id/x, false"
  })
  void namesOfLinuxsDisksAreRefused(String path, boolean taken) {
    InstallSpec spec =
        Samples.of("dhcp")
            .withInstallation(
                Samples.ON_DISK.withStorage(Storage.on(new Storage.Disk.ByPath(path))));
    assertThat(fields(spec)).isEqualTo(taken ? List.of() : List.of("installation.storage.disk"));
  }

  /** The cards of a made-up machine change places, by a stand-in for ifconfig. */
  @Test
  void cardsGetTheirNamesEvenIfTheyChangePlaces(@TempDir Path root) throws Exception {
    Files.createDirectories(root.resolve("bin"));
    Files.createDirectories(root.resolve("net"));
    Files.writeString(root.resolve("net/vtnet0"), "\tether 52:54:00:00:00:02\n");
    Files.writeString(root.resolve("net/vtnet1"), "\tether 52:54:00:00:00:01\n");
    Path ifconfig = root.resolve("bin/ifconfig");
    Files.writeString(
        ifconfig,
        """
        #!/bin/sh
        cd ROOT/net || exit 1
        if [ "$1" = -l ]; then echo *; elif [ "${2:-}" = name ]; then [ ! -e "$3" ] && mv "$1" "$3"; else cat "$1"; fi
        """
            .replace("ROOT", root.toString()));
    Files.setPosixFilePermissions(ifconfig, PosixFilePermissions.fromString("rwxr-xr-x"));
    InstallSpec spec =
        Samples.net(
                new NetInterface.Ethernet("vtnet0", Mac.ofQemu(1), IpConfig.NONE),
                new NetInterface.Ethernet("vtnet1", Mac.ofQemu(2), IpConfig.NONE))
            .withInstallation(Samples.ON_DISK);
    Path script = root.resolve("names");
    Files.writeString(
        script,
        Objects.requireNonNull(files(spec).get("/usr/local/libexec/millwright-names")),
        StandardCharsets.UTF_8);
    List<String> command =
        List.of(
            "env",
            "PATH=" + root.resolve("bin") + ":" + System.getenv("PATH"),
            "dash",
            script.toString());
    for (int i = 0; i < 2; i++) {
      assertThat(Outside.run(command)).isEmpty();
      assertThat(Files.readString(root.resolve("net/vtnet0"))).contains("00:01");
      assertThat(Files.readString(root.resolve("net/vtnet1"))).contains("00:02");
    }
  }
}
