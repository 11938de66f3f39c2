package io.millwright.images;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineStatus;
import io.millwright.model.Names;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Violations;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a machine says of itself after its first boot, or while it is at it. It comes from inside a
 * guest, so nothing of it is trusted but that the guest says so.
 *
 * @param hostKeys its public SSH host keys, {@code type base64} each
 * @param interfaces its interfaces with their global addresses
 * @param scripts how each script ended; what cloud-init itself failed at stands under {@code
 *     cloud-init}
 * @param volumes its data disks that were seen to
 * @param running what it is still at, or null if that is all
 */
public record FirstBootReport(
    List<String> hostKeys,
    List<Interface> interfaces,
    List<MachineStatus.ScriptResult> scripts,
    List<Volume> volumes,
    @Nullable Running running) {
  /** The longest body that is looked at. */
  public static final int LARGEST = 256 << 10;

  private static final int KEYS = 16;
  private static final int INTERFACES = 64;
  private static final int ADDRESSES = 64;
  private static final int SCRIPTS = 256;
  private static final int OUTPUT = 8 << 10;
  private static final int VOLUMES = 64;

  private static final Pattern KEY =
      Pattern.compile(
          "(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) ([A-Za-z0-9+/]{16,1400}={0,2})");

  /** Such as {@code ssh-dss}, which OpenSSH before 9.8 still makes if it is asked to. */
  private static final Pattern OTHER_TYPE =
      Pattern.compile(
          "(?!ssh-ed25519 |ssh-rsa |ecdsa-sha2-nistp(?:256|384|521) )[a-z][a-z0-9@.-]* ");

  private static final Pattern SERIAL = Pattern.compile("[A-Za-z0-9._-]{1,64}");

  private static final JsonMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(8)
                          .maxDocumentLength(LARGEST)
                          .maxNumberLength(10)
                          .maxNameLength(64)
                          .build())
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .build())
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  public FirstBootReport {
    hostKeys = List.copyOf(hostKeys);
    interfaces = List.copyOf(interfaces);
    scripts = List.copyOf(scripts);
    volumes = List.copyOf(volumes);
  }

  /**
   * A data disk.
   *
   * @param formatted true if it was blank, and the guest made a file system on it
   */
  public record Volume(String serial, boolean formatted) {}

  /**
   * An interface as the guest sees it.
   *
   * @param name in the guest; bonds and VLANs share their MAC address with a card, so only the name
   *     tells them apart
   */
  public record Interface(@Nullable String name, Mac mac, List<Ip> addresses) {
    public Interface {
      addresses = List.copyOf(addresses);
    }
  }

  /**
   * What a first boot is at.
   *
   * @param name of the script, or {@code cloud-init}
   * @param output the end of what it has printed by now
   */
  public record Running(String name, String output) {
    /** What it is, in words. */
    public String title() {
      return name.equals(FirstBoot.CLOUD_INIT) ? name : "script " + name;
    }
  }

  private record Raw(
      @Nullable List<@Nullable String> hostKeys,
      @Nullable List<@Nullable RawInterface> interfaces,
      @Nullable List<@Nullable RawScript> scripts,
      @Nullable List<@Nullable RawVolume> volumes,
      @Nullable RawRunning running) {}

  private record RawVolume(@Nullable String serial, @Nullable Boolean formatted) {}

  private record RawRunning(@Nullable String name, @Nullable String output) {}

  private record RawInterface(
      @Nullable String name, @Nullable String mac, @Nullable List<@Nullable String> addresses) {}

  private record RawScript(
      @Nullable String name, @Nullable Integer exitCode, @Nullable String output) {}

  /**
   * Reads the body of a report.
   *
   * @throws ProblemException if it is too large, no JSON, has another shape or holds what cannot be
   */
  public static FirstBootReport parse(byte[] body) {
    if (body.length > LARGEST) {
      throw ProblemException.of(
          Problem.Type.TOO_LARGE, "a report has at most " + LARGEST + " bytes");
    }
    Raw raw;
    try {
      raw = JSON.readValue(body, Raw.class);
    } catch (JacksonException e) {
      throw ProblemException.invalid("", "is no report: " + Names.quote(e.getOriginalMessage()));
    }
    if (raw == null) {
      throw ProblemException.invalid("", "is no report: null");
    }
    Violations at = Violations.at("");
    RawRunning running = raw.running();
    FirstBootReport out =
        new FirstBootReport(
            each(at.field("hostKeys"), known(raw.hostKeys()), KEYS, FirstBootReport::key),
            each(at.field("interfaces"), raw.interfaces(), INTERFACES, FirstBootReport::face),
            each(at.field("scripts"), raw.scripts(), SCRIPTS, FirstBootReport::script),
            raw.volumes() == null // of a system that was made before they were told
                ? List.of()
                : each(at.field("volumes"), raw.volumes(), VOLUMES, FirstBootReport::volume),
            running == null ? null : running(at.field("running"), running));
    at.raise();
    return out;
  }

  /** Reads one element; null after a violation was added. */
  private interface Reader<A, B> {
    @Nullable B read(Violations at, A raw);
  }

  private static <A, B> List<B> each(
      Violations at, @Nullable List<@Nullable A> raw, int most, Reader<A, B> reader) {
    List<B> out = new ArrayList<>();
    if (raw == null) {
      at.add("is missing");
      return out;
    }
    if (raw.size() > most) {
      at.add("has " + raw.size() + " elements; at most " + most + " are taken");
      return out;
    }
    for (int i = 0; i < raw.size(); i++) {
      A element = raw.get(i);
      if (element == null) {
        at.index(i).add("must not be null");
        continue;
      }
      B value = reader.read(at.index(i), element);
      if (value != null) {
        out.add(value);
      }
    }
    return out;
  }

  /** Without keys of a type that nobody checks any more: a system with one has others, too. */
  private static @Nullable List<@Nullable String> known(@Nullable List<@Nullable String> keys) {
    return keys == null
        ? null
        : keys.stream().filter(key -> key == null || !OTHER_TYPE.matcher(key).lookingAt()).toList();
  }

  private static @Nullable String key(Violations at, String raw) {
    Matcher m = KEY.matcher(raw);
    if (m.matches()) {
      try {
        byte[] blob = Base64.getDecoder().decode(m.group(2));
        byte[] type = m.group(1).getBytes(StandardCharsets.US_ASCII);
        // RFC 4253 section 6.6: the blob starts with the length and the name of its own type.
        if (blob.length > 4 + type.length
            && (blob[0] | blob[1] | blob[2]) == 0
            && blob[3] == type.length
            && new String(blob, 4, type.length, StandardCharsets.US_ASCII).equals(m.group(1))
            && (!m.group(1).equals("ssh-ed25519") || blob.length == 51)) {
          return raw;
        }
      } catch (IllegalArgumentException e) {
        // Falls through: padding in the wrong place is as wrong as anything else.
      }
    }
    at.add("is no SSH host key, such as \"ssh-ed25519 AAAA...\"");
    return null;
  }

  private static @Nullable Interface face(Violations at, RawInterface raw) {
    String name = raw.name();
    if (name != null && !name.matches("[^/\\s\\p{Cntrl}]{1,15}")) {
      at.field("name").add("is no interface name");
      return null;
    }
    Mac mac = literal(at.field("mac"), raw.mac(), Mac::parse);
    List<Ip> addresses =
        each(
            at.field("addresses"),
            raw.addresses(),
            ADDRESSES,
            (here, text) -> literal(here, text, Ip::parse));
    return mac == null ? null : new Interface(name, mac, addresses);
  }

  private static <T> @Nullable T literal(
      Violations at, @Nullable String text, Function<String, T> parser) {
    if (text == null) {
      at.add("is missing");
      return null;
    }
    try {
      return parser.apply(text);
    } catch (IllegalArgumentException e) {
      at.add(String.valueOf(e.getMessage()));
      return null;
    }
  }

  private static @Nullable Running running(Violations at, RawRunning raw) {
    var said = script(at, new RawScript(raw.name(), 0, raw.output()));
    return said == null ? null : new Running(said.name(), said.output());
  }

  private static @Nullable Volume volume(Violations at, RawVolume raw) {
    String serial = raw.serial();
    Boolean formatted = raw.formatted();
    if (serial == null || formatted == null || !SERIAL.matcher(serial).matches()) {
      at.add("needs a disk's serial, and whether it was formatted");
      return null;
    }
    return new Volume(serial, formatted);
  }

  private static MachineStatus.@Nullable ScriptResult script(Violations at, RawScript raw) {
    String name = raw.name();
    Integer exitCode = raw.exitCode();
    String output = raw.output();
    if (name == null || exitCode == null || output == null) {
      at.add("needs name, exitCode and output");
      return null;
    }
    if (!Names.isLabel(name)) {
      at.field("name").add(Names.quote(name) + " is no script's name");
      return null;
    }
    if (exitCode < 0 || exitCode > 255) {
      at.field("exitCode").add("is 0 to 255");
      return null;
    }
    if (output.getBytes(StandardCharsets.UTF_8).length > OUTPUT) {
      at.field("output").add("has at most " + OUTPUT + " bytes");
      return null;
    }
    return new MachineStatus.ScriptResult(name, exitCode, printable(output));
  }

  /** Without what would play tricks on the terminal or the database of whoever looks at it. */
  private static String printable(String text) {
    StringBuilder out = new StringBuilder(text.length());
    text.codePoints()
        .forEach(c -> {
          if (c == '\n' || c == '\t') {
            out.append((char) c);
          } else if (c == '\r') {
            // Progress bars and DOS line ends: the rest of the line says enough.
          } else if (Character.isISOControl(c)
              || Character.getType(c) == Character.SURROGATE
              || Character.getType(c) == Character.FORMAT) {
            out.append('\ufffd');
          } else {
            out.appendCodePoint(c);
          }
        });
    return out.toString();
  }
}
