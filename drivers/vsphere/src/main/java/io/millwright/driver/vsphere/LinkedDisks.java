package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Trust;
import io.millwright.model.ByteSize;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * System disks that hold only what differs from their image. See ADR 0093.
 *
 * <p>vSphere lets no disk grow that is linked to another one, so each is linked to a copy of the
 * image that has its size already: its parent, one for each image and size, which stays as long as
 * a disk is linked to it. And it makes such a disk with a machine only: the disk's bearer, which is
 * never started, and is gone when the disk is there.
 */
final class LinkedDisks {
  private static final int DESCRIPTOR = 64 << 10;
  private static final String HINT = "parentFileNameHint";

  private final Tasks tasks;
  private final Machines machines;
  private final DatastoreFiles files;
  private final Attachments attachments;

  LinkedDisks(Tasks tasks, Machines machines, DatastoreFiles files, Attachments attachments) {
    this.tasks = tasks;
    this.machines = machines;
    this.files = files;
    this.attachments = attachments;
  }

  /** What an image's copy of this size is called, without ending. */
  String parent(String sha256, ByteSize size) {
    return files.image(sha256) + "-" + size.mib() + "m";
  }

  /** UUID of the machine that a disk is made with. */
  static UUID bearer(ObjectName disk) {
    return UUID.nameUUIDFromBytes(("bearer of " + disk).getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Makes a disk of its parent's size.
   *
   * @throws VimFault also if no disk can be linked there
   */
  void make(Place place, ObjectName disk, String parent, long kib)
      throws DriverException, VimFault {
    Element config =
        new Element("config")
            .add("name", disk + "-bearer")
            .add("instanceUuid", bearer(disk).toString())
            .add("guestId", "otherLinux64Guest")
            .add("annotation", "Millwright makes a disk with it, and removes it at once.")
            .add(new Element("files").add("vmPathName", "[" + place.datastoreName() + "]"))
            .add("numCPUs", 1)
            .add("memoryMB", 4)
            .add(VmCompute.added(VmCompute.controllerOfDisks()))
            .add(
                new Element("deviceChange")
                    .type("VirtualDeviceConfigSpec")
                    .add("operation", "add")
                    .add("fileOperation", "create")
                    .add(
                        new Element("device")
                            .type("VirtualDisk")
                            .add("key", -400)
                            .add(
                                new Element("backing")
                                    .type("VirtualDiskFlatVer2BackingInfo")
                                    .add("fileName", files.path(place, disk + DatastoreFiles.DISK))
                                    .add("diskMode", "persistent")
                                    .add(
                                        new Element("parent")
                                            .type("VirtualDiskFlatVer2BackingInfo")
                                            .add(
                                                "fileName",
                                                files.path(place, parent + DatastoreFiles.DISK))
                                            .add("diskMode", "persistent")))
                            .add("controllerKey", -100)
                            .add("unitNumber", 0)
                            .add("capacityInKB", kib)));
    tasks.run(place.folder(), "CreateVM_Task", config, place.pool().as("pool"));
    release(disk);
  }

  /** Removes a disk's bearer, if it is there; the disk stays. */
  void release(ObjectName disk) throws DriverException, VimFault {
    Optional<VmFacts> bearer = machines.at(bearer(disk));
    if (bearer.isPresent()) {
      machines.destroy(bearer.get());
    }
  }

  /** True if the disk is linked to another one, whether a machine has it or not. */
  boolean linked(Place place, ObjectName disk) throws DriverException, VimFault {
    return descriptor(place, disk + DatastoreFiles.DISK).contains(HINT);
  }

  private String descriptor(Place place, String file) throws DriverException, VimFault {
    try (InputStream in = files.download(place, file)) {
      return new String(in.readNBytes(DESCRIPTOR), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw Trust.failed(e, "ca or thumbprint");
    }
  }

  /**
   * The copies that an image has for disks that are linked, whole or not, without ending.
   *
   * @throws DriverException CONFLICT if a disk is linked to one, or if that cannot be told
   */
  List<String> unused(Place place, String sha256) throws DriverException, VimFault {
    Pattern copy = Pattern.compile(Pattern.quote(files.image(sha256)) + "-[0-9]+m(\\.part)?");
    List<String> copies = new ArrayList<>();
    for (String file : files.search(place, List.of(files.image(sha256) + "-*")).keySet()) {
      String stem = file.replaceFirst("\\.vmdk$", "");
      if (copy.matcher(stem).matches()) {
        copies.add(stem);
      }
    }
    if (copies.isEmpty()) {
      return copies;
    }
    Set<String> used = attachments.files(place.datastore());
    for (String stem : copies) {
      if (used.contains(inDatastore(place, stem + DatastoreFiles.DISK))) {
        throw backed(stem);
      }
    }
    // Those that no machine has, such as the system that was up before a rebuild.
    String systems = "mw-" + files.installation() + "-*-" + ObjectName.SYSTEM + DatastoreFiles.DISK;
    for (String file : files.search(place, List.of(systems)).keySet()) {
      if (!used.contains(inDatastore(place, file))) {
        String descriptor = descriptor(place, file);
        if (copies.stream().anyMatch(c -> descriptor.contains(c + DatastoreFiles.DISK))) {
          throw backed(file);
        }
      }
    }
    return copies;
  }

  private String inDatastore(Place place, String file) {
    return VmFacts.inDatastore(files.path(place, file));
  }

  private static DriverException backed(String by) {
    return new DriverException(FaultKind.CONFLICT, "A disk is backed by this image.", by, null);
  }
}
