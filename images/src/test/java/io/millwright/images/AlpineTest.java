package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.io.ByteArrayInputStream;
import java.io.IOException;
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
import java.util.zip.GZIPInputStream;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AlpineTest {
  private static final Alpine RENDERER = new Alpine();

  /** The samples that this installer takes. */
  static Map<String, InstallSpec> taken() {
    return Samples.takenBy(RENDERER, Samples.installed(), UnaryOperator.identity());
  }

  static Stream<String> samples() {
    return taken().keySet().stream();
  }

  private static InstallSpec sample(String name) {
    return Objects.requireNonNull(Samples.installed().get(name), name);
  }

  /** What is in the archive, by path; the target of a link after "-> ". */
  private static Map<String, String> overlay(InstallSpec spec) throws IOException {
    Answers answers = RENDERER.render(spec);
    Answers.Way beside = answers.ways().getFirst();
    assertThat(beside.leavesMediumUntouched()).isTrue();
    AnswerMedium seed = Objects.requireNonNull(beside.seed());
    assertThat(seed.files()).containsOnlyKeys("millwright.apkovl.tar.gz");
    AnswerFile archive = Objects.requireNonNull(seed.files().get("millwright.apkovl.tar.gz"));
    assertThat(answers.ways().getLast())
        .isEqualTo(Answers.Way.on(Map.of("/millwright.apkovl.tar.gz", archive)));
    Map<String, String> out = new LinkedHashMap<>();
    try (TarArchiveInputStream tar =
        new TarArchiveInputStream(new GZIPInputStream(new ByteArrayInputStream(archive.bytes())))) {
      for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        assertThat(entry.getLongUserId()).isZero();
        if (!entry.isDirectory()) {
          out.put(
              entry.getName(),
              entry.isSymbolicLink()
                  ? "-> " + entry.getLinkName()
                  : new String(tar.readAllBytes(), StandardCharsets.UTF_8));
        }
      }
    }
    return out;
  }

  private static String file(InstallSpec spec, String path) throws IOException {
    return Objects.requireNonNull(overlay(spec).get(path), path);
  }

  @ParameterizedTest
  @MethodSource("samples")
  void isGolden(String sample) throws IOException {
    InstallSpec spec = Objects.requireNonNull(taken().get(sample));
    for (String name : List.of("answers", "names", "finish")) {
      Golden.same("alpine/" + sample + "/" + name, file(spec, "etc/millwright/" + name));
    }
    Golden.same("alpine/" + sample + "/install", file(spec, "etc/local.d/millwright.start"));
    Golden.same("alpine/" + sample + "/interfaces", AlpineInterfaces.of(spec));
  }

  @Test
  void theArchiveIsAnOverlay() throws IOException {
    assertThat(overlay(sample("dhcp")))
        .containsEntry("etc/.default_boot_services", "")
        .containsEntry("etc/apk/world", "alpine-base\n")
        .containsEntry("etc/runlevels/default/local", "-> /etc/init.d/local")
        .containsOnlyKeys(
            "etc/.default_boot_services",
            "etc/apk/world",
            "etc/runlevels/default/local",
            "etc/local.d/millwright.start",
            "etc/millwright/answers",
            "etc/millwright/names",
            "etc/millwright/finish");
    assertThat(overlay(Objects.requireNonNull(taken().get("bond-offline"))))
        .containsEntry("etc/modprobe.d/millwright.conf", "options bonding max_bonds=0\n");
  }

  /** What Debian's ifup, which reads the same words, would do, each command on a line. */
  @Tag("validators")
  @ParameterizedTest
  @MethodSource("samples")
  void ifupUnderstandsTheInterfaces(String sample, @TempDir Path directory) throws Exception {
    InstallSpec spec = Objects.requireNonNull(taken().get(sample));
    Path file = directory.resolve("interfaces");
    Files.writeString(file, AlpineInterfaces.of(spec));
    String did =
        Outside.run(
            List.of(
                Outside.needed(Path.of("/sbin/ifup")).toString(),
                "--no-act",
                "--force",
                "--no-scripts",
                "--all",
                "--interfaces=" + file,
                "--state-dir=" + directory));
    for (NetInterface face : spec.interfaces()) {
      assertThat(did).contains("net.ipv6.conf." + face.name() + ".accept_ra=");
      for (HostAddress address : face.ip().addresses()) {
        assertThat(did)
            .containsPattern(
                "ip (-6 |-4 )?addr add " + address.ip() + "/.*dev " + face.name() + "\\b");
      }
      face.ip().routes().forEach(r -> assertThat(did).contains(r.to() + " via " + r.via()));
      if (face.ip().dhcp4()) {
        assertThat(did).containsPattern("dhclient|udhcpc|dhcpcd|No DHCP client");
      }
    }
  }

  @Tag("validators")
  @ParameterizedTest
  @MethodSource("samples")
  void shellsTakeTheScripts(String sample, @TempDir Path directory) throws Exception {
    for (var file : overlay(Objects.requireNonNull(taken().get(sample))).entrySet()) {
      if (file.getKey().startsWith("etc/millwright/") || file.getKey().endsWith(".start")) {
        Path path = directory.resolve(Path.of(file.getKey()).getFileName());
        Files.writeString(path, file.getValue());
        assertThat(Outside.run(List.of("busybox", "sh", "-n", path.toString()))).isEmpty();
      }
    }
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThat(samples())
        .contains("static-v4", "vlan", "two-disks", "bond-offline", "slaac-with-names")
        .doesNotContain("slaac", "bond", "three-mixed");
    assertThat(fields(sample("bond"))).containsExactly("interfaces");
    assertThat(fields(sample("slaac"))).containsExactly("interfaces");
    assertThat(fields(sample("three-mixed"))).containsExactly("interfaces[2].ip.dhcp6");
    assertThat(fields(sample("users-and-keys"))).containsExactly("profile.locale");
    assertThat(fields(Samples.of("dhcp"))).containsExactly("installation");
    assertThatThrownBy(() -> RENDERER.render(sample("bond"))).isInstanceOf(ProblemException.class);
    Storage storage = Samples.ON_DISK.storage();
    assertThat(
            fields(
                Samples.of("dhcp")
                    .withInstallation(
                        Samples.ON_DISK
                            .withStorage(
                                storage
                                    .withMirror(new Storage.Disk.BySerial("second"))
                                    .withEncryption(new Storage.Encryption.Tpm2())
                                    .withFileSystems(
                                        new StorageSpec.Part("/", StorageSpec.Type.XFS, null),
                                        new StorageSpec.Part(
                                            "/srv",
                                            StorageSpec.Type.XFS,
                                            io.millwright.model.ByteSize.parse("1GiB"))))
                            .withSource(Source.DISTRIBUTION.withRepository("/more")))))
        .containsExactly(
            "installation.storage.mirror",
            "installation.storage.encryption",
            "installation.storage.filesystems[1].mount",
            "installation.source.repository");
  }

  private static List<String> fields(InstallSpec spec) {
    return RENDERER.check(spec).stream().map(Refusal::field).toList();
  }

  /** The answers as setup-alpine has them after it has read the file. */
  private static Map<String, String> answers(InstallSpec spec) throws Exception {
    Path directory = Files.createTempDirectory("answers");
    Path file = directory.resolve("answers");
    Path out = directory.resolve("out");
    try {
      Files.writeString(
          file,
          "PATH=/nonexistent\nset -eu\ncut() { echo 3.22; }\ngrep() { echo /media/cdrom/apks; }\n"
              + "head() { read -r line; echo \"$line\"; }\nbefore=$(set)\n"
              + file(spec, "etc/millwright/answers")
              + "for name in KEYMAPOPTS HOSTNAMEOPTS DEVDOPTS INTERFACESOPTS DNSOPTS TIMEZONEOPTS"
              + " PROXYOPTS APKREPOSOPTS USEROPTS SSHDOPTS NTPOPTS DISKOPTS LBUOPTS APKCACHEOPTS;"
              + " do eval \"printf '%s\\\\0%s\\\\0' $name \\\"\\$$name\\\"\"; done\n");
      Process process =
          new ProcessBuilder("dash", file.toString())
              .redirectErrorStream(true)
              .redirectOutput(out.toFile())
              .start();
      int code = process.waitFor();
      String text = Files.readString(out, StandardCharsets.UTF_8);
      assertThat(code).as(text).isZero();
      Map<String, String> answers = new LinkedHashMap<>();
      String[] words = text.split("\0", -1);
      for (int i = 0; i + 1 < words.length; i += 2) {
        answers.put(words[i], words[i + 1]);
      }
      return answers;
    } finally {
      Files.deleteIfExists(file);
      Files.deleteIfExists(out);
      Files.deleteIfExists(directory);
    }
  }

  @Test
  void answersAreWhatSetupAlpineReads() throws Exception {
    InstallSpec spec =
        Samples.of("dual-stack")
            .withInstallation(
                Samples.ON_DISK.withSource(
                    Source.DISTRIBUTION
                        .withMirror(URI.create("http://mirror/it's/$HOME;id/(x)"))
                        .withProxy(URI.create("http://proxy:3128/'$(id)"))));
    assertThat(answers(spec))
        .containsEntry("HOSTNAMEOPTS", "hello")
        .containsEntry("DNSOPTS", "-d lab.test 10.0.0.1 fd00::1")
        .containsEntry("PROXYOPTS", "http://proxy:3128/'$(id)")
        .containsEntry(
            "APKREPOSOPTS",
            "http://mirror/it's/$HOME;id/(x)/v3.22/main"
                + " http://mirror/it's/$HOME;id/(x)/v3.22/community")
        .containsEntry("INTERFACESOPTS", AlpineInterfaces.of(spec));
    assertThat(answers(sample("air-gapped"))).containsEntry("APKREPOSOPTS", "/media/cdrom/apks");
    assertThat(answers(sample("dhcp")))
        .containsEntry("APKREPOSOPTS", "-c -1")
        .containsEntry("DISKOPTS", "none");
  }

  @Provide
  Arbitrary<InstallSpec> spec() {
    return Hostile.spec()
        .map(spec -> spec.withInstallation(Samples.ON_DISK.withSource(Source.MEDIUM)))
        .filter(spec -> RENDERER.check(spec).isEmpty());
  }

  @Property
  void saysWhatTheSpecSaysAndNoMore(@ForAll("spec") InstallSpec spec) throws Exception {
    ProfileSpec profile = spec.profile();
    Map<String, String> answers = answers(spec);
    assertThat(answers)
        .hasSize(14)
        .containsEntry("HOSTNAMEOPTS", spec.identity().hostname())
        .containsEntry("TIMEZONEOPTS", profile.timezone() == null ? "UTC" : profile.timezone())
        .containsEntry("INTERFACESOPTS", AlpineInterfaces.of(spec));
    String install = file(spec, "etc/local.d/millwright.start");
    String plain = file(spec.withProfile(Samples.PLAIN), "etc/local.d/millwright.start");
    assertThat(install.replaceAll("(?m)^apk add .*$", ""))
        .isEqualTo(plain.replaceAll("(?m)^apk add .*$", ""));
    List<List<String>> calls = FinishTest.calls(file(spec, "etc/millwright/finish"));
    for (ProfileSpec.File file : profile.files()) {
      assertThat(calls)
          .contains(List.of("put", file.mode(), file.owner(), file.path(), file.content()));
    }
  }

  /** The system in memory has an empty one, and setup-disk copies it. */
  @Test
  void rootHasNoPasswordThatAnybodyKnows() throws IOException {
    String locked = "echo 'root:*' | chpasswd -e\n";
    ProfileSpec.User ada =
        new ProfileSpec.User("ada", List.of(), Samples.HASH, false, "/bin/sh", List.of());
    ProfileSpec.User root =
        new ProfileSpec.User("root", List.of(), Samples.HASH, false, "/bin/sh", List.of());
    InstallSpec spec = sample("dhcp");
    assertThat(finish(spec)).contains(locked);
    assertThat(finish(spec.withProfile(Samples.withUsers(ada)))).contains(locked);
    assertThat(finish(spec.withProfile(Samples.withUsers(ada, root))))
        .contains("\nroot:" + Samples.HASH + "\n")
        .doesNotContain("root:*");
  }

  private static String finish(InstallSpec spec) throws IOException {
    return file(spec, "etc/millwright/finish");
  }

  /** The cards of a made-up /sys change places, by a stand-in for ip. */
  @Test
  void cardsGetTheirNamesEvenIfTheyChangePlaces(@TempDir Path root) throws Exception {
    Files.createDirectories(root.resolve("bin"));
    Files.createDirectories(root.resolve("net/lo"));
    for (var card : Map.of("eth0", "52:54:00:00:00:02", "eth1", "52:54:00:00:00:01").entrySet()) {
      Files.createDirectories(root.resolve("net/" + card.getKey() + "/device"));
      Files.writeString(root.resolve("net/" + card.getKey() + "/address"), card.getValue());
    }
    Path ip = root.resolve("bin/ip");
    Files.writeString(
        ip,
        "#!/bin/sh\nif [ \"$5\" = name ]; then [ ! -e ROOT/net/$6 ] && mv ROOT/net/$4 ROOT/net/$6; fi\n"
            .replace("ROOT", root.toString()));
    Files.setPosixFilePermissions(ip, PosixFilePermissions.fromString("rwxr-xr-x"));
    InstallSpec spec =
        Samples.net(
                new NetInterface.Ethernet(
                    "eth0",
                    io.millwright.model.Mac.ofQemu(1),
                    IpConfig.NONE.withDynamic(true, false, false)),
                new NetInterface.Ethernet("eth1", io.millwright.model.Mac.ofQemu(2), IpConfig.NONE))
            .withInstallation(Samples.ON_DISK);
    Path script =
        Files.writeString(
            root.resolve("names"),
            file(spec, "etc/millwright/names").replace("/sys/class/net", root + "/net"));
    List<String> command =
        List.of(
            "env",
            "PATH=" + root.resolve("bin") + ":" + System.getenv("PATH"),
            "busybox",
            "sh",
            script.toString());
    List<String> twice = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      assertThat(Outside.run(command)).isEmpty();
      twice.add(
          Files.readString(root.resolve("net/eth0/address"))
              + " "
              + Files.readString(root.resolve("net/eth1/address")));
    }
    assertThat(twice).containsOnly("52:54:00:00:00:01 52:54:00:00:00:02");
  }
}
