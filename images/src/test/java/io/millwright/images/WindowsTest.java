package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.Ip;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class WindowsTest {
  private static final JsonMapper JSON = new JsonMapper();

  private static Windows renderer(Windows.Version version) {
    return new Windows(
        version,
        switch (version) {
          case SERVER_2022 -> "Windows Server 2022 SERVERSTANDARD";
          case SERVER_2025 -> "Windows Server 2025 SERVERSTANDARD";
          case WINDOWS_11 -> "Windows 11 Pro";
        });
  }

  /** The samples in Windows' words: keys instead of passwords, PowerShell instead of sh. */
  static Map<String, InstallSpec> machines() {
    Map<String, InstallSpec> out = new TreeMap<>();
    Samples.installed().forEach((name, spec) -> out.put(name, machine(spec)));
    out.put(
        "two-disks",
        machine(Samples.of("dual-stack"))
            .withInstallation(
                Samples.ON_DISK
                    .withStorage(Samples.ON_DISK.storage().withUntouched("mw-data"))
                    .withFirmware(Firmware.UEFI)));
    out.put("no-tpm", machine(Samples.of("dhcp")).withInstallation(Samples.ON_DISK.withoutTpm()));
    return out;
  }

  private static InstallSpec machine(InstallSpec spec) {
    ProfileSpec profile = spec.profile();
    return spec.withProfile(
        new ProfileSpec(
            profile.users().stream()
                .filter(u -> !u.name().equals("root"))
                .map(u ->
                    new ProfileSpec.User(
                        u.name(), u.keys(), null, u.sudo(), "/bin/bash", List.of()))
                .toList(),
            List.of(),
            profile.files().isEmpty()
                ? List.of()
                : List.of(
                    new ProfileSpec.File(
                        "/C:/ProgramData/App/motd.txt",
                        profile.files().getFirst().content(),
                        "0644",
                        "root:root")),
            profile.scripts().stream()
                .map(s -> new ProfileSpec.Script(s.name(), "#!powershell\n" + s.content()))
                .toList(),
            profile.timezone() == null ? null : "Europe/Vienna",
            profile.locale() == null ? null : "de_AT.UTF-8",
            profile.ntp()));
  }

  private record Case(Windows.Version version, String sample) {
    InstallSpec spec() {
      return Objects.requireNonNull(machines().get(sample), sample);
    }

    String directory() {
      return "windows-" + version.name().toLowerCase(Locale.ROOT) + "/" + sample;
    }
  }

  static Stream<Case> samples() {
    return Stream.of(Windows.Version.values())
        .flatMap(version -> machines().keySet().stream().map(sample -> new Case(version, sample)))
        .filter(c -> renderer(c.version()).check(c.spec()).isEmpty());
  }

  @Test
  void theMachineHasItsDomain() {
    InstallSpec spec = Objects.requireNonNull(machines().get("dhcp"));
    String answers = unattend(spec);
    assertThat(answers).contains("<DNSDomain>lab.test</DNSDomain>");
    assertThat(unattend(Samples.with(Samples.PLAIN).withInstallation(Samples.ON_DISK)))
        .doesNotContain("DNSDomain");
  }

  private static String unattend(InstallSpec spec) {
    return Objects.requireNonNull(files(Windows.Version.SERVER_2025, spec).get("Autounattend.xml"))
        .asText();
  }

  private static Map<String, AnswerFile> files(Windows.Version version, InstallSpec spec) {
    Answers answers = renderer(version).render(spec);
    assertThat(answers.ways()).hasSize(1);
    assertThat(answers.ways().getFirst().leavesMediumUntouched()).isTrue();
    AnswerMedium seed = Objects.requireNonNull(answers.ways().getFirst().seed());
    assertThat(seed.files())
        .containsOnlyKeys(
            "Autounattend.xml", "disk.vbs", "setup.ps1", "first-boot.ps1", "task.json");
    return seed.files();
  }

  private static String text(Map<String, AnswerFile> files, String name) {
    return Objects.requireNonNull(files.get(name)).asText();
  }

  @ParameterizedTest
  @MethodSource("samples")
  void isGolden(Case sample) throws IOException {
    Map<String, AnswerFile> files = files(sample.version(), sample.spec());
    for (String name : List.of("Autounattend.xml", "disk.vbs", "task.json")) {
      Golden.same(sample.directory() + "/" + name, text(files, name));
    }
  }

  /** All of them in one call, since the validator takes seconds to start. */
  @Tag("validators")
  @Test
  void obeysTheSchema(@TempDir Path directory) throws Exception {
    Path jing = Outside.needed(Path.of("/usr/bin/jing"));
    List<String> command =
        new ArrayList<>(List.of(jing.toString(), "-c", "src/test/resources/autounattend.rnc"));
    List<Case> all = samples().toList();
    for (Case sample : all) {
      Path file = directory.resolve(sample.version() + "-" + sample.sample() + ".xml");
      Files.writeString(file, text(files(sample.version(), sample.spec()), "Autounattend.xml"));
      command.add(file.toString());
    }
    assertThat(all).hasSizeGreaterThan(25);
    assertThat(Outside.run(command)).doesNotContain("error");
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThat(refused(Windows.Version.SERVER_2025))
        .containsExactlyInAnyOrder(
            "vlan",
            "bond",
            "bond-vlan",
            "bridge",
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
            "signed-repository-on-medium",
            "disk-by-size");
    InstallSpec users = Objects.requireNonNull(Samples.installed().get("users-and-keys"));
    assertThat(fields(Windows.Version.WINDOWS_11, users))
        .containsExactly(
            "profile.packages",
            "profile.users[0].groups",
            "profile.users[1].passwordHash",
            "profile.users[1].shell",
            "profile.users[2].name");
    InstallSpec offline =
        machine(users).withInstallation(Samples.ON_DISK.withSource(Source.MEDIUM));
    assertThat(fields(Windows.Version.SERVER_2025, offline)).isEmpty();
    assertThat(fields(Windows.Version.SERVER_2022, offline))
        .containsExactly("profile.users[0].keys");
    assertThat(
            fields(
                Windows.Version.SERVER_2025,
                Objects.requireNonNull(Samples.installed().get("files-and-scripts"))))
        .containsExactly(
            "profile.files[0].path",
            "profile.files[1].path",
            "profile.files[1].mode",
            "profile.files[1].owner",
            "profile.scripts[0].content",
            "profile.scripts[1].content");
    assertThatThrownBy(() -> renderer(Windows.Version.SERVER_2025).render(Samples.of("dual-stack")))
        .isInstanceOf(ProblemException.class);
  }

  private static List<String> refused(Windows.Version version) {
    return machines().entrySet().stream()
        .filter(s -> !renderer(version).check(s.getValue()).isEmpty())
        .map(Map.Entry::getKey)
        .toList();
  }

  private static List<String> fields(Windows.Version version, InstallSpec spec) {
    return renderer(version).check(spec).stream().map(Refusal::field).toList();
  }

  /** Whatever the city, and by names that the tz database has given up since. */
  @ParameterizedTest
  @CsvSource({
    "Asia/Ho_Chi_Minh, SE Asia Standard Time",
    "Asia/Kathmandu, Nepal Standard Time",
    "America/Nuuk, Greenland Standard Time",
    "Europe/Kiev, FLE Standard Time",
    "US/Eastern, Eastern Standard Time",
    "Africa/Kinshasa, W. Central Africa Standard Time",
    "America/Vancouver, Pacific Standard Time",
    "Etc/UTC, UTC"
  })
  void aTimeZoneHasWindowsOwnName(String zone, String name) {
    InstallSpec spec =
        Objects.requireNonNull(machines().get("dhcp"))
            .withProfile(
                new ProfileSpec(List.of(), List.of(), List.of(), List.of(), zone, null, List.of()));
    assertThat(text(files(Windows.Version.SERVER_2025, spec), "Autounattend.xml"))
        .contains("<TimeZone>" + name + "</TimeZone>");
  }

  @Test
  void aProtectedDiskIsNoneToSetup() {
    String program =
        text(
            files(Windows.Version.SERVER_2025, Objects.requireNonNull(machines().get("two-disks"))),
            "disk.vbs");
    assertThat(program)
        .contains("Const Serial = \"mw-system\"", "Const Untouched = \" mw-data \"")
        .contains("Const Uefi = True");
  }

  /** The one order that Microsoft's reference demands. */
  @Test
  void anInterfaceSaysItsThingsInOrder() {
    String answers =
        text(
            files(
                Windows.Version.SERVER_2025, Objects.requireNonNull(machines().get("dual-stack"))),
            "Autounattend.xml");
    assertThat(answers.substring(answers.indexOf("Microsoft-Windows-TCPIP")))
        .containsSubsequence(
            "<Interface wcm:action=\"add\">",
            "<Ipv4Settings>",
            "<Ipv6Settings>",
            "<Identifier>",
            "<UnicastIpAddresses>",
            "<Routes>",
            "</Interface>",
            "Microsoft-Windows-DNS-Client");
  }

  /** WMI tells of whole cylinders, so a disk of just the least size would look smaller. */
  @Test
  void aDiskIsNotTooSmallByTheRestOfACylinder() {
    InstallSpec spec =
        Objects.requireNonNull(machines().get("dhcp"))
            .withInstallation(
                Samples.ON_DISK.withStorage(
                    Storage.on(
                        new Storage.Disk.BySize(
                            ByteSize.parse("40GiB"), ByteSize.parse("40GiB")))));
    assertThat(text(files(Windows.Version.SERVER_2025, spec), "disk.vbs"))
        .contains(
            "Const AtLeast = 42949672960.0",
            "rest = drive.TracksPerCylinder * drive.SectorsPerTrack * drive.BytesPerSector",
            "Fits = ((size >= AtLeast Or size + rest > AtLeast) And size <= AtMost)");
  }

  @Provide
  Arbitrary<InstallSpec> spec() {
    return Hostile.spec()
        .map(spec -> {
          InstallSpec machine = machine(spec);
          List<NetInterface> cards = new ArrayList<>(machine.cards());
          return new InstallSpec(
              new InstallSpec.Identity("x", "h" + spec.identity().hostname(), null),
              cards,
              machine.profile(),
              machine.reportTo(),
              Samples.ON_DISK);
        })
        .filter(spec -> renderer(Windows.Version.SERVER_2025).check(spec).isEmpty());
  }

  @Property
  void saysWhatTheSpecSaysAndNoMore(@ForAll("spec") InstallSpec spec) throws Exception {
    Map<String, AnswerFile> files = files(Windows.Version.SERVER_2025, spec);
    Document answers =
        DocumentBuilderFactory.newNSInstance()
            .newDocumentBuilder()
            .parse(
                new ByteArrayInputStream(
                    Objects.requireNonNull(files.get("Autounattend.xml")).bytes()));
    assertThat(texts(answers.getDocumentElement(), "ComputerName"))
        .containsExactly(spec.identity().hostname());
    assertThat(
            texts(answers.getDocumentElement(), "IpAddress").stream().filter(t -> t.contains("/")))
        .isEqualTo(
            spec.cards().stream()
                .flatMap(c -> c.ip().addresses().stream())
                .map(HostAddress::toString)
                .toList());
    List<String> macs =
        spec.cards().stream()
            .map(c ->
                Optional.ofNullable(c.mac())
                    .map(m -> m.text().replace(':', '-').toUpperCase(Locale.ROOT))
                    .orElse("Ethernet"))
            .toList();
    assertThat(
            texts(answers.getDocumentElement(), "Identifier").stream().filter(t -> t.length() > 2))
        .isSubsetOf(macs)
        .containsAll(macs);
    assertThat(texts(answers.getDocumentElement(), "RunSynchronousCommand")).hasSize(2);
    assertThat(texts(answers.getDocumentElement(), "LocalAccount")).hasSize(1);
    assertThat(texts(answers.getDocumentElement(), "NextHopAddress"))
        .isSubsetOf(
            spec.cards().stream()
                .flatMap(c ->
                    Stream.of(
                        Optional.ofNullable(c.ip().gateway4()),
                        Optional.ofNullable(c.ip().gateway6())))
                .flatMap(Optional::stream)
                .map(Ip::toString)
                .toList());
    JsonNode task = JSON.readTree(text(files, "task.json"));
    assertThat(task.propertyNames())
        .containsExactly(
            "reportTo", "cards", "ntp", "users", "files", "scripts", "after", "poweroff");
    ProfileSpec profile = spec.profile();
    assertThat(each(task.get("users"), "name"))
        .isEqualTo(profile.users().stream().map(ProfileSpec.User::name).toList());
    assertThat(each(task.get("files"), "content"))
        .isEqualTo(profile.files().stream().map(ProfileSpec.File::content).toList());
    assertThat(each(task.get("scripts"), "content"))
        .isEqualTo(profile.scripts().stream().map(ProfileSpec.Script::content).toList());
  }

  private static List<String> each(JsonNode list, String field) {
    List<String> out = new ArrayList<>();
    list.forEach(e -> out.add(e.get(field).asString()));
    return out;
  }

  private static List<String> texts(Element root, String name) {
    NodeList found = root.getElementsByTagNameNS("urn:schemas-microsoft-com:unattend", name);
    List<String> out = new ArrayList<>();
    for (int i = 0; i < found.getLength(); i++) {
      out.add(found.item(i).getTextContent());
    }
    return out;
  }
}
