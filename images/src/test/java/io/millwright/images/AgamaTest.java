package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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

class AgamaTest {
  private static final Agama SLES = new Agama(Agama.Product.SLES);
  private static final Agama LEAP = new Agama(Agama.Product.LEAP);
  private static final JsonMapper JSON = new JsonMapper();

  /** The samples that this installer takes. */
  static Stream<String> samples() {
    return Samples.installed().entrySet().stream()
        .filter(s -> SLES.check(s.getValue()).isEmpty())
        .map(Map.Entry::getKey);
  }

  private static InstallSpec sample(String name) {
    return Objects.requireNonNull(Samples.installed().get(name), name);
  }

  private static String profile(Agama renderer, InstallSpec spec) {
    Answers answers = renderer.render(spec);
    AnswerMedium seed = Objects.requireNonNull(answers.ways().getFirst().seed());
    assertThat(seed.label()).isEqualTo("OEMDRV");
    assertThat(seed.files()).containsOnlyKeys("autoinst.json");
    AnswerFile file = Objects.requireNonNull(seed.files().get("autoinst.json"));
    Answers.Way on = answers.ways().getLast();
    assertThat(on.medium()).isEqualTo(Map.of("/autoinst.json", file));
    List<String> arguments = new ArrayList<>(answers.ways().getFirst().kernelArguments());
    arguments.addFirst("inst.auto=file:///run/initramfs/live/autoinst.json");
    assertThat(on.kernelArguments()).isEqualTo(arguments);
    return file.asText();
  }

  @ParameterizedTest
  @MethodSource("samples")
  void isGolden(String sample) throws IOException {
    Golden.same("agama/" + sample + "/sles-16.json", profile(SLES, sample(sample)));
    Golden.same("agama/" + sample + "/leap-16.json", profile(LEAP, sample(sample)));
  }

  @Tag("validators")
  @ParameterizedTest
  @MethodSource("samples")
  void obeysItsSchema(String sample) throws IOException {
    Path directory = Outside.schema("agama");
    Map<String, String> schemas = new HashMap<>();
    try (Stream<Path> files = Files.list(directory)) {
      files.forEach(file -> {
        try {
          String text = Files.readString(file);
          schemas.put(JSON.readTree(text).get("$id").asString(), text);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      });
    }
    SchemaRegistry registry =
        SchemaRegistry.withDefaultDialect(
            SpecificationVersion.DRAFT_2019_09, builder -> builder.schemas(schemas));
    Schema schema =
        registry.getSchema(
            Files.readString(directory.resolve("profile.schema.json")), InputFormat.JSON);
    for (Agama renderer : List.of(SLES, LEAP)) {
      JsonNode data = JSON.readTree(profile(renderer, sample(sample)));
      assertThat(schema.validate(data)).isEmpty();
      // That the schema is one which finds something.
      ((tools.jackson.databind.node.ObjectNode) data.get("storage")).put("volumes", 1);
      assertThat(schema.validate(data)).isNotEmpty();
    }
  }

  @Tag("validators")
  @ParameterizedTest
  @MethodSource("samples")
  void itsScriptsAreSome(String sample, @TempDir Path directory) throws Exception {
    JsonNode scripts = JSON.readTree(profile(SLES, sample(sample))).get("scripts");
    List<String> texts = new ArrayList<>();
    texts.add(scripts.at("/post/0/content").asString());
    texts.add(scripts.get("pre").get(scripts.get("pre").size() - 1).get("content").asString());
    for (String text : texts) {
      Path script = Files.writeString(directory.resolve("script"), text);
      assertThat(Outside.run(List.of("bash", "-n", script.toString()))).isEmpty();
    }
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThat(samples()).contains("bond", "vlan", "two-disks", "three-mixed", "air-gapped");
    Storage storage = Samples.ON_DISK.storage();
    InstallSpec bad =
        Samples.of("bond")
            .withInstallation(
                Samples.ON_DISK
                    .withStorage(
                        storage
                            .withMirror(new Storage.Disk.BySerial("second"))
                            .withEncryption(new Storage.Encryption.Tpm2()))
                    .withSource(Source.DISTRIBUTION.withMirror(URI.create("http://mirror/"))));
    assertThat(SLES.check(bad))
        .extracting(Refusal::field)
        .containsExactly(
            "installation.storage.mirror", "installation.storage.encryption", "interfaces");
    assertThat(SLES.check(Samples.of("dhcp")))
        .extracting(Refusal::field)
        .containsExactly("installation");
    assertThatThrownBy(() -> SLES.render(bad)).isInstanceOf(ProblemException.class);
  }

  @Test
  void theInstallerHasOneCardAndTheSystemAll() {
    JsonNode data = JSON.readTree(profile(LEAP, sample("three-mixed")));
    assertThat(data.at("/network/connections").size()).isEqualTo(1);
    assertThat(data.at("/network/connections/0/macAddress").asString())
        .isEqualTo("52:54:00:00:00:02");
    String finish = data.at("/scripts/post/0/content").asString();
    NmKeyfiles.of(sample("three-mixed"))
        .keySet()
        .forEach(path -> assertThat(finish).contains("'" + path + "'"));
  }

  @Provide
  Arbitrary<InstallSpec> spec() {
    return Hostile.spec().map(spec -> spec.withInstallation(Samples.ON_DISK));
  }

  @Property
  void saysWhatTheSpecSaysAndNoMore(@ForAll("spec") InstallSpec spec) throws Exception {
    ProfileSpec profile = spec.profile();
    JsonNode data = JSON.readTree(profile(SLES, spec));
    assertThat(data.propertyNames())
        .containsExactlyInAnyOrder(
            "product",
            "hostname",
            "l10n",
            "root",
            "network",
            "storage",
            "software",
            "questions",
            "scripts");
    assertThat(data.at("/hostname/static").asString()).isEqualTo(spec.identity().hostname());
    assertThat(data.at("/l10n/locale").asString())
        .isEqualTo(profile.locale() == null ? "en_US.UTF-8" : profile.locale());
    assertThat(data.at("/l10n/timezone").asString())
        .isEqualTo(profile.timezone() == null ? "Etc/UTC" : profile.timezone());
    List<String> packages = new ArrayList<>();
    data.at("/software/packages").forEach(p -> packages.add(p.asString()));
    assertThat(packages).containsAll(profile.packages());
    JsonNode plain = JSON.readTree(profile(SLES, spec.withProfile(Samples.PLAIN)));
    assertThat(data.get("storage")).isEqualTo(plain.get("storage"));
    assertThat(data.get("network")).isEqualTo(plain.get("network"));
    assertThat(data.at("/scripts/pre")).isEqualTo(plain.at("/scripts/pre"));
    assertThat(data.at("/scripts/post").size()).isEqualTo(1);
    List<List<String>> calls = FinishTest.calls(data.at("/scripts/post/0/content").asString());
    for (ProfileSpec.File file : profile.files()) {
      assertThat(calls)
          .contains(List.of("put", file.mode(), file.owner(), file.path(), file.content()));
    }
  }
}
