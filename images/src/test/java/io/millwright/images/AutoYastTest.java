package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.Ip;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

class AutoYastTest {
  private static final AutoYast SLES = new AutoYast(AutoYast.Product.SLES);
  private static final AutoYast LEAP = new AutoYast(AutoYast.Product.LEAP);

  /** The samples that this installer takes. */
  static Stream<String> samples() {
    return Samples.installed().entrySet().stream()
        .filter(s -> SLES.check(s.getValue()).isEmpty())
        .map(Map.Entry::getKey);
  }

  private static InstallSpec sample(String name) {
    return Objects.requireNonNull(Samples.installed().get(name), name);
  }

  private static AnswerFile profile(AutoYast renderer, InstallSpec spec) {
    Answers answers = renderer.render(spec);
    Answers.Way beside = answers.ways().getFirst();
    AnswerMedium seed = Objects.requireNonNull(beside.seed());
    assertThat(seed.label()).isEqualTo("OEMDRV");
    assertThat(seed.files()).containsOnlyKeys("autoinst.xml");
    AnswerFile file = Objects.requireNonNull(seed.files().get("autoinst.xml"));
    Answers.Way inside = answers.ways().getLast();
    assertThat(inside.initrd()).isEqualTo(Map.of("/autoinst.xml", file));
    List<String> arguments = new ArrayList<>(List.of("autoyast=file:///autoinst.xml"));
    arguments.addAll(beside.kernelArguments());
    assertThat(inside.kernelArguments()).isEqualTo(arguments);
    return file;
  }

  @ParameterizedTest
  @MethodSource("samples")
  void isGolden(String sample) throws IOException {
    Golden.same("autoyast/" + sample + "/sles-15.xml", profile(SLES, sample(sample)).asText());
    Golden.same("autoyast/" + sample + "/leap-15.xml", profile(LEAP, sample(sample)).asText());
  }

  @Tag("validators")
  @Test
  void isOfTheFormThatWeWrite(@TempDir Path directory) throws Exception {
    List<String> command = new ArrayList<>(List.of("jing", "-c"));
    command.add(Path.of("src/test/resources/autoyast.rnc").toString());
    for (String sample : samples().toList()) {
      for (AutoYast renderer : List.of(SLES, LEAP)) {
        Path file = directory.resolve(sample + (renderer == SLES ? "-sles" : "-leap") + ".xml");
        Files.write(file, profile(renderer, sample(sample)).bytes());
        command.add(file.toString());
      }
    }
    Outside.needed(Path.of("/usr/bin/jing"));
    assertThat(Outside.run(command)).doesNotContain("error:");
  }

  @Tag("validators")
  @ParameterizedTest
  @MethodSource("samples")
  void itsScriptsAreSome(String sample, @TempDir Path directory) throws Exception {
    NodeList sources = document(sample(sample)).getElementsByTagNameNS("*", "source");
    assertThat(sources.getLength()).isEqualTo(2);
    for (int i = 0; i < 2; i++) {
      Path script = directory.resolve("script" + i);
      Files.writeString(script, sources.item(i).getTextContent());
      assertThat(Outside.run(List.of("bash", "-n", script.toString()))).isEmpty();
    }
    Path finish = Files.writeString(directory.resolve("finish"), finish(document(sample(sample))));
    assertThat(Outside.run(List.of("bash", "-n", finish.toString()))).isEmpty();
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThat(samples()).contains("bond", "bond-vlan", "vlan", "two-disks", "three-mixed");
    assertThat(fields(Samples.of("dhcp"))).containsExactly("installation");
    Storage storage = Samples.ON_DISK.storage();
    InstallSpec bad =
        Samples.of("bond")
            .withInstallation(
                Samples.ON_DISK
                    .withStorage(
                        storage
                            .withMirror(new Storage.Disk.BySerial("second"))
                            .withEncryption(new Storage.Encryption.Tpm2()))
                    .withSource(
                        Source.DISTRIBUTION
                            .withMirror(URI.create("http://mirror/sles"))
                            .withRepository("/millwright")));
    assertThat(fields(bad))
        .containsExactly(
            "installation.storage.mirror",
            "installation.storage.encryption",
            "interfaces",
            "installation.source.repository");
    assertThatThrownBy(() -> SLES.render(bad)).isInstanceOf(ProblemException.class);
  }

  /** YaST has no word for it; without an own one wicked would switch IPv6 off. */
  @Test
  void whatWaitsForARouterOnlyGetsItsWordAfterYast() throws Exception {
    InstallSpec slaac = sample("slaac");
    assertThat(texts(document(slaac), "bootproto")).containsExactly("none");
    assertThat(finish(document(slaac)))
        .contains(
            "sed -i \"s/^BOOTPROTO=.*/BOOTPROTO='auto6'/\" /etc/sysconfig/network/ifcfg-nic0");
    assertThat(finish(document(sample("three-mixed")))).doesNotContain("auto6");
  }

  /** YaST passes over a name that it does not know, and has other ones than X11. */
  @ParameterizedTest
  @CsvSource({"us, english-us", "gb, english-uk", "de, german", "ch, german-ch", "jp, japanese"})
  void keyboardsHaveYastsNames(String x11, String yast) throws Exception {
    InstallSpec spec = Samples.of("dhcp").withInstallation(Samples.ON_DISK.withKeyboard(x11));
    assertThat(texts(document(spec), "keymap")).containsExactly(yast);
    assertThat(fields(spec.withInstallation(Samples.ON_DISK.withKeyboard("brai"))))
        .containsExactly("installation.keyboard");
  }

  private static List<String> fields(InstallSpec spec) {
    return SLES.check(spec).stream().map(Refusal::field).toList();
  }

  @Test
  void linuxrcReachesTheMirrorBeforeAutoYastIsThere() {
    InstallSpec spec =
        Samples.of("dual-stack")
            .withInstallation(
                Samples.ON_DISK.withSource(
                    Source.DISTRIBUTION
                        .withMirror(URI.create("http://mirror.lab.test/leap"))
                        .withProxy(URI.create("http://proxy:3128"))));
    assertThat(LEAP.render(spec).ways().getFirst().kernelArguments())
        .containsExactly(
            "ifcfg=52:54:00:00:00:01=10.0.0.5/24 fd00::5/64,10.0.0.1 fd00::1,"
                + "10.0.0.1 fd00::1,lab.test test",
            "install=http://mirror.lab.test/leap",
            "proxy=http://proxy:3128");
  }

  @Test
  void whatLinuxrcIsNotToldIsLeftOut() {
    IpConfig ip = Samples.of("static-v4").interfaces().getFirst().ip();
    for (String[] wanted :
        new String[][] {
          {"10.0.0.53", "10.0.0.5/24,10.0.0.1,10.0.0.53"}, {"", "10.0.0.5/24,10.0.0.1"}
        }) {
      List<Ip> servers = wanted[0].isEmpty() ? List.of() : List.of(Ip.parse(wanted[0]));
      InstallSpec spec =
          Samples.net(Samples.card(0, ip.withDns(servers, List.of())))
              .withInstallation(
                  Samples.ON_DISK.withSource(
                      Source.DISTRIBUTION.withMirror(URI.create("http://mirror.lab.test/leap"))));
      assertThat(LEAP.render(spec).ways().getFirst().kernelArguments())
          .first()
          .isEqualTo("ifcfg=52:54:00:00:00:01=" + wanted[1]);
    }
  }

  /** Else YaST asks whether an unsigned repository is to be taken, and waits. */
  @Test
  void onlyWhatHasNoKeyOnTheMediumMayBeUnsigned() throws Exception {
    Document unsigned = document(sample("repository-on-medium"));
    assertThat(texts(unsigned, "alias")).containsExactly("millwright");
    assertThat(texts(unsigned, "accept_unsigned_file")).containsExactly("true");
    assertThat(texts(unsigned, "keyid")).isEmpty();
    for (String other : List.of("signed-repository-on-medium", "repositories-of-rpm")) {
      assertThat(texts(document(sample(other)), "accept_unsigned_file")).containsExactly("false");
      assertThat(texts(document(sample(other)), "keyid")).isNotEmpty();
    }
  }

  /** AutoYaST has no word for it, wicked has. */
  @Test
  void aRouteHasItsMetric() throws Exception {
    Document document = document(sample("three-mixed"));
    assertThat(texts(document, "destination"))
        .containsExactly("default", "default", "2001:db8::/32");
    List<List<String>> ifroutes =
        FinishTest.calls(finish(document)).stream()
            .filter(call -> call.size() == 5 && call.get(3).contains("/ifroute-"))
            .toList();
    assertThat(ifroutes)
        .containsExactly(
            List.of(
                "put",
                "0644",
                "root",
                "/etc/sysconfig/network/ifroute-nic1",
                """
                default 10.0.0.1 - -
                default fd00::1 - -
                2001:db8::/32 fd00::9 - -
                192.0.2.0/24 10.0.0.9 - - metric 50
                """));
  }

  private static Document document(InstallSpec spec) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setNamespaceAware(true);
    return factory
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(profile(SLES, spec).bytes()));
  }

  /** What a document says, without what is only layout. */
  private static List<String> texts(Document document, String name) {
    List<String> out = new ArrayList<>();
    NodeList all = document.getElementsByTagNameNS("*", name);
    for (int i = 0; i < all.getLength(); i++) {
      out.add(all.item(i).getTextContent());
    }
    return out;
  }

  /** The script in the last of the document's scripts. */
  private static String finish(Document document) {
    String source = texts(document, "source").getLast();
    int begin = source.indexOf("<<'EOF'\n") + 8;
    return new String(
        Base64.getMimeDecoder().decode(source.substring(begin, source.indexOf("\nEOF\n"))),
        StandardCharsets.UTF_8);
  }

  /** The names of all elements below, apart from scripts' texts. */
  private static void names(Element at, List<String> out) {
    out.add(at.getLocalName());
    for (Node n = at.getFirstChild(); n != null; n = n.getNextSibling()) {
      if (n instanceof Element child) {
        names(child, out);
      }
    }
  }

  @Provide
  Arbitrary<InstallSpec> spec() {
    return Hostile.spec().map(spec -> spec.withInstallation(Samples.ON_DISK));
  }

  @Property
  void saysWhatTheSpecSaysAndNoMore(@ForAll("spec") InstallSpec spec) throws Exception {
    ProfileSpec profile = spec.profile();
    Document document = document(spec);
    List<String> packages = texts(document, "package");
    List<String> expected = new ArrayList<>(List.of("openssh", "python3"));
    if (profile.users().stream().anyMatch(ProfileSpec.User::sudo)) {
      expected.add("sudo");
    }
    if (!profile.ntp().isEmpty()) {
      expected.add("chrony");
    }
    profile.packages().stream().filter(p -> !expected.contains(p)).forEach(expected::add);
    assertThat(packages).isEqualTo(expected);
    assertThat(texts(document, "hostname")).containsExactly(spec.identity().hostname());
    assertThat(texts(document, "timezone").getLast())
        .isEqualTo(profile.timezone() == null ? "UTC" : profile.timezone());
    // Beside its packages the profile has the elements of the machine without anything in it.
    Document plain = document(spec.withProfile(Samples.PLAIN));
    List<String> names = new ArrayList<>();
    names(document.getDocumentElement(), names);
    names.removeIf("package"::equals);
    List<String> plainNames = new ArrayList<>();
    names(plain.getDocumentElement(), plainNames);
    plainNames.removeIf("package"::equals);
    assertThat(names).isEqualTo(plainNames);
    assertThat(texts(document, "source").getFirst()).isEqualTo(texts(plain, "source").getFirst());
    // The finishing script comes out of the XML as it went in.
    List<List<String>> calls = FinishTest.calls(finish(document));
    for (ProfileSpec.File file : profile.files()) {
      assertThat(calls)
          .contains(List.of("put", file.mode(), file.owner(), file.path(), file.content()));
    }
  }
}
