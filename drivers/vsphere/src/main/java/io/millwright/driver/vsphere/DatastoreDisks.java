package io.millwright.driver.vsphere;

import io.millwright.driver.Background;
import io.millwright.driver.DiskCopy;
import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.model.ByteSize;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Disks as virtual disks in our directory of the datastore; those that start as an image are full
 * copies of it, which need it no longer, or linked to it ({@link LinkedDisks}).
 */
final class DatastoreDisks implements Disks, DiskCopy, AutoCloseable {
  private static final Duration POLL = Duration.ofSeconds(5);

  private final Vim vim;
  private final Tasks tasks;
  private final Attachments attachments;
  private final Machines machines;
  private final Place.Finder places;
  private final DatastoreFiles files;
  private final ImageUpload upload;
  private final LinkedDisks links;
  private final boolean linked;
  private final Duration patience;
  private final Background<String> uploads;

  /** What is being copied, by what it is called until it is whole and has its name. */
  private final Map<String, Copy> copies = new ConcurrentHashMap<>();

  /**
   * @param whole true once all of it is there, though it may be too small
   */
  private record Copy(Ref task, boolean whole) {}

  /** Who makes the copy that disks of an image are linked to. */
  private final ReentrantLock parents = new ReentrantLock();

  /**
   * @param linked true if disks that start as an image are linked to it
   * @param patience how long a call waits for what may take minutes; then whoever asked comes again
   */
  DatastoreDisks(
      Vim vim,
      Tasks tasks,
      Attachments attachments,
      Machines machines,
      Place.Finder places,
      DatastoreFiles files,
      LinkedDisks links,
      boolean linked,
      Duration patience) {
    this.links = links;
    this.linked = linked;
    this.patience = patience;
    this.uploads = new Background<>(patience, POLL);
    this.vim = vim;
    this.tasks = tasks;
    this.attachments = attachments;
    this.machines = machines;
    this.places = places;
    this.files = files;
    this.upload = new ImageUpload(files);
  }

  @Override
  public void close() {
    uploads.close();
  }

  // ------------------------------------------------------------------------------------- images

  /** Goes on in the background when the one who asked gives up, and is found by the next one. */
  @Override
  public Outcome stage(Image image) throws DriverException {
    String sha256 = image.sha256();
    if (!uploads.has(sha256) && vim.act(() -> staged(places.get(), sha256).isPresent())) {
      return Outcome.DONE;
    }
    return uploads.ask(
        sha256,
        "upload of " + sha256,
        "The vSphere driver failed to stage an image.",
        () -> vim.act(() -> tasks.inTurn(files.image(sha256), Tasks.LEISURE, () -> put(image))));
  }

  private Outcome put(Image image) throws DriverException, VimFault {
    Place place = places.get();
    if (staged(place, image.sha256()).isEmpty()) {
      upload.run(place, image);
    }
    return Outcome.DONE;
  }

  private Optional<DatastoreFiles.Entry> staged(Place place, String sha256)
      throws DriverException, VimFault {
    String disk = files.image(sha256) + DatastoreFiles.DISK;
    String medium = files.image(sha256) + DatastoreFiles.MEDIUM;
    return files.search(place, List.of(disk, medium)).values().stream().findFirst();
  }

  @Override
  public Outcome unstage(String sha256) throws DriverException {
    return vim.act(() -> tasks.inTurn(files.image(sha256), () -> unstaged(sha256)));
  }

  private Outcome unstaged(String sha256) throws DriverException, VimFault {
    Place place = places.get();
    for (String copy : links.unused(place, sha256)) {
      files.deleteDisk(place, copy);
    }
    if (!uploads.goesOn(sha256)) { // of an upload that was broken off
      files.deleteDisk(place, files.image(sha256) + ImageUpload.PART);
      files.deleteBytes(place, files.image(sha256) + ImageUpload.PART);
      files.delete(place, files.image(sha256) + DatastoreFiles.UPLOAD);
    }
    Optional<DatastoreFiles.Entry> there = staged(place, sha256);
    if (there.isEmpty()) {
      return Outcome.DONE;
    }
    if (!there.get().name().endsWith(DatastoreFiles.MEDIUM)) {
      files.deleteDisk(place, files.image(sha256));
      return Outcome.DONE;
    }
    List<Ref> holders =
        attachments.holders(place.datastore(), files.path(place, there.get().name()));
    if (!holders.isEmpty()) {
      throw Machines.conflict(
          "A machine has this image in its drive.", holders.getFirst().toString());
    }
    files.delete(place, there.get().name());
    return Outcome.DONE;
  }

  // -------------------------------------------------------------------------------------- disks

  private static long kib(ByteSize size) {
    return size.bytes() >> 10;
  }

  private static String file(ObjectName name) {
    return name + DatastoreFiles.DISK;
  }

  /** What a disk is called until it is whole. */
  static ObjectName part(ObjectName name) {
    return new ObjectName(name.mark(), ObjectName.PART);
  }

  @Override
  public Outcome create(ObjectName name, ByteSize size, @Nullable String base)
      throws DriverException {
    files.requireOurs(name);
    return machines.act(
        name.mark().uid(),
        () -> {
          Place place = places.get();
          List<String> patterns = new ArrayList<>(List.of(file(name), file(part(name))));
          if (base != null) {
            patterns.add(files.image(base) + DatastoreFiles.DISK);
          }
          if (base != null && linked) {
            links.release(name); // of a server that died when it had made the disk
          }
          Map<String, DatastoreFiles.Entry> found = files.search(place, patterns);
          DatastoreFiles.Entry there = found.get(file(name));
          if (there != null) {
            if (there.capacityKib() < kib(size)) {
              extend(place, name, size);
            }
            copies.remove(part(name).toString());
            return Outcome.DONE;
          }
          if (base == null) {
            createEmpty(place, name, size);
            return Outcome.DONE;
          }
          String from = files.image(base) + DatastoreFiles.DISK;
          DatastoreFiles.Entry image = found.get(from);
          requireFit(image, size);
          if (linked) {
            String parent = links.parent(base, size);
            Outcome made = parent(place, parent, size, from, image);
            if (!made.equals(Outcome.DONE) || link(place, name, parent, kib(size))) {
              return made;
            }
          }
          return copy(place, name, size, from, image, found.get(file(part(name))));
        });
  }

  /** The copy of an image that disks of this size are linked to. */
  private Outcome parent(
      Place place, String stem, ByteSize size, String from, DatastoreFiles.@Nullable Entry image)
      throws DriverException, VimFault {
    String part = stem + ImageUpload.PART;
    List<String> patterns = List.of(stem + DatastoreFiles.DISK, part + DatastoreFiles.DISK);
    if (files.search(place, patterns).containsKey(patterns.getFirst())) {
      return Outcome.DONE;
    }
    if (!parents.tryLock()) {
      return new Outcome.Running("copy to " + stem, POLL); // for another disk
    }
    try {
      return tasks.act(
          stem,
          () -> {
            Map<String, DatastoreFiles.Entry> found = files.search(place, patterns);
            return found.containsKey(patterns.getFirst())
                ? Outcome.DONE
                : copy(place, stem, part, size, from, image, found.get(patterns.getLast()));
          });
    } finally {
      parents.unlock();
    }
  }

  /** False if this server links no disks. */
  private boolean link(Place place, ObjectName name, String parent, long kib)
      throws DriverException, VimFault {
    try {
      links.make(place, name, parent, kib);
      return true;
    } catch (VimFault e) {
      if (e.is("NotSupported", "DeltaDiskFormatNotSupported")) {
        return false;
      }
      throw e;
    }
  }

  @Override
  public Outcome copy(ObjectName from, ObjectName to, ByteSize size) throws DriverException {
    files.requireOurs(from);
    files.requireOurs(to);
    return machines.act(
        to.mark().uid(),
        () -> {
          Place place = places.get();
          Map<String, DatastoreFiles.Entry> found =
              files.search(place, List.of(file(to), file(part(to)), file(from)));
          DatastoreFiles.Entry there = found.get(file(to));
          if (there != null) {
            if (there.capacityKib() < kib(size)) {
              extend(place, to, size);
            }
            copies.remove(part(to).toString());
            return Outcome.DONE;
          }
          DatastoreFiles.Entry source = found.get(file(from));
          if (source == null) {
            throw Machines.conflict("There is no disk to copy.", from.toString());
          }
          Optional<Attached> attached = attached(place, from);
          if (attached.isPresent() && attached.get().runs()) {
            throw Machines.conflict("A machine runs with the disk.", attached.get().name());
          }
          requireUpToDate(attached);
          if (source.capacityKib() > kib(size)) {
            throw new DriverException(
                FaultKind.REFUSED,
                "The copy needs a disk of at least "
                    + ByteSize.ofMib((source.capacityKib() + 1023) >> 10)
                    + ".");
          }
          return copy(place, to, size, file(from), source, found.get(file(part(to))));
        });
  }

  private static void requireFit(DatastoreFiles.@Nullable Entry image, ByteSize size)
      throws DriverException {
    if (image == null) {
      throw new DriverException(FaultKind.REFUSED, "The image is not staged on the hypervisor.");
    }
    if (image.capacityKib() > kib(size)) {
      throw new DriverException(
          FaultKind.REFUSED,
          "The image needs a disk of at least "
              + ByteSize.ofMib((image.capacityKib() + 1023) >> 10)
              + ".");
    }
  }

  private void createEmpty(Place place, ObjectName name, ByteSize size)
      throws DriverException, VimFault {
    files.ensureDirectory(place);
    try {
      tasks.run(
          vim.content().disks(),
          "CreateVirtualDisk_Task",
          new Element("name").holding(files.path(place, file(name))),
          place.datacenter().as("datacenter"),
          new Element("spec")
              .type("FileBackedVirtualDiskSpec")
              .add("diskType", "thin")
              .add("adapterType", "lsiLogic")
              .add("capacityKb", kib(size)));
    } catch (VimFault e) {
      if (!e.is("FileAlreadyExists")) {
        throw e;
      }
    }
  }

  private Outcome copy(
      Place place,
      ObjectName name,
      ByteSize size,
      String from,
      DatastoreFiles.@Nullable Entry source,
      DatastoreFiles.@Nullable Entry begun)
      throws DriverException, VimFault {
    return copy(place, name.toString(), part(name).toString(), size, from, source, begun);
  }

  /**
   * @param name of the copy, without ending
   * @param part what it is called until it is whole
   * @param begun what is there under that name
   */
  private Outcome copy(
      Place place,
      String name,
      String part,
      ByteSize size,
      String from,
      DatastoreFiles.@Nullable Entry source,
      DatastoreFiles.@Nullable Entry begun)
      throws DriverException, VimFault {
    Copy copy = copies.get(part);
    boolean wasWhole = copy != null && copy.whole() && begun != null;
    if (copy == null || (copy.whole() && begun == null)) {
      if (begun != null) {
        // Of a server that died, or of a request whose answer was lost; it may still be written.
        try {
          files.deleteDisk(place, part);
        } catch (VimFault e) {
          if (e.is("FileLocked", "ResourceInUse", "CannotDeleteFile")) {
            return new Outcome.Running("copy to " + part, POLL);
          }
          throw e;
        }
      }
      copy = new Copy(beginCopy(place, part, from), false);
      copies.put(part, copy);
    }
    try {
      if (!copy.whole()) {
        if (tasks.await(copy.task(), patience).isEmpty()) {
          return new Outcome.Running(copy.task().value(), POLL);
        }
        copies.put(part, new Copy(copy.task(), true));
      }
      // It may have been extended already, by whoever has not seen the end of that.
      DatastoreFiles.Entry there = wasWhole ? begun : source;
      if (there != null && there.capacityKib() < kib(size)) {
        files.extendDisk(place, part, kib(size));
      }
      files.moveDisk(place, part, name);
    } catch (Tasks.GoesOn e) {
      throw e;
    } catch (VimFault e) {
      copies.remove(part); // what failed is begun anew
      throw e;
    } catch (DriverException e) {
      if (Tasks.forgotten(e)) {
        copies.remove(part);
      }
      throw e;
    }
    copies.remove(part);
    return Outcome.DONE;
  }

  private Ref beginCopy(Place place, String part, String from) throws DriverException, VimFault {
    List<Element> arguments =
        new ArrayList<>(
            List.of(
                new Element("sourceName").holding(files.path(place, from)),
                place.datacenter().as("sourceDatacenter"),
                new Element("destName").holding(files.path(place, part + DatastoreFiles.DISK)),
                place.datacenter().as("destDatacenter")));
    if (!vim.content().vcenter()) {
      // A vCenter decides by itself and takes no such wish.
      arguments.add(
          new Element("destSpec")
              .type("VirtualDiskSpec")
              .add("diskType", "thin")
              .add("adapterType", "lsiLogic"));
    }
    arguments.add(new Element("force").holding("false"));
    return tasks.begin(
        vim.content().disks(), "CopyVirtualDisk_Task", arguments.toArray(Element[]::new));
  }

  @Override
  public Outcome grow(ObjectName name, ByteSize size) throws DriverException {
    files.requireOurs(name);
    return machines.act(
        name.mark().uid(),
        () -> {
          Place place = places.get();
          DatastoreFiles.Entry there = files.search(place, List.of(file(name))).get(file(name));
          if (there == null) {
            throw Machines.conflict("There is no disk of this name.", name.toString());
          }
          if (there.capacityKib() > kib(size)) {
            throw new DriverException(
                FaultKind.REFUSED,
                "The disk has "
                    + ByteSize.ofMib(there.capacityKib() >> 10)
                    + " already and cannot be made smaller.");
          }
          if (there.capacityKib() < kib(size)) {
            extend(place, name, size);
          }
          return Outcome.DONE;
        });
  }

  /** By the machine that has it, which else would go on with the old size. */
  private void extend(Place place, ObjectName name, ByteSize size)
      throws DriverException, VimFault {
    if (name.role().equals(ObjectName.SYSTEM) && links.linked(place, name)) {
      throw new DriverException(
          FaultKind.REFUSED,
          "The disk is linked to its image, and vSphere lets no such disk grow; rebuild the machine"
              + " to have a larger one.");
    }
    Optional<Attached> attached = attached(place, name);
    if (attached.isEmpty()) {
      files.extendDisk(place, name.toString(), kib(size));
      return;
    }
    requireUpToDate(attached);
    Element disk = attached.get().disk().device().named("device").type("VirtualDisk");
    disk.with("capacityInKB", Long.toString(kib(size)));
    disk.with("capacityInBytes", Long.toString(size.bytes()));
    tasks.run(
        attached.get().machine(),
        "ReconfigVM_Task",
        new Element("spec")
            .add(
                new Element("deviceChange")
                    .type("VirtualDeviceConfigSpec")
                    .add("operation", "edit")
                    .add(disk)));
  }

  /**
   * A disk that a machine has plugged in.
   *
   * @param uid of that machine
   * @param runs true if it is not off
   */
  record Attached(Ref machine, UUID uid, String name, boolean runs, VmFacts.Disk disk) {}

  /** Who has it plugged in, foreign machines as well. */
  Optional<Attached> attached(Place place, ObjectName name) throws DriverException, VimFault {
    String path = files.path(place, file(name));
    for (Ref holder : attachments.holders(place.datastore(), path)) {
      Optional<VmFacts> machine = machines.at(holder);
      Optional<Attached> attached =
          machine.flatMap(m ->
              m.disks().stream()
                  .filter(d -> d.files().contains(VmFacts.inDatastore(path)))
                  .findFirst()
                  .map(d ->
                      new Attached(
                          m.ref(), m.uid(), m.name(), !m.power().equals("poweredOff"), d)));
      if (attached.isPresent()) {
        return attached;
      }
    }
    return Optional.empty();
  }

  /**
   * The file of a disk below a snapshot of vSphere's own, which somebody has made by hand or backup
   * software, holds what was on it then.
   */
  static void requireUpToDate(Optional<Attached> attached) throws DriverException {
    if (attached.isPresent() && attached.get().disk().snapped()) {
      throw Machines.snapped(
          attached.get().name()
              + " writes to "
              + attached.get().disk().device().text("backing", "fileName"));
    }
  }

  @Override
  public Outcome delete(ObjectName name) throws DriverException {
    files.requireOurs(name);
    return machines.inTurn(
        name.mark().uid(),
        () -> {
          Place place = places.get();
          Map<String, DatastoreFiles.Entry> found =
              files.search(place, List.of(file(name), file(part(name))));
          boolean copied =
              name.role().equals(ObjectName.DATA) || name.role().equals(ObjectName.SNAPSHOT);
          if (copied && found.containsKey(file(part(name)))) {
            copies.remove(part(name).toString());
            files.deleteDisk(place, part(name).toString()); // of a copy that was broken off
          } else if (copied) {
            files.deleteBytes(place, part(name).toString()); // of a transfer that was
          }
          if (!found.containsKey(file(name))) {
            return Outcome.DONE;
          }
          Optional<Attached> attached = attached(place, name);
          if (attached.isPresent() && attached.get().uid().equals(LinkedDisks.bearer(name))) {
            links.release(name); // of a server that died when it had made the disk
            attached = attached(place, name);
          }
          if (attached.isPresent()) {
            throw Machines.conflict("A machine has the disk attached.", attached.get().name());
          }
          copies.remove(name.toString());
          files.deleteDisk(place, name.toString());
          return Outcome.DONE;
        });
  }
}
