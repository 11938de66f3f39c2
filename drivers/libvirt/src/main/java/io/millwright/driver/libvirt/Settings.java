package io.millwright.driver.libvirt;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverDescription.Setting;
import io.millwright.driver.DriverException;
import io.millwright.model.Names;
import io.millwright.model.Violations;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The settings of one hypervisor, read. */
record Settings(
    String uri,
    String pool,
    Acceleration.Choice acceleration,
    @Nullable String machineType,
    boolean openvswitch,
    @Nullable String user,
    @Nullable String password) {

  static final DriverDescription DESCRIPTION =
      new DriverDescription(
          "libvirt",
          List.of(
              new Setting("uri", true, false, "libvirt URI, for example qemu:///system"),
              new Setting("pool", false, false, "storage pool for disks; millwright if not given"),
              new Setting(
                  "acceleration",
                  false,
                  false,
                  "auto tries whether KVM works, kvm and emulation force; auto if not given"),
              new Setting("machineType", false, false, "QEMU machine type; q35 if not given"),
              new Setting(
                  "openvswitch",
                  false,
                  false,
                  "true if the host's bridges are Open vSwitch's, which can tag VLANs"),
              new Setting("user", false, false, "for a URI that asks for a login"),
              new Setting("password", false, true, "for a URI that asks for a login")));

  private static final Pattern URI =
      Pattern.compile(
          "(?<hypervisor>[a-z]+)([+](?<transport>[a-z0-9]+))?://"
              + "(?<host>[^\\s\\p{Cntrl}/?#]*)(?<path>/[^\\s\\p{Cntrl}?#]*)?([?#][^\\s\\p{Cntrl}]*)?");

  private static final Pattern PASSWORD = Pattern.compile("//[^/?#@]*:[^/?#]*@");

  /** See libvirt's documentation of its drivers and of remote URIs. */
  private static final List<String> HYPERVISORS =
      List.of(
          "qemu",
          "test",
          "lxc",
          "xen",
          "bhyve",
          "ch",
          "vz",
          "parallels",
          "openvz",
          "vbox",
          "esx",
          "gsx",
          "vpx",
          "hyperv",
          "vmwareplayer",
          "vmwarews",
          "vmwarefusion");

  private static final List<String> TRANSPORTS =
      List.of("unix", "ssh", "libssh", "libssh2", "tcp", "tls", "ext", "netcat");

  private static final List<String> QEMU = List.of("/system", "/session", "/embed");
  private static final Pattern WORD = Pattern.compile("[A-Za-z0-9][-A-Za-z0-9._]{0,99}");

  static void check(Map<String, String> given, Violations found) {
    DESCRIPTION.check(given, found);
    String uri = given.get("uri");
    if (uri != null) {
      checkUri(uri, found.field("uri"));
    }
    String pool = given.getOrDefault("pool", "millwright");
    String acceleration = given.getOrDefault("acceleration", "auto");
    String machineType = given.get("machineType");
    String openvswitch = given.getOrDefault("openvswitch", "false");
    found.field("pool").require(WORD.matcher(pool).matches(), Names.quote(pool) + " is no name");
    found
        .field("acceleration")
        .require(
            List.of("auto", "kvm", "emulation").contains(acceleration),
            "write auto, kvm or emulation");
    found
        .field("machineType")
        .require(
            machineType == null || WORD.matcher(machineType).matches(),
            "a machine type looks like q35 or pc-q35-7.2");
    found
        .field("openvswitch")
        .require(List.of("true", "false").contains(openvswitch), "write true or false");
  }

  /** What libvirt itself would refuse without asking anybody. */
  private static void checkUri(String uri, Violations found) {
    if (PASSWORD.matcher(uri).find()) {
      // It would stand in answers, and ssh would be given it as an argument.
      found.add("takes no password; give it as the setting password, and the user as user");
      return;
    }
    Matcher parts = URI.matcher(uri);
    if (!parts.matches()) {
      found.add(
          Names.quote(uri)
              + " is no libvirt URI, which looks like qemu:///system or qemu+ssh://host/system");
      return;
    }
    found.require(
        HYPERVISORS.contains(parts.group("hypervisor")),
        "libvirt has no hypervisor "
            + Names.quote(parts.group("hypervisor"))
            + Names.hint(parts.group("hypervisor"), HYPERVISORS));
    String transport = parts.group("transport");
    found.require(
        transport == null || TRANSPORTS.contains(transport),
        "libvirt has no transport "
            + Names.quote(String.valueOf(transport))
            + Names.hint(String.valueOf(transport), TRANSPORTS));
    found.require(
        !parts.group("hypervisor").equals("qemu")
            || QEMU.contains(String.valueOf(parts.group("path"))),
        "the path of a URI of qemu is /system or /session");
  }

  static Settings read(Map<String, String> given) throws DriverException {
    DriverDescription.requireValid(given, Settings::check);
    return new Settings(
        given.getOrDefault("uri", ""),
        given.getOrDefault("pool", "millwright"),
        Acceleration.Choice.valueOf(
            given.getOrDefault("acceleration", "auto").toUpperCase(Locale.ROOT)),
        given.get("machineType"),
        Boolean.parseBoolean(given.get("openvswitch")),
        given.get("user"),
        given.get("password"));
  }

  /** Port, path and socket of the URI: not by which name and which transport it is reached. */
  String daemon() {
    try {
      URI parts = new URI(uri);
      String query = parts.getQuery() == null ? "" : parts.getQuery();
      String socket =
          Stream.of(query.split("&"))
              .filter(p -> p.startsWith("socket="))
              .collect(Collectors.joining());
      return (parts.getPort() < 0 ? "" : ":" + parts.getPort()) + parts.getPath() + socket;
    } catch (URISyntaxException e) {
      return uri; // libvirt's rules are not so strict
    }
  }

  /** Without the password. */
  @Override
  public String toString() {
    return "libvirt at " + uri;
  }
}
