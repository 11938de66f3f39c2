package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.millwright.model.ByteSize;
import io.millwright.model.Ip;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
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

class PreseedTest {
  private static final Preseed RENDERER = new Preseed();

  /** The samples that this installer takes. */
  static Map<String, InstallSpec> taken() {
    Map<String, InstallSpec> out =
        Samples.takenBy(RENDERER, Samples.installed(), UnaryOperator.identity());
    out.put("link-local-router", LINK_LOCAL_ROUTER);
    return out;
  }

  /** As IPv6's routers are mostly known. */
  private static final InstallSpec LINK_LOCAL_ROUTER =
      Samples.net(
              Samples.card(
                  0,
                  IpConfig.NONE
                      .withStatic(
                          List.of(HostAddress.parse("fd00::5/64")), null, Ip.parse("fe80::1"))
                      .withDns(List.of(Ip.parse("fd00::53")), List.of())))
          .withInstallation(Samples.ON_DISK);

  static Stream<String> samples() {
    return taken().keySet().stream();
  }

  /** One that it takes, or would have otherwise. */
  private static InstallSpec sample(String name) {
    InstallSpec spec = taken().get(name);
    return spec == null ? Objects.requireNonNull(Samples.installed().get(name), name) : spec;
  }

  private static Map<String, AnswerFile> files(InstallSpec spec) {
    Answers answers = RENDERER.render(spec);
    Answers.Way way = answers.ways().getFirst();
    assertThat(answers.ways()).hasSize(1);
    assertThat(way.suitsDirectBoot()).isTrue();
    assertThat(way.kernelArguments()).containsExactly("auto=true", "priority=critical");
    return way.initrd();
  }

  private static String text(InstallSpec spec, String path) {
    return Objects.requireNonNull(files(spec).get(path), path).asText();
  }

  @ParameterizedTest
  @MethodSource("samples")
  void isGolden(String sample) throws IOException {
    for (var file : files(sample(sample)).entrySet()) {
      Golden.same(
          "preseed/" + sample + "/" + Path.of(file.getKey()).getFileName(),
          file.getValue().asText());
    }
    for (var file : Networkd.of(sample(sample)).entrySet()) {
      Golden.same(
          "preseed/" + sample + "/" + Path.of(file.getKey()).getFileName(), file.getValue());
    }
  }

  @Tag("validators")
  @ParameterizedTest
  @MethodSource("samples")
  void debconfAndShellsTakeIt(String sample, @TempDir Path directory) throws Exception {
    for (var file : files(sample(sample)).entrySet()) {
      Path path = directory.resolve(Path.of(file.getKey()).getFileName());
      Files.write(path, file.getValue().bytes());
      if (file.getValue().executable()) {
        assertThat(Outside.run(List.of("busybox", "sh", "-n", path.toString()))).isEmpty();
        assertThat(Outside.run(List.of("dash", "-n", path.toString()))).isEmpty();
      }
    }
    Path preseed = directory.resolve("preseed.cfg");
    assertThat(Outside.run(List.of("debconf-set-selections", "-c", preseed.toString()))).isEmpty();
  }

  /** The network is there for the system, not for its installer, which fetches nothing. */
  @Test
  void aProxyIsToldToTheSystemOfAnOfflineInstaller() {
    InstallSpec spec =
        sample("air-gapped")
            .withInstallation(
                Samples.ON_DISK.withSource(
                    Source.MEDIUM.withProxy(URI.create("http://proxy.lab.test:3128"))));
    assertThat(text(spec, "/preseed.cfg")).doesNotContain("proxy");
    String put = "\nput 0644 root '/etc/apt/apt.conf.d/90millwright' <<'EOF'\n";
    String finish = text(spec, "/millwright/finish");
    int begin = finish.indexOf(put) + put.length();
    assertThat(
            new String(
                Base64.getMimeDecoder()
                    .decode(finish.substring(begin, finish.indexOf("EOF\n", begin))),
                StandardCharsets.UTF_8))
        .isEqualTo(
            """
            Acquire::http::Proxy "http://proxy.lab.test:3128";
            Acquire::https::Proxy "http://proxy.lab.test:3128";
            """);
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThat(samples()).contains("static-v4", "vlan", "two-disks", "air-gapped");
    assertThat(fields(sample("bond"))).containsExactly("interfaces");
    assertThat(fields(Samples.of("dhcp"))).containsExactly("installation");
    assertThatThrownBy(() -> RENDERER.render(sample("bond"))).isInstanceOf(ProblemException.class);
    Installation how = Samples.ON_DISK;
    Storage storage = how.storage();
    InstallSpec dhcp = Samples.of("dhcp");
    assertThat(
            fields(
                dhcp.withInstallation(
                    how.withStorage(
                        storage
                            .withMirror(new Storage.Disk.BySerial("second"))
                            .withEncryption(new Storage.Encryption.Tpm2())))))
        .containsExactly("installation.storage.mirror", "installation.storage.encryption");
    assertThat(
            fields(
                dhcp.withInstallation(
                    how.withSource(
                        Source.DISTRIBUTION.withMirror(URI.create("http://mirror/d?x=1"))))))
        .containsExactly("installation.source.mirror");
    assertThat(
            fields(
                dhcp.withInstallation(
                    how.withScripts(
                        List.of(
                            new ProfileSpec.Script("good", "#!/bin/sh\n:\n"),
                            new ProfileSpec.Script("bad", "#!/bin/bash\n:\n")),
                        List.of()))))
        .containsExactly("installation.before[1].content");
    assertThat(
            fields(
                dhcp.withProfile(
                        new ProfileSpec(
                            List.of(),
                            List.of(),
                            List.of(new ProfileSpec.File(Finish.SUDOERS, "x", "0644", "root")),
                            List.of(),
                            null,
                            null,
                            List.of()))
                    .withInstallation(how)))
        .containsExactly("profile.files[0].path");
  }

  private static List<String> fields(InstallSpec spec) {
    return RENDERER.check(spec).stream().map(Refusal::field).toList();
  }

  /** The answers by question, and nothing but answers. */
  private static Map<String, String> answers(String preseed) {
    Map<String, String> out = new LinkedHashMap<>();
    for (String line : preseed.split("\n", -1)) {
      if (line.isEmpty() || line.startsWith("#")) {
        continue;
      }
      String[] words = line.split(" ", 4);
      assertThat(words[0]).isIn("d-i", "popularity-contest");
      assertThat(words[2]).isIn("string", "boolean", "select", "multiselect", "password", "note");
      assertThat(line).doesNotEndWith("\\");
      assertThat(out.put(words[1], words.length < 4 ? "" : words[3])).as(line).isNull();
    }
    return out;
  }

  @Test
  void theCardIsKnownByItsAddressAndTheRestIsTheInstalledSystems() {
    Map<String, String> answers = answers(text(sample("three-mixed"), "/preseed.cfg"));
    assertThat(answers)
        .containsEntry("netcfg/choose_interface", "uplink0")
        .containsEntry("netcfg/get_ipaddress", "10.0.0.5/24")
        .containsEntry("netcfg/get_gateway", "10.0.0.1")
        .containsEntry("netcfg/target_network_config", "loopback");
    assertThat(text(sample("three-mixed"), "/etc/udev/rules.d/70-millwright.rules"))
        .contains(((NetInterface.Ethernet) sample("three-mixed").interfaces().get(1)).mac() + "\"");
    assertThat(answers(text(sample("air-gapped"), "/preseed.cfg")))
        .containsEntry("netcfg/enable", "false")
        .doesNotContainKey("netcfg/choose_interface");
  }

  /** netcfg would tell of a router outside the network, and ask for another one, for ever. */
  @Test
  void aLinkLocalRouterIsSetBesideTheInstaller() {
    assertThat(answers(text(LINK_LOCAL_ROUTER, "/preseed.cfg")))
        .containsEntry("netcfg/get_gateway", "none")
        .containsEntry("preseed/early_command", "sh /millwright/route");
    assertThat(text(LINK_LOCAL_ROUTER, "/millwright/route"))
        .contains("for card in /sys/class/net/uplink0; do")
        .contains("route replace default via fe80::1 dev");
    assertThat(
            Networkd.of(LINK_LOCAL_ROUTER).get("/etc/systemd/network/10-millwright-nic0.network"))
        .contains("Gateway=fe80::1");
    assertThat(files(sample("static-v6"))).doesNotContainKey("/millwright/route");
    assertThat(files(LINK_LOCAL_ROUTER.withInstallation(Samples.ON_DISK.withSource(Source.MEDIUM))))
        .doesNotContainKey("/millwright/route");
    InstallSpec alone =
        LINK_LOCAL_ROUTER.withInterfaces(
            List.of(
                new NetInterface.Ethernet(
                    "nic0", null, LINK_LOCAL_ROUTER.interfaces().getFirst().ip())));
    assertThat(text(alone, "/millwright/route")).contains("for card in /sys/class/net/*; do");
  }

  /** The route comes as soon as the card can have it, and debconf is not kept waiting. */
  @Tag("validators")
  @Test
  void theRouteIsSetWhenTheCardIsUp(@TempDir Path directory) throws Exception {
    Path card = Files.createDirectories(directory.resolve("net/uplink0"));
    Path asked = directory.resolve("asked");
    Path ip =
        Files.writeString(directory.resolve("ip"), "#!/bin/sh\necho \"$*\" >>'" + asked + "'\n");
    assertThat(ip.toFile().setExecutable(true)).isTrue();
    Path program =
        Files.writeString(
            directory.resolve("route"),
            text(LINK_LOCAL_ROUTER, "/millwright/route")
                .replace("/sys/class/net/", directory + "/net/")
                .replace("while :;", "while [ -d '" + card + "' ] && ! [ -e '" + asked + "' ];")
                .replace("sleep 1", "sleep 0.05"));
    Process process =
        new ProcessBuilder(
                "sh", "-c", "exec 3>&1; PATH=$1:$PATH; exec sh \"$1/route\"", "sh", "" + directory)
            .redirectErrorStream(true)
            .start();
    // Ends when nobody has the pipe any more.
    assertThat(
            CompletableFuture.supplyAsync(() -> read(process.getInputStream()))
                .get(20, TimeUnit.SECONDS))
        .isEmpty();
    assertThat(asked).doesNotExist();
    Files.createFile(card.resolve("device"));
    await().until(() -> Files.exists(asked) && Files.size(asked) > 0);
    assertThat(Files.readString(asked))
        .isEqualTo("-f inet6 route replace default via fe80::1 dev uplink0\n");
  }

  private static String read(InputStream in) {
    try (in) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Of no answer netcfg makes the network's first address. */
  @Test
  void whoHasNoRouterGetsNone() {
    InstallSpec spec =
        Samples.net(
                Samples.card(
                    0,
                    IpConfig.NONE.withStatic(
                        List.of(HostAddress.parse("10.0.0.5/24")), null, null)))
            .withInstallation(Samples.ON_DISK);
    assertThat(answers(text(spec, "/preseed.cfg"))).containsEntry("netcfg/get_gateway", "none");
  }

  @Test
  void dividesTheDiskAsItIsTold() {
    InstallSpec spec =
        Samples.of("dhcp")
            .withInstallation(
                Samples.ON_DISK.withStorage(
                    Samples.ON_DISK
                        .storage()
                        .withLayout(StorageSpec.Layout.LVM)
                        .withFileSystems(
                            new StorageSpec.Part(
                                "/", StorageSpec.Type.EXT4, ByteSize.parse("10GiB")),
                            new StorageSpec.Part(
                                null, StorageSpec.Type.SWAP, ByteSize.parse("1GiB")),
                            new StorageSpec.Part("/srv", StorageSpec.Type.XFS, null))));
    assertThat(answers(text(spec, "/preseed.cfg")).get("partman-auto/expert_recipe"))
        .isEqualTo(
            "millwright :: 1 1 1 free $iflabel{ gpt } method{ biosgrub } . 768 768 768 ext4 method{"
                + " format } format{ } use_filesystem{ } filesystem{ ext4 } mountpoint{ /boot } ."
                + " 10738 10738 10738 ext4 $lvmok{ } lv_name{ root } method{ format } format{ }"
                + " use_filesystem{ } filesystem{ ext4 } mountpoint{ / } . 1074 1074 1074"
                + " linux-swap $lvmok{ } lv_name{ swap1 } method{ swap } format{ } . 1024 10000000"
                + " -1 xfs $lvmok{ } lv_name{ data2 } method{ format } format{ } use_filesystem{ }"
                + " filesystem{ xfs } mountpoint{ /srv } . ");
  }

  /** Of a locale without a country the installer would ask for one, and wait. */
  @ParameterizedTest
  @CsvSource({
    "de_AT.UTF-8, de, AT",
    "sr_RS@latin, sr, RS",
    "ast_ES.UTF-8, ast, ES",
    "C.UTF-8, en, US",
    "eo.UTF-8, en, US",
    ", en, US"
  })
  void noLocaleLeavesAQuestion(@Nullable String locale, String language, String country) {
    ProfileSpec profile =
        new ProfileSpec(List.of(), List.of(), List.of(), List.of(), null, locale, List.of());
    assertThat(answers(text(sample("dhcp").withProfile(profile), "/preseed.cfg")))
        .containsEntry("debian-installer/locale", locale == null ? "en_US.UTF-8" : locale)
        .containsEntry("debian-installer/language", language)
        .containsEntry("debian-installer/country", country);
  }

  @Provide
  Arbitrary<InstallSpec> spec() {
    return Hostile.spec()
        .map(spec -> {
          InstallSpec online = spec.withInstallation(Samples.ON_DISK);
          return RENDERER.check(online).isEmpty()
              ? online
              : spec.withInstallation(sample("air-gapped").installation());
        });
  }

  @Property
  void answersSayWhatTheSpecSaysAndNoMore(@ForAll("spec") InstallSpec spec) {
    Installation how = Objects.requireNonNull(spec.installation());
    Map<String, String> answers = answers(text(spec, "/preseed.cfg"));
    ProfileSpec profile = spec.profile();
    InstallSpec plain = spec.withProfile(Samples.PLAIN).withInstallation(how);
    // The questions are those of the machine without anything of the user's.
    assertThat(answers.keySet()).isEqualTo(answers(text(plain, "/preseed.cfg")).keySet());
    String domain = spec.identity().domain();
    assertThat(answers)
        .containsEntry("netcfg/get_hostname", spec.identity().hostname())
        .containsEntry("netcfg/get_domain", domain == null ? "" : domain)
        .containsEntry(
            "debian-installer/locale", profile.locale() == null ? "en_US.UTF-8" : profile.locale())
        .containsEntry("time/zone", profile.timezone() == null ? "Etc/UTC" : profile.timezone());
    List<String> packages = new ArrayList<>(List.of("openssh-server", "python3"));
    if (profile.users().stream().anyMatch(ProfileSpec.User::sudo)) {
      packages.add("sudo");
    }
    if (!profile.ntp().isEmpty()) {
      packages.add("systemd-timesyncd");
    }
    profile.packages().stream().filter(p -> !packages.contains(p)).forEach(packages::add);
    assertThat(answers.get("pkgsel/include")).isEqualTo(String.join(" ", packages));
    // Nothing of the user's is in what runs before the system is there.
    assertThat(text(spec, "/millwright/disk")).isEqualTo(text(plain, "/millwright/disk"));
    assertThat(text(spec, "/millwright/late")).isEqualTo(text(plain, "/millwright/late"));
  }
}
