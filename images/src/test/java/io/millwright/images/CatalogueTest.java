package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.images.Catalogue.Installer;
import io.millwright.images.Catalogue.Recognised;
import io.millwright.model.ProblemException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CatalogueTest {
  private static final Catalogue KNOWN = Catalogue.known();

  private static List<Recognised> look(String label, Map<String, String> files) {
    return KNOWN.recognise(label, path -> Optional.ofNullable(files.get(path)));
  }

  /** Volume identifiers as media in the wild have them. */
  @ParameterizedTest
  @CsvSource({
    "RHEL-9-4-0-BaseOS-x86_64, rhel, 9.4, 9",
    "AlmaLinux-9-4-x86_64-dvd, almalinux, 9.4, 9",
    "Rocky-8-10-x86_64-dvd, rocky, 8.10, 8",
    "CentOS-Stream-9-BaseOS-x86_64, centos-stream, 9, 9",
    "Fedora-S-dvd-x86_64-43, fedora, 43, 43",
    "SLE-15-SP6-Full-x86_64, sles, 15, 15",
    "openSUSE-Leap-15.6-DVD-x86_64710, opensuse-leap, 15.6, 15.6",
    "alpine-std 3.22.1 x86_64, alpine, 3.22.1, 3.22",
    "14_2_RELEASE_AMD64_CD, freebsd, 14.2, 14",
    "15_0_RELEASE_AMD64_DVD, freebsd, 15.0, 15",
    "SSS_X64FREE_EN-US_DV9, windows-server, '', ''",
    "CCCOMA_X64FRE_EN-US_DV9, windows, '', ''",
    "ESXI-8.0U3-24022510-STANDARD, esxi, 8.0, 8",
    "PVE, proxmox-ve, '', ''",
    "fedora-coreos-41.20241122.3.0, fedora-coreos, 41, ''"
  })
  void knowsAMediumByItsVolume(String label, String family, String version, String release) {
    List<Recognised> found = look(label, Map.of());
    assertThat(found).hasSize(1);
    assertThat(found.getFirst().family().family()).isEqualTo(family);
    assertThat(found.getFirst().version()).isEqualTo(version);
    assertThat(found.getFirst().release().map(Catalogue.Release::version).orElse(""))
        .isEqualTo(release);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/.disk/info|Debian GNU/Linux 13.1.0 \"Trixie\" - Official amd64 NETINST|debian|13.1.0|13",
        "/.disk/info|Debian GNU/Linux 14.0.0 \"Forky\" - Official amd64 NETINST|debian|14.0.0|''",
        "/.disk/info|Ubuntu-Server 24.04.1 LTS \"Noble Numbat\" - Release"
            + " amd64|ubuntu|24.04.1|24.04",
        "/.treeinfo|[general]~family = x~~[release]~name = Rocky Linux~short = Rocky~version ="
            + " 9.5~~[tree]~|rocky|9.5|9",
        "/.alpine-release|alpine-std 3.22.1 250716|alpine|3.22.1|3.22",
        "/flatcar/vmlinuz|MZ|flatcar|''|''"
      })
  void knowsAMediumByAFile(
      String path, String text, String family, String version, String release) {
    List<Recognised> found = look("CDROM", Map.of(path, text.replace('~', '\n')));
    assertThat(found).hasSize(1);
    assertThat(found.getFirst().family().family()).isEqualTo(family);
    assertThat(found.getFirst().version()).isEqualTo(version);
    assertThat(found.getFirst().release().map(Catalogue.Release::version).orElse(""))
        .isEqualTo(release);
  }

  @Test
  void proxmoxTellsItsVersionInAFile() {
    assertThat(proxmox("8.2").version()).isEqualTo("8.2");
    assertThat(proxmox("8.2").release()).isEmpty();
    assertThat(proxmox("8.4").release().map(Catalogue.Release::title)).contains("Proxmox VE 8.4");
    assertThat(proxmox("9.1").release().map(Catalogue.Release::title)).contains("Proxmox VE 9");
  }

  private static Recognised proxmox(String release) {
    List<Recognised> found =
        look(
            "PVE",
            Map.of("/.cd-info", "RELEASE='" + release + "'\nISORELEASE='1'\nPRODUCT='pve'\n"));
    assertThat(found).hasSize(1);
    return found.getFirst();
  }

  @Test
  void knowsNoStranger() {
    assertThat(look("MY_HOLIDAYS", Map.of("/.disk/info", "Devuan 5 amd64"))).isEmpty();
  }

  @Test
  void aVersionThatIsNotKnownIsLikeTheLastOne() {
    Catalogue.Family leap = Objects.requireNonNull(KNOWN.families().get("opensuse-leap"));
    assertThat(leap.installerOf("15.6")).isEqualTo(Installer.AUTOYAST);
    assertThat(leap.installerOf("16.0")).isEqualTo(Installer.AGAMA);
    assertThat(leap.installerOf("16.1")).isEqualTo(Installer.AGAMA);
    assertThat(Objects.requireNonNull(leap.bootOf("16.1")).argumentsFor("A B"))
        .containsExactly("root=live:CDLABEL=A\\x20B");
    assertThat(KNOWN.find("debian", "12.9").orElseThrow().title()).startsWith("Debian 12");
    assertThat(KNOWN.find("debian", "1")).isEmpty();
    assertThat(KNOWN.find("devuan", "5")).isEmpty();
  }

  private static Catalogue with(String yaml) {
    return KNOWN.with(Map.of("mine.yaml", yaml.getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void aUserAddsAFamilyWithoutCode() {
    Catalogue mine =
        with(
            """
            family: devuan
            title: Devuan
            installer: preseed
            media:
              - path: /.disk/info
                text: '^Devuan (?<version>[0-9]+)'
            releases:
              - version: "5"
                title: Devuan 5
                released: "2023-08-14"
                disk: 2GiB
                memory: 512MiB
            """);
    assertThat(mine.families()).hasSize(KNOWN.families().size() + 1);
    assertThat(
            mine.recognise(
                "X", path -> Optional.of("Devuan 5 amd64").filter(t -> path.equals("/.disk/info"))))
        .extracting(r -> r.release().orElseThrow().title())
        .containsExactly("Devuan 5");
  }

  @Test
  void aMistakeInAFileIsNamed() {
    assertThatThrownBy(() ->
            with(
                """
                family: Devuan!
                title: Devuan
                installer: preseed
                media:
                  - {}
                  - path: ../x
                    text: "("
                boot: {kernel: linux, initrd: /a b, arguments: [a=b, "a='b", 'a="b"', a b]}
                releases:
                  - {version: five, title: x, released: soon, disk: 1GiB, memory: 1GiB}
                  - {version: five, title: x, released: "2020-02-02", supported: "2020-01-01",
                     disk: 1GiB, memory: 1GiB}
                """))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e ->
                assertThat(e.problem().errors())
                    .extracting(v -> v.field().replace("mine.yaml.", ""))
                    .containsExactly(
                        "family",
                        "media[0]",
                        "media[1].path",
                        "media[1].text",
                        "boot.kernel",
                        "boot.initrd",
                        "boot.arguments[1]",
                        "boot.arguments[2]",
                        "boot.arguments[3]",
                        "releases[0].version",
                        "releases[0].released",
                        "releases[1].version",
                        "releases[1].supported",
                        "releases[1].version"));
    assertThatThrownBy(() -> with("family: x\ntitle: X\ninstaller: lilo\nmedia: []\nreleases: []"))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e -> assertThat(e.problem().errors().getFirst().field()).isEqualTo("installer"));
  }
}
