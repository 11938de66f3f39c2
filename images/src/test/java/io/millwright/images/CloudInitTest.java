package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import io.millwright.model.Ip;
import io.millwright.model.ProfileSpec;
import io.millwright.model.Violations;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

class CloudInitTest {
  private static final CloudInit RENDERER = CloudInit.ofClone("debian");
  private static final YAMLMapper YAML = new YAMLMapper();

  static Stream<String> samples() {
    return Samples.clones().keySet().stream();
  }

  private static InstallSpec spec(String sample) {
    return Objects.requireNonNull(Samples.clones().get(sample));
  }

  private static Seed seed(String sample) {
    InstallSpec spec = spec(sample);
    Violations wrong = Violations.at("");
    spec.check(wrong);
    assertThat(wrong.list()).isEmpty();
    assertThat(RENDERER.check(spec)).isEmpty();
    return RENDERER.render(spec);
  }

  @ParameterizedTest
  @MethodSource("samples")
  void isGolden(String sample) throws IOException {
    Seed seed = seed(sample);
    Golden.same("cloud-init/" + sample + "/meta-data", seed.metaData());
    Golden.same("cloud-init/" + sample + "/user-data", seed.userData());
    Golden.same("cloud-init/" + sample + "/network-config", seed.networkConfig());
  }

  @ParameterizedTest
  @MethodSource("samples")
  void obeysItsSchemas(String sample) throws IOException {
    Seed seed = seed(sample);
    assertThat(seed.userData()).startsWith("#cloud-config\n");
    assertThat(
            schema("cloud-init/schema-cloud-config-v1.json")
                .validate(YAML.readTree(seed.userData())))
        .isEmpty();
    assertThat(
            schema("cloud-init/schema-network-config-v2.json")
                .validate(YAML.readTree(seed.networkConfig())))
        .isEmpty();
  }

  @Test
  void theSchemasDoJudge() throws IOException {
    assertThat(
            schema("cloud-init/schema-cloud-config-v1.json")
                .validate(YAML.readTree("users: [{name: ada, shel: /bin/sh}]")))
        .isNotEmpty();
    assertThat(
            schema("cloud-init/schema-network-config-v2.json")
                .validate(YAML.readTree("{version: 2, ethernets: {nic0: {dhcp4: 7}}}")))
        .isNotEmpty();
    assertThat(
            schema("autoinstall/autoinstall-schema.json")
                .validate(YAML.readTree("{version: 1, shutdown: never}")))
        .isNotEmpty();
  }

  private static Schema schema(String name) throws IOException {
    // Version 4 is what cloud-config names; network-config names 7. Each names its own.
    return SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_4)
        .getSchema(Files.readString(Outside.schema(name)), InputFormat.JSON);
  }

  @Tag("validators")
  @ParameterizedTest
  @MethodSource("samples")
  void isUnderstoodByNetplan(String sample, @TempDir Path root) throws Exception {
    String generate = Outside.needed(Path.of("/lib/netplan/generate")).toString();
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("network", YAML.readValue(seed(sample).networkConfig(), Map.class));
    Path file = Files.createDirectories(root.resolve("etc/netplan")).resolve("50-cloud-init.yaml");
    Files.createFile(
        file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(file, Yaml.write(document));
    assertThat(Outside.run(List.of(generate, "--root-dir", root.toString()))).isEmpty();
    for (NetInterface face : spec(sample).interfaces()) {
      assertThat(root.resolve("run/systemd/network/10-netplan-" + face.name() + ".network"))
          .exists();
    }
  }

  @Test
  void hasOneDefaultRouteOfEachFamily() {
    JsonNode nics = YAML.readTree(seed("three-mixed").networkConfig()).get("ethernets");
    assertThat(nics.at("/nic1/routes/0/to").asString()).isEqualTo("0.0.0.0/0");
    assertThat(nics.at("/nic1/routes/1/to").asString()).isEqualTo("::/0");
    assertThat(nics.at("/nic0/dhcp4-overrides/use-routes").asBoolean(true)).isFalse();
    assertThat(nics.at("/nic2/dhcp4-overrides/use-routes").asBoolean(true)).isFalse();
    assertThat(nics.at("/nic2/dhcp6-overrides/use-routes").asBoolean(true)).isFalse();
    assertThat(seed("three-mixed").userData())
        .contains("10-netplan-nic0.network.d")
        .contains("10-netplan-nic2.network.d")
        .doesNotContain("10-netplan-nic1.network.d");
  }

  @Test
  void anOnlyDhcpCardIsTheUplink() {
    assertThat(seed("dhcp").networkConfig()).doesNotContain("overrides");
    assertThat(seed("slaac").userData()).doesNotContain("bootcmd");
  }

  @Test
  void aSecondStaticRouterIsLeftOut() {
    InstallSpec spec =
        Samples.net(
            Samples.card(0, v4("10.0.0.5/24", "10.0.0.1")),
            Samples.card(1, v4("10.1.0.5/24", "10.1.0.1")));
    assertThat(RENDERER.render(spec).networkConfig())
        .contains("10.0.0.1\"")
        .doesNotContain("10.1.0.1\"");
  }

  private static IpConfig v4(String address, String gateway) {
    return IpConfig.NONE.withStatic(List.of(HostAddress.parse(address)), Ip.parse(gateway), null);
  }

  @Test
  void whatHasNoAddressIsNotWaitedFor() {
    JsonNode network = YAML.readTree(seed("bond-vlan").networkConfig());
    for (String idle : List.of("/ethernets/nic0", "/ethernets/nic1", "/bonds/bond0")) {
      assertThat(network.at(idle + "/optional").asBoolean(false)).as(idle).isTrue();
      assertThat(network.at(idle + "/link-local").size()).as(idle).isZero();
    }
    assertThat(network.at("/vlans/web/optional").isMissingNode()).isTrue();
  }

  @Test
  void reportsEarlyUnlessThereIsMoreToDo() {
    java.net.URI door = java.net.URI.create("http://10.0.0.254/x");
    String early = RENDERER.render(Samples.with(Samples.PLAIN, door)).userData();
    assertThat(early).contains("--unit=millwright-first-boot");
    assertThat(late(early)).isFalse();
    assertThat(late(seed("files-and-scripts").userData())).isTrue();
    assertThat(seed("users-and-keys").userData()).doesNotContain("millwright-first-boot");
  }

  /** The change of owner, which comes last in write_files, takes set-user-ID off a file. */
  @Test
  void specialModesAreSetOnceTheOwnerIs() {
    ProfileSpec profile =
        new ProfileSpec(
            List.of(),
            List.of(),
            List.of(
                new ProfileSpec.File("/usr/local/bin/as root", "#!/bin/sh\n", "4755", "root"),
                new ProfileSpec.File("/etc/plain", "", "0755", "root")),
            List.of(),
            null,
            null,
            List.of());
    java.net.URI door = java.net.URI.create("http://10.0.0.254/x");
    String userData = RENDERER.render(Samples.with(profile, door)).userData();
    assertThat(YAML.readTree(userData).at("/runcmd").toString())
        .isEqualTo("[[\"chmod\",\"4755\",\"/usr/local/bin/as root\"]]");
    assertThat(late(userData)).isTrue();
  }

  /** True if its program waits for cloud-init's last stage. */
  private static boolean late(String userData) {
    for (JsonNode file : YAML.readTree(userData).get("write_files")) {
      if (file.get("path").asString().equals(FirstBoot.DIRECTORY + "/task.json")) {
        byte[] task = Base64.getDecoder().decode(file.get("content").asString());
        return YAML.readTree(task).get("late").asBoolean();
      }
    }
    throw new AssertionError("it has no first boot: " + userData);
  }

  @Test
  void theDoorIsNotInWhatOthersMaySee() {
    Seed seed = seed("files-and-scripts");
    assertThat(seed.metaData() + seed.networkConfig() + seed.userData())
        .doesNotContain("10.0.0.254");
  }

  @Test
  void refusesWhatItUsesItself() {
    ProfileSpec profile =
        new ProfileSpec(
            List.of(),
            List.of(),
            List.of(
                new ProfileSpec.File("/var/lib/millwright/first-boot/run", "", "0644", "root"),
                new ProfileSpec.File("/var/lib/millwright/other", "", "0644", "root")),
            List.of(new ProfileSpec.Script("cloud-init", "#!/bin/sh\n")),
            null,
            null,
            List.of());
    assertThat(RENDERER.check(Samples.with(profile)))
        .extracting(Refusal::field)
        .containsExactly("profile.scripts[0].name", "profile.files[0].path");
  }
}
