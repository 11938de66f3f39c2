package io.millwright.driver.vsphere;

import io.millwright.driver.MachineDefinition;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import io.millwright.model.Mac;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a machine was last defined as, as it is noted with the machine itself: vSphere has no
 * definition that counts from the next start, and does not keep all that was declared of a card.
 */
record Wanted(
    int cores,
    long memoryMib,
    Firmware firmware,
    Devices devices,
    List<MachineDefinition.Disk> disks,
    List<MachineDefinition.Nic> nics) {

  private static final String EMULATED = "emulated";

  static Wanted of(MachineDefinition d) {
    return new Wanted(
        d.cores(),
        d.memory().mib(),
        d.firmware(),
        d.devices(),
        List.copyOf(d.disks()),
        List.copyOf(d.nics()));
  }

  /** With this disk behind all others, unless it has it already. */
  Wanted with(MachineDefinition.Disk disk) {
    if (disks.stream().anyMatch(d -> d.name().equals(disk.name()))) {
      return this;
    }
    List<MachineDefinition.Disk> all = new ArrayList<>(disks);
    all.add(disk);
    return new Wanted(cores, memoryMib, firmware, devices, List.copyOf(all), nics);
  }

  Wanted without(String disk) {
    return new Wanted(
        cores,
        memoryMib,
        firmware,
        devices,
        disks.stream().filter(d -> !d.name().equals(disk)).toList(),
        nics);
  }

  /**
   * As one line of words: {@code 1 cores memory firmware}, then disks and cards; and {@code
   * emulated}, where the devices are.
   */
  String encode() {
    StringBuilder out = new StringBuilder("1 ");
    out.append(cores).append(' ').append(memoryMib).append(' ');
    out.append(firmware.name().toLowerCase(Locale.ROOT));
    if (devices == Devices.EMULATED) {
      out.append(' ').append(EMULATED);
    }
    for (MachineDefinition.Disk disk : disks) {
      out.append(" disk:").append(word(disk.name())).append(',').append(word(disk.serial()));
    }
    for (MachineDefinition.Nic nic : nics) {
      out.append(" nic:").append(nic.mac()).append(',').append(word(nic.network()));
      out.append(',').append(nic.vlan() == null ? "" : nic.vlan());
      out.append(',').append(nic.mtu() == null ? "" : nic.mtu());
    }
    return out.toString();
  }

  private static String word(@Nullable String text) {
    return text == null ? "" : URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  private static String plain(String word) {
    return word.indexOf('%') < 0 && word.indexOf('+') < 0
        ? word
        : URLDecoder.decode(word, StandardCharsets.UTF_8);
  }

  /** What was encoded so, or nothing if this is something else. */
  static Optional<Wanted> decode(String text) {
    String[] words = text.split(" ");
    if (words.length < 4 || !words[0].equals("1")) {
      return Optional.empty();
    }
    try {
      Devices devices = Devices.PARAVIRTUAL;
      List<MachineDefinition.Disk> disks = new ArrayList<>();
      List<MachineDefinition.Nic> nics = new ArrayList<>();
      for (String word : Arrays.asList(words).subList(4, words.length)) {
        String[] parts = word.substring(word.indexOf(':') + 1).split(",", -1);
        if (word.equals(EMULATED)) {
          devices = Devices.EMULATED;
        } else if (word.startsWith("disk:")) {
          disks.add(new MachineDefinition.Disk(plain(parts[0]), plain(parts[1])));
        } else if (word.startsWith("nic:")) {
          nics.add(
              new MachineDefinition.Nic(
                  Mac.parse(parts[0]),
                  null,
                  parts[1].isEmpty() ? null : plain(parts[1]),
                  number(parts[2]),
                  number(parts[3])));
        }
      }
      return Optional.of(
          new Wanted(
              Integer.parseInt(words[1]),
              Long.parseLong(words[2]),
              Firmware.valueOf(words[3].toUpperCase(Locale.ROOT)),
              devices,
              List.copyOf(disks),
              List.copyOf(nics)));
    } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
      // Somebody has written into it; then only what vSphere itself says counts.
      return Optional.empty();
    }
  }

  private static @Nullable Integer number(String text) {
    return text.isEmpty() ? null : Integer.valueOf(text);
  }
}
