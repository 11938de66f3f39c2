package io.millwright.images;

import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.StorageSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Disks divided as it was asked for, in the words of curtin, which does this work for subiquity
 * (curtin's documentation, "Storage"; subiquity's adds {@code match} and a size of -1).
 */
final class CurtinStorage {
  private static final String GROUP = "system";

  private final List<Map<String, Object>> out = new ArrayList<>();

  /** By path, since a directory must be there before one in it. */
  private final Map<String, Map<String, Object>> mounts = new TreeMap<>();

  private final Installation how;
  private final List<String> disks = new ArrayList<>();

  private CurtinStorage(Installation how) {
    this.how = how;
  }

  /** The actions, in an order in which each finds what it stands on. */
  static List<Map<String, Object>> of(Installation how) {
    CurtinStorage storage = new CurtinStorage(how);
    storage.build();
    storage.out.addAll(storage.mounts.values());
    return List.copyOf(storage.out);
  }

  private void build() {
    Storage storage = how.storage();
    disk("disk0", storage.disk());
    if (storage.mirror() != null) {
      disk("disk1", storage.mirror());
    }
    disks.forEach(this::boot);
    if (how.firmware() == Firmware.UEFI) {
      mount("disk0-efi-fs", "/boot/efi");
    }
    List<StorageSpec.Part> parts = storage.parts();
    switch (storage.layout()) {
      case PLAIN -> {
        for (int i = 0; i < parts.size(); i++) {
          StorageSpec.Part part = parts.get(i);
          fileSystem(space("part" + i, part.size()), part);
        }
      }
      case LVM -> {
        // What starts the system must be readable before LVM is.
        if (parts.stream().noneMatch(part -> "/boot".equals(part.mount()))) {
          StorageSpec.Part boot =
              new StorageSpec.Part("/boot", StorageSpec.Type.EXT4, ByteSize.ofMib(1024));
          fileSystem(space("boot", boot.size()), boot);
        }
        for (StorageSpec.Part part : parts) {
          if ("/boot".equals(part.mount())) {
            fileSystem(space("boot", part.size()), part);
          }
        }
        Map<String, Object> group = action("lvm_volgroup", "vg");
        String device = space("pv", null);
        group.put("name", GROUP);
        group.put("devices", List.of(device));
        out.add(group);
        for (int i = 0; i < parts.size(); i++) {
          StorageSpec.Part part = parts.get(i);
          if (!"/boot".equals(part.mount())) {
            Map<String, Object> volume = action("lvm_partition", "part" + i);
            volume.put("name", "part" + i);
            volume.put("volgroup", "vg");
            volume.put("size", size(part.size()));
            out.add(volume);
            fileSystem("part" + i, part);
          }
        }
      }
    }
  }

  private void disk(String id, Storage.Disk disk) {
    Map<String, Object> action = action("disk", id);
    action.put("match", Autoinstall.match(disk, how.storage()));
    action.put("ptable", how.storage().table() == StorageSpec.Table.MSDOS ? "msdos" : "gpt");
    action.put("wipe", "superblock-recursive");
    action.put("preserve", false);
    action.put("grub_device", how.firmware() == Firmware.BIOS);
    out.add(action);
    disks.add(id);
  }

  /** What the firmware starts, on each disk, so that either is enough. */
  private void boot(String disk) {
    switch (how.firmware()) {
      case BIOS -> {
        if (how.storage().table() != StorageSpec.Table.MSDOS) {
          partition(disk + "-bios", disk, "1M").put("flag", "bios_grub");
        }
      }
      case UEFI -> {
        Map<String, Object> efi = partition(disk + "-efi", disk, "512M");
        efi.put("flag", "boot");
        efi.put("grub_device", true);
        format(disk + "-efi-fs", disk + "-efi", "fat32");
      }
    }
  }

  private Map<String, Object> partition(String id, String disk, Object size) {
    Map<String, Object> action = action("partition", id);
    action.put("device", disk);
    action.put("size", size);
    action.put("wipe", "superblock");
    action.put("preserve", false);
    out.add(action);
    return action;
  }

  /** Room on the disk, or on both, as one device. */
  private String space(String id, @Nullable ByteSize size) {
    if (disks.size() == 1) {
      partition(id + "-on-disk0", "disk0", size(size));
      return id + "-on-disk0";
    }
    List<String> devices = new ArrayList<>();
    for (String disk : disks) {
      partition(id + "-on-" + disk, disk, size(size));
      devices.add(id + "-on-" + disk);
    }
    Map<String, Object> raid = action("raid", id + "-raid");
    raid.put("name", "md-" + id);
    raid.put("raidlevel", 1);
    raid.put("devices", devices);
    out.add(raid);
    return id + "-raid";
  }

  private static Object size(@Nullable ByteSize size) {
    return size == null ? (Object) (-1) : size.mib() + "M";
  }

  private void fileSystem(String device, StorageSpec.Part part) {
    String kind = part.type().name().toLowerCase(Locale.ROOT);
    format(device + "-fs", device, kind);
    mount(device + "-fs", part.mount() == null ? "" : part.mount());
  }

  private void format(String id, String volume, String kind) {
    Map<String, Object> action = action("format", id);
    action.put("volume", volume);
    action.put("fstype", kind);
    out.add(action);
  }

  private void mount(String device, String path) {
    Map<String, Object> action = action("mount", device + "-mount");
    action.put("device", device);
    action.put("path", path);
    mounts.put(path + "\0" + device, action);
  }

  private static Map<String, Object> action(String type, String id) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("type", type);
    out.put("id", id);
    return out;
  }
}
