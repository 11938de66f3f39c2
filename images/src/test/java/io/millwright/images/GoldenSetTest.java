package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.images.Catalogue.Family;
import io.millwright.images.Catalogue.Installer;
import io.millwright.images.Catalogue.Release;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.junit.jupiter.api.Test;

/**
 * The golden files are of every release of the catalogue: of each there is one for every situation
 * that its installer can be in, and none is left of what nobody renders any more. That they are
 * valid is shown by each renderer's own tests, which go through the same samples.
 */
class GoldenSetTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");

  /** What every release has to be shown in; {@link Samples#INSTEAD} says how else. */
  private static final List<String> SITUATIONS =
      List.of(
          "static-v4",
          "static-v6",
          "dhcp",
          "slaac",
          "three-mixed",
          "vlan",
          "bond",
          "two-disks",
          "users-and-keys",
          "air-gapped");

  /** What cannot be, whatever the words; the support matrix has the reasons. */
  private static final Set<String> IMPOSSIBLE =
      Set.of(
          "windows-server vlan",
          "windows-server bond",
          "windows vlan",
          "windows bond",
          "flatcar air-gapped");

  /** With which file an installer begins; Alpine's is in an archive. */
  private static final Set<String> MAIN =
      Set.of(
          "preseed.cfg",
          "user-data",
          "ks.cfg",
          "KS.CFG",
          "autoinst.xml",
          "autoinst.json",
          "installerconfig",
          "Autounattend.xml",
          "answer.toml",
          "config.ign",
          "millwright.start");

  /** A release, or a family that has one current version only. */
  private record Known(Family family, String version) {
    static Stream<Known> all() {
      return Catalogue.known().families().values().stream()
          .flatMap(f ->
              f.releases().isEmpty()
                  ? Stream.of(new Known(f, ""))
                  : f.releases().stream().map(Release::version).map(v -> new Known(f, v)));
    }

    Installer installer() {
      return family.installerOf(version);
    }

    /** The samples in the words of its installer. */
    Map<String, InstallSpec> samples() {
      return switch (installer()) {
        case PRESEED -> PreseedTest.taken();
        case KICKSTART -> KickstartTest.taken();
        case AUTOINSTALL, AUTOYAST, AGAMA -> Samples.installed();
        case ALPINE -> AlpineTest.taken();
        case BSDINSTALL -> FreeBsdTest.taken();
        case UNATTEND -> WindowsTest.machines();
        case ESXI -> EsxiTest.taken();
        case PROXMOX -> ProxmoxTest.taken();
        case IGNITION -> IgnitionTest.hosts();
      };
    }

    Path directory() {
      return GOLDEN.resolve(
          switch (installer()) {
            case BSDINSTALL -> "freebsd";
            case KICKSTART -> version.equals("8") ? "kickstart-8" : "kickstart";
            case UNATTEND ->
                "windows-"
                    + (family.family().equals("windows") ? "windows" : "server")
                    + "_"
                    + version;
            case IGNITION -> "ignition-" + family.family().replace('-', '_');
            default -> installer().name().toLowerCase(java.util.Locale.ROOT);
          });
    }

    Map<String, InstallSpec> taken() {
      Renderer<Answers> renderer = Renderers.of(family, version);
      Map<String, InstallSpec> out = new LinkedHashMap<>(samples());
      out.values().removeIf(spec -> !renderer.check(spec).isEmpty());
      return out;
    }
  }

  /**
   * What boot loaders and kernels can be told; {@code media}'s BootMenusTest shows that all of this
   * is written down as it is.
   */
  @Test
  void everyKernelArgumentCanBePassedOn() {
    Set<String> withBlanks = new TreeSet<>();
    Known.all()
        .forEach(known -> {
          Renderer<Answers> renderer = Renderers.of(known.family(), known.version());
          known.taken().values().stream()
              .flatMap(spec -> renderer.render(spec).ways().stream())
              .flatMap(way -> way.kernelArguments().stream())
              .forEach(argument -> {
                assertThat(argument).as(known.toString()).matches("[ -~&&[^\"']]+");
                if (argument.contains(" ")) {
                  withBlanks.add(argument);
                }
              });
        });
    assertThat(withBlanks).allMatch(argument -> argument.startsWith("ifcfg="));
  }

  /** A medium for a machine of which nobody says on which disk it is to be installed. */
  @Test
  void theUsualDiskIsOneThatTheInstallerKnows() {
    Known.all()
        .forEach(known -> {
          InstallSpec spec = known.taken().values().iterator().next();
          Installation how = Objects.requireNonNull(spec.installation());
          Storage.Disk usual = Renderers.usualDisk(known.family(), known.version());
          assertThat(
                  Renderers.of(known.family(), known.version())
                      .objections(spec.withInstallation(how.withStorage(Storage.on(usual)))))
              .as(known.toString())
              .isEmpty();
        });
  }

  @Test
  void isWhole() {
    List<String> wrong = new ArrayList<>();
    Set<String> impossible = new TreeSet<>();
    Known.all()
        .forEach(known -> {
          Renderer<Answers> renderer = Renderers.of(known.family(), known.version());
          Map<String, InstallSpec> taken = known.taken();
          for (String situation : SITUATIONS) {
            Stream.concat(
                    Stream.of(situation),
                    Samples.INSTEAD.getOrDefault(situation, List.of()).stream())
                .filter(taken::containsKey)
                .findFirst()
                .ifPresentOrElse(
                    sample -> {
                      Path golden = known.directory().resolve(sample);
                      String begins =
                          begins(renderer.render(Objects.requireNonNull(taken.get(sample))));
                      if (!Files.isDirectory(golden) || !texts(golden).contains(begins)) {
                        wrong.add(
                            known.family().family()
                                + " "
                                + known.version()
                                + " is told something else than is in "
                                + golden);
                      }
                    },
                    () -> impossible.add(known.family().family() + " " + situation));
          }
        });
    assertThat(wrong).isEmpty();
    assertThat(impossible).isEqualTo(new TreeSet<>(IMPOSSIBLE));
  }

  @Test
  void hasNothingThatNobodyRenders() throws IOException {
    Map<Path, Set<String>> taken = new LinkedHashMap<>();
    Known.all()
        .forEach(known ->
            taken
                .computeIfAbsent(known.directory(), d -> new TreeSet<>())
                .addAll(known.taken().keySet()));
    taken.put(GOLDEN.resolve("cloud-init"), Samples.clones().keySet());
    try (Stream<Path> all = Files.list(GOLDEN)) {
      assertThat(all).containsExactlyInAnyOrderElementsOf(taken.keySet());
    }
    for (Map.Entry<Path, Set<String>> each : taken.entrySet()) {
      try (Stream<Path> all = Files.list(each.getKey())) {
        assertThat(all.map(p -> p.getFileName().toString()))
            .as(each.getKey().toString())
            .containsExactlyInAnyOrderElementsOf(each.getValue());
      }
    }
  }

  /** The text with which the installer begins. */
  private static String begins(Answers answers) {
    Answers.Way way = answers.ways().getFirst();
    AnswerMedium seed = way.seed();
    Map<String, AnswerFile> files = new LinkedHashMap<>(way.initrd());
    files.putAll(way.medium());
    files.putAll(seed == null ? Map.of() : seed.files());
    Map<String, String> texts = new LinkedHashMap<>();
    files.forEach((path, file) -> {
      if (path.endsWith(".tar.gz")) {
        unpack(file.bytes(), texts);
      } else {
        texts.put(path, file.asText());
      }
    });
    List<String> main =
        texts.keySet().stream()
            .filter(p -> MAIN.contains(p.substring(p.lastIndexOf('/') + 1)))
            .toList();
    assertThat(main).as(texts.keySet().toString()).hasSize(1);
    return texts.getOrDefault(main.getFirst(), "");
  }

  private static void unpack(byte[] archive, Map<String, String> out) {
    try (TarArchiveInputStream tar =
        new TarArchiveInputStream(new GZIPInputStream(new ByteArrayInputStream(archive)))) {
      for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        out.put(entry.getName(), new String(tar.readAllBytes(), StandardCharsets.UTF_8));
      }
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static List<String> texts(Path directory) {
    try (Stream<Path> files = Files.list(directory)) {
      List<String> out = new ArrayList<>();
      for (Path file : files.toList()) {
        out.add(Files.readString(file));
      }
      return out;
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
