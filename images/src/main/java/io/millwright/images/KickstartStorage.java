package io.millwright.images;

import io.millwright.model.ByteSize;
import io.millwright.model.StorageSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The disks of a machine in the words of a kickstart (Anaconda's documentation, "Kickstart
 * commands"). What Anaconda cannot say, a program of {@code %pre} finds out in the machine and
 * writes as commands into a file that is included.
 *
 * @param commands for the kickstart itself
 * @param program of {@code %pre}, or empty
 * @param unlock whole sections that put the disk's key where it belongs, or empty
 * @param packages that the installed system needs for it
 */
record KickstartStorage(String commands, String program, String unlock, List<String> packages) {
  private static final String INCLUDED = "/tmp/millwright-storage.ks";

  static KickstartStorage of(Storage storage) {
    Storage.Encryption encryption = storage.encryption();
    if (storage.isInstallersChoice()
        && encryption == null
        && storage.disk() instanceof Storage.Disk.ByPath by
        && !storage.hasToBeFound(by)) {
      return new KickstartStorage(divided(by.path(), storage, ""), "", "", List.of());
    }
    StringBuilder program = new StringBuilder(FindDisk.FUNCTIONS);
    program.append("disk=$(").append(FindDisk.call(storage.disk(), storage)).append(")\n");
    String disks = "$disk";
    if (storage.mirror() != null) {
      program.append("mirror=$(").append(FindDisk.call(storage.mirror(), storage)).append(")\n");
      program.append("[ \"$disk\" != \"$mirror\" ] || die \"both disks are $disk\"\n");
      disks = "$disk,$mirror";
    }
    String encrypted = "";
    if (encryption != null) {
      program.append("key=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \\n')\n");
      program.append("printf %s \"$key\" > /tmp/millwright-key\n");
      program.append("echo $disk ${mirror-} > /tmp/millwright-disks\n");
      encrypted = " --encrypted --luks-version=luks2 --passphrase=$key";
    }
    program.append("cat > ").append(INCLUDED).append(" <<EOF\n");
    program.append(divided(disks, storage, encrypted)).append("\nEOF\n");
    return new KickstartStorage(
        "%include " + INCLUDED,
        program.toString(),
        encryption == null ? "" : unlock(encryption),
        encryption == null
            ? List.of()
            : List.of("clevis", "clevis-luks", "clevis-dracut", "clevis-systemd", "cryptsetup"));
  }

  /**
   * One filesystem on all that is left if nothing else is said. Anaconda's {@code autopart} would
   * give it 70 GiB at most, the rest to {@code /home} and swap, and each product has its own mind.
   */
  private static String divided(String disks, Storage storage, String encrypted) {
    List<String> out = new ArrayList<>();
    boolean mirrored = storage.mirror() != null;
    boolean lvm = storage.layout() == StorageSpec.Layout.LVM;
    out.add("ignoredisk --only-use=" + disks);
    out.add("zerombr");
    out.add(
        "clearpart --all --initlabel"
            + (storage.table() == null
                ? ""
                : " --disklabel=" + storage.table().name().toLowerCase(Locale.ROOT)));
    out.add("reqpart");
    List<StorageSpec.Part> parts = new ArrayList<>(storage.parts());
    if ((lvm || !encrypted.isEmpty()) && parts.stream().noneMatch(KickstartStorage::isBoot)) {
      // What starts the system must be readable before LVM or LUKS is.
      parts.addFirst(new StorageSpec.Part("/boot", StorageSpec.Type.EXT4, ByteSize.ofMib(1024)));
    }
    for (int i = 0; i < parts.size(); i++) {
      StorageSpec.Part part = parts.get(i);
      if (!lvm || isBoot(part)) {
        space(
            out,
            "part" + i,
            mount(part),
            kind(part, storage) + (isBoot(part) ? "" : encrypted),
            part.size(),
            mirrored);
      }
    }
    if (lvm) {
      space(out, "pv", "pv.0", encrypted, null, mirrored);
      out.add("volgroup system pv.0");
      for (int i = 0; i < parts.size(); i++) {
        StorageSpec.Part part = parts.get(i);
        if (!isBoot(part)) {
          out.add(
              "logvol "
                  + mount(part)
                  + " --vgname=system --name=part"
                  + i
                  + kind(part, storage)
                  + size(part.size()));
        }
      }
    }
    return String.join("\n", out);
  }

  /**
   * A partition, or one on each disk with a RAID over them.
   *
   * @param options each with a blank before it
   */
  private static void space(
      List<String> out,
      String name,
      String what,
      String options,
      @Nullable ByteSize size,
      boolean mirrored) {
    if (!mirrored) {
      out.add("part " + what + options + size(size));
      return;
    }
    out.add("part raid." + name + "a --ondisk=$disk" + size(size));
    out.add("part raid." + name + "b --ondisk=$mirror" + size(size));
    out.add(
        "raid "
            + what
            + " --device="
            + name
            + " --level=1"
            + options
            + " raid."
            + name
            + "a raid."
            + name
            + "b");
  }

  private static boolean isBoot(StorageSpec.Part part) {
    return "/boot".equals(part.mount());
  }

  private static String mount(StorageSpec.Part part) {
    return part.mount() == null ? "swap" : part.mount();
  }

  /** Of what nobody declared the distribution says the kind, such as XFS. */
  private static String kind(StorageSpec.Part part, Storage storage) {
    return storage.filesystems().isEmpty() && !isBoot(part)
        ? ""
        : " --fstype=" + part.type().name().toLowerCase(Locale.ROOT);
  }

  private static String size(@Nullable ByteSize size) {
    return size == null ? " --size=1024 --grow" : " --size=" + size.mib();
  }

  /** The key that the machine drew opens the disk once, to be replaced; then it is gone. */
  private static String unlock(Storage.Encryption encryption) {
    String pin =
        switch (encryption) {
          case Storage.Encryption.Tpm2 _ -> "tpm2 '{}'";
          case Storage.Encryption.Tang tang ->
              // A URI holds neither double quotes nor backslashes.
              "tang '{\"url\":\""
                  + tang.server().toString().replace("'", "%27")
                  + "\",\"thp\":\""
                  + tang.thumbprint()
                  + "\"}'";
        };
    return """
    %%post --nochroot --erroronfail --interpreter=/bin/bash
    set -euo pipefail
    install -m 0600 /tmp/millwright-key /tmp/millwright-disks /mnt/sysimage/root/
    shred -u /tmp/millwright-key
    %%end

    %%post --erroronfail --interpreter=/bin/bash
    set -euo pipefail
    for d in $(lsblk -nrpo NAME,FSTYPE $(< /root/millwright-disks) |
        awk '$2 == "crypto_LUKS" { print $1 }' | sort -u); do
      clevis luks bind -y -k /root/millwright-key -d "$d" %s
      cryptsetup luksRemoveKey "$d" /root/millwright-key
    done
    shred -u /root/millwright-key
    rm /root/millwright-disks
    %s
    dracut --force --regenerate-all
    %%end
    """
        .formatted(
            pin,
            encryption instanceof Storage.Encryption.Tang
                ? "grubby --update-kernel=ALL --args='rd.neednet=1 ip=dhcp'"
                : "systemctl enable clevis-luks-askpass.path || true");
  }
}
