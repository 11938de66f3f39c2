package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Stream;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class IgnitionTest {
  private static final JsonMapper JSON = new JsonMapper();

  /** The samples without packages, and with a locale that such a system has. */
  static Map<String, InstallSpec> hosts() {
    Map<String, InstallSpec> out = new TreeMap<>();
    Samples.installed().forEach((name, spec) -> out.put(name, host(spec)));
    out.put(
        "two-disks",
        Samples.of("dual-stack")
            .withInstallation(
                Samples.ON_DISK.withStorage(Samples.ON_DISK.storage().withUntouched("mw-data"))));
    return out;
  }

  private static InstallSpec host(InstallSpec spec) {
    ProfileSpec profile = spec.profile();
    return spec.withProfile(
        new ProfileSpec(
            profile.users().stream()
                .map(u ->
                    new ProfileSpec.User(
                        u.name(),
                        u.keys(),
                        u.passwordHash(),
                        u.sudo(),
                        u.shell(),
                        u.groups().isEmpty() ? List.of() : List.of("adm")))
                .toList(),
            List.of(),
            profile.files(),
            profile.scripts(),
            profile.timezone(),
            profile.locale() == null ? null : "C.UTF-8",
            profile.ntp()));
  }

  private record Case(Ignition.System system, String sample) {
    InstallSpec spec() {
      return Objects.requireNonNull(hosts().get(sample), sample);
    }

    String directory() {
      return "ignition-" + system.name().toLowerCase(java.util.Locale.ROOT) + "/" + sample;
    }
  }

  static Stream<Case> samples() {
    return Stream.of(Ignition.System.values())
        .flatMap(system -> hosts().keySet().stream().map(sample -> new Case(system, sample)))
        .filter(c -> new Ignition(c.system()).check(c.spec()).isEmpty());
  }

  /** What the live system is told, and what it puts onto the disk. */
  private record Both(String live, String system) {}

  private static Both both(Ignition.System system, InstallSpec spec) {
    Answers answers = new Ignition(system).render(spec);
    assertThat(answers.ways()).hasSize(1);
    assertThat(answers.ways().getFirst().suitsDirectBoot()).isTrue();
    String live = answers.ways().getFirst().initrd().values().iterator().next().asText();
    return new Both(
        live, Objects.requireNonNull(files(JSON.readTree(live)).get("/etc/millwright/system.ign")));
  }

  /** Content by path. */
  private static Map<String, String> files(JsonNode config) {
    Map<String, String> out = new LinkedHashMap<>();
    for (JsonNode file : config.at("/storage/files")) {
      String source = file.at("/contents/source").asString();
      assertThat(source).startsWith("data:;base64,");
      assertThat(
              out.put(
                  file.get("path").asString(),
                  new String(
                      Base64.getDecoder().decode(source.substring("data:;base64,".length())),
                      StandardCharsets.UTF_8)))
          .isNull();
    }
    return out;
  }

  @ParameterizedTest
  @MethodSource("samples")
  void isGolden(Case sample) throws IOException {
    Both both = both(sample.system(), sample.spec());
    Golden.same(sample.directory() + "/live.ign", both.live());
    Golden.same(sample.directory() + "/system.ign", both.system());
  }

  /** Ignition's own validator, which takes errors and warnings alike for a failure here. */
  @Tag("validators")
  @ParameterizedTest
  @MethodSource("samples")
  void isRightForIgnition(Case sample, @TempDir Path directory) throws Exception {
    Path validate = Outside.needed(Path.of("/usr/bin/ignition-validate"));
    Both both = both(sample.system(), sample.spec());
    for (String config : List.of(both.live(), both.system())) {
      Path file = Files.writeString(directory.resolve("config.ign"), config);
      assertThat(Outside.run(List.of(validate.toString(), file.toString()))).isEmpty();
      for (Map.Entry<String, String> program : files(JSON.readTree(config)).entrySet()) {
        if (program.getValue().startsWith("#!/bin/bash")) {
          Path script = Files.writeString(directory.resolve("script"), program.getValue());
          assertThat(Outside.run(List.of("bash", "-n", script.toString()))).isEmpty();
        }
      }
    }
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThat(refused(Ignition.System.FEDORA_COREOS))
        .containsExactlyInAnyOrder(
            "mirror-and-proxy",
            "raid",
            "filesystems",
            "lvm-filesystems",
            "encrypted-tang",
            "programs-before-and-after",
            "repositories-of-apt",
            "repositories-of-rpm",
            "repositories-of-apk",
            "repositories-of-pkg",
            "repository-on-medium",
            "signed-repository-on-medium");
    assertThat(refused(Ignition.System.FLATCAR))
        .containsExactlyInAnyOrder(
            "air-gapped",
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
    InstallSpec users = Objects.requireNonNull(Samples.installed().get("users-and-keys"));
    assertThat(new Ignition(Ignition.System.FLATCAR).check(users))
        .extracting(Refusal::field)
        .containsExactly("profile.packages", "profile.locale");
    assertThatThrownBy(() -> new Ignition(Ignition.System.FLATCAR).render(users))
        .isInstanceOf(ProblemException.class);
  }

  private static List<String> refused(Ignition.System system) {
    return hosts().entrySet().stream()
        .filter(s -> !new Ignition(system).check(s.getValue()).isEmpty())
        .map(Map.Entry::getKey)
        .toList();
  }

  @ParameterizedTest
  @EnumSource(Ignition.System.class)
  void aProtectedDiskIsNeverTaken(Ignition.System system) {
    InstallSpec spec =
        Samples.of("dual-stack")
            .withInstallation(
                Samples.ON_DISK.withStorage(Samples.ON_DISK.storage().withUntouched("mw-data")));
    String programs = String.join("\n", files(JSON.readTree(both(system, spec).live())).values());
    assertThat(programs).contains("disk=$(by_serial mw-system 'mw-data')");
  }

  @Provide
  Arbitrary<InstallSpec> spec() {
    return Hostile.spec().map(spec -> host(spec).withInstallation(Samples.ON_DISK));
  }

  @Property
  void saysWhatTheSpecSaysAndNoMore(
      @ForAll("spec") InstallSpec spec, @ForAll Ignition.System system) {
    Both both = both(system, spec);
    assertThat(JSON.readTree(both.live()).propertyNames())
        .containsExactly("ignition", "storage", "systemd");
    JsonNode own = JSON.readTree(both.system());
    ProfileSpec profile = spec.profile();
    List<String> keys = new ArrayList<>(List.of("ignition"));
    if (!profile.users().isEmpty()) {
      keys.add("passwd");
    }
    keys.addAll(List.of("storage", "systemd"));
    assertThat(own.propertyNames()).containsExactlyElementsOf(keys);
    Map<String, String> files = files(own);
    Map<String, String> expected = new LinkedHashMap<>();
    profile.files().forEach(f -> expected.put(f.path(), f.content()));
    assertThat(files).containsAllEntriesOf(expected);
    for (int i = 0; i < profile.scripts().size(); i++) {
      assertThat(files)
          .containsEntry(
              "/var/lib/millwright/first-boot/scripts/%03d-%s"
                  .formatted(i, profile.scripts().get(i).name()),
              profile.scripts().get(i).content());
    }
    List<String> names = new ArrayList<>();
    own.at("/passwd/users").forEach(u -> names.add(u.get("name").asString()));
    assertThat(names).isEqualTo(profile.users().stream().map(ProfileSpec.User::name).toList());
    for (int i = 0; i < names.size(); i++) {
      List<String> given = new ArrayList<>();
      own.at("/passwd/users/" + i + "/sshAuthorizedKeys").forEach(k -> given.add(k.asString()));
      assertThat(given).isEqualTo(profile.users().get(i).keys().stream().distinct().toList());
    }
    assertThat(files)
        .containsAllEntriesOf(
            system == Ignition.System.FLATCAR ? Networkd.of(spec) : NmKeyfiles.of(spec));
  }

  /** The program in the machine, with a real shell, jq and curl, reports to a real door. */
  @Test
  void theFirstBootRunsScriptsOnceAndReports(@TempDir Path directory) throws Exception {
    Outside.needed(Path.of("/usr/bin/jq"));
    Outside.needed(Path.of("/usr/bin/curl"));
    BlockingQueue<byte[]> bodies = new LinkedBlockingQueue<>();
    HttpServer door = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    door.createContext(
        "/m",
        exchange -> {
          bodies.add(exchange.getRequestBody().readAllBytes());
          exchange.sendResponseHeaders(204, -1);
          exchange.close();
        });
    door.start();
    try {
      Path program = directory.resolve("run");
      Files.writeString(program, FirstBoot.read("first-boot.sh"));
      Files.writeString(
          directory.resolve("doors"),
          "http://127.0.0.1:" + door.getAddress().getPort() + "/m?sig=a%20b\n");
      Files.createDirectory(directory.resolve("scripts"));
      Files.writeString(
          directory.resolve("scripts/000-odd-name"),
          "#!/bin/sh\nprintf '\\377\"quoted\"\\n%%s\\n'\necho once >>" + directory + "/count\n");
      Files.writeString(directory.resolve("scripts/001-bad"), "#!/bin/sh\nexit 7\n");
      Outside.run(List.of("bash", program.toString()));
      FirstBootReport report = FirstBootReport.parse(bodies.remove());
      assertThat(report.scripts()).extracting(s -> s.name()).containsExactly("odd-name", "bad");
      assertThat(report.scripts()).extracting(s -> s.exitCode()).containsExactly(0, 7);
      assertThat(report.scripts().getFirst().output()).contains("\"quoted\"\n%s\n");
      assertThat(Files.readString(directory.resolve("count"))).isEqualTo("once\n");
      // What would let others report, or see what was run, is gone.
      assertThat(directory.resolve("done")).exists();
      assertThat(directory.resolve("doors")).doesNotExist();
      assertThat(directory.resolve("scripts")).doesNotExist();
    } finally {
      door.stop(0);
    }
  }
}
