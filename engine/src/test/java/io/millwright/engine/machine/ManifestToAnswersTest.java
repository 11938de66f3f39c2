package io.millwright.engine.machine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.images.Answers;
import io.millwright.images.Catalogue;
import io.millwright.images.CloudInit;
import io.millwright.images.InstallSpec;
import io.millwright.images.Renderers;
import io.millwright.images.Seed;
import io.millwright.images.Source;
import io.millwright.images.Storage;
import io.millwright.model.ProblemException;
import io.millwright.model.manifest.Manifests;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import javax.xml.parsers.DocumentBuilderFactory;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * The whole way from a manifest's text to what an installer reads. Each word of the manifest that
 * somebody may choose is a mark; with a hostile text in the place of one mark the manifest is
 * either refused, or the answer, read by its format's grammar and unfolded to the last script
 * within a script, is the same as before with that text in place of the mark: no more keys, lines
 * and words, and nothing else is different.
 */
class ManifestToAnswersTest {
  private static final String MANIFEST =
      """
      apiVersion: millwright/v1
      kind: Machine
      metadata: {name: web}
      spec:
        image: any
        size: small
        hostname: "zzaq"
        profiles: [base]
        nics:
          - {name: "zzbq", network: lab, mac: "52:54:00:00:00:01", ipv4: 10.0.0.9, ipv6: none}
          - {name: "zzcq", network: lab, mac: "52:54:00:00:00:02", ipv4: none, ipv6: none}
        BRIDGES
        overrides:
          keyboard: "de"
          packageSource:
            PROXY
            repositories:
              - name: "zzeq"
                url: "http://repo.lab.test/zzfq"
                SUITE
                key: |
                  KEY
          PACKAGES
          commands:
            BEFORE
            after: [{name: "zzkq", content: "#!/bin/sh\\n# own\\nzzlq\\n"}]
          storage: {untouched: ["zzmq"]}
      ---
      apiVersion: millwright/v1
      kind: Network
      metadata: {name: lab}
      spec:
        domain: "zznq.test"
        dns: [10.0.0.53]
        subnets: [{cidr: 10.0.0.0/24, gateway: 10.0.0.1}]
      ---
      apiVersion: millwright/v1
      kind: Profile
      metadata: {name: base}
      spec:
        users:
          - name: "zzoq"
            shell: "/bin/zzpq"
            groups: ["zzqq"]
            keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9kVvhDlJmNrbTBeCkBYfQY1x7vXPIkGzsLAfUMVVvz zzrq."]
        files: [{path: "/etc/zzsq", content: "zztq", owner: "zzuq"}]
        scripts: [{name: "zzvq", content: "#!/bin/sh\\n# own\\nzzwq\\n"}]
        ntp: ["zzxq"]
        locale: "C.UTF-8"
      """;

  private static final String OPENPGP =
      """
      -----BEGIN PGP PUBLIC KEY BLOCK-----

      mDMEawyAMRYJKwYBBAHaRw8BAQdAyuG+ZqqzPOWSz4AC7FIpybXrdcLp73WeGzZB
      DY8BmMm0IVRvb2xzIG9mIHRoZSBsYWIgPHRvb2xzQGxhYi50ZXN0PoiQBBMWCAA4
      FiEESX8CB86eeWHJBJ2gX4iiK5dBLmoFAmsMgDECGwMFCwkIBwIGFQoJCAsCBBYC
      AwECHgECF4AACgkQX4iiK5dBLmpatgD/bm+EYY16K9vasCSeABSDLWQpoyUuz9VT
      hhnOX3ZiBp8BANOtwzRRV2hpuoJnVw84Gdg9W5Ph36W7nD4K53fkHKgM
      =azeE
      -----END PGP PUBLIC KEY BLOCK-----
      """;

  private static final String RSA =
      """
      -----BEGIN PUBLIC KEY-----
      MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCn7Yl/U4L8bs8qLtCUjmQdsF2
      xGHR1a3VaJ7jZHBOZGa47I0ibe5DlwvioU227DzyYNMCn+RfbU1CTDh+ssOq4Qb8
      hId1+Mwsp2jcvwGpTY7LMq1jxzJgGF/OnPGwKvqaR4J/hDwAg6KxMW5XiDrwFLsh
      ydHgnFi0rMCzfXGNOQIDAQAB
      -----END PUBLIC KEY-----
      """;

  /**
   * A system, and its own way of naming repositories.
   *
   * @param lacks lines of the manifest that it refuses
   * @param words the manifest in its own words, where it has others
   */
  private record Target(
      String family,
      String version,
      String suite,
      String key,
      Set<String> lacks,
      UnaryOperator<String> words) {
    static Target of(String family, String version, String suite, String key, String... lacks) {
      return new Target(family, version, suite, key, Set.of(lacks), UnaryOperator.identity());
    }

    /** One that is installed from its own medium alone, and is a machine of its own kind. */
    static Target of(String family, String version, UnaryOperator<String> words) {
      return new Target(family, version, "", "", Set.of("PACKAGES", "BEFORE", "BRIDGES"), words);
    }

    String manifest() {
      String bridges =
          "  bridges: [{name: \"zzyq\", members: [\"zzcq\"], network: lab, ipv4: 10.0.0.10, ipv6:"
              + " none}]";
      Map<String, String> lines =
          Map.of(
              "SUITE",
              suite,
              "KEY",
              key.strip().replace("\n", "\n            "),
              "PACKAGES",
              "packages: [\"zzgq\"]",
              "PROXY",
              "mirror: \"http://mirror.lab.test/zzhq/x\"",
              "BEFORE",
              "before: [{name: \"zziq\", content: \"#!/bin/sh\\n# own\\nzzjq\\n\"}]",
              "BRIDGES",
              bridges.strip());
      return Pattern.compile("(?m)^( *)([A-Z]{3,})$\n")
          .matcher(words.apply(MANIFEST))
          .replaceAll(m -> {
            String line = lacks.contains(m.group(2)) ? "" : requireNonNull(lines.get(m.group(2)));
            return line.isEmpty() ? "" : Matcher.quoteReplacement(m.group(1) + line + "\n");
          });
    }

    Map<String, String> answers(String manifest) {
      InstallSpec spec =
          Renderings.describe(
              Manifests.parse(manifest.getBytes(UTF_8), "test"),
              (_, _) -> Optional.empty(),
              new Storage.Disk.BySerial("zzzq"),
              Source.DISTRIBUTION,
              null);
      Map<String, String> out = new TreeMap<>();
      if (version.isEmpty()) {
        InstallSpec clone =
            spec.withInstallation(null).withProfile(spec.profile().withStorage(null));
        Seed seed = CloudInit.ofClone(family).render(clone);
        unfold("user-data", seed.userData(), out);
        unfold("meta-data", seed.metaData(), out);
        unfold("network-config", seed.networkConfig(), out);
        return out;
      }
      Answers answers =
          Renderers.of(requireNonNull(Catalogue.known().families().get(family)), version)
              .render(spec);
      Answers.Way way = answers.ways().getFirst();
      for (String argument : way.kernelArguments()) {
        out.put("kernel " + out.size(), argument);
      }
      Stream.of(
              way.initrd(),
              way.medium(),
              way.seed() == null
                  ? Map.<String, io.millwright.images.AnswerFile>of()
                  : way.seed().files())
          .flatMap(m -> m.entrySet().stream())
          .forEach(f -> {
            if (f.getKey().endsWith(".tar.gz")) {
              archive(f.getKey(), f.getValue().bytes(), out);
            } else {
              unfold(f.getKey(), f.getValue().asText(), out);
            }
          });
      return out;
    }
  }

  private static final String SUITE = "suite: \"zz1q\"\n          components: [\"zz2q\"]";

  private static final List<Target> SYSTEMS =
      List.of(
          Target.of("debian", "", SUITE, OPENPGP, "BEFORE"),
          Target.of("rocky", "", "", OPENPGP, "BEFORE", "PROXY"),
          Target.of("debian", "13", SUITE, OPENPGP),
          Target.of("ubuntu", "24.04", SUITE, OPENPGP),
          Target.of("rocky", "9", "", OPENPGP),
          Target.of("opensuse-leap", "15.6", "", OPENPGP),
          Target.of("opensuse-leap", "16.0", "", OPENPGP),
          Target.of("alpine", "3.22", "keyName: \"zz1q.rsa.pub\"", RSA),
          Target.of("freebsd", "14", "", RSA, "PACKAGES", "PROXY"),
          Target.of("proxmox-ve", "9", SUITE, OPENPGP, "PACKAGES", "PROXY", "BEFORE"),
          Target.of("windows-server", "2025", ManifestToAnswersTest::ofWindows),
          Target.of("windows", "11", ManifestToAnswersTest::ofWindows),
          Target.of("esxi", "8", ManifestToAnswersTest::ofEsxi),
          Target.of("flatcar", "4000", ManifestToAnswersTest::ofIgnition),
          Target.of("fedora-coreos", "41", ManifestToAnswersTest::ofIgnition));

  /** Without what begins with the first text and ends with the other. */
  private static String without(String manifest, String from, String to) {
    int begin = manifest.indexOf(from);
    int end = manifest.indexOf(to, begin);
    assertThat(begin).as(from).isNotNegative();
    assertThat(end).as(to).isNotNegative();
    return manifest.substring(0, begin) + manifest.substring(end + to.length());
  }

  private static String withoutPackages(String manifest) {
    return without(manifest, "    packageSource:\n", "KEY\n");
  }

  private static String ofWindows(String manifest) {
    String out = withoutPackages(manifest);
    out = without(out, "      shell: ", "\n");
    out = without(out, "      groups: ", "\n");
    out = without(out, ", owner: ", "\"zzuq\"");
    return out.replace("/etc/zzsq", "/C:/ProgramData/app.ini")
        .replace("#!/bin/sh\\n", "#!powershell\\n")
        .replace("C.UTF-8", "de_AT.UTF-8");
  }

  /** Of its cards only one that has a port group has a name. */
  private static String ofEsxi(String manifest) {
    String out = withoutPackages(manifest);
    out = without(out, "    commands:\n", "}]\n");
    out = without(out, "      shell: ", "\n");
    out = without(out, "      groups: ", "\n");
    out = without(out, "  files: ", "\n");
    out = without(out, "  locale: ", "\n");
    return out.replace("zzoq", "root")
        .replace("zzbq", "nic0")
        .replace("ipv4: none, ipv6: none", "ipv4: dhcp, ipv6: none");
  }

  private static String ofIgnition(String manifest) {
    String out = withoutPackages(manifest);
    out = without(out, "      after: ", "\n");
    return without(out, "      groups: ", "\n");
  }

  /** What breaks out of some format, or is no text to it. */
  private static final List<String> HOSTILE =
      List.of(
          "",
          " ",
          "no",
          "on",
          "y",
          "null",
          "~",
          "1e3",
          "0x1f",
          "0777",
          "12:30:45",
          "true",
          "-",
          "-e",
          "--",
          "---",
          "a b",
          " a",
          "a ",
          "a\nb",
          "a\n- b",
          "a: b",
          "x\nruncmd:\n- reboot",
          "'",
          "\"",
          "\\",
          "`id`",
          "$(id)",
          "$x",
          "${x}",
          "%",
          "%end",
          "%s",
          "EOF",
          "EOF\nreboot\n",
          "\tEOF",
          "#",
          "a #b",
          "{{ x }}",
          "{% x %}",
          "]]>",
          "<!--",
          "<x>",
          "&amp;",
          "&a",
          "*a",
          "!a",
          "@",
          "|",
          ">",
          "? ",
          "\t",
          "\r",
          "\r\n",
          "\u0000",
          "\u0085",
          "\u2028",
          "\ufeff",
          "\ufffe",
          "\u007f",
          "\ud83d\ude00",
          "é",
          "a/../b",
          "../a",
          "a,b",
          "a=b",
          "a;b",
          "a&b",
          "a|b",
          "a\\nb",
          "a'b",
          "a\"b");

  private static final JsonMapper JSON =
      JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

  private static final Pattern MARK = Pattern.compile("zz[a-z0-9]q");

  @Provide
  Arbitrary<Target> systems() {
    return Arbitraries.of(SYSTEMS);
  }

  @Provide
  Arbitrary<String> texts() {
    return Arbitraries.oneOf(
        Arbitraries.of(HOSTILE),
        Arbitraries.of(HOSTILE).list().ofSize(2).map(l -> String.join("", l)),
        Arbitraries.of(HOSTILE).map(s -> "a" + s),
        Arbitraries.strings().ofMaxLength(12).map(s -> s.replaceAll("\\p{Cs}", "?")));
  }

  @Test
  void everyMarkReachesEverySystem() {
    for (Target system : SYSTEMS) {
      String all = system.answers(system.manifest()).toString();
      MARK.matcher(system.manifest())
          .results()
          .map(m -> m.group())
          .distinct()
          // Not everyone has to hear which disks to leave alone where the one to take is named; and
          // Alpine's list of repositories has no names.
          .filter(mark ->
              !mark.equals("zzmq") && !(system.family().equals("alpine") && mark.equals("zzeq")))
          .forEach(mark ->
              assertThat(all.contains(mark))
                  .as(system.family() + system.version() + " " + mark)
                  .isTrue());
    }
  }

  /** Every text in the place of every mark, in every system that takes it there. */
  @Tag("slow")
  @Test
  void nothingBreaksOut() {
    int compared = 0;
    for (String mark : marks(SYSTEMS.getFirst().manifest())) {
      for (String text : HOSTILE) {
        // Most are refused whatever the system.
        if (answers(SYSTEMS.getFirst(), mark, text) != null) {
          for (Target system : SYSTEMS) {
            compared += same(system, mark, text);
          }
        }
      }
    }
    assertThat(compared).isGreaterThan(500);
  }

  @Property(tries = 300)
  void whatStandsInAManifestComesOutAndNoMore(
      @ForAll("systems") Target system, @ForAll("texts") String text, @ForAll int which) {
    List<String> marks = marks(system.manifest());
    same(system, marks.get(Math.floorMod(which, marks.size())), text);
  }

  private static List<String> marks(String manifest) {
    return MARK.matcher(manifest).results().map(m -> m.group()).distinct().toList();
  }

  private final Map<Target, Map<String, String>> unmarked = new HashMap<>();

  /** What the system is told with this text, or null if it is refused. */
  private static @Nullable Map<String, String> answers(Target system, String mark, String text) {
    // YAML takes some letters above ASCII for ends of lines.
    String quoted = JSON.writeValueAsString(text);
    try {
      return system.answers(
          system.manifest().replace(mark, quoted.substring(1, quoted.length() - 1)));
    } catch (ProblemException e) {
      return null;
    }
  }

  /** Compares; 0 if there was nothing to compare, because the text is refused. */
  private int same(Target system, String mark, String text) {
    // A card without a name is called by its place.
    Map<String, String> actual =
        text.isEmpty() && List.of("zzbq", "zzcq").contains(mark)
            ? null
            : answers(system, mark, text);
    if (actual == null) {
      return 0;
    }
    Map<String, String> expected = new TreeMap<>();
    unmarked
        .computeIfAbsent(system, s -> s.answers(s.manifest()))
        .forEach((key, value) -> expected.put(key.replace(mark, text), value.replace(mark, text)));
    List<String> different = new ArrayList<>();
    Stream.concat(expected.keySet().stream(), actual.keySet().stream())
        .distinct()
        .filter(key -> !Objects.equals(expected.get(key), actual.get(key)))
        .forEach(
            key -> different.add(key + " is " + actual.get(key) + " and not " + expected.get(key)));
    assertThat(different)
        .as(
            system.family()
                + system.version()
                + " "
                + mark
                + " is "
                + JSON.writeValueAsString(text))
        .isEmpty();
    return 1;
  }

  /** Each value of a file by where it stands; scripts in it, however packed, as files in turn. */
  private static void unfold(String at, String text, Map<String, String> out) {
    String name = at.substring(at.lastIndexOf('/') + 1);
    if (name.endsWith(".xml")) {
      xml(at, parsed(text).getDocumentElement(), out);
    } else if (List.of("user-data", "meta-data", "network-config").contains(name)) {
      tree(at, new YAMLMapper().readTree(text), out);
    } else if (name.endsWith(".json") || name.endsWith(".ign")) {
      tree(at, new JsonMapper().readTree(text), out);
    } else if (text.startsWith("#!/bin/sh\n# own\n") || text.startsWith("#!powershell\n# own\n")) {
      out.put(at, text); // a script of the manifest's own, as it is
    } else if (name.equals("preseed.cfg")) {
      preseed(at, text, out);
    } else if (name.endsWith(".toml")) {
      toml(at, text, out);
    } else if (name.equals("KS.CFG")) {
      esxi(at, text, out);
    } else if (LINES.matcher(name).matches()) {
      String[] lines = text.split("\n", -1);
      for (int i = 0; i < lines.length; i++) {
        out.put(at + ":" + i, lines[i]);
      }
    } else if (text.startsWith("#!") || SOURCED.contains(name)) {
      shell(at, text, out);
    } else if (name.endsWith(".nmconnection")) {
      out.put(at, UUID.matcher(text).replaceAll("=a UUID of the name's making"));
    } else {
      out.put(at, text);
    }
  }

  /** What its reader takes line by line. */
  private static final Pattern LINES = Pattern.compile(".*\\.(vbs|ps1|link|netdev|network|conf)");

  /** Commands, a program that finds the disk, and one of the first boot with its task before it. */
  private static void esxi(String at, String text, Map<String, String> out) {
    String begin = "%firstboot --interpreter=python\nTASK = \"";
    int task = text.indexOf(begin) + begin.length();
    int end = text.indexOf('"', task);
    shell(at, text.substring(0, task), out);
    tree(
        at + " task",
        JSON.readTree(new String(Base64.getDecoder().decode(text.substring(task, end)), UTF_8)),
        out);
    out.put(at + " program", text.substring(end));
  }

  /** What a shell reads though it does not begin as a program does. */
  private static final Set<String> SOURCED = Set.of("ks.cfg", "installerconfig", "answers");

  /** The files of an archive, and whereto its links lead. */
  private static void archive(String at, byte[] bytes, Map<String, String> out) {
    try (TarArchiveInputStream tar =
        new TarArchiveInputStream(new GZIPInputStream(new ByteArrayInputStream(bytes)))) {
      for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        String name = at + "/" + entry.getName();
        if (entry.isFile()) {
          unfold(name, new String(tar.readAllBytes(), UTF_8), out);
        } else {
          out.put(name, entry.getLinkName());
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static final Pattern TOML = Pattern.compile("([A-Za-z_.-]+) = ([\"\\[].*)");

  /** Sections, and in them a line for each value, which are texts and lists as JSON has them. */
  private static void toml(String at, String text, Map<String, String> out) {
    String section = "";
    for (String line : text.split("\n")) {
      Matcher value = TOML.matcher(line);
      if (value.matches()) {
        tree(at + section + "." + value.group(1), JSON.readTree(value.group(2)), out);
      } else {
        assertThat(line).matches("|\\[[a-z-]+\\]");
        section = line;
      }
    }
  }

  private static final Pattern UUID = Pattern.compile("=[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

  /** As Ignition has files. */
  private static final String DATA = "data:;base64,";

  private static void tree(String at, JsonNode node, Map<String, String> out) {
    if (node.isObject()) {
      assertThat(node.propertyNames()).doesNotHaveDuplicates();
      boolean packed = "b64".equals(node.path("encoding").asString(""));
      String source = node.at("/contents/source").asString("");
      node.properties()
          .forEach(p -> {
            if (p.getKey().equals("contents") && source.startsWith(DATA)) {
              unfold(
                  at + "/content of " + node.get("path").asString(),
                  new String(Base64.getDecoder().decode(source.substring(DATA.length())), UTF_8),
                  out);
            } else if (packed && p.getKey().equals("content")) {
              unfold(
                  at + "/content of " + node.get("path").asString(),
                  new String(Base64.getDecoder().decode(p.getValue().asString()), UTF_8),
                  out);
            } else {
              tree(at + "." + p.getKey(), p.getValue(), out);
            }
          });
    } else if (node.isArray()) {
      for (int i = 0; i < node.size(); i++) {
        tree(at + "[" + i + "]", node.get(i), out);
      }
    } else if (node.asString("").startsWith("#!/bin/sh\n# Made")) {
      shell(at, node.asString(), out);
    } else {
      echoes(at, node.getNodeType() + " " + node.asString(), out);
    }
  }

  private static final Pattern ECHO = Pattern.compile("echo ([A-Za-z0-9+/=]+) \\| base64 -d");

  /** Pieces of a program that a command writes, unpacked. */
  private static void echoes(String at, String text, Map<String, String> out) {
    out.put(
        at,
        ECHO.matcher(text)
            .replaceAll(m ->
                Matcher.quoteReplacement(
                    new String(Base64.getDecoder().decode(m.group(1)), UTF_8))));
  }

  private static org.w3c.dom.Document parsed(String text) {
    try {
      return DocumentBuilderFactory.newDefaultInstance()
          .newDocumentBuilder()
          .parse(new ByteArrayInputStream(text.getBytes(UTF_8)));
    } catch (Exception e) {
      throw new AssertionError(text, e);
    }
  }

  private static void xml(String at, Element element, Map<String, String> out) {
    List<Element> children = new ArrayList<>();
    for (Node n = element.getFirstChild(); n != null; n = n.getNextSibling()) {
      if (n instanceof Element e) {
        children.add(e);
      }
    }
    if (children.isEmpty()) {
      unfold(at + "/" + element.getTagName(), element.getTextContent(), out);
    }
    for (int i = 0; i < children.size(); i++) {
      xml(at + "/" + element.getTagName() + i, children.get(i), out);
    }
  }

  /** debconf's lines: who, the question, its type, and the rest is the value. */
  private static void preseed(String at, String text, Map<String, String> out) {
    for (String line : text.split("\n", -1)) {
      String[] words = line.split(" ", 4);
      if (!line.isEmpty() && !line.startsWith("#")) {
        assertThat(out.put(at + " " + words[1] + " " + words[2], words.length < 4 ? "" : words[3]))
            .isNull();
      }
    }
  }

  private static final Pattern HERE = Pattern.compile(".*<<'([A-Z]+)'.*");

  /** Lines of words as a shell splits them, and documents between them, in base64 or not. */
  private static void shell(String at, String text, Map<String, String> out) {
    String[] lines = text.split("\n", -1);
    int number = 0;
    for (int i = 0; i < lines.length; i++) {
      Matcher here = HERE.matcher(lines[i]);
      String key = at + ":" + number++;
      List<String> words = words(lines[i]);
      for (int j = 0; j < words.size(); j++) {
        out.put(key + ":" + j, words.get(j));
      }
      if (here.matches()) {
        List<String> inner = new ArrayList<>();
        while (!lines[++i].equals(here.group(1))) {
          inner.add(lines[i]);
        }
        String packed = String.join("", inner);
        boolean base64 = !inner.isEmpty() && packed.matches("[A-Za-z0-9+/]+={0,2}");
        unfold(
            key + " " + words.get(Math.max(0, words.size() - 2)),
            base64
                ? new String(Base64.getDecoder().decode(packed), UTF_8)
                : String.join("\n", inner),
            out);
      }
    }
  }

  private static List<String> words(String line) {
    List<String> out = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    char quote = 0;
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      if (quote != 0) {
        if (c == quote) {
          quote = 0;
        } else {
          word.append(c);
        }
      } else if (c == '\'' || c == '"') {
        quote = c;
      } else if (c == '\\' && i + 1 < line.length()) {
        word.append(line.charAt(++i));
      } else if (c == ' ') {
        out.add(word.toString());
        word.setLength(0);
      } else {
        word.append(c);
      }
    }
    out.add(word.toString());
    return out;
  }
}
