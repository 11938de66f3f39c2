package io.millwright.driver.proxmox;

import io.millwright.driver.MachineDefinition;
import io.millwright.model.ByteSize;
import io.millwright.model.Mac;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * What a VM is configured to have, as it counts from its next start: by name, each value being a
 * text such as {@code local-lvm:vm-100-disk-0,serial=system,size=8G}.
 */
record Options(Map<String, String> values) {
  private static final Pattern DISK = Pattern.compile("(?:scsi|virtio|sata|ide)[0-9]+");
  private static final Pattern SIZE = Pattern.compile("([0-9]{1,15}(?:\\.[0-9]{1,9})?)([KMGT]?)");
  private static final Pattern CARD = Pattern.compile("net[0-9]+");

  /** The drive with the medium. */
  static final String DRIVE = "ide2";

  /** The second drive, which only a machine with a vendor's installation medium has or had. */
  static final String VENDORS = "ide0";

  static Options of(JsonNode data) {
    Map<String, String> out = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> each : data.properties()) {
      out.put(each.getKey(), each.getValue().asString(""));
    }
    return new Options(out);
  }

  String text(String name) {
    return values.getOrDefault(name, "");
  }

  private long number(String name, long otherwise) {
    // memory may be a list of properties of its own
    String text = text(name).replaceFirst("^current=", "").replaceFirst(",.*", "");
    try {
      return text.isEmpty() ? otherwise : Long.parseLong(text);
    } catch (NumberFormatException e) {
      return otherwise;
    }
  }

  int cores() {
    return (int) (number("cores", 1) * number("sockets", 1));
  }

  long memoryMib() {
    return number("memory", 512);
  }

  List<String> tags() {
    return tags(text("tags"));
  }

  static List<String> tags(String value) {
    return Stream.of(value.split("[;, ]")).filter(t -> !t.isEmpty()).toList();
  }

  /** By which the guest knows itself; none if there is none that can be read. */
  Optional<UUID> uuid() {
    try {
      return Optional.of(
          UUID.fromString(
              properties(text("smbios1"), "").getOrDefault("uuid", "").toLowerCase(Locale.ROOT)));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /** The properties of a value; the first may stand without its name. */
  static Map<String, String> properties(String value, String first) {
    Map<String, String> out = new LinkedHashMap<>();
    for (String part : value.split(",")) {
      int at = part.indexOf('=');
      if (at > 0) {
        out.put(part.substring(0, at), part.substring(at + 1));
      } else if (!part.isEmpty()) {
        out.put(first, part);
      }
    }
    return out;
  }

  // -------------------------------------------------------------------------------------- disks

  /**
   * A disk as it is plugged in.
   *
   * @param at name of the option, such as {@code scsi0}
   * @param volume its name in its storage
   * @param size as it was when Proxmox VE last wrote it here; null if it did not
   */
  record Plugged(String at, String volume, @Nullable String serial, @Nullable ByteSize size) {}

  /** Disks in the order in which the machine has them; drives for media are none. */
  List<Plugged> disks() {
    List<Plugged> out = new ArrayList<>();
    for (Map.Entry<String, String> each : values.entrySet()) {
      Map<String, String> of = properties(each.getValue(), "file");
      if (DISK.matcher(each.getKey()).matches() && !"cdrom".equals(of.get("media"))) {
        out.add(
            new Plugged(
                each.getKey(),
                of.getOrDefault("file", ""),
                of.get("serial"),
                size(of.get("size"))));
      }
    }
    out.sort(
        java.util.Comparator.comparing((Plugged p) -> p.at().replaceAll("[0-9]", ""))
            .thenComparingInt(p -> Integer.parseInt(p.at().replaceAll("[^0-9]", ""))));
    return List.copyOf(out);
  }

  /** Of {@code 8G}; a number alone counts bytes. */
  private static @Nullable ByteSize size(@Nullable String text) {
    Matcher m = SIZE.matcher(text == null ? "" : text);
    if (!m.matches()) {
      return null;
    }
    int unit = m.group(2).isEmpty() ? 0 : 1 + "KMGT".indexOf(m.group(2));
    long mib =
        new BigDecimal(m.group(1))
            .multiply(BigDecimal.valueOf(1L << 10 * unit))
            .divideToIntegralValue(BigDecimal.valueOf(ByteSize.MIB))
            .longValue();
    return mib < 1 ? null : ByteSize.ofMib(mib);
  }

  /** All volumes that go with the VM when it is removed, if they are its own. */
  List<String> volumes() {
    List<String> out = new ArrayList<>();
    values.forEach((name, value) -> {
      if (DISK.matcher(name).matches() || name.matches("(?:unused|efidisk|tpmstate)[0-9]+")) {
        out.add(properties(value, "file").getOrDefault("file", ""));
      }
    });
    return out;
  }

  /** The volume in its drive, or an empty text. */
  String medium() {
    return medium(DRIVE);
  }

  /** The volume in one of its drives, or an empty text. */
  String medium(String drive) {
    String file = properties(text(drive), "file").getOrDefault("file", "");
    return file.equals("none") ? "" : file;
  }

  /** Of a new disk, in the unit in which Proxmox VE takes it: 64MiB are 0.0625. */
  static String gibibytes(ByteSize size) {
    return BigDecimal.valueOf(size.mib())
        .divide(BigDecimal.valueOf(1024))
        .stripTrailingZeros()
        .toPlainString();
  }

  // -------------------------------------------------------------------------------------- cards

  /** In their order; a foreign one may be without what we need to know of one. */
  List<MachineDefinition.Nic> nics() {
    List<String> names =
        values.keySet().stream()
            .filter(name -> CARD.matcher(name).matches())
            .sorted(java.util.Comparator.comparingInt(n -> Integer.parseInt(n.substring(3))))
            .toList();
    List<MachineDefinition.Nic> out = new ArrayList<>();
    for (String name : names) {
      nic(text(name)).ifPresent(out::add);
    }
    return List.copyOf(out);
  }

  private static Optional<MachineDefinition.Nic> nic(String value) {
    Map<String, String> of = properties(value, "model");
    // Either virtio=52:54:..., or model=virtio,macaddr=52:54:...
    String mac =
        of.getOrDefault("macaddr", of.isEmpty() ? "" : of.values().iterator().next())
            .toLowerCase(Locale.ROOT);
    try {
      return Optional.of(
          new MachineDefinition.Nic(
              Mac.parse(mac), of.get("bridge"), null, whole(of.get("tag")), whole(of.get("mtu"))));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static @Nullable Integer whole(@Nullable String text) {
    return text == null ? null : Integer.valueOf(text);
  }

  static String card(MachineDefinition.Nic nic) {
    return "virtio="
        + nic.mac().text().toUpperCase(Locale.ROOT)
        + ",bridge="
        + nic.bridge()
        + (nic.vlan() == null ? "" : ",tag=" + nic.vlan())
        + (nic.mtu() == null ? "" : ",mtu=" + nic.mtu());
  }

  List<String> cards() {
    return values.keySet().stream().filter(name -> CARD.matcher(name).matches()).toList();
  }
}
