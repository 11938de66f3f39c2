package io.millwright.driver.libvirt;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.GuestCommands;
import io.millwright.driver.Mark;
import io.millwright.driver.libvirt.Handle.Domain;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.manifest.Json;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * The QEMU guest agent. What it says is a guest's word: it is read with care, and what does not
 * look as it should is passed over.
 */
final class QemuAgent implements GuestAgent, GuestCommands {
  private static final Libvirt C = Libvirt.get();
  private static final int TIMEOUT_SECONDS = 2;
  private static final int MOST_INTERFACES = 64;
  private static final int MOST_ADDRESSES = 64;
  private static final int MOST_KEY_BYTES = 4096;
  private static final int MOST_PATH = 255;
  private static final List<String> KEY_TYPES = List.of("ed25519", "ecdsa", "rsa");

  // Replies are JSON of a fixed form, of which one value each is wanted.
  private static final Pattern HANDLE = Pattern.compile("\"return\"\\s*:\\s*([0-9]{1,18})\\b");
  private static final Pattern CONTENT =
      Pattern.compile("\"buf-b64\"\\s*:\\s*\"([A-Za-z0-9+/=]{0,8192})\"");
  private static final Pattern KEY =
      Pattern.compile("((?:ssh|ecdsa)-[a-z0-9-]{1,40} [A-Za-z0-9+/=]{20,2000})(?: .*)?");

  private final Line line;
  private final String installation;

  QemuAgent(Line line, String installation) {
    this.line = line;
    this.installation = installation;
  }

  @Override
  public Optional<Facts> ask(Mark mark) throws DriverException {
    return line.call(connection -> {
      try (Domain domain = DomainCompute.find(connection, mark, installation)) {
        return domain == null ? Optional.<Facts>empty() : look(domain);
      }
    });
  }

  /** Asks the agent of a domain of anybody's. */
  static Optional<Facts> look(Domain domain) throws LibvirtError {
    try {
      return Survey.stateOf(domain).state() == Domain.RUNNING ? ask(domain) : Optional.empty();
    } catch (LibvirtError e) {
      if (silent(e)) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** No agent answers, or there is none. */
  private static boolean silent(LibvirtError e) {
    return e.is(
        LibvirtError.AGENT_UNRESPONSIVE,
        LibvirtError.AGENT_UNSYNCED,
        LibvirtError.OPERATION_INVALID,
        LibvirtError.ARGUMENT_UNSUPPORTED,
        LibvirtError.OPERATION_TIMEOUT,
        LibvirtError.NO_DOMAIN);
  }

  @Override
  public long begin(Mark mark, List<String> command) throws DriverException {
    JsonNode begun =
        inGuest(
            mark,
            FaultKind.REFUSED,
            "guest-exec",
            Map.of(
                "path",
                command.getFirst(),
                "arg",
                command.subList(1, command.size()),
                "capture-output",
                true));
    if (!begun.path("pid").isIntegralNumber()) {
      throw new DriverException(FaultKind.CONFLICT, "The agent in the machine answers nonsense.");
    }
    return begun.path("pid").asLong();
  }

  @Override
  public Optional<Ended> ended(Mark mark, long begun) throws DriverException {
    JsonNode how = inGuest(mark, FaultKind.CONFLICT, "guest-exec-status", Map.of("pid", begun));
    if (!how.path("exited").asBoolean(false)) {
      return Optional.empty();
    }
    int code =
        how.has("signal")
            ? 128 + (how.path("signal").asInt(0) & 127)
            : how.path("exitcode").asInt(0) & 255;
    return Optional.of(new Ended(code, text(how.path("out-data")) + text(how.path("err-data"))));
  }

  private static String text(JsonNode base64) {
    try {
      return new String(Base64.getDecoder().decode(base64.asString("")), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      return ""; // a guest's word
    }
  }

  /**
   * Has the agent do something.
   *
   * @param refusal what it is if the agent says no
   */
  private JsonNode inGuest(
      Mark mark, FaultKind refusal, String execute, Map<String, Object> arguments)
      throws DriverException {
    String json = Json.write(Map.of("execute", execute, "arguments", arguments));
    return line.call(connection -> {
      try (Domain domain = DomainCompute.find(connection, mark, installation)) {
        if (domain == null || Survey.stateOf(domain).state() != Domain.RUNNING) {
          throw new DriverException(FaultKind.CONFLICT, "The machine does not run.");
        }
        return Json.mapper().readTree(command(domain, json)).path("return");
      } catch (JacksonException e) {
        throw new DriverException(FaultKind.CONFLICT, "The agent in the machine answers nonsense.");
      } catch (LibvirtError e) {
        if (silent(e)) {
          throw new DriverException(
              FaultKind.CONFLICT,
              "No guest agent answers in the machine.",
              FaultKinds.operator(e),
              e);
        }
        if (e.is(LibvirtError.INTERNAL_ERROR)) {
          throw new DriverException(
              refusal, "The agent in the machine refuses: " + said(e), FaultKinds.operator(e), e);
        }
        throw e;
      }
    });
  }

  /** The agent's own words, without those that libvirt puts before them. */
  private static String said(LibvirtError e) {
    return e.words()
        .replaceFirst("^.*unable to execute QEMU agent command '[a-z-]+': ", "")
        .replaceFirst("[.\\s]*$", ".");
  }

  private static Optional<Facts> ask(Domain domain) throws LibvirtError {
    // The call for addresses has no timeout of its own.
    LibvirtError.check(C.virDomainAgentSetResponseTimeout(domain.pointer, TIMEOUT_SECONDS, 0));
    command(domain, "{\"execute\":\"guest-ping\"}");
    return Optional.of(new Facts(addresses(domain), hostKeys(domain)));
  }

  /**
   * Where a file system of this disk is mounted, if the agent tells; nothing if there is none, or
   * nobody who would know.
   *
   * @param serial under which the guest sees the disk
   */
  static Optional<String> mounted(Domain domain, String serial) throws LibvirtError {
    try {
      return mounted(command(domain, "{\"execute\":\"guest-get-fsinfo\"}"), serial);
    } catch (LibvirtError e) {
      if (silent(e) || e.is(LibvirtError.INTERNAL_ERROR)) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** As above, by the agent's reply. */
  static Optional<String> mounted(String reply, String serial) {
    try {
      for (JsonNode system : Json.mapper().readTree(reply).path("return")) {
        for (JsonNode disk : system.path("disk")) {
          // A guest that sees it behind a controller puts the maker's name before it.
          if (!serial.isEmpty() && disk.path("serial").asString("").endsWith(serial)) {
            String where = system.path("mountpoint").asString("");
            return Optional.of(where.substring(0, Math.min(where.length(), MOST_PATH)));
          }
        }
      }
    } catch (JacksonException e) {
      // A guest's word.
    }
    return Optional.empty();
  }

  private static String command(Domain domain, String json) throws LibvirtError {
    return Handle.owned(
        LibvirtError.check(
            Libvirt.qemu().virDomainQemuAgentCommand(domain.pointer, json, TIMEOUT_SECONDS, 0)));
  }

  private static Map<Mac, List<Ip>> addresses(Domain domain) throws LibvirtError {
    int agent = 1; // VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT
    PointerByReference array = new PointerByReference();
    int count = LibvirtError.check(C.virDomainInterfaceAddresses(domain.pointer, array, agent, 0));
    Map<Mac, List<Ip>> out = new HashMap<>();
    Pointer faces = array.getValue();
    for (int i = 0; i < count; i++) {
      Pointer face = faces.getPointer((long) Native.POINTER_SIZE * i);
      // virDomainInterface: name, hwaddr, naddrs, addrs
      Mac mac = i < MOST_INTERFACES ? mac(face.getPointer(8)) : null;
      if (mac != null) {
        List<Ip> ips = new ArrayList<>(out.getOrDefault(mac, List.of()));
        Pointer addresses = face.getPointer(24);
        for (int j = 0; j < Math.min(face.getInt(16), MOST_ADDRESSES); j++) {
          // virDomainIPAddress: type, addr, prefix, in 24 bytes
          ip(addresses.getPointer(24L * j + 8)).ifPresent(ips::add);
        }
        out.put(mac, List.copyOf(ips));
      }
      C.virDomainInterfaceFree(face);
    }
    if (faces != null) {
      Native.free(Pointer.nativeValue(faces));
    }
    return Map.copyOf(out);
  }

  private static @Nullable Mac mac(@Nullable Pointer text) {
    try {
      Mac mac = text == null ? null : Mac.parse(LibvirtError.utf8(text));
      return mac == null || mac.text().equals("00:00:00:00:00:00") ? null : mac;
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  private static Optional<Ip> ip(@Nullable Pointer text) {
    try {
      return text == null
          ? Optional.empty()
          : Optional.of(Ip.parse(LibvirtError.utf8(text)))
              .filter(ip ->
                  !ip.toInetAddress().isLoopbackAddress()
                      && !ip.toInetAddress().isLinkLocalAddress());
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static List<String> hostKeys(Domain domain) throws LibvirtError {
    List<String> out = new ArrayList<>();
    for (String type : KEY_TYPES) {
      try {
        key(read(domain, "/etc/ssh/ssh_host_" + type + "_key.pub")).ifPresent(out::add);
      } catch (LibvirtError e) {
        // Not every guest has every key, or lets its agent read files.
        if (e.is(LibvirtError.AGENT_UNRESPONSIVE, LibvirtError.OPERATION_INVALID)) {
          throw e;
        }
      }
    }
    return List.copyOf(out);
  }

  /** The path is a constant of ours, so nothing in it needs escaping. */
  private static String read(Domain domain, String path) throws LibvirtError {
    Optional<String> handle =
        value(
            HANDLE,
            command(
                domain,
                "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"" + path + "\"}}"));
    if (handle.isEmpty()) {
      return "";
    }
    String arguments = "\"arguments\":{\"handle\":" + handle.get();
    try {
      String reply =
          command(
              domain,
              "{\"execute\":\"guest-file-read\","
                  + arguments
                  + ",\"count\":"
                  + MOST_KEY_BYTES
                  + "}}");
      return value(CONTENT, reply)
          .map(base64 -> new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8))
          .orElse("");
    } catch (IllegalArgumentException e) {
      return ""; // no base64
    } finally {
      close(domain, arguments);
    }
  }

  private static void close(Domain domain, String arguments) {
    try {
      command(domain, "{\"execute\":\"guest-file-close\"," + arguments + "}}");
    } catch (LibvirtError e) {
      // What was read, or why it was not, counts; the agent closes its files when it ends.
    }
  }

  private static Optional<String> value(Pattern pattern, String json) {
    Matcher matcher = pattern.matcher(json);
    return matcher.find() ? Optional.of(matcher.group(1)) : Optional.empty();
  }

  /** Type and key, without the comment. */
  static Optional<String> key(String file) {
    Matcher matcher = KEY.matcher(file.strip());
    return matcher.matches() ? Optional.of(matcher.group(1)) : Optional.empty();
  }
}
