package io.millwright.model.manifest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever the bytes are, they are read or refused with a problem, and soon. */
class HostileInputTest {
  /** Generous: on two busy cores the slowest takes three; what is quadratic takes minutes. */
  private static final Duration SOON = Duration.ofSeconds(15);

  private static final String SEED =
      """
      apiVersion: millwright/v1
      kind: Network
      metadata:
        name: lab
        labels: {a/b: "c", d: 'e'}
      spec:
        domain: lab.test # here
        dns: [10.0.0.1, "fd00::1"]
        subnets:
          - &s
            cidr: 10.0.0.0/24
            gateway: 10.0.0.1
            pool: 10.0.0.10-10.0.0.99
          - cidr: fd00::/64
        attachments:
          - {hypervisor: h, bridge: br0}
      ---
      apiVersion: millwright/v1
      kind: Profile
      metadata: {name: p}
      spec:
        files:
          - path: /etc/motd
            content: |
              hello
              \tworld
          - path: /etc/a
            content: >-
              folded
              text
            mode: 0644
      """;

  private static final String JSON_SEED =
      """
      {"apiVersion": "millwright/v1", "kind": "Size", "metadata": {"name": "a"},
       "spec": {"cores": 1, "memory": "512MiB", "disk": "4GiB"}, "status": {"conditions": []}}
      """;

  private static void readsOrRefuses(byte[] body) {
    try {
      List<Draft> drafts = Manifests.parse(body, "input");
      assertThat(drafts).isNotEmpty();
    } catch (ProblemException e) {
      assertThat(e.problem().errors())
          .hasSizeBetween(1, 100)
          .allSatisfy(v -> {
            assertThat(v.message()).isNotBlank().doesNotContain("\n", "\u001b");
            assertThat(v.field()).doesNotContain("\n", "\u001b");
            assertThat(v.message().length()).isLessThan(2000);
            assertThat(v.field().length()).isLessThan(2000);
          });
    }
  }

  @Property
  void anyBytes(@ForAll byte[] body) {
    readsOrRefuses(body);
  }

  @Property
  void anyYamlLookingText(@ForAll("scraps") String text) {
    readsOrRefuses(text.getBytes(StandardCharsets.UTF_8));
  }

  @Property
  void mutatedManifests(@ForAll("mutated") byte[] body) {
    readsOrRefuses(body);
  }

  @Provide
  Arbitrary<String> scraps() {
    return Arbitraries.of(
            "a",
            "kind",
            ": ",
            ":",
            "- ",
            "\n",
            "\n  ",
            "\n    ",
            "\t",
            "\"",
            "'",
            "{",
            "}",
            "[",
            "]",
            ",",
            "&a ",
            "*a",
            "!!",
            "!",
            "|",
            ">",
            "|2-",
            "#",
            "---\n",
            "...\n",
            "%YAML 1.2\n",
            "%TAG ! x\n",
            "? ",
            "<<",
            "~",
            "\\u00",
            "\\x",
            "\u0000",
            "\u0085",
            "\u2028",
            "\ufeff",
            "\ud83d\ude00",
            "spec",
            "metadata",
            "items",
            "List",
            "\r",
            "\r\n",
            "@",
            "`",
            "0x",
            "1")
        .list()
        .ofMaxSize(30)
        .map(parts -> String.join("", parts));
  }

  @Provide
  Arbitrary<byte[]> mutated() {
    byte[][] seeds = {
      SEED.getBytes(StandardCharsets.UTF_8), JSON_SEED.getBytes(StandardCharsets.UTF_8)
    };
    return Arbitraries.longs().map(seed -> mutate(seeds, new java.util.Random(seed)));
  }

  private static byte[] mutate(byte[][] seeds, java.util.Random random) {
    byte[] out = seeds[random.nextInt(seeds.length)].clone();
    String special = ":-#&*!|>'\"%@`{}[],?\n\t \\~<0\u0000";
    for (int n = 1 + random.nextInt(4); n > 0; n--) {
      int at = random.nextInt(out.length);
      int end = Math.min(out.length, at + 1 + random.nextInt(20));
      switch (random.nextInt(5)) {
        case 0 -> out[at] = (byte) random.nextInt(256);
        case 1 -> out[at] = (byte) special.charAt(random.nextInt(special.length()));
        case 2 -> out = splice(out, at, at, Arrays.copyOfRange(out, at, end));
        case 3 -> out = splice(out, at, Math.min(end, at + out.length - 1), new byte[0]);
        default ->
            out =
                splice(
                    out,
                    at,
                    at,
                    new byte[] {(byte) special.charAt(random.nextInt(special.length()))});
      }
    }
    return out;
  }

  private static byte[] splice(byte[] in, int from, int to, byte[] with) {
    byte[] out = new byte[in.length - (to - from) + with.length];
    System.arraycopy(in, 0, out, 0, from);
    System.arraycopy(with, 0, out, from, with.length);
    System.arraycopy(in, to, out, from + with.length, in.length - to);
    return out.length == 0 ? new byte[] {'a'} : out;
  }

  @Test
  void refusesAHugeBodyWithoutParsingIt() {
    byte[] body = new byte[50 << 20];
    ThreadLocalRandom.current().nextBytes(body);
    long start = System.nanoTime();
    ProblemException e =
        catchThrowableOfType(ProblemException.class, () -> Manifests.parse(body, "big.yaml"));
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(1));
    assertThat(e.problem().type()).isEqualTo(Problem.Type.TOO_LARGE);
    assertThat(e.problem().detail()).contains("50.0 MiB").contains("4 MiB");
  }

  @Test
  void refusesDeepNesting() {
    assertThat(ManifestsTest.wrong("[".repeat(100_000)).getFirst()).contains("64 levels");
    assertThat(ManifestsTest.wrong("a: " + "[".repeat(100_000)).getFirst()).contains("64 levels");
    assertThat(ManifestsTest.wrong("{\"a\":".repeat(65) + "1" + "}".repeat(65)).getFirst())
        .contains("64 levels");
    assertThat(ManifestsTest.wrong("- ".repeat(65) + "a").getFirst()).contains("64 levels");
    assertThat(
            ManifestsTest.wrong(
                    "a: "
                        + "[".repeat(40)
                        + "&x "
                        + "[".repeat(20)
                        + "]".repeat(60)
                        + "\nb: "
                        + "[".repeat(60)
                        + "*x"
                        + "]".repeat(60))
                .getFirst())
        .contains("64 levels");
  }

  @Test
  void refusesBillionLaughs() {
    StringBuilder text =
        new StringBuilder("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for (int i = 1; i < 12; i++) {
      text.append("a%d: &a%d [".formatted(i, i))
          .append("*a%d, ".formatted(i - 1).repeat(9))
          .append("]\n");
    }
    assertSoon(text.toString());
    assertThat(ManifestsTest.wrong(text.toString()).getFirst()).contains("500000 values");
  }

  @Test
  void refusesRepeatedLargeTexts() {
    String text = "a: &a \"" + "x".repeat(1 << 20) + "\"\nb: [" + "*a,".repeat(1000) + "]";
    assertThat(ManifestsTest.wrong(text).getFirst()).contains("repeat more than 4 MiB");
  }

  /** Each a text that some reader takes too long for. */
  static List<String> large() {
    int max = Manifests.MAX_BYTES;
    // Enough to tell what costs a value too much; long scalars take the whole.
    int part = max / 4;
    String machine =
        """
        apiVersion: millwright/v1
        kind: Machine
        metadata: {name: a}
        spec:
        """;
    String members = "  image: a\n  size: a\n  bonds:\n  - name: b\n    network: a\n    members: [";
    return List.of(
        fill("[", part),
        fill("{", part),
        fill("- ", part),
        fill("? ", part),
        fill("a: ", part),
        fill("a:\n ", part),
        fill("a\n", part),
        fill("\n", part),
        fill("#\n", part),
        fill("---\n", part),
        fill("--- a\n", part),
        fill("&a ", part),
        fill("\"", part),
        fill("'a'", part),
        fill("a ", part),
        fill("!a ", part),
        fill("%a\n", part),
        fill("- a\n", part),
        fill("[],", part - 1).replaceFirst("^", "["),
        "a: |\n" + fill(" a\n", max - 5),
        "a: >\n" + fill(" a\n", max - 5),
        "a: >\n" + fill(" \n", max - 5),
        "a: \"" + fill("\\\n", max - 5),
        "a: \"" + fill("\\u0061", max - 10) + "\"",
        "[" + fill("{\"kind\":1},", part) + "1]",
        "{" + fill("\"a\":", max - 1),
        "{\"a\": " + fill("1", max - 10) + "}",
        "{\"a\": \"" + fill("\\u0061", max - 20) + "\"}",
        keys(part, "%08x: 1%n"),
        keys(part, "\"%08x\": 1,%n").replaceFirst("^", "{"),
        machine + members + fill("x1,", part) + "]",
        machine + "  nics:\n" + fill("  - {}\n", part),
        machine
            + "  nics:\n"
            + fill("  - {network: a}\n", 17 * 900)
            + members
            + fill("x1,", 2700)
            + "]",
        machine.replace("Machine", "Profile") + "  timezone: " + fill("a", max - 200) + "!",
        machine.replace("Machine", "Profile") + "  locale: " + fill("a", max - 200) + "!",
        machine.replace("Machine", "Profile")
            + "  files: [{content: a, path: "
            + fill("/a", max - 200)
            + "}]",
        machine.replace("Machine", "Profile")
            + "  users: [{name: a, shell: "
            + fill("/a", max - 200)
            + "}]",
        machine.replace("Machine", "Profile")
            + "  users: [{name: a, keys: [ssh-rsa "
            + fill("A", max - 200)
            + "!]}]",
        machine.replace("Machine", "Profile") + "  ntp: [\"" + fill(":", max - 200) + "x\"]",
        machine.replace("Machine", "Profile") + "  ntp: [" + fill("a.", max - 200) + "]",
        machine.replace("Machine", "Size") + "  cores: " + fill("9", max - 200),
        machine.replace("Machine", "Size") + "  memory: " + fill("9", max - 200) + "GiB",
        machine.replace("{name: a}", "{name: " + fill("a", max - 200) + "}"),
        machine.replace("name: a", "name: a, labels: {" + fill("a", max - 200) + ": b}"),
        machine.replace("kind: Machine", "kind: " + fill("Machine", max - 200)));
  }

  private static String fill(String part, int length) {
    return part.repeat(length / part.length());
  }

  private static String keys(int length, String form) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; out.length() < length - 20; i++) {
      out.append(String.format(form, i));
    }
    return out.toString();
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("large")
  void largeInputsAreAnsweredSoon(String text) {
    assertSoon(text);
  }

  private static void assertSoon(String text) {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    Assertions.assertTimeoutPreemptively(SOON, () -> readsOrRefuses(body));
  }
}
