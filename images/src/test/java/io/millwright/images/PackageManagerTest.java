package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.PackageSource;
import io.millwright.model.ProblemException;
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
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** What systems are told of repositories of others. */
class PackageManagerTest {
  private static InstallSpec clone(List<PackageSource.Repository> list) {
    return Samples.with(
        Samples.PLAIN.withPackageSource(new PackageSource(null, null, null, null, list)));
  }

  /** The files of repositories in what a clone of this system is told. */
  private static Map<String, String> files(String os, List<PackageSource.Repository> list) {
    JsonNode data = new YAMLMapper().readTree(CloudInit.ofClone(os).render(clone(list)).userData());
    assertThat(data.has("apt")).isFalse();
    Map<String, String> out = new LinkedHashMap<>();
    for (JsonNode file : data.get("write_files")) {
      String path = file.get("path").asString();
      if (!path.startsWith("/etc/ssh/") && !path.startsWith("/etc/cloud/")) {
        assertThat(file.get("permissions").asString()).isEqualTo("0644");
        assertThat(file.has("defer")).isFalse();
        out.put(
            path,
            new String(
                Base64.getDecoder().decode(file.get("content").asString()),
                StandardCharsets.UTF_8));
      }
    }
    return out;
  }

  @Test
  void clonesHaveThemFromTheirFirstBootOn() {
    assertThat(files("debian", Samples.APT))
        .containsEntry("/etc/apt/keyrings/tools.asc", Samples.OPENPGP)
        .containsEntry(
            "/etc/apt/sources.list.d/tools.sources",
            """
            Types: deb
            URIs: https://packages.lab.test/debian
            Suites: bookworm
            Components: main extra
            Signed-By: /etc/apt/keyrings/tools.asc
            """)
        .containsEntry(
            "/etc/apt/sources.list.d/flat.sources",
            """
            Types: deb
            URIs: http://[fd00::1]:8080/flat
            Suites: ./
            Signed-By: /etc/apt/keyrings/flat.asc
            """)
        .hasSize(4);
    assertThat(files("rocky", Samples.RPM))
        .containsExactly(
            Map.entry("/etc/pki/rpm-gpg/RPM-GPG-KEY-tools", Samples.OPENPGP),
            Map.entry(
                "/etc/yum.repos.d/tools.repo",
                """
                [tools]
                name=tools
                baseurl=https://packages.lab.test/el/$releasever/$basearch
                enabled=1
                gpgcheck=1
                gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-tools
                """));
    assertThat(files("alpine", Samples.APK))
        .containsExactly(
            Map.entry("/etc/apk/keys/build@lab.test-5f3a1b2c.rsa.pub", Samples.RSA),
            Map.entry(
                "/etc/apk/repositories.d/tools.list",
                "https://packages.lab.test/alpine/v3.22/tools\n"));
    assertThat(files("freebsd", Samples.PKG).get("/usr/local/etc/pkg/repos/tools.conf"))
        .isEqualTo(
            """
            "tools": {
              url: "https://packages.lab.test/$ABI",
              signature_type: "pubkey",
              pubkey: "/usr/local/etc/pkg/keys/tools.pub",
              enabled: yes
            }
            """);
  }

  @Test
  void whatASystemCannotBeToldIsRefusedByFieldAndReason() {
    String at = "profile.packageSource.repositories";
    assertThat(CloudInit.ofClone("flatcar").check(clone(Samples.RPM)))
        .containsExactly(
            new Refusal(
                at,
                "are set for apt, dnf, apk and pkg only in a clone; have the machine installed, by"
                    + " an Image that has an installer"));
    assertThat(CloudInit.ofClone("debian").check(clone(Samples.RPM)))
        .containsExactly(
            new Refusal(at + "[0].suite", "is needed by apt, such as bookworm"),
            new Refusal(at + "[0].url", "has a '$', but apt knows no variables there"));
    assertThat(CloudInit.ofClone("fedora").check(clone(Samples.APT)))
        .extracting(Refusal::field)
        .containsExactly(at + "[0].suite", at + "[1].suite");
    assertThat(CloudInit.ofClone("rocky").check(clone(Samples.APK)))
        .extracting(Refusal::field)
        .containsExactly(at + "[0].key", at + "[0].keyName");
    assertThat(CloudInit.ofClone("alpine").check(clone(Samples.RPM)))
        .extracting(Refusal::field)
        .containsExactly(at + "[0].key", at + "[0].keyName");
    InstallSpec suse = Samples.repositories(Samples.RPM);
    NetInterface card = Samples.card(0, IpConfig.NONE);
    assertThat(new Agama(Agama.Product.LEAP).check(suse.withInterfaces(List.of(card))))
        .extracting(Refusal::toString)
        .singleElement()
        .asString()
        .contains("interfaces", "to fetch packages from further repositories");
  }

  /** AutoYaST's installer needs its network for them as it does for a mirror. */
  @Test
  void autoYastSetsItsCardUpToReachThem() {
    Answers answers = new AutoYast(AutoYast.Product.LEAP).render(Samples.repositories(Samples.RPM));
    assertThat(answers.ways().getFirst().kernelArguments())
        .containsExactly("ifcfg=52:54:00:00:00:01=dhcp4");
  }

  /** A repository on the medium is apt-setup's first, those of others come after it. */
  @Test
  void debiansInstallerCountsOn() {
    Installation how = Samples.ON_DISK;
    InstallSpec spec =
        Samples.of("dhcp")
            .withInstallation(
                how.withSource(
                    how.source().withRepository("/extra").withRepositories(Samples.APT)));
    String preseed =
        Objects.requireNonNull(
                new Preseed().render(spec).ways().getFirst().initrd().get("/preseed.cfg"))
            .asText();
    assertThat(preseed.lines().filter(l -> l.startsWith("d-i apt-setup/local")))
        .containsExactly(
            "d-i apt-setup/local0/repository string [trusted=yes] file:/media/cdrom/extra ./",
            "d-i apt-setup/local1/repository string https://packages.lab.test/debian bookworm main"
                + " extra",
            "d-i apt-setup/local1/key string file:///millwright/keys/tools.asc",
            "d-i apt-setup/local2/repository string http://[fd00::1]:8080/flat ./",
            "d-i apt-setup/local2/key string file:///millwright/keys/flat.asc");
  }

  /** With its key it is one like those of others; Anaconda would only seem to look at it. */
  @Test
  void aKeyOfTheRepositoryOnTheMediumIsToldOrRefused() {
    Source signed = Source.MEDIUM.withRepository("/extra", Samples.OPENPGP);
    InstallSpec spec = Samples.of("dhcp").withInstallation(Samples.ON_DISK.withSource(signed));
    Map<String, AnswerFile> told = new Preseed().render(spec).ways().getFirst().initrd();
    assertThat(Objects.requireNonNull(told.get("/preseed.cfg")).asText().lines())
        .contains(
            "d-i apt-setup/local0/repository string file:/media/cdrom/extra ./",
            "d-i apt-setup/local0/key string file:///millwright/keys/millwright.asc")
        .noneMatch(line -> line.contains("trusted"));
    assertThat(Objects.requireNonNull(told.get("/millwright/keys/millwright.asc")).asText())
        .isEqualTo(Samples.OPENPGP + "\n");
    assertThat(new Kickstart("rhel", "10").check(spec))
        .extracting(Refusal::field)
        .containsExactly("installation.source.repositoryKey");
    assertThatThrownBy(() ->
            new Preseed()
                .render(
                    spec.withInstallation(
                        Samples.ON_DISK.withSource(
                            new Source(null, null, null, Samples.OPENPGP, List.of(), true)))))
        .isInstanceOf(ProblemException.class)
        .hasMessageContaining("is of a repository on the medium, which is not given");
  }

  /** apt itself reads the files and says what it would fetch. */
  @Tag("validators")
  @Test
  void aptUnderstandsItsFiles(@TempDir Path root) throws Exception {
    Outside.needed(Path.of("/usr/bin/apt-get"));
    List<PackageSource.Repository> list = new ArrayList<>(Samples.APT);
    list.add(
        new PackageSource.Repository(
            "odd",
            URI.create("https://x.test/a%20b/@c:d,e=~+_"),
            "x~1+a/b_c.d",
            List.of("non-free/x"),
            Samples.OPENPGP,
            null));
    for (TargetFile file : PackageManager.APT.files(list)) {
      Path path = root.resolve(file.path().substring(1));
      Files.createDirectories(path.getParent());
      Files.writeString(path, file.content());
    }
    Files.createDirectories(root.resolve("var/lists/partial"));
    String out =
        Outside.run(
            List.of(
                "/usr/bin/apt-get",
                "-o",
                "Dir::Etc::sourcelist=/dev/null",
                "-o",
                "Dir::Etc::sourceparts=" + root.resolve("etc/apt/sources.list.d"),
                "-o",
                "Dir::State=" + root.resolve("var"),
                "update",
                "--print-uris"));
    assertThat(out.lines().map(l -> l.split("'", 3)[1]).filter(l -> l.endsWith("/InRelease")))
        .containsExactlyInAnyOrder(
            "https://packages.lab.test/debian/dists/bookworm/InRelease",
            "http://[fd00::1]:8080/flat/./InRelease",
            "https://x.test/a%20b/@c:d,e=~+_/dists/x%7e1%2ba/b_c.d/InRelease");
    assertThat(out).contains("/extra/binary-", "/main/binary-").doesNotContain("W:", "E:");
  }
}
