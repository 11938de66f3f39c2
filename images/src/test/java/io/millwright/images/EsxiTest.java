package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.Mac;
import io.millwright.model.ProfileSpec;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
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
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class EsxiTest {
  private static final Esxi RENDERER = new Esxi();
  private static final JsonMapper JSON = new JsonMapper();

  /** What the installer is told before the first section, in this order. */
  private static final List<Pattern> COMMANDS =
      Stream.of(
              "vmaccepteula",
              "rootpw --iscrypted \\$6\\$[./A-Za-z0-9$]+",
              "keyboard '[A-Za-z ]+'",
              "network( --[a-z]+=[A-Za-z0-9.:,-]+)+",
              "%include /tmp/millwright-disk\\.cfg",
              "reboot")
          .map(Pattern::compile)
          .toList();

  /** The samples as a host would have them: root alone, no files, nothing that it has not. */
  static Map<String, InstallSpec> hosts() {
    Map<String, InstallSpec> out = new TreeMap<>();
    Samples.installed().forEach((name, spec) -> out.put(name, host(spec)));
    out.put(
        "two-disks",
        host(Samples.of("dual-stack"))
            .withInstallation(
                Samples.ON_DISK.withStorage(Samples.ON_DISK.storage().withUntouched("mw-data"))));
    out.put(
        "air-gapped",
        host(Samples.of("dual-stack")).withInstallation(Samples.ON_DISK.withSource(Source.MEDIUM)));
    return out;
  }

  private static InstallSpec host(InstallSpec spec) {
    ProfileSpec profile = spec.profile();
    return spec.withProfile(
        new ProfileSpec(
            profile.users().isEmpty()
                ? List.of()
                : List.of(
                    new ProfileSpec.User(
                        "root",
                        profile.users().getFirst().keys(),
                        Samples.HASH,
                        false,
                        "/bin/sh",
                        List.of())),
            List.of(),
            List.of(),
            profile.scripts().stream()
                .map(s -> new ProfileSpec.Script(s.name(), "#!/bin/sh\n" + s.content()))
                .toList(),
            null,
            null,
            profile.ntp()));
  }

  /** The samples that this installer takes. */
  static Map<String, InstallSpec> taken() {
    return Samples.takenBy(RENDERER, hosts(), EsxiTest::host);
  }

  static Stream<String> samples() {
    return taken().keySet().stream();
  }

  private static InstallSpec sample(String name) {
    InstallSpec spec = taken().get(name);
    return spec == null ? Objects.requireNonNull(hosts().get(name), name) : spec;
  }

  private static String kickstart(InstallSpec spec) {
    Answers answers = RENDERER.render(spec);
    assertThat(answers.ways()).hasSize(1);
    Answers.Way way = answers.ways().getFirst();
    assertThat(way.kernelArguments()).containsExactly("ks=cdrom:/KS.CFG");
    assertThat(way.medium()).containsOnlyKeys("/KS.CFG");
    return Objects.requireNonNull(way.medium().get("/KS.CFG")).asText();
  }

  @ParameterizedTest
  @MethodSource("samples")
  void isGolden(String sample) throws IOException {
    Golden.same("esxi/" + sample + "/KS.CFG", kickstart(sample(sample)));
    Golden.same(
        "esxi/" + sample + "/task.json",
        parse(kickstart(sample(sample))).task().toPrettyString() + "\n");
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThat(hosts().keySet())
        .filteredOn(s -> !RENDERER.check(sample(s)).isEmpty())
        .containsExactlyInAnyOrder(
            "three-mixed", // a route with a metric
            "bond-vlan", // LACP
            "bridge",
            "mirror-and-proxy",
            "raid",
            "filesystems",
            "lvm-filesystems",
            "encrypted",
            "encrypted-tang",
            "programs-before-and-after",
            "repositories-of-apt",
            "repositories-of-rpm",
            "repositories-of-apk",
            "repositories-of-pkg",
            "repository-on-medium",
            "signed-repository-on-medium");
    assertThat(RENDERER.check(Objects.requireNonNull(Samples.installed().get("users-and-keys"))))
        .extracting(Refusal::field)
        .containsExactly(
            "profile.packages",
            "profile.locale",
            "profile.timezone",
            "profile.users[0].name",
            "profile.users[0].sudo",
            "profile.users[0].groups",
            "profile.users[1].name");
  }

  @Test
  void rootIsWhatEsxiMakesOfIt() {
    assertThat(users("/bin/bash", false)).isEmpty();
    assertThat(users("/bin/sh", false)).isEmpty();
    assertThat(users("/bin/zsh", true, "wheel"))
        .containsExactly(
            "profile.users[0].sudo", "profile.users[0].groups", "profile.users[0].shell");
  }

  private static List<String> users(String shell, boolean sudo, String... groups) {
    ProfileSpec.User root =
        new ProfileSpec.User("root", List.of(), Samples.HASH, sudo, shell, List.of(groups));
    return RENDERER.check(sample("dhcp").withProfile(Samples.withUsers(root))).stream()
        .map(Refusal::field)
        .toList();
  }

  /** esxcli's "ipv4 set" knows one, and the next one would take its place. */
  @Test
  void anInterfaceHasOneAddressOfIpv4() {
    List<HostAddress> addresses =
        List.of(
            HostAddress.parse("fd00::5/64"),
            HostAddress.parse("10.0.0.5/24"),
            HostAddress.parse("10.0.0.6/24"),
            HostAddress.parse("fd00::6/64"));
    IpConfig ip = IpConfig.NONE.withStatic(addresses, null, null);
    assertThat(addresses(ip)).containsExactly("interfaces[0].ip.addresses[2]");
    assertThat(addresses(ip.withDynamic(true, false, false)))
        .containsExactly("interfaces[0].ip.addresses[1]", "interfaces[0].ip.addresses[2]");
  }

  private static List<String> addresses(IpConfig ip) {
    return RENDERER
        .check(Samples.net(Samples.card(0, ip)).withInstallation(Samples.ON_DISK))
        .stream()
        .map(Refusal::field)
        .toList();
  }

  @Test
  void aRouterThatMayBeOnEveryLinkIsNamedWithItsLink() {
    List<String> routes = new ArrayList<>();
    parse(kickstart(Samples.routersOnTheLink().withInstallation(Samples.ON_DISK)))
        .task()
        .get("commands")
        .forEach(command -> {
          List<String> words = new ArrayList<>();
          command.forEach(w -> words.add(w.asString()));
          if (words.contains("route")) {
            routes.add(String.join(" ", words.subList(words.indexOf("-n") + 1, words.size())));
          }
        });
    assertThat(routes)
        .containsExactly(
            "default -g fe80::1%vmk0", "2001:db8::/32 -g fe90::2%vmk0", "2001:db9::/32 -g fd00::9");
  }

  /** As a proxy or a server that is being restarted may give one. */
  @Test
  void anOddAnswerIsNotTheEndOfTheReport(@TempDir Path directory) throws Exception {
    Path esxcli = Files.writeString(directory.resolve("esxcli"), "#!/bin/sh\necho '[]'\n");
    assertThat(esxcli.toFile().setExecutable(true)).isTrue();
    List<String> asked = Collections.synchronizedList(new ArrayList<>());
    try (ServerSocket door = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      Thread server =
          Thread.ofVirtual()
              .start(() -> {
                for (String answer : List.of("odd\r\n\r\n", "HTTP/1.1 204 Well\r\n\r\n")) {
                  try (Socket one = door.accept()) {
                    asked.add(request(one.getInputStream()));
                    one.getOutputStream().write(answer.getBytes(StandardCharsets.UTF_8));
                  } catch (IOException e) {
                    throw new UncheckedIOException(e);
                  }
                }
              });
      URI to = URI.create("http://127.0.0.1:" + door.getLocalPort() + "/m/x");
      InstallSpec spec = Samples.with(Samples.PLAIN, to).withInstallation(Samples.ON_DISK);
      Path program =
          Files.writeString(directory.resolve("program.py"), parse(kickstart(spec)).program());
      Outside.run(
          List.of(
              "env",
              "PATH=" + directory + ":/usr/bin:/bin",
              "/usr/bin/python3",
              program.toString()));
      server.join();
    }
    assertThat(asked).hasSize(2).containsOnly("POST /m/x HTTP/1.1");
  }

  /** Its first line, when all of it has come. */
  private static String request(InputStream in) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      head.append((char) in.read());
    }
    Matcher length = Pattern.compile("Content-Length: ([0-9]+)").matcher(head);
    assertThat(length.find()).isTrue();
    in.readNBytes(Integer.parseInt(length.group(1)));
    return head.substring(0, head.indexOf("\r\n"));
  }

  /** The sections of a kickstart, and what is in them. */
  private record Parsed(
      List<String> commands, String find, String program, JsonNode task, String python) {}

  private static Parsed parse(String text) {
    List<String> lines = text.lines().toList();
    assertThat(lines.stream().filter(l -> l.startsWith("%") && !l.startsWith("%include")))
        .containsExactly(
            "%pre --interpreter=busybox", "%end", "%firstboot --interpreter=python", "%end");
    int pre = lines.indexOf("%pre --interpreter=busybox");
    int preEnd = lines.indexOf("%end");
    int boot = lines.indexOf("%firstboot --interpreter=python");
    int bootEnd = lines.lastIndexOf("%end");
    List<String> commands =
        lines.subList(0, pre).stream().filter(l -> !l.isEmpty() && !l.startsWith("#")).toList();
    String task = lines.get(boot + 1);
    assertThat(task).matches("TASK = \"[A-Za-z0-9+/=]+\"");
    return new Parsed(
        commands,
        String.join("\n", lines.subList(pre + 1, preEnd)),
        String.join("\n", lines.subList(boot + 1, bootEnd)) + "\n",
        JSON.readTree(
            new String(
                Base64.getDecoder().decode(task.substring(8, task.length() - 1)),
                StandardCharsets.UTF_8)),
        String.join("\n", lines.subList(boot + 2, bootEnd)) + "\n");
  }

  @Tag("validators")
  @ParameterizedTest
  @MethodSource("samples")
  void itsProgramsAreSome(String sample, @TempDir Path directory) throws Exception {
    Parsed parsed = parse(kickstart(sample(sample)));
    Path find = Files.writeString(directory.resolve("find"), parsed.find());
    assertThat(Outside.run(List.of("sh", "-n", find.toString()))).isEmpty();
    Path program = Files.writeString(directory.resolve("program.py"), parsed.program());
    assertThat(
            Outside.run(
                List.of(
                    "/usr/bin/python3",
                    "-c",
                    "import ast, sys; ast.parse(open(sys.argv[1]).read())",
                    program.toString())))
        .isEmpty();
  }

  /**
   * Disks as ESXi has them: each under a second name too, and partitions behind a colon, which
   * stands in the name of a disk without serial as well.
   */
  @Test
  void theDiskIsFoundAmongNamesAsEsxiHasThem(@TempDir Path directory) throws Exception {
    Path disks = Files.createDirectories(directory.resolve("disks"));
    for (String name :
        List.of(
            "mpx.vmhba0:C0:T0:L0",
            "mpx.vmhba0:C0:T0:L0:1",
            "mpx.vmhba0:C0:T0:L0:10",
            "vml.0000000000766d686261303a303a30",
            "vml.0000000000766d686261303a303a30:1",
            "t10.ATA_____QEMU_HARDDISK_________________________mw2Dsystem___________",
            "t10.ATA_____QEMU_HARDDISK_________________________mw2Dsystem___________:1",
            "t10.ATA_____QEMU_HARDDISK_________________________SYS0001",
            "t10.ATA_____QEMU_HARDDISK_________________________SYS0001:1",
            "vml.0100000000535953303030312020202051454d552048")) {
      Files.createFile(disks.resolve(name));
    }
    Path esxcli = directory.resolve("esxcli");
    Files.writeString(
        esxcli,
        """
        #!/bin/sh
        case $6 in
        mpx.vmhba0:C0:T0:L0 | vml.0000000000766d*) echo '   Size: 30720' ;;
        *) echo '   Size: 102400' ;;
        esac
        """);
    assertThat(esxcli.toFile().setExecutable(true)).isTrue();
    assertThat(found(directory, sample("disk-by-size"))).isEqualTo("mpx.vmhba0:C0:T0:L0");
    InstallSpec bySerial =
        sample("dhcp")
            .withInstallation(
                Samples.ON_DISK.withStorage(Storage.on(new Storage.Disk.BySerial("SYS0001"))));
    assertThat(found(directory, bySerial))
        .isEqualTo("t10.ATA_____QEMU_HARDDISK_________________________SYS0001");
  }

  /** The disk that the installer would be told to take. */
  private static String found(Path directory, InstallSpec spec) throws Exception {
    Path out = directory.resolve("disk.cfg");
    Path console = directory.resolve("console");
    Path find =
        Files.writeString(
            directory.resolve("find"),
            parse(kickstart(spec))
                .find()
                .replace("ls /vmfs/devices/disks", "ls " + directory.resolve("disks"))
                .replace("/tmp/millwright-disk.cfg", out.toString())
                .replace("/dev/console", console.toString()));
    Outside.run(
        List.of("env", "PATH=" + directory + ":/usr/bin:/bin", "busybox", "sh", find.toString()));
    assertThat(console).doesNotExist();
    Matcher told =
        Pattern.compile(
                "install --disk=/vmfs/devices/disks/(\\S+) --overwritevmfs --novmfsondisk\n")
            .matcher(Files.readString(out));
    assertThat(told.matches()).isTrue();
    return told.group(1);
  }

  /** The real program, against an esxcli that writes down what it is told. */
  @Test
  void theFirstBootDoesWhatIsAsked(@TempDir Path directory) throws Exception {
    Parsed parsed = parse(kickstart(sample("vlan")));
    Path log = directory.resolve("log");
    Path esxcli = directory.resolve("esxcli");
    Files.writeString(
        esxcli,
        """
        #!/bin/sh
        case "$*" in
        *'nic list') echo '[{"Name":"vmnic5","MACAddress":"52:54:00:00:00:01"},
          {"Name":"vmnic3","MACAddress":"52:54:00:00:00:02"}]' ;;
        *) echo "$@" >>%s ;;
        esac
        """
            .formatted(log));
    assertThat(esxcli.toFile().setExecutable(true)).isTrue();
    Path program = Files.writeString(directory.resolve("program.py"), parsed.program());
    Outside.run(
        List.of(
            "env", "PATH=" + directory + ":/usr/bin:/bin", "/usr/bin/python3", program.toString()));
    assertThat(Files.readAllLines(log))
        .contains(
            "system hostname set --host hello",
            "network vswitch standard add -v vSwitch2",
            "network vswitch standard uplink add -u vmnic3 -v vSwitch2",
            "network ip interface ipv4 set -i vmk0 -t static -I 10.0.0.5 -N 255.255.255.0",
            "network vswitch standard portgroup add -p storage -v vSwitch2",
            "network vswitch standard portgroup set -p storage --vlan-id 40",
            "network ip interface add -i vmk1 -p storage",
            "network ip interface ipv4 set -i vmk1 -t static -I 10.40.0.7 -N 255.255.255.0",
            "network ip interface ipv4 set -i vmk2 -t dhcp")
        .noneMatch(line -> line.contains("nic:"));
  }

  @Provide
  Arbitrary<InstallSpec> spec() {
    return Hostile.spec()
        .map(spec -> host(spec).withInstallation(Samples.ON_DISK))
        .filter(spec -> RENDERER.check(spec).isEmpty());
  }

  @Property
  void saysWhatTheSpecSaysAndNoMore(@ForAll("spec") InstallSpec spec) {
    Parsed parsed = parse(kickstart(spec));
    assertThat(parsed.commands()).hasSameSizeAs(COMMANDS);
    for (int i = 0; i < COMMANDS.size(); i++) {
      assertThat(parsed.commands().get(i)).matches(COMMANDS.get(i));
    }
    assertThat(parsed.find()).isEqualTo(parse(kickstart(sample("dhcp"))).find());
    assertThat(parsed.python()).isEqualTo(parse(kickstart(sample("dhcp"))).python());
    JsonNode task = parsed.task();
    assertThat(task.propertyNames()).containsExactly("commands", "keys", "scripts", "reportTo");
    List<String> scripts = new ArrayList<>();
    task.get("scripts").forEach(s -> scripts.add(s.get("content").asString()));
    assertThat(scripts)
        .isEqualTo(spec.profile().scripts().stream().map(ProfileSpec.Script::content).toList());
    List<String> v4 = new ArrayList<>();
    List<String> cards = new ArrayList<>();
    for (JsonNode command : task.get("commands")) {
      List<String> words = new ArrayList<>();
      command.forEach(w -> words.add(w.asString()));
      assertThat(words.getFirst()).isEqualTo("esxcli");
      assertThat(words.stream().skip(1)).allMatch(w -> w.matches("[A-Za-z0-9:./_-]+(%vmk[0-9]+)?"));
      if (words.contains("-I") && words.contains("ipv4")) {
        v4.add(words.get(words.indexOf("-I") + 1));
      }
      words.stream().filter(w -> w.startsWith("nic:")).forEach(cards::add);
    }
    assertThat(v4)
        .containsExactlyInAnyOrderElementsOf(
            spec.interfaces().stream()
                .flatMap(f -> f.ip().addresses().stream())
                .filter(a -> !a.v6())
                .map(a -> a.ip().toString())
                .toList());
    assertThat(cards)
        .doesNotHaveDuplicates()
        .isSubsetOf(spec.cards().stream().map(c -> "nic:" + mac(c)).toList());
  }

  private static Mac mac(NetInterface.Ethernet card) {
    return Objects.requireNonNull(card.mac());
  }
}
