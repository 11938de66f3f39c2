package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Transfers;
import java.io.InputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLEncoder;
import java.net.http.HttpRequest.BodyPublisher;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Our directory in the datastore. Everything in it is called by its object name; a file that is
 * still on its way is called otherwise, and gets its name by being moved, at once and whole.
 */
final class DatastoreFiles {
  static final String DISK = ".vmdk";
  static final String MEDIUM = ".iso";

  /** Ends the name of a medium that is still on its way: a search for media finds it, too. */
  static final String UPLOAD = ".upload" + MEDIUM;

  /** Ends the name of a disk's bytes, which are in a file of their own. */
  static final String FLAT = "-flat" + DISK;

  private static final String FREE = "summary.freeSpace";

  /** So much of what was sent may not have been written. */
  private static final long ON_THE_WAY = 16 << 20;

  /** A file of ours; the capacity is of a virtual disk, in KiB, and 0 if it is not told. */
  record Entry(String name, long capacityKib) {}

  private final Vim vim;
  private final Tasks tasks;
  private final String directory;
  private final String installation;
  private volatile @Nullable Place made;

  DatastoreFiles(Vim vim, Tasks tasks, String directory, String installation) {
    this.vim = vim;
    this.tasks = tasks;
    this.directory = directory;
    this.installation = installation;
  }

  /** Refuses a name that another installation has given. */
  void requireOurs(ObjectName name) throws DriverException {
    if (!name.mark().installation().equals(installation)) {
      throw new DriverException(
          FaultKind.CONFLICT,
          "It belongs to another installation of Millwright.",
          name.toString(),
          null);
    }
  }

  String image(String sha256) {
    return image(installation, sha256);
  }

  static String image(String installation, String sha256) {
    return "mw-" + installation + "-image-" + sha256;
  }

  String installation() {
    return installation;
  }

  /** What an image is, by its name without ending. */
  Optional<String> sha256(String stem) {
    String prefix = image("");
    return stem.startsWith(prefix) && stem.length() == prefix.length() + 64
        ? Optional.of(stem.substring(prefix.length()))
        : Optional.empty();
  }

  /** The path of a file, as vSphere writes it. */
  String path(Place place, String file) {
    return "[" + place.datastoreName() + "] " + directory + "/" + file;
  }

  /** What is there under names like these ({@code *} is anything), by name. */
  Map<String, Entry> search(Place place, List<String> patterns) throws DriverException, VimFault {
    Element spec =
        new Element("searchSpec")
            .add(
                new Element("query")
                    .type("VmDiskFileQuery")
                    .add(
                        new Element("details")
                            .add("diskType", false)
                            .add("capacityKb", true)
                            .add("hardwareVersion", false)))
            .add(new Element("query").type("IsoImageFileQuery"))
            .add(
                new Element("details")
                    .add("fileType", true)
                    .add("fileSize", false)
                    .add("modification", false)
                    .add("fileOwner", false));
    patterns.forEach(pattern -> spec.add("matchPattern", pattern));
    Map<String, Entry> out = new HashMap<>();
    try {
      tasks
          .ask(
              place.browser(),
              "SearchDatastore_Task",
              new Element("datastorePath").holding("[" + place.datastoreName() + "] " + directory),
              spec)
          .all("file")
          .map(f -> new Entry(f.text("path"), f.number("capacityKb")))
          .forEach(e -> out.put(e.name(), e));
    } catch (VimFault e) {
      // There is no directory before the first thing of ours.
      if (!e.is("FileNotFound")) {
        throw e;
      }
    }
    return out;
  }

  /**
   * Makes our directory if it is not there. Asked once for each place that was found, and so again
   * within a minute if somebody deletes it.
   */
  void ensureDirectory(Place place) throws DriverException, VimFault {
    if (place == made) {
      return;
    }
    try {
      vim.call(
          vim.content().files(),
          "MakeDirectory",
          new Element("name").holding("[" + place.datastoreName() + "] " + directory),
          place.datacenter().as("datacenter"),
          new Element("createParentDirectories").holding("true"));
    } catch (VimFault e) {
      if (!e.is("FileAlreadyExists", "AlreadyExists")) {
        throw e;
      }
    }
    made = place;
  }

  private URI address(Place place, String file) throws DriverException {
    try {
      String path = new URI(null, null, "/folder/" + directory + "/" + file, null).toASCIIString();
      return URI.create(
          path
              + "?dcPath="
              + word(place.inventory().datacenterPath(place.datacenter()))
              + "&dsName="
              + word(place.datastoreName()));
    } catch (URISyntaxException e) {
      throw new DriverException(
          FaultKind.BUG, "The vSphere driver made no address of a file.", e.toString(), e);
    }
  }

  private static String word(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /** Whether there is room is asked, for a host that has none just breaks off, or answers 500. */
  void upload(Place place, String file, BodyPublisher content) throws DriverException, VimFault {
    long length = content.contentLength();
    if (free(place) < length) {
      long before = freeNow(place);
      if (before < length && deleted(place, file)) { // it takes the place of what it replaces
        before = freeNow(place);
      }
      if (before < length) {
        throw full(before, length, null);
      }
    }
    AtomicLong sent = new AtomicLong();
    try {
      vim.put(address(place, file), Transfers.counted(content, () -> sent.set(0), sent::addAndGet));
    } catch (DriverException e) {
      if (e.kind() == FaultKind.UNREACHABLE && !Thread.currentThread().isInterrupted()) {
        long left = freeNow(place);
        long missing = Math.max(0, length - sent.get()) + ON_THE_WAY;
        if (left < missing) {
          throw full(left, missing, e);
        }
      }
      throw e;
    }
  }

  /**
   * What vSphere tells of a datastore may be minutes old; looked at anew it costs the host more.
   */
  private long freeNow(Place place) throws DriverException, VimFault {
    try {
      vim.call(place.datastore(), "RefreshDatastore");
    } catch (VimFault e) {
      // Then it is as it was told last.
    }
    return free(place);
  }

  private long free(Place place) throws DriverException, VimFault {
    String told = new Collector(vim).read(place.datastore(), FREE).text(FREE);
    return told.isEmpty() ? Long.MAX_VALUE : Long.parseLong(told);
  }

  private static DriverException full(long free, long needed, @Nullable DriverException cause) {
    return new DriverException(
        FaultKind.CAPACITY,
        "The datastore is full; make room, or use another one.",
        free
            + " bytes are free, "
            + needed
            + " are needed"
            + (cause == null ? "" : "; " + cause.forOperator()),
        cause);
  }

  InputStream download(Place place, String file) throws DriverException, VimFault {
    return vim.get(address(place, file));
  }

  /** Gives a plain file another name, in place of one that has it. */
  void move(Place place, String from, String to) throws DriverException, VimFault {
    tasks.run(
        vim.content().files(),
        "MoveDatastoreFile_Task",
        new Element("sourceName").holding(path(place, from)),
        place.datacenter().as("sourceDatacenter"),
        new Element("destinationName").holding(path(place, to)),
        place.datacenter().as("destinationDatacenter"),
        new Element("force").holding("true"));
  }

  /** Deletes a plain file; one that is not there is gone. */
  void delete(Place place, String file) throws DriverException, VimFault {
    var _ = deleted(place, file);
  }

  /** True if it was there. */
  private boolean deleted(Place place, String file) throws DriverException, VimFault {
    try {
      tasks.run(
          vim.content().files(),
          "DeleteDatastoreFile_Task",
          new Element("name").holding(path(place, file)),
          place.datacenter().as("datacenter"));
      return true;
    } catch (VimFault e) {
      if (!e.is("FileNotFound")) {
        throw e;
      }
      return false;
    }
  }

  /** Deletes a virtual disk; one that is not there is gone. */
  void deleteDisk(Place place, String stem) throws DriverException, VimFault {
    try {
      tasks.run(
          vim.content().disks(),
          "DeleteVirtualDisk_Task",
          new Element("name").holding(path(place, stem + DISK)),
          place.datacenter().as("datacenter"));
    } catch (VimFault e) {
      if (!e.is("FileNotFound")) {
        throw e;
      }
    }
  }

  /**
   * Deletes the bytes of what was to become a virtual disk. What makes a disk of them is written
   * behind them, and without it no search shows them.
   */
  void deleteBytes(Place place, String stem) throws DriverException, VimFault {
    delete(place, stem + FLAT);
  }

  /** Gives a virtual disk another name. */
  void moveDisk(Place place, String from, String to) throws DriverException, VimFault {
    tasks.run(
        vim.content().disks(),
        "MoveVirtualDisk_Task",
        new Element("sourceName").holding(path(place, from + DISK)),
        place.datacenter().as("sourceDatacenter"),
        new Element("destName").holding(path(place, to + DISK)),
        place.datacenter().as("destDatacenter"),
        new Element("force").holding("false"));
  }

  void extendDisk(Place place, String stem, long kib) throws DriverException, VimFault {
    tasks.run(
        vim.content().disks(),
        "ExtendVirtualDisk_Task",
        new Element("name").holding(path(place, stem + DISK)),
        place.datacenter().as("datacenter"),
        new Element("newCapacityKb").holding(Long.toString(kib)),
        new Element("eagerZero").holding("false"));
  }
}
