package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.networknt.schema.InputFormat;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

class AutoinstallTest {
  private static final Autoinstall RENDERER = new Autoinstall();
  private static final YAMLMapper YAML = new YAMLMapper();

  /** The samples that this installer takes. */
  static Stream<String> samples() {
    return Samples.installed().entrySet().stream()
        .filter(s -> RENDERER.check(s.getValue()).isEmpty())
        .map(Map.Entry::getKey);
  }

  private static Seed seed(String sample) {
    return seed(Objects.requireNonNull(Samples.installed().get(sample)));
  }

  private static Seed seed(InstallSpec spec) {
    AnswerMedium medium = Objects.requireNonNull(RENDERER.render(spec).ways().getFirst().seed());
    assertThat(medium.label()).isEqualTo("cidata");
    assertThat(medium.files()).containsOnlyKeys("meta-data", "user-data", "network-config");
    return new Seed(
        text(medium, "meta-data"), text(medium, "user-data"), text(medium, "network-config"));
  }

  private static String text(AnswerMedium medium, String name) {
    return Objects.requireNonNull(medium.files().get(name)).asText();
  }

  @Test
  void isToldByASecondMediumOrOnTheVendorsOwn() {
    Answers answers = RENDERER.render(Objects.requireNonNull(Samples.installed().get("dhcp")));
    assertThat(answers.ways())
        .extracting(Answers.Way::kernelArguments)
        .containsExactly(
            List.of("autoinstall"), List.of("autoinstall", "ds=nocloud;s=/cdrom/nocloud/"));
    AnswerMedium seed = Objects.requireNonNull(answers.ways().getFirst().seed());
    seed.files()
        .forEach((name, file) ->
            assertThat(answers.ways().getLast().medium()).containsEntry("/nocloud/" + name, file));
  }

  @ParameterizedTest
  @MethodSource("samples")
  void isGolden(String sample) throws IOException {
    Seed seed = seed(sample);
    Golden.same("autoinstall/" + sample + "/meta-data", seed.metaData());
    Golden.same("autoinstall/" + sample + "/user-data", seed.userData());
    Golden.same("autoinstall/" + sample + "/network-config", seed.networkConfig());
  }

  @ParameterizedTest
  @MethodSource("samples")
  void obeysItsSchemas(String sample) throws IOException {
    String text = seed(sample).userData();
    assertThat(text).startsWith("#cloud-config\n");
    JsonNode data = YAML.readTree(text);
    assertThat(data.propertyNames()).containsExactly("autoinstall");
    SchemaRegistry registry = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_4);
    String schema = Files.readString(Outside.schema("autoinstall/autoinstall-schema.json"));
    assertThat(registry.getSchema(schema, InputFormat.JSON).validate(data.get("autoinstall")))
        .isEmpty();
    // What is for the installed system is judged as what it is.
    String cloudConfig = Files.readString(Outside.schema("cloud-init/schema-cloud-config-v1.json"));
    assertThat(
            registry
                .getSchema(cloudConfig, InputFormat.JSON)
                .validate(data.at("/autoinstall/user-data")))
        .isEmpty();
  }

  @Test
  void theInstalledSystemIsLikeAClone() {
    JsonNode clone =
        YAML.readTree(CloudInit.installed().render(Samples.of("files-and-scripts")).userData());
    JsonNode installed = YAML.readTree(seed("files-and-scripts").userData());
    assertThat(installed.at("/autoinstall/user-data")).isEqualTo(clone);
    assertThat(installed.at("/autoinstall/network"))
        .isEqualTo(
            YAML.readTree(
                CloudInit.installed().render(Samples.of("files-and-scripts")).networkConfig()));
  }

  @Test
  void takesMostSamples() {
    assertThat(Samples.installed().keySet())
        .filteredOn(
            s -> !RENDERER.check(Objects.requireNonNull(Samples.installed().get(s))).isEmpty())
        .containsExactlyInAnyOrder(
            "encrypted",
            "encrypted-tang",
            "repositories-of-rpm",
            "repositories-of-apk",
            "repositories-of-pkg",
            "repository-on-medium",
            "signed-repository-on-medium");
  }

  /** The program that the installer runs before it reads its answers again, run here. */
  private static int chooses(Path root, String lsblk) throws Exception {
    command(root, "lsblk", "case \"$*\" in *MOUNTPOINT* | *SERIAL*) exit 0 ;; esac\n" + lsblk);
    command(root, "udevadm", "exit 0\n");
    JsonNode data = YAML.readTree(seed("disk-by-size").userData()).get("autoinstall");
    Path answers =
        Files.writeString(root.resolve("autoinstall.yaml"), YAML.writeValueAsString(data));
    for (JsonNode step : data.get("early-commands")) {
      List<String> words = new ArrayList<>();
      step.forEach(w -> words.add(w.asString().replace("/tmp/", root + "/")));
      ProcessBuilder builder =
          new ProcessBuilder(words)
              .redirectErrorStream(true)
              .redirectOutput(root.resolve("log").toFile());
      builder.environment().put("PATH", root.resolve("bin") + ":" + System.getenv("PATH"));
      builder.environment().put("ANSWERS", answers.toString());
      int code = builder.start().waitFor();
      if (code != 0) {
        return code;
      }
    }
    return 0;
  }

  private static void command(Path root, String name, String body) throws IOException {
    Path command = Files.createDirectories(root.resolve("bin")).resolve(name);
    Files.writeString(command, "#!/bin/sh\n" + body);
    Files.setPosixFilePermissions(command, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  @Test
  void theOnlyDiskOfTheRightSizeTakesThePlaceOfItsStandIn(@TempDir Path root) throws Exception {
    assertThat(chooses(root, "echo '/dev/sda disk 21474836480'; echo '/dev/sdb disk 1048576'\n"))
        .isZero();
    JsonNode now = YAML.readTree(Files.readString(root.resolve("autoinstall.yaml")));
    assertThat(now.get("storage").toString())
        .contains("\"match\":{\"path\":\"/dev/sda\"}")
        .doesNotContain("millwright");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "echo '/dev/sda disk 21474836480'; echo '/dev/sdb disk 21474836480'\n",
        "echo '/dev/sdb disk 1048576'\n"
      })
  void withNoneOrTwoOfThemTheInstallerStops(String lsblk, @TempDir Path root) throws Exception {
    assertThat(chooses(root, lsblk)).isNotZero();
    assertThat(Files.readString(root.resolve("log"))).contains("one disk of");
    assertThat(Files.readString(root.resolve("autoinstall.yaml"))).contains("/dev/millwright-");
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThat(fields(Samples.of("dhcp"))).containsExactly("installation");
    assertThatThrownBy(() -> RENDERER.render(Samples.of("dhcp")))
        .isInstanceOf(ProblemException.class);
    assertThat(
            fields(
                Samples.of("users-and-keys")
                    .withInstallation(on(new Storage.Disk.BySerial("a"), List.of(), true))))
        .containsExactly("profile.packages");
    assertThat(
            fields(
                Samples.of("dhcp")
                    .withInstallation(
                        on(new Storage.Disk.ByPath("/dev/disk/by-id/x"), List.of(), false))))
        .containsExactly("installation.storage.disk");
  }

  private static Installation on(Storage.Disk disk, List<String> untouched, boolean offline) {
    return Installation.on(disk)
        .withStorage(Storage.on(disk).withUntouched(untouched.toArray(String[]::new)))
        .withSource(offline ? Source.MEDIUM : Source.DISTRIBUTION);
  }

  private static List<String> fields(InstallSpec spec) {
    return RENDERER.check(spec).stream().map(Refusal::field).toList();
  }

  @Test
  void whatCouldMeanMoreThanItSaysIsWrong() {
    for (Installation bad :
        List.of(
            on(new Storage.Disk.BySerial("*"), List.of(), false),
            on(new Storage.Disk.BySerial(""), List.of(), false),
            on(new Storage.Disk.BySerial("a"), List.of("a"), false),
            on(new Storage.Disk.ByPath("/dev/sd?"), List.of(), false),
            on(new Storage.Disk.ByPath("/dev/../etc"), List.of(), false),
            on(new Storage.Disk.BySerial("a"), List.of(), false)
                .withSource(Source.DISTRIBUTION.withMirror(URI.create("http://u:p@h/"))))) {
      assertThatThrownBy(() -> RENDERER.render(Samples.of("dhcp").withInstallation(bad)))
          .as(bad.toString())
          .isInstanceOf(ProblemException.class);
    }
  }

  @Provide
  Arbitrary<InstallSpec> spec() {
    return Hostile.spec().map(spec -> spec.withInstallation(Samples.ON_DISK));
  }

  @Property
  void saysWhatTheProfileSaysAndNoMore(@ForAll("spec") InstallSpec spec) {
    ProfileSpec profile = spec.profile();
    JsonNode data = YAML.readTree(seed(spec).userData()).get("autoinstall");
    Set<String> keys =
        new LinkedHashSet<>(
            List.of(
                "version",
                "refresh-installer",
                "keyboard",
                "network",
                "apt",
                "storage",
                "early-commands",
                "ssh",
                "user-data",
                "shutdown"));
    if (profile.locale() != null) {
      keys.add("locale");
      assertThat(data.get("locale").asString()).isEqualTo(profile.locale());
    }
    if (profile.timezone() != null) {
      keys.add("timezone");
      assertThat(data.get("timezone").asString()).isEqualTo(profile.timezone());
    }
    if (!profile.packages().isEmpty()) {
      keys.add("packages");
      List<String> packages = new ArrayList<>();
      data.get("packages").forEach(p -> packages.add(p.asString()));
      assertThat(packages).isEqualTo(profile.packages());
    }
    assertThat(data.propertyNames()).containsExactlyInAnyOrderElementsOf(keys);
    // The rest is CloudInit's, and looked at there.
    ProfileSpec left =
        new ProfileSpec(
            profile.users(),
            List.of(),
            profile.files(),
            profile.scripts(),
            null,
            null,
            profile.ntp());
    assertThat(data.get("user-data"))
        .isEqualTo(YAML.readTree(CloudInit.installed().render(spec.withProfile(left)).userData()));
    assertThat(data.get("network"))
        .isEqualTo(YAML.readTree(CloudInit.installed().render(spec).networkConfig()));
  }
}
