package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import io.millwright.driver.testkit.Lab;
import io.millwright.engine.machine.Isos;
import io.millwright.media.Composed;
import io.millwright.media.FileSource;
import io.millwright.model.manifest.Manifests;
import io.millwright.store.WorkLoop;
import java.io.ByteArrayOutputStream;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Answer files and media of machines that are only described, over HTTP. */
@Tag("database")
class IsosTest {
  private final Rig rig = Rig.shared();

  private static final String HASH = "$6$secretsalt$" + "s".repeat(86);
  private static final String KEY =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9kVvhDlJmNrbTBeCkBYfQY1x7vXPIkGzsLAfUMVVvz anna";
  static final String BUNDLE =
      """
      apiVersion: millwright/v1
      kind: Machine
      metadata: {name: carried}
      spec:
        image: img
        size: forty
        profiles: [base]
        nics: [{network: site, ipv4: 10.0.0.9}]
      ---
      apiVersion: millwright/v1
      kind: Size
      metadata: {name: forty}
      spec: {cores: 2, memory: 4GiB, disk: 80GiB}
      ---
      apiVersion: millwright/v1
      kind: Network
      metadata: {name: site}
      spec: {subnets: [{cidr: 10.0.0.0/24, gateway: 10.0.0.1}]}
      ---
      apiVersion: millwright/v1
      kind: Profile
      metadata: {name: base}
      spec: {users: [{name: anna, sudo: true, passwordHash: "%s"}]}
      """
          .formatted(HASH);

  private static final String IMAGE =
      """
      apiVersion: millwright/v1
      kind: Image
      metadata: {name: debian-13}
      spec: {os: debian, version: "13", installer: {path: %s}}
      """;

  @Test
  void showsTheAnswersOfAnyInstallerAndKeepsNothing() {
    for (String installer : new String[] {"debian-13", "ubuntu-24.04", "rocky-9"}) {
      Reply reply = rig.post("projects/default/renderings?installer=" + installer, BUNDLE);
      assertThat(reply.status()).as(reply.raw().body()).isEqualTo(200);
      assertThat(reply.json().path("files").size()).isPositive();
      assertThat(reply.raw().body()).contains("10.0.0.9").doesNotContain(HASH);
    }
    assertThat(rig.get("projects/default/machines/carried").status()).isEqualTo(404);
  }

  /** What was exported has the mask where the hash was. */
  @Test
  void aMaskedHashIsTheOneThatIsDeclared() {
    String masked = BUNDLE.replace(HASH, "(sealed)");
    String path = "projects/iso-masked/isos?installer=rocky-9&medium=seed";
    Reply none = rig.post(path, masked);
    assertThat(none.status()).isEqualTo(400);
    assertThat(none.raw().body())
        .contains("Profile base: spec.users[0].passwordHash", "is there already; give the secret");
    rig.apply("iso-masked", BUNDLE.substring(BUNDLE.lastIndexOf("---")));
    String clear = rig.post(path, BUNDLE).raw().body();
    Reply there = rig.post(path, masked);
    assertThat(there.status()).as(there.raw().body()).isEqualTo(200);
    assertThat(there.raw().body()).isEqualTo(clear);
    // By its name alone as well.
    assertThat(rig.post(path, BUNDLE.substring(0, BUNDLE.lastIndexOf("---"))).raw().body())
        .isEqualTo(clear);
  }

  @Test
  void previewsTheSeedOfAGoldenImageWithAddressesThatNobodyHasReserved() {
    rig.apply(
        "preview1",
        """
        apiVersion: millwright/v1
        kind: Image
        metadata: {name: img}
        spec: {os: debian, version: "12", source: {path: /nowhere/golden.qcow2}}
        """);
    String bundle = BUNDLE.replace(", ipv4: 10.0.0.9", "");
    Reply reply = rig.post("projects/preview1/renderings", bundle);
    assertThat(reply.status()).as(reply.raw().body()).isEqualTo(200);
    assertThat(reply.json().path("files").findValuesAsString("path"))
        .containsExactly("user-data", "meta-data", "network-config");
    assertThat(reply.json().path("files").path(0).path("main").asBoolean()).isTrue();
    assertThat(reply.json().path("files").path(2).path("content").asString()).contains("10.0.0.2");
    assertThat(reply.json().path("proposed").findValuesAsString("field"))
        .containsExactlyInAnyOrder("mac", "ipv4");
    assertThat(reply.raw().body()).doesNotContain(HASH);
    // The same again: nothing was reserved.
    assertThat(rig.post("projects/preview1/renderings", bundle).raw().body())
        .isEqualTo(reply.raw().body());
    Reply medium = rig.post("projects/preview1/renderings?installer=rocky-9", bundle);
    assertThat(medium.json().at("/proposed/0/value").asString()).isEqualTo("10.0.0.2");
    // A medium that is carried away has nobody who keeps its address for it.
    Reply iso = rig.post("projects/preview1/isos?installer=rocky-9&medium=seed", bundle);
    assertThat(iso.status()).isEqualTo(400);
    assertThat(iso.raw().body()).contains("no address is reserved");
  }

  @Test
  void refusesWhatItDoesNotKnow() {
    Reply family = rig.post("projects/default/renderings?installer=debain-13", BUNDLE);
    assertThat(family.status()).isEqualTo(400);
    assertThat(family.raw().body()).contains("no known system");
    Reply golden = rig.post("projects/default/isos", BUNDLE);
    assertThat(golden.status()).isEqualTo(400);
    assertThat(golden.raw().body()).contains("spec.installer");
  }

  @Test
  void namesTheFileThatTheInstallerBeginsWith() {
    Map<String, String> expected =
        Map.of(
            "debian-13", "/preseed.cfg",
            "rocky-9", "/ks.cfg",
            "ubuntu-24.04", "/nocloud/user-data",
            "sles-15", "/autoinst.xml",
            "sles-16", "/autoinst.json",
            "windows-server-2025", "Autounattend.xml");
    expected.forEach((installer, path) -> {
      Reply reply =
          rig.post(
              "projects/default/renderings?disk="
                  + (installer.startsWith("windows") ? "70GiB..90GiB" : "DISK1")
                  + "&installer="
                  + installer,
              // AutoYaST knows a card by its MAC address only.
              BUNDLE
                  .replace("passwordHash: \"" + HASH + "\"", "keys: [" + KEY + "]")
                  .replace("{network: site", "{network: site, mac: \"52:54:00:00:00:09\""));
      assertThat(reply.status()).as(installer + reply.raw().body()).isEqualTo(200);
      JsonNode main = reply.json().path("files").path(0);
      assertThat(main.path("path").asString()).as(installer).isEqualTo(path);
      assertThat(main.path("main").asBoolean()).as(installer).isTrue();
    });
    // Not in the catalogue yet, but of a family that is.
    Reply later = rig.post("projects/default/renderings?installer=rocky-11", BUNDLE);
    assertThat(later.status()).as(later.raw().body()).isEqualTo(200);
    assertThat(later.json().path("system").asString()).isEqualTo("Rocky Linux 11");
    Reply small =
        rig.post("projects/default/renderings?installer=rocky-9", BUNDLE.replace("80GiB", "5GiB"));
    assertThat(small.status()).isEqualTo(400);
    assertThat(small.raw().body()).contains("is 5GiB", "at least 10GiB");
    Reply windows = rig.post("projects/default/renderings?installer=windows-10", BUNDLE);
    assertThat(windows.status()).isEqualTo(400);
    assertThat(windows.raw().body()).contains("does not tell which Windows");
  }

  @Test
  void oneOfSeveralCardsWithoutAMacIsNamed() {
    Reply reply =
        rig.post(
            "projects/default/renderings?installer=rocky-9",
            BUNDLE.replace(
                "nics: [{",
                "nics: [{network: site, ipv4: 10.0.0.8, mac: \"52:54:00:00:00:08\"}, {"));
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.json().path("errors").path(0).path("field").asString())
        .isEqualTo("spec.nics[1].mac");
    assertThat(reply.raw().body()).contains("because the machine has several cards");
  }

  @Test
  void anObjectionNamesWhatWasWritten() {
    Reply reply =
        rig.post(
            "projects/default/renderings?installer=windows-server-2025&disk=/dev/vda",
            BUNDLE.replace("sudo: true", "sudo: true, shell: /bin/zsh"));
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.json().path("errors").findValuesAsString("field"))
        .contains("spec.profiles", "disk")
        .allMatch(field -> field.startsWith("spec.") || field.equals("disk"));
    assertThat(reply.raw().body()).contains("users[0].shell: Windows has no such shell");
  }

  @Test
  void whatOnlyAnInstallerDoesIsInItsAnswersAndRefusedWhereItCannotBe() {
    String bundle =
        BUNDLE.replace(
            "  profiles: [base]\n",
            """
              profiles: [base]
              overrides:
                keyboard: de
                packageSource: {mirror: "http://mirror.lab.test/r", proxy: "http://10.0.0.7:3128"}
                storage: {layout: lvm, mirror: /dev/vdb}
                commands: {after: [{name: harden, content: "#!/bin/sh\\nchmod 0700 /root\\n"}]}
            """);
    Reply iso =
        rig.post("projects/default/isos?installer=rocky-9&medium=seed&disk=/dev/vda", bundle);
    assertThat(iso.status()).as(iso.raw().body()).isEqualTo(200);
    assertThat(iso.raw().body())
        .contains("keyboard --xlayouts=de", "http://mirror.lab.test/r", "http://10.0.0.7:3128")
        .contains("/dev/vdb", "volgroup", "/tmp/millwright-harden");
    Reply debian = rig.post("projects/default/renderings?installer=debian-13", bundle);
    assertThat(debian.status()).isEqualTo(400);
    assertThat(debian.json().path("errors").toString())
        .contains("spec.overrides", "storage.mirror: Millwright does not have Debian's installer");
    Reply wrong =
        rig.post(
            "projects/default/renderings?installer=rocky-9",
            bundle.replace("layout: lvm", "lvm: 1"));
    assertThat(wrong.status()).isEqualTo(400);
    assertThat(wrong.raw().body()).contains("spec.overrides.storage.lvm");
  }

  @Test
  void aFamilyWithOneCurrentVersionNeedsNone() {
    Reply reply = rig.post("projects/default/renderings?installer=flatcar", BUNDLE);
    assertThat(reply.status()).as(reply.raw().body()).isEqualTo(200);
    assertThat(reply.json().path("system").asString()).isEqualTo("Flatcar Container Linux");
  }

  @Test
  void whatNoInstallerCouldDoIsRefusedByItsFieldWhenItIsDeclared() {
    String machine =
        """
        apiVersion: millwright/v1
        kind: Image
        metadata: {name: hosts}
        spec: {os: proxmox-ve, version: "9", installer: {path: /nowhere/pve.iso}}
        ---
        apiVersion: millwright/v1
        kind: Profile
        metadata: {name: packed}
        spec: {packages: [curl]}
        ---
        apiVersion: millwright/v1
        kind: Machine
        metadata: {name: host}
        spec: {image: hosts, size: small, profiles: [packed]}
        """;
    for (String path : List.of("apply?project=iso2", "apply?project=iso2&dryRun=true")) {
      Reply reply = rig.post(path, machine);
      assertThat(reply.status()).as(reply.raw().body()).isEqualTo(400);
      assertThat(reply.json().path("errors").toString())
          .contains("Machine host: spec.profiles", "packages: Proxmox VE installs from its medium")
          .contains("Machine host: spec.size", "needs a disk of at least");
    }
    assertThat(rig.get("projects/iso2/machines").json().path("items").size()).isZero();
    assertThat(rig.get("projects/iso2/images").json().path("items").size()).isZero();
  }

  private static final String REFUSED =
      """
      apiVersion: millwright/v1
      kind: Image
      metadata: {name: rocky}
      spec: {os: rocky, version: "9", installer: {path: /nowhere/rocky.iso}}
      ---
      apiVersion: millwright/v1
      kind: Image
      metadata: {name: golden}
      spec: {os: debian, version: "12", source: {path: /nowhere/golden.qcow2}}
      ---
      apiVersion: millwright/v1
      kind: Profile
      metadata: {name: plain}
      spec: {timezone: Europe/Vienna}
      ---
      apiVersion: millwright/v1
      kind: Profile
      metadata: {name: special}
      spec: {%s}
      ---
      apiVersion: millwright/v1
      kind: Network
      metadata: {name: defaulted}
      spec:
        attachments: [{hypervisor: sim, bridge: br0}]
        subnets: [{cidr: 10.77.0.0/24}]
        defaults: {%s}
      ---
      apiVersion: millwright/v1
      kind: Machine
      metadata: {name: host}
      spec:
        image: %s
        size: small
        profiles: [plain, special]
        nics: [{network: defaulted}]
        overrides: {%s}
      """;

  /** The layer that asked for it is the field, and nothing is kept of a plan or an apply. */
  private void refusedOf(String image, String asked, String fieldAndReason) {
    Map<String, String> layers =
        Map.of(
            "profiles", REFUSED.formatted(asked, "", image, ""),
            "nics", REFUSED.formatted("", asked, image, "keyboard: de"),
            "overrides", REFUSED.formatted("", "", image, asked));
    layers.forEach((layer, manifest) -> {
      for (String path : List.of("apply?project=iso3&dryRun=true", "apply?project=iso3")) {
        Reply reply = rig.post(path, manifest);
        assertThat(reply.status()).as(reply.raw().body()).isEqualTo(400);
        assertThat(reply.json().path("errors").values())
            .as(layer + " " + reply.raw().body())
            .anySatisfy(error -> {
              assertThat(error.path("field").asString()).endsWith("spec." + layer);
              assertThat(error.path("message").asString()).startsWith(fieldAndReason);
            });
      }
    });
    assertThat(rig.get("projects/iso3/machines").json().path("items").size()).isZero();
  }

  @Test
  void whatAMachineOnAHypervisorCannotHaveIsRefusedByTheLayerThatAsksForIt() {
    refusedOf("rocky", "storage: {mirror: other}", "storage.mirror: a machine on a hypervisor");
    refusedOf("rocky", "commands: {end: poweroff}", "commands.end: a machine on a hypervisor");
    refusedOf(
        "rocky",
        "storage: {encryption: {by: tpm2}}",
        "storage.encryption: the machine has no security chip");
    refusedOf("golden", "storage: {layout: lvm}", "storage.layout: a clone is as its image is");
    refusedOf(
        "golden",
        "commands: {before: [{name: look, content: \"#!/bin/sh\"}]}",
        "commands.before: a clone has no installer");
    refusedOf(
        "golden",
        "packageSource: {repository: /extra}",
        "packageSource.repository: lies on an installation medium");
  }

  @Test
  void aMediumIsByteForByteTheComposedOne(@TempDir Path directory) throws Exception {
    Path vendor = VendorIso.debian(directory);
    WorkLoop work = rig.work();
    try {
      rig.apply("iso1", IMAGE.formatted(vendor));
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(() ->
              rig.get("projects/iso1/images/debian-13")
                      .json()
                      .at("/status/sha256")
                      .asString("")
                      .length()
                  == 64);
    } finally {
      work.close();
    }
    String bundle = BUNDLE.replace("image: img", "image: debian-13");
    HttpResponse<byte[]> whole = bytes(bundle, "bytes=0-");
    assertThat(whole.statusCode()).isEqualTo(206);
    byte[] got = bytes(bundle, null).body();
    assertThat(got).isEqualTo(whole.body());

    Path composed = directory.resolve("composed.iso");
    Isos.Wanted wanted =
        new Isos.Wanted(
            "iso1",
            Manifests.parse(bundle.getBytes(UTF_8), "test").stream()
                .map(d -> d.orProject("iso1"))
                .toList(),
            null,
            "/dev/vda");
    try (Isos.Iso iso = rig.engine.isos().own(wanted);
        FileSource base = FileSource.open(vendor)) {
      ((Composed) iso.bytes()).writeTo(composed, base);
    }
    assertThat(got).isEqualTo(Files.readAllBytes(composed));

    // In three parts, as a client goes on whose connection broke.
    String etag = whole.headers().firstValue("ETag").orElseThrow();
    ByteArrayOutputStream parts = new ByteArrayOutputStream();
    for (String range : List.of("0-99999", "100000-100000", "100001-")) {
      HttpResponse<byte[]> part = bytes(bundle, "bytes=" + range, "If-Range", etag);
      assertThat(part.statusCode()).isEqualTo(206);
      parts.write(part.body());
    }
    assertThat(parts.toByteArray()).isEqualTo(got);
    String other = bundle.replace("10.0.0.9", "10.0.0.8");
    HttpResponse<byte[]> changed = bytes(other, "bytes=100-", "If-Range", etag);
    assertThat(changed.statusCode()).as("another medium than before comes whole").isEqualTo(200);

    // What others read on it: all that the vendor has, another menu, and a second initrd.
    Map<String, byte[]> theirs = extracted(vendor, directory.resolve("theirs"));
    Map<String, byte[]> ours = extracted(composed, directory.resolve("ours"));
    Set<String> names = new HashSet<>(theirs.keySet());
    names.add("answers.img");
    assertThat(ours.keySet()).isEqualTo(names);
    for (String file :
        List.of(
            ".disk/info",
            "install.amd/vmlinuz",
            "install.amd/initrd.gz",
            "pool/main/p/package.deb")) {
      assertThat(ours.get(file)).as(file).isEqualTo(theirs.get(file));
    }
    assertThat(new String(ours.get("boot/grub/grub.cfg"), UTF_8))
        .contains("'auto=true' 'priority=critical'");
    assertThat(new String(ours.get("answers.img"), UTF_8))
        .startsWith("070701")
        .contains("d-i netcfg/get_ipaddress string 10.0.0.9", HASH);
    assertThat(rig.get("projects/iso1/machines").json().path("items").size()).isZero();
  }

  /** Of Red Hat's family: without packages its installer would stop in the middle. */
  @Test
  void aMediumWithoutPackagesNeedsAMirror(@TempDir Path directory) throws Exception {
    Map<String, String> files =
        new HashMap<>(
            Map.of(
                "images/pxeboot/vmlinuz",
                "kernel",
                "images/pxeboot/initrd.img",
                "initrd",
                "EFI/BOOT/grub.cfg",
                "menuentry 'Install' {\n linux /images/pxeboot/vmlinuz quiet\n"
                    + " initrd /images/pxeboot/initrd.img\n}\n"));
    Path boot = VendorIso.of(directory, "Rocky-9-4-x86_64-boot", files);
    files.put("BaseOS/repodata/repomd.xml", "<repomd/>");
    Path minimal = VendorIso.of(directory, "Rocky-9-4-x86_64-minimal", files);
    files.put("AppStream/Packages/c/cloud-init-23.4-7.el9.noarch.rpm", "rpm");
    Path dvd = VendorIso.of(directory, "Rocky-9-4-x86_64-dvd", files);
    String image =
        """
        apiVersion: millwright/v1
        kind: Image
        metadata: {name: %s}
        spec: {os: rocky, version: "9", installer: {path: %s}}
        ---
        """;
    WorkLoop work = rig.work();
    try {
      rig.apply(
          "iso4",
          image.formatted("boot", boot)
              + image.formatted("minimal", minimal)
              + image.formatted("dvd", dvd));
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(() ->
              Stream.of("boot", "minimal", "dvd")
                  .allMatch(name ->
                      rig.get("projects/iso4/images/" + name).json().at("/status").has("sha256")));
    } finally {
      work.close();
    }
    for (String without : List.of("boot", "minimal")) {
      Reply refused =
          rig.post("projects/iso4/isos", BUNDLE.replace("image: img", "image: " + without));
      assertThat(refused.status()).isEqualTo(400);
      assertThat(refused.raw().body())
          .contains("packageSource.mirror: is needed, for the medium holds no packages");
      assertThat(
              rig.get("projects/iso4/images/" + without)
                  .json()
                  .at("/status/holdsPackages")
                  .asString())
          .isEqualTo("false");
      // Nor is a machine accepted that would wait for them.
      Reply machine = rig.post("apply?project=iso4&dryRun=true", INSTALLED.formatted(without, ""));
      assertThat(machine.status()).isEqualTo(400);
      assertThat(machine.raw().body()).contains("packageSource.mirror: is needed, for the medium");
    }
    String mirror = "overrides: {packageSource: {mirror: \"http://mirror.lab.test/r\"}}";
    for (String whole :
        List.of(INSTALLED.formatted("dvd", ""), INSTALLED.formatted("boot", mirror))) {
      Reply machine = rig.post("apply?project=iso4&dryRun=true", whole);
      assertThat(machine.status()).as(machine.raw().body()).isEqualTo(200);
    }
    assertThat(rig.post("projects/iso4/isos", BUNDLE.replace("image: img", "image: dvd")).status())
        .isEqualTo(200);
    String mirrored =
        BUNDLE.replace(
            "image: img",
            "image: boot\n  overrides: {packageSource: {mirror: \"http://mirror.lab.test/r\"}}");
    assertThat(rig.post("projects/iso4/isos", mirrored).status()).isEqualTo(200);
  }

  private static final String INSTALLED =
      """
      apiVersion: millwright/v1
      kind: Network
      metadata: {name: net}
      spec: {attachments: [{hypervisor: sim, bridge: br0}], subnets: [{cidr: 10.78.0.0/24}]}
      ---
      apiVersion: millwright/v1
      kind: Size
      metadata: {name: roomy}
      spec: {cores: 2, memory: 4GiB, disk: 80GiB}
      ---
      apiVersion: millwright/v1
      kind: Machine
      metadata: {name: host}
      spec:
        image: %s
        size: roomy
        nics: [{network: net}]
        %s
      """;

  private HttpResponse<byte[]> bytes(String bundle, @Nullable String range, String... headers)
      throws Exception {
    HttpRequest.Builder request =
        rig.request("projects/iso1/isos", headers).header("Content-Type", "application/yaml");
    if (range != null) {
      request.header("Range", range);
    }
    return rig.http.send(
        request.POST(HttpRequest.BodyPublishers.ofString(bundle)).build(),
        HttpResponse.BodyHandlers.ofByteArray());
  }

  /** By xorriso, which is not ours. */
  private static Map<String, byte[]> extracted(Path iso, Path into) throws Exception {
    Lab.run(
        List.of(
            "xorriso",
            "-osirrox",
            "on",
            "-indev",
            iso.toString(),
            "-extract",
            "/",
            into.toString()));
    Lab.run(List.of("chmod", "-R", "u+rwX", into.toString()));
    Map<String, byte[]> out = new TreeMap<>();
    try (Stream<Path> all = Files.walk(into)) {
      for (Path file : all.filter(Files::isRegularFile).toList()) {
        out.put(into.relativize(file).toString(), Files.readAllBytes(file));
      }
    }
    return out;
  }

  @Test
  void sendsASeedWholeAndByRanges() {
    String path = "projects/default/isos?installer=rocky-9&medium=seed";
    Reply whole = rig.post(path, BUNDLE);
    assertThat(whole.status()).as(whole.raw().body()).isEqualTo(200);
    assertThat(whole.header("Content-Disposition")).contains("carried.iso");
    long size = Long.parseLong(whole.header("Content-Length"));
    Reply part = rig.post(path, BUNDLE, "Range", "bytes=32768-32775");
    assertThat(part.status()).isEqualTo(206);
    // ECMA-119 section 8.1: the first descriptor of a volume.
    assertThat(part.raw().body()).isEqualTo("\u0001CD001\u0001\u0000");
    assertThat(part.header("Content-Range")).isEqualTo("bytes 32768-32775/" + size);
    assertThat(part.header("ETag")).isEqualTo(whole.header("ETag"));
    assertThat(rig.post(path, BUNDLE, "Range", "bytes=" + size + "-").status()).isEqualTo(416);
  }
}
