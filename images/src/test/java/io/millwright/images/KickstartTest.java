package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.ByteSize;
import io.millwright.model.Ip;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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

class KickstartTest {
  private static final Kickstart RENDERER = new Kickstart("fedora", "43");

  /** What Anaconda is told before the first section, in this order. */
  private static final List<Pattern> COMMANDS =
      Stream.of(
              "text",
              "cdrom|repo --name=[a-z]+ --baseurl=file:///run/install/repo/[a-z]+|url"
                  + " --url=\"https?://[^\"\\\\ ]+\"( --proxy=\"https?://[^\"\\\\ ]+\")?",
              "lang [A-Za-z0-9_.@-]+",
              "keyboard --xlayouts=[a-z]+",
              "timezone [A-Za-z0-9_/+-]+ --utc",
              "network( --[a-z0-9]+(=[A-Za-z0-9.:,/-]+)?)+",
              "rootpw --lock",
              "firstboot --disable",
              "eula --agreed",
              "services --enabled=sshd",
              "%include /tmp/millwright-storage\\.ks",
              "(reboot|poweroff) --eject")
          .map(Pattern::compile)
          .toList();

  private static final Pattern PUT = Pattern.compile("put (0[0-7]{3}) (/[A-Za-z0-9_./-]+) <<'EOF'");

  /** The samples that this installer takes. */
  static Map<String, InstallSpec> taken() {
    return Samples.takenBy(RENDERER, Samples.installed(), UnaryOperator.identity());
  }

  static Stream<String> samples() {
    return taken().keySet().stream();
  }

  private static String kickstart(InstallSpec spec) {
    return kickstart(RENDERER, spec);
  }

  private static String kickstart(Kickstart renderer, InstallSpec spec) {
    Answers answers = renderer.render(spec);
    Answers.Way beside = answers.ways().getFirst();
    assertThat(beside.leavesMediumUntouched()).isTrue();
    AnswerMedium medium = Objects.requireNonNull(beside.seed());
    assertThat(medium.label()).isEqualTo("OEMDRV");
    assertThat(medium.files()).containsOnlyKeys("ks.cfg");
    AnswerFile file = Objects.requireNonNull(medium.files().get("ks.cfg"));
    assertThat(answers.ways().getLast())
        .isEqualTo(Answers.Way.inside(Map.of("/ks.cfg", file), "inst.ks=file:/ks.cfg"));
    return file.asText();
  }

  /** One that it takes, or would have otherwise. */
  private static InstallSpec sample(String name) {
    InstallSpec spec = taken().get(name);
    return spec == null ? Objects.requireNonNull(Samples.installed().get(name), name) : spec;
  }

  @ParameterizedTest
  @MethodSource("samples")
  void isGolden(String sample) throws IOException {
    Golden.same("kickstart/" + sample + "/ks.cfg", kickstart(sample(sample)));
    NmKeyfiles.of(sample(sample))
        .forEach((path, text) -> {
          try {
            Golden.same("kickstart/" + sample + "/" + Path.of(path).getFileName(), text);
          } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
          }
        });
  }

  /** What differs in Red Hat 8: systemd's .link files. */
  @ParameterizedTest
  @MethodSource("samples")
  void isGoldenOfRedHat8(String sample) throws IOException {
    Golden.same(
        "kickstart-8/" + sample + "/ks.cfg", kickstart(new Kickstart("rhel", "8"), sample(sample)));
    for (var file : NmKeyfiles.of(sample(sample), NmKeyfiles.Links.OF_SYSTEMD_239).entrySet()) {
      if (file.getKey().endsWith(".link")) {
        Golden.same(
            "kickstart-8/" + sample + "/" + Path.of(file.getKey()).getFileName(), file.getValue());
      }
    }
  }

  /**
   * Its systemd passes over PermanentMACAddress=, so that every card would match, and knows no type
   * of a card; a VLAN has the card's address but no path.
   */
  @ParameterizedTest
  @CsvSource({
    "rhel, 8, true",
    "almalinux, 8.10, true",
    "rocky, 8.4, true",
    "rhel, 9, false",
    "rhel, 10.1, false",
    "rhel, '', false",
    "fedora, 8, false"
  })
  void cardsAreMatchedByWhatTheirSystemdKnows(String family, String version, boolean old) {
    String path = "/etc/systemd/network/10-millwright-nic0.link";
    InstallSpec spec = sample("vlan");
    String link = parse(kickstart(new Kickstart(family, version), spec)).files().get(path);
    assertThat(link)
        .isEqualTo(
            "[Match]\n%s\n\n[Link]\nName=nic0\n",
            (old ? "MACAddress=%s\nPath=*" : "PermanentMACAddress=%s")
                .formatted(spec.cards().getFirst().mac()));
    InstallSpec alone = Objects.requireNonNull(Samples.installed().get("one-card-without-mac"));
    assertThat(parse(kickstart(new Kickstart(family, version), alone)).files().get(path))
        .startsWith(
            "[Match]\n" + (old ? "OriginalName=e*\nPath=*" : "Type=ether\nOriginalName=e*"));
  }

  @ParameterizedTest
  @CsvSource({
    "rhel, 9, false",
    "centos-stream, 10, false",
    "rocky, 10.1, false",
    "almalinux, 9.6, false",
    "almalinux, 10, false",
    "almalinux, 10.0, false",
    "almalinux, 10.1, true",
    "almalinux, 11, true",
    "almalinux, '', false",
    "fedora, 43, true"
  })
  void btrfsIsRefusedWhereAnacondaRefusesIt(String family, String version, boolean taken) {
    InstallSpec spec =
        Samples.of("static-v4")
            .withInstallation(
                Samples.ON_DISK.withStorage(
                    Samples.ON_DISK
                        .storage()
                        .withFileSystems(
                            new StorageSpec.Part(
                                "/", StorageSpec.Type.XFS, ByteSize.parse("10GiB")),
                            new StorageSpec.Part("/srv", StorageSpec.Type.BTRFS, null))));
    Catalogue.Family known = Objects.requireNonNull(Catalogue.known().families().get(family));
    assertThat(Renderers.of(known, version).check(spec))
        .extracting(Refusal::field)
        .isEqualTo(taken ? List.of() : List.of("installation.storage.filesystems[1].type"));
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThat(samples())
        .doesNotContain("bond", "bond-vlan")
        .contains("vlan", "two-disks", "bond-offline", "bond-vlan-offline")
        .hasSize(25);
    assertThat(RENDERER.check(sample("bond")))
        .extracting(Refusal::field)
        .containsExactly("interfaces");
    assertThat(RENDERER.check(Samples.of("dhcp")))
        .extracting(Refusal::field)
        .containsExactly("installation");
    assertThatThrownBy(() -> RENDERER.render(sample("bond"))).isInstanceOf(ProblemException.class);
  }

  /** A kickstart taken apart again. */
  private record Parsed(List<String> commands, List<String> packages, Map<String, String> files) {}

  private static Parsed parse(String text) {
    List<String> lines = text.lines().toList();
    int pre = lines.indexOf("%pre --erroronfail --interpreter=/bin/bash");
    int packages = lines.indexOf("%packages");
    int post = lines.indexOf("%post --erroronfail --interpreter=/bin/bash");
    assertThat(lines.stream().filter(l -> l.startsWith("%")))
        .containsExactly(
            "%include /tmp/millwright-storage.ks",
            "%pre --erroronfail --interpreter=/bin/bash",
            "%end",
            "%packages",
            "%end",
            "%post --erroronfail --interpreter=/bin/bash",
            "%end");
    assertThat(String.join("\n", lines.subList(pre + 1, packages - 1)))
        .isEqualTo(
            FindDisk.FUNCTIONS
                + """
                disk=$(by_serial mw-system '')
                cat > /tmp/millwright-storage.ks <<EOF
                ignoredisk --only-use=$disk
                zerombr
                clearpart --all --initlabel
                reqpart
                part / --size=1024 --grow
                EOF
                %end\
                """);
    List<String> commands =
        lines.subList(0, pre).stream().filter(l -> !l.isEmpty() && !l.startsWith("#")).toList();
    List<String> names =
        lines.subList(packages + 1, lines.subList(packages, post).indexOf("%end") + packages);
    Map<String, String> files = new LinkedHashMap<>();
    List<String> rest = new ArrayList<>();
    for (int i = post + 1; i < lines.size(); i++) {
      Matcher put = PUT.matcher(lines.get(i));
      if (put.matches()) {
        int end = lines.subList(i, lines.size()).indexOf("EOF") + i;
        files.put(
            put.group(2),
            new String(
                Base64.getDecoder().decode(String.join("", lines.subList(i + 1, end))),
                StandardCharsets.UTF_8));
        i = end;
      } else {
        rest.add(lines.get(i));
      }
    }
    assertThat(String.join("\n", rest)).isEqualTo(SCRIPT);
    return new Parsed(commands, names, files);
  }

  private static final String SCRIPT =
      """
      set -euo pipefail
      umask 077
      rm -f /etc/NetworkManager/system-connections/*.nmconnection /etc/sysconfig/network-scripts/ifcfg-*
      put() { base64 -d | install -D -m "$1" /dev/stdin "$2"; }
      chmod 0700 /var/lib/cloud/seed
      for unit in cloud-init-local cloud-init-main cloud-init-network cloud-init cloud-config cloud-final; do
        if [ -e /usr/lib/systemd/system/$unit.service ]; then systemctl enable $unit.service; fi
      done
      if command -v restorecon >/dev/null; then
        restorecon -RF /etc/NetworkManager /etc/systemd/network /etc/cloud /var/lib/cloud
      fi
      %end\
      """;

  @Provide
  Arbitrary<InstallSpec> spec() {
    return Hostile.spec()
        .map(spec -> {
          InstallSpec online = spec.withInstallation(Samples.ON_DISK);
          return RENDERER.check(online).isEmpty()
              ? online
              : spec.withInstallation(Objects.requireNonNull(sample("air-gapped").installation()));
        });
  }

  @Property
  void saysWhatTheSpecSaysAndNoMore(@ForAll("spec") InstallSpec spec) {
    Parsed parsed = parse(kickstart(spec));
    assertThat(parsed.commands()).hasSameSizeAs(COMMANDS);
    for (int i = 0; i < COMMANDS.size(); i++) {
      assertThat(parsed.commands().get(i)).matches(COMMANDS.get(i));
    }
    List<String> packages =
        new ArrayList<>(List.of("@core", "cloud-init", "openssh-server", "python3"));
    spec.profile().packages().stream().distinct().forEach(packages::add);
    assertThat(parsed.packages()).isEqualTo(packages);
    ProfileSpec profile = spec.profile();
    Seed seed =
        CloudInit.installed()
            .render(
                spec.withProfile(
                    new ProfileSpec(
                        profile.users(),
                        List.of(),
                        profile.files(),
                        profile.scripts(),
                        null,
                        null,
                        profile.ntp())));
    Map<String, String> files = new LinkedHashMap<>();
    files.put(
        "/etc/cloud/cloud.cfg.d/99-millwright.cfg",
        "datasource_list: [ NoCloud, None ]\nnetwork: { config: disabled }\n");
    files.put("/var/lib/cloud/seed/nocloud/meta-data", seed.metaData());
    files.put("/var/lib/cloud/seed/nocloud/user-data", seed.userData());
    files.putAll(NmKeyfiles.of(spec));
    assertThat(parsed.files()).isEqualTo(files);
  }

  /** NetworkManager reads no server of a family that the connection does not have. */
  @Test
  void noNameServerIsLostWithAFamilyThatItsCardLacks() {
    IpConfig v4 =
        IpConfig.NONE
            .withDynamic(true, false, false)
            .withDns(List.of(Ip.parse("10.0.0.1"), Ip.parse("fd00::1")), List.of("lab.test"));
    IpConfig v6 = IpConfig.NONE.withDynamic(false, false, true);
    InstallSpec spec =
        Samples.net(
            Samples.card(0, IpConfig.NONE.withDns(List.of(Ip.parse("10.0.0.3")), List.of("idle"))),
            Samples.card(1, v4),
            Samples.card(
                2, v6.withDns(List.of(Ip.parse("fd00::2"), Ip.parse("10.0.0.1")), List.of())),
            Samples.card(3, v6.withDns(List.of(Ip.parse("fd00::3")), List.of("more"))));
    assertThat(servers(spec, "nic1"))
        .containsExactly("dns=10.0.0.1;10.0.0.3;", "dns-search=lab.test;idle;");
    assertThat(servers(spec, "nic2")).containsExactly("dns=fd00::2;fd00::1;");
    assertThat(servers(spec, "nic3")).containsExactly("dns=fd00::3;", "dns-search=more;");
  }

  private static List<String> servers(InstallSpec spec, String name) {
    return Objects.requireNonNull(
            NmKeyfiles.of(spec)
                .get("/etc/NetworkManager/system-connections/" + name + ".nmconnection"))
        .lines()
        .filter(line -> line.startsWith("dns"))
        .toList();
  }

  /** NetworkManager's own library reads every keyfile and finds each connection right. */
  @Tag("validators")
  @ParameterizedTest
  @MethodSource("everySample")
  void keyfilesAreUnderstoodByNetworkManager(String sample, @TempDir Path directory)
      throws Exception {
    Outside.needed(Path.of("/usr/lib/x86_64-linux-gnu/girepository-1.0/NM-1.0.typelib"));
    List<String> command = new ArrayList<>(List.of("/usr/bin/python3", "-c", READ_KEYFILES));
    for (var file : NmKeyfiles.of(sample(sample)).entrySet()) {
      if (file.getKey().endsWith(".nmconnection")) {
        Path path = directory.resolve(Path.of(file.getKey()).getFileName());
        Files.writeString(path, file.getValue());
        command.add(path.toString());
      }
    }
    assertThat(Outside.run(command).lines())
        .hasSize(sample(sample).interfaces().size())
        .allMatch(line -> line.endsWith(" right"));
  }

  @Tag("validators")
  @ParameterizedTest
  @MethodSource("samples")
  void theScriptIsOne(String sample, @TempDir Path directory) throws Exception {
    String text = kickstart(sample(sample));
    String script =
        text.substring(
            text.indexOf("set -euo", text.indexOf("%packages")), text.lastIndexOf("%end"));
    Path file = Files.writeString(directory.resolve("post"), script);
    assertThat(Outside.run(List.of("bash", "-n", file.toString()))).isEmpty();
  }

  static Stream<String> everySample() {
    return Samples.installed().keySet().stream();
  }

  private static final String READ_KEYFILES =
      """
      import sys, gi
      gi.require_version('NM', '1.0')
      from gi.repository import GLib, NM
      warnings = []
      for path in sys.argv[1:]:
          keyfile = GLib.KeyFile()
          keyfile.load_from_file(path, GLib.KeyFileFlags.NONE)
          def handler(keyfile, connection, kind, data, *rest):
              if kind == NM.KeyfileHandlerType.WARN:
                  warnings.append(data.warn_get())
                  return True
              return False
          connection = NM.keyfile_read(keyfile, '/', NM.KeyfileHandlerFlags.NONE, handler)
          connection.verify()
          print(connection.get_id(), 'right' if not warnings else warnings)
      """;
}
