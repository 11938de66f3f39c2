package io.millwright.model.manifest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.model.Addressing;
import io.millwright.model.ImageSpec;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestsTest {
  private static final String HELLO =
      """
      apiVersion: millwright/v1
      kind: Machine
      metadata:
        name: hello
        project: shop
        labels: {tier: 1, app.kubernetes.io/name: web}
      spec:
        image: debian-12
        size: small
        nics:
          - network: lab
            ipv4: 10.0.0.5
            ipv6: auto
          - network: lab
            ipv4: dhcp
      """;

  private static final String SIZE =
      """
      apiVersion: millwright/v1
      kind: Size
      metadata: {name: small}
      spec: {cores: 1, memory: 512MiB, disk: 4GiB}
      """;

  static List<Draft> parse(String text) {
    return Manifests.parse(text.getBytes(StandardCharsets.UTF_8), "hello.yaml");
  }

  static List<String> wrong(String text) {
    return wrong(text.getBytes(StandardCharsets.UTF_8));
  }

  /** What is said against a body, one line a violation. */
  static List<String> wrong(byte[] body) {
    ProblemException e =
        catchThrowableOfType(ProblemException.class, () -> Manifests.parse(body, "hello.yaml"));
    assertThat(e).as("a problem").isNotNull();
    assertThat(e.problem().type()).isEqualTo(Problem.Type.INVALID);
    return e.problem().errors().stream().map(v -> v.field() + ": " + v.message()).toList();
  }

  static String machine(String spec) {
    return """
    apiVersion: millwright/v1
    kind: Machine
    metadata: {name: hello}
    spec: {image: debian, size: small, %s}
    """
        .formatted(spec);
  }

  static String profile(String spec) {
    return """
    apiVersion: millwright/v1
    kind: Profile
    metadata: {name: p}
    spec:
    """
        + spec.indent(2);
  }

  @Test
  void readsAMachine() {
    Draft draft = parse(HELLO).getFirst();
    assertThat(draft.kind()).isEqualTo(Kind.MACHINE);
    assertThat(draft.title()).isEqualTo("Machine hello");
    assertThat(draft.project()).isEqualTo("shop");
    assertThat(draft.labels()).isEqualTo(Map.of("tier", "1", "app.kubernetes.io/name", "web"));
    assertThat(draft.where()).isEqualTo("hello.yaml (line 1)");
    MachineSpec spec = (MachineSpec) draft.spec();
    assertThat(spec.nics()).hasSize(2);
    assertThat(spec.nics().get(1).ipv4()).isEqualTo(new Addressing.Dhcp());
    assertThat(spec.readyTimeoutSeconds()).isEqualTo(1800);
  }

  @Test
  void readsSeveralDocumentsAndPassesOverEmptyOnes() {
    List<Draft> drafts = parse("---\n---\n# nothing\n---\n" + SIZE + "---\n" + HELLO + "---\n");
    assertThat(drafts).extracting(Draft::title).containsExactly("Size small", "Machine hello");
    assertThat(drafts.get(1).where()).isEqualTo("hello.yaml document 4 (line 10)");
  }

  @Test
  void readsJsonObjectsArraysAndLists() {
    String size =
        """
        {"apiVersion": "millwright/v1", "kind": "Size", "metadata": {"name": "%s"},
         "spec": {"cores": 1, "memory": "512MiB", "disk": "4GiB"}}
        """;
    String a = size.formatted("a");
    String b = size.formatted("b");
    assertThat(parse(a)).extracting(Draft::name).containsExactly("a");
    assertThat(parse("[" + a + "," + b + "]")).extracting(Draft::name).containsExactly("a", "b");
    assertThat(parse("{\"kind\": \"List\", \"items\": [" + a + "," + b + "]}"))
        .extracting(Draft::name)
        .containsExactly("a", "b");
    assertThat(parse(a + b)).extracting(Draft::name).containsExactly("a", "b");
  }

  @Test
  void readsYamlInFlowStyle() {
    assertThat(
            parse(
                "{apiVersion: millwright/v1, kind: Size, metadata: {name: small},"
                    + " spec: {cores: 1, memory: 512MiB, disk: 4GiB}}"))
        .hasSize(1);
  }

  @Test
  void passesOverWhatOnlyTheServerKnows() {
    assertThat(
            parse(
                """
                apiVersion: millwright/v1
                kind: Size
                metadata:
                  name: small
                  uid: 0190
                  generation: 3
                  revision: 9
                  createdAt: 2026-11-21T00:00:00Z
                  deletedAt: null
                spec: {cores: 1, memory: 512MiB, disk: 4GiB}
                status:
                  conditions:
                    - {type: Ready, value: true}
                """))
        .hasSize(1);
  }

  @Test
  void textFieldsKeepBareScalarsAsTheyAreWritten() {
    ImageSpec image =
        (ImageSpec)
            parse(
                    """
                    apiVersion: millwright/v1
                    kind: Image
                    metadata: {name: i}
                    spec: {os: ubuntu, version: 24.10, build: {builder: b, suite: no}}
                    """)
                .getFirst()
                .spec();
    assertThat(image.version()).isEqualTo("24.10");
    assertThat(image.build()).isEqualTo(new ImageSpec.Build("b", "no", List.of()));
    ProfileSpec profile =
        (ProfileSpec)
            parse(profile("files: [{path: /a, content: 2024-01-01, mode: 0600}]"))
                .getFirst()
                .spec();
    assertThat(profile.files().getFirst().content()).isEqualTo("2024-01-01");
    assertThat(profile.files().getFirst().mode()).isEqualTo("0600");
  }

  @ParameterizedTest
  @CsvSource({"Group, count", "Pool, ready"})
  void membersDoNotEndByThemselves(String kind, String number) {
    assertThat(
            wrong(
                """
                apiVersion: millwright/v1
                kind: %s
                metadata: {name: web}
                spec:
                  %s: 1
                  machine:
                    image: debian
                    size: small
                    expiry: {ttl: 8h}
                """
                    .formatted(kind, number)))
        .singleElement()
        .asString()
        .contains("spec.machine.expiry: is not for members of a group or pool")
        .contains("declare a Machine with spec.expiry, or claim one from a Pool with spec.ttl");
  }

  @Test
  void everythingWrongIsSaidAtOnceWithItsPlace() {
    assertThat(
            wrong(
                """
                apiVersion: millwright/v1
                kind: Machine
                metadata:
                  name: hello
                spec:
                  imge: debian
                  size: small
                  firmware: bioss
                  readyTimeoutSeconds: "60"
                  nics:
                    - network: lab
                      ipv4: 10.0.0.500
                ---
                apiVersion: millwright/v2
                kind: Machin
                metadata:
                  name: Hello
                """))
        .containsExactly(
            "Machine hello: spec.imge: is unknown (did you mean \"image\"?); write one of"
                + " hypervisor, image, size, profiles, firmware, power, hostname, nics, bonds,"
                + " vlans, bridges, overrides, volumes, readyTimeoutSeconds, expiry, drift,"
                + " imported (hello.yaml line 6, column 3)",
            "Machine hello: spec.image: is missing (hello.yaml line 5, column 1)",
            "Machine hello: spec.firmware: \"bioss\" is unknown (did you mean \"bios\"?); write one"
                + " of bios, uefi (hello.yaml line 8, column 3)",
            "Machine hello: spec.nics[0].ipv4: \"10.0.0.500\": write auto, dhcp, slaac (IPv6),"
                + " none, or an address such as 10.0.0.5 (hello.yaml line 12, column 7)",
            "Machine hello: spec.readyTimeoutSeconds: must be a whole number, not the text \"60\";"
                + " leave out the quotes (hello.yaml line 9, column 3)",
            "hello.yaml document 2: apiVersion: \"millwright/v2\" is unknown; write millwright/v1"
                + " (hello.yaml line 14, column 1)",
            "hello.yaml document 2: kind: \"Machin\" is unknown (did you mean \"Machine\"?); write"
                + " one of Hypervisor, Network, Size, Profile, Image, Volume, Machine, Snapshot,"
                + " Group, Pool, Source, Webhook, Offer (hello.yaml"
                + " line 15, column 1)",
            "hello.yaml document 2: metadata.name: \"Hello\" is no name: use 1 to 63 lower-case"
                + " letters, digits and hyphens, no hyphen at the ends (hello.yaml line 17, column"
                + " 3)");
  }

  @Test
  void checksOfTheSpecHavePlacesToo() {
    assertThat(wrong(machine("nics: [{network: lab, ipv4: slaac}, {network: LAB}]")))
        .containsExactly(
            "Machine hello: spec.nics[0].ipv4: slaac is IPv6's; write dhcp, auto, none or an"
                + " address (hello.yaml line 4, column 58)",
            "Machine hello: spec.nics[1].network: \"LAB\" is no name: use 1 to 63 lower-case"
                + " letters, digits and hyphens, no hyphen at the ends (hello.yaml line 4, column"
                + " 73)");
  }

  @Test
  void refusesTwoOfOneName() {
    assertThat(wrong(SIZE + "---\n" + SIZE))
        .containsExactly(
            "Size small: metadata.name: stands here twice: hello.yaml document 1 (line 1) and"
                + " hello.yaml document 2 (line 6)");
    assertThat(parse(SIZE + "---\n" + SIZE.replace("small}", "small, project: b}"))).hasSize(2);
  }

  @Test
  void twoOfOneNameAreFoundOnceTheProjectIsKnown() {
    List<Draft> drafts = parse(SIZE + "---\n" + SIZE.replace("small}", "small, project: b}"));
    assertThatThrownBy(
            () -> Manifests.requireUnique(drafts.stream().map(d -> d.orProject("b")).toList()))
        .isInstanceOf(ProblemException.class);
  }

  @Test
  void refusesTabs() {
    assertThat(wrong("apiVersion: millwright/v1\nkind: Size\nmetadata:\n\tname: a\n"))
        .containsExactly("hello.yaml line 4, column 1: is indented with a tab; use spaces");
    assertThat(wrong("metadata:\n  name: a\n\tproject: b\n").getFirst())
        .contains("line 3")
        .contains("use spaces");
    assertThat(wrong("spec:\n  - a\n\t- b: c\n").getFirst()).contains("use spaces");
  }

  @Test
  void takesTabsInsideTexts() {
    ProfileSpec spec =
        (ProfileSpec)
            parse(profile("scripts:\n- name: a\n  content: |\n    #!/bin/sh\n    \tls\n"))
                .getFirst()
                .spec();
    assertThat(spec.scripts().getFirst().content()).isEqualTo("#!/bin/sh\n\tls\n");
  }

  @Test
  void refusesDuplicateKeys() {
    assertThat(wrong("kind: Size\nmetadata: {name: a}\nkind: Size\n"))
        .containsExactly(
            "hello.yaml line 3, column 1: the key \"kind\" stands here twice, first in line 1");
    assertThat(wrong("{\"kind\": \"Size\", \"kind\": \"Size\"}").getFirst()).contains("twice");
  }

  @ParameterizedTest
  @ValueSource(strings = {"UTF-16LE", "UTF-16BE", "UTF-16", "UTF-32"})
  void refusesOtherEncodings(String charset) {
    assertThat(wrong(SIZE.getBytes(Charset.forName(charset))).getFirst())
        .containsAnyOf("UTF-8", "U+0000");
  }

  @Test
  void namesTheByteThatIsNoUtf8() {
    assertThat(wrong("kind: Size\n# gr\u00fcn\n".getBytes(StandardCharsets.ISO_8859_1)))
        .containsExactly("hello.yaml: is not UTF-8: byte 0xfc in line 2; save it as UTF-8");
  }

  @Test
  void refusesATruncatedCharacter() {
    assertThat(wrong(new byte[] {'a', (byte) 0xe2, (byte) 0x82})).hasSize(1);
  }

  @Test
  void takesAUtf8ByteOrderMark() {
    assertThat(parse("\ufeff" + SIZE)).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "\n", "# nothing\n", "---\n---\n", "null", "[]", "--- ~"})
  void refusesInputWithoutResources(String text) {
    assertThat(wrong(text)).containsExactly("hello.yaml: declares no resource");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cores: .nan",
        "cores: 1e3",
        "cores: 1.0",
        "cores: 0x10",
        "cores: 010",
        "cores: 99999999999",
        "cores: 999999999999999999999999999999999999999999",
        "cores: '2'",
        "cores: [2]",
        "cores: {a: 2}",
        "cores: true",
        "cores: 2024-01-01",
        "cores: ~",
        "cores: 1 000"
      })
  void refusesWhatIsNoWholeNumber(String cores) {
    assertThat(wrong(SIZE.replace("cores: 1", cores)))
        .singleElement()
        .asString()
        .startsWith("Size small: spec.cores: ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"yes", "'true'", "1", "True", "[]"})
  void refusesWhatIsNoBoolean(String value) {
    assertThat(wrong(profile("users: [{name: a, sudo: " + value + "}]")))
        .singleElement()
        .asString()
        .contains("must be true or false");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "!!java.net.URL [http://example.org]",
        "!!javax.script.ScriptEngineManager [a]",
        "!!str a",
        "!!binary aGVsbG8=",
        "!custom {a: b}",
        "! a"
      })
  void refusesTags(String value) {
    assertThat(wrong("kind: " + value)).singleElement().asString().contains("is not taken");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"? [a, b]\n: c", "? {a: b}\n: c", ": c", "~: c", "? |\n  a\n: [", "{[a]: b}"})
  void refusesKeysThatAreNoWords(String text) {
    assertThat(wrong(text)).hasSize(1);
  }

  @Test
  void refusesMergeKeys() {
    assertThat(wrong("a: &a {b: c}\nd:\n  <<: *a\n"))
        .singleElement()
        .asString()
        .contains("merge keys");
  }

  @Test
  void aliasesRepeatParts() {
    List<Draft> drafts =
        parse(
            """
            apiVersion: millwright/v1
            kind: Machine
            metadata: {name: a}
            spec:
              image: debian
              size: small
              nics:
                - &nic {network: lab, ipv4: dhcp}
                - *nic
            """);
    MachineSpec spec = (MachineSpec) drafts.getFirst().spec();
    assertThat(spec.nics().get(0)).isEqualTo(spec.nics().get(1));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a: *b", "a: &a [*a]", "a: &a {b: *a}", "a: &b 1\n---\na: *b"})
  void refusesAliasesOfNothing(String text) {
    assertThat(wrong(text)).singleElement().asString().contains("no anchor before it");
  }
}
