package io.millwright.engine.image;

import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.engine.outside.Reach;
import io.millwright.images.Catalogue;
import io.millwright.media.FileSource;
import io.millwright.model.ByteSize;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Resource;
import io.millwright.model.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.SocketTimeoutException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The directory of disk images. A file has its final name, its checksum, only once it is complete,
 * checked and on the disk.
 */
public final class ImageFiles {
  /** So much is left free on the disk, which the database may be on too. */
  private static final long SPARE = 512L << 20;

  /** What was sent has this name until it is adopted, and is kept for so long after a crash. */
  private static final String SENT = "sent-";

  private static final Duration KEPT = Duration.ofDays(1);

  /** What the names of whole images end with; they begin with the checksum. */
  private static final String WHOLE = ".img";

  private final Path dir;
  private final Limits limits;
  private final Url urls;

  /** A look is waited for by whoever asks; twice this is less than clients wait. */
  private static final Duration LOOK = Duration.ofSeconds(15);

  private final Url looks;

  /**
   * What is fetched at most.
   *
   * @param stall a transfer from which nothing comes for so long counts as broken off
   * @param least so many bytes have to come in that time
   * @param most a file may have so many bytes
   * @param reach from where
   */
  public record Limits(Duration stall, long least, long most, Reach reach) {
    public static final Limits USUAL =
        new Limits(Duration.ofSeconds(60), 1 << 20, 64L << 30, Reach.OUTSIDE);

    public Limits reaching(Reach next) {
      return new Limits(stall, least, most, next);
    }

    /** Refuses what has more bytes than a file may have. */
    void require(long bytes) throws DriverException {
      if (bytes > most) {
        throw new DriverException(
            FaultKind.REFUSED,
            "it is larger than " + (most >> 20) + " MiB, the most that an image may have");
      }
    }
  }

  /**
   * @param dir made if need be
   */
  public ImageFiles(Path dir) throws IOException {
    this(dir, Limits.USUAL);
  }

  /**
   * @param dir made if need be
   */
  public ImageFiles(Path dir, Limits limits) throws IOException {
    this.dir = Files.createDirectories(dir);
    this.limits = limits;
    this.urls = new Url(limits.reach(), limits.stall());
    boolean soon = limits.stall().compareTo(LOOK) < 0;
    this.looks = new Url(limits.reach(), soon ? limits.stall() : LOOK);
  }

  /** Where the images lie. */
  public Path dir() {
    return dir;
  }

  /** The file that says whose directory it is. */
  public Path mark() {
    return dir.resolve("installation");
  }

  /** The installation whose directory it is, if any has marked it. */
  public Optional<String> owner() throws IOException {
    try {
      return Optional.of(Files.readString(mark()).strip()).filter(text -> !text.isEmpty());
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  /** Marks it as this installation's. */
  public void own(String installation) throws IOException {
    Files.writeString(
        mark(),
        installation + "\n",
        StandardOpenOption.CREATE,
        StandardOpenOption.TRUNCATE_EXISTING,
        StandardOpenOption.WRITE,
        StandardOpenOption.SYNC);
  }

  /** A complete image. */
  public record Stored(String sha256, long fileSize, ByteSize virtualSize) {}

  /** Hears how far it is. */
  public interface Progress {
    void at(int percent, String what);
  }

  /**
   * The image of this checksum, for a hypervisor to copy.
   *
   * @throws DriverException CONFLICT if this server does not have it
   */
  public Disks.Image open(String sha256, Resource<ImageSpec, ImageStatus> image)
      throws DriverException {
    Path file = file(sha256);
    try {
      DiskFormat format = DiskFormat.of(file);
      // What one boots as a disk is one, even if it could be read as a medium.
      boolean medium = image.spec().installer() != null && format.name().equals("raw");
      return new Disks.Image(
          sha256, file, medium ? Disks.Image.MEDIUM : format.name(), format.virtualSize());
    } catch (NoSuchFileException e) {
      throw new DriverException(
          FaultKind.CONFLICT,
          "the file of "
              + image.title()
              + " is missing on this server; delete and apply the image again",
          file + " does not exist",
          e);
    } catch (IOException e) {
      throw failed(e);
    }
  }

  public boolean has(String sha256) {
    return Files.isRegularFile(file(sha256));
  }

  /** Deletes the image of this checksum, if it is there. */
  public void delete(String sha256) throws IOException {
    Files.deleteIfExists(file(sha256));
  }

  /** The checksums of all images that were there before that. */
  public List<String> whole(Instant before) throws IOException {
    List<String> out = new ArrayList<>();
    for (Path each : list("")) {
      String name = each.getFileName().toString();
      if (name.endsWith(WHOLE) && Files.getLastModifiedTime(each).toInstant().isBefore(before)) {
        out.add(name.substring(0, name.length() - WHOLE.length()));
      }
    }
    return out;
  }

  private Path file(String sha256) {
    return dir.resolve(sha256 + WHOLE);
  }

  /**
   * An empty directory for one try to make an image. Each try has one of its own, so that a node
   * which was frozen in it cannot meddle with the try of the node that took over. What older tries
   * left is removed.
   *
   * @param operation whose uids grow with time
   * @param epoch of the operation
   */
  public Path workDirectory(UUID image, UUID operation, long epoch) throws IOException {
    String mine = work(image) + operation + "-" + String.format("%010d", epoch);
    for (Path other : tries(image)) {
      if (other.getFileName().toString().compareTo(mine) <= 0) {
        deleteTree(other);
      }
    }
    return Files.createDirectory(dir.resolve(mine));
  }

  /**
   * An empty directory for one try to carry a volume; what this server's older tries left is
   * removed.
   */
  public Path workDirectory(UUID volume) throws IOException {
    forget(volume);
    return Files.createTempDirectory(dir, work(volume));
  }

  /** Removes the directory of a try, or a file that was sent. */
  public void cleanUp(Path work) throws IOException {
    deleteTree(work);
  }

  /** Removes whatever tries to make this image, or to carry this volume, left. */
  public void forget(UUID image) throws IOException {
    for (Path each : tries(image)) {
      deleteTree(each);
    }
  }

  private static String work(UUID image) {
    return "work-" + image + "-";
  }

  private List<Path> tries(UUID image) throws IOException {
    return list(work(image));
  }

  private List<Path> list(String prefix) throws IOException {
    try (Stream<Path> all = Files.list(dir)) {
      return all.filter(p -> p.getFileName().toString().startsWith(prefix)).toList();
    }
  }

  private static void deleteTree(Path path) throws IOException {
    if (Files.notExists(path)) {
      return;
    }
    List<Path> all;
    try (Stream<Path> walk = Files.walk(path)) {
      all = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path each : all) {
      Files.deleteIfExists(each);
    }
  }

  /**
   * Fetches or copies a source into {@code into}.
   *
   * @throws DriverException REFUSED if there is none; UNREACHABLE if the transfer broke off
   */
  public void fetch(ImageSpec.Source source, Path into, Progress progress)
      throws DriverException, InterruptedException {
    try {
      String url = source.url();
      if (url == null) {
        copy(Path.of(String.valueOf(source.path())), into, progress);
      } else {
        download(url, source.sha256() != null, into, progress);
      }
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private void copy(Path from, Path into, Progress progress)
      throws IOException, DriverException, InterruptedException {
    if (!Files.isRegularFile(from)) {
      throw new DriverException(FaultKind.REFUSED, "there is no file " + from + " on the server");
    }
    try (InputStream in = Files.newInputStream(from)) {
      transfer(in, Files.size(from), into, progress);
    }
  }

  private void download(String url, boolean checked, Path into, Progress progress)
      throws IOException, DriverException, InterruptedException {
    try (Url.Reply reply = urls.get(url, null)) {
      if (!reply.bounded() && !checked) {
        throw new DriverException(
            FaultKind.REFUSED,
            url
                + " does not say how long the image is, so that one that broke off would be taken"
                + " for the whole; declare its checksum as source.sha256");
      }
      transfer(reply.body(), reply.length(), into, progress);
      if (reply.length() >= 0 && Files.size(into) != reply.length()) {
        throw new DriverException(
            FaultKind.UNREACHABLE,
            "the download broke off after "
                + Files.size(into)
                + " of "
                + reply.length()
                + " bytes");
      }
    }
  }

  /** How much has come, and how much of it in the time in which a least has to come. */
  private final class Pace {
    private final long length;
    private long done;
    private long since = System.nanoTime();
    private long then;

    /** A server that says beforehand that it is too much need not be asked for it. */
    Pace(long length) throws DriverException, IOException {
      this.length = length;
      limits.require(Math.max(0, length));
      room(Math.max(0, length));
    }

    void more(int n) throws DriverException, IOException {
      done += n;
      limits.require(done);
      long now = System.nanoTime();
      if (now - since >= limits.stall().toNanos()) {
        if (done - then < limits.least()) {
          throw new DriverException(
              FaultKind.UNREACHABLE,
              "it comes too slowly: "
                  + (done - then)
                  + " bytes in "
                  + limits.stall().toSeconds()
                  + " s, after "
                  + then
                  + " bytes");
        }
        since = now;
        then = done;
        room(0);
      }
    }

    private void room(long bytes) throws DriverException, IOException {
      if (Files.getFileStore(dir).getUsableSpace() - bytes < SPARE) {
        throw new DriverException(
            FaultKind.CAPACITY, "the server's image directory is full; make room there");
      }
    }
  }

  private void transfer(InputStream in, long length, Path into, Progress progress)
      throws IOException, DriverException, InterruptedException {
    Pace pace = new Pace(length);
    // Reading has its own thread, because a read from a server that says nothing ends never.
    try (OutputStream out =
            Files.newOutputStream(into, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        ExecutorService reader = Executors.newVirtualThreadPerTaskExecutor()) {
      byte[] buffer = new byte[1 << 20];
      while (true) {
        Future<Integer> reading = reader.submit(() -> in.read(buffer));
        int n;
        try {
          n = await(reading, pace, progress);
        } catch (ExecutionException | TimeoutException e) {
          String what =
              e instanceof TimeoutException || e.getCause() instanceof SocketTimeoutException
                  ? "nothing came for " + limits.stall().toSeconds() + " s"
                  : "the transfer broke off";
          throw new DriverException(
              FaultKind.UNREACHABLE, what + " after " + pace.done + " bytes", String.valueOf(e), e);
        } finally {
          if (!reading.isDone()) {
            in.close(); // which ends the read
            reading.cancel(true);
          }
        }
        if (n < 0) {
          return;
        }
        out.write(buffer, 0, n);
        pace.more(n);
        tell(pace, progress);
      }
    }
  }

  /** Waits for a read, and tells every second that it does: whoever listens may call it off. */
  private int await(Future<Integer> reading, Pace pace, Progress progress)
      throws ExecutionException, TimeoutException, InterruptedException {
    long until = System.nanoTime() + limits.stall().toNanos();
    while (true) {
      long left = until - System.nanoTime();
      try {
        return reading.get(Math.min(left, TimeUnit.SECONDS.toNanos(1)), TimeUnit.NANOSECONDS);
      } catch (TimeoutException e) {
        if (left <= TimeUnit.SECONDS.toNanos(1)) {
          throw e;
        }
        tell(pace, progress);
      }
    }
  }

  private static void tell(Pace pace, Progress progress) {
    progress.at(
        pace.length <= 0 ? 0 : (int) Math.min(99, 100 * pace.done / pace.length),
        pace.done / (1 << 20) + " MiB");
  }

  /**
   * What a source is, by looking at it where it is.
   *
   * @param known whether somebody knows already which system it is: then of what is behind a URL
   *     the beginning is enough
   */
  public FileKind look(ImageSpec.Source source, Catalogue catalogue, boolean known)
      throws DriverException {
    String url = source.url();
    if (url == null) {
      return look(Path.of(String.valueOf(source.path())), catalogue);
    }
    UrlSource there = new UrlSource(looks, url, limits);
    return known ? FileKind.beginningOf(there) : FileKind.of(there, catalogue);
  }

  /** What a file is. */
  public FileKind look(Path file, Catalogue catalogue) throws DriverException {
    try (FileSource bytes = FileSource.open(file)) {
      return FileKind.of(bytes, catalogue);
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.REFUSED, "there is no file " + file + " on the server", String.valueOf(e), e);
    }
  }

  /**
   * Takes in what is sent, under a name of its own; whoever asked for it adopts it or removes it.
   * What older tries left is removed.
   *
   * @param length that is announced, or -1
   * @throws DriverException UNREACHABLE if it breaks off; REFUSED if it is too much
   */
  public Path receive(InputStream in, long length) throws DriverException, InterruptedException {
    try {
      Path file = dir.resolve(SENT + UUID.randomUUID());
      try {
        transfer(in, length, file, (_, _) -> {});
        Instant now = Files.getLastModifiedTime(file).toInstant();
        for (Path old : list(SENT)) {
          if (Files.getLastModifiedTime(old).toInstant().isBefore(now.minus(KEPT))) {
            Files.deleteIfExists(old);
          }
        }
        if (length >= 0 && Files.size(file) != length) {
          throw new DriverException(
              FaultKind.UNREACHABLE,
              "what was sent broke off after " + Files.size(file) + " of " + length + " bytes");
        }
        return file;
      } catch (IOException | DriverException | InterruptedException | RuntimeException e) {
        Files.deleteIfExists(file);
        throw e;
      }
    } catch (IOException e) {
      throw failed(e);
    }
  }

  /**
   * The file's checksum.
   *
   * @param expected that it has to have, or null
   * @throws DriverException REFUSED if it has another one
   */
  public String checksum(Path file, @Nullable String expected) throws DriverException {
    try {
      String sha256 = sha256(file);
      if (expected != null && !expected.equals(sha256)) {
        throw new DriverException(
            FaultKind.REFUSED,
            "the image's checksum is " + sha256 + ", but " + expected + " was declared");
      }
      return sha256;
    } catch (IOException e) {
      throw failed(e);
    }
  }

  /**
   * What was sent and adopted under this checksum.
   *
   * @throws DriverException REFUSED if it is not there
   */
  public Stored sent(String sha256) throws DriverException {
    Path file = file(sha256);
    try {
      return new Stored(sha256, Files.size(file), DiskFormat.of(file).virtualSize());
    } catch (NoSuchFileException e) {
      throw new DriverException(
          FaultKind.REFUSED,
          "no file with the checksum "
              + sha256
              + " was sent to this server; send it with: millwright image import",
          file + " does not exist",
          e);
    } catch (IOException e) {
      throw failed(e);
    }
  }

  /**
   * Takes a finished file in under its checksum.
   *
   * @param expected checksum, or null to take it as it is
   * @throws DriverException REFUSED if it is no usable image or has another checksum
   */
  public Stored adopt(Path file, @Nullable String expected) throws DriverException {
    try {
      String sha256 = checksum(file, expected);
      DiskFormat format = DiskFormat.of(file);
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.force(true);
      }
      long size = Files.size(file);
      // It is new from here on, however long it took until its checksum was known.
      Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
      Files.move(
          file, file(sha256), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      try (FileChannel directory = FileChannel.open(dir, StandardOpenOption.READ)) {
        directory.force(true);
      }
      return new Stored(sha256, size, format.virtualSize());
    } catch (IOException e) {
      throw failed(e);
    }
  }

  /**
   * Takes in what was read of a disk, as a disk image with nothing in it but what is on the disk.
   *
   * @param raw in a directory of its own
   * @param size of the disk
   */
  public Stored adoptDisk(Path raw, ByteSize size) throws DriverException {
    Path image = raw.resolveSibling("image");
    try {
      Qcow2.write(raw, size, image);
      Files.delete(raw);
    } catch (IOException e) {
      throw failed(e);
    }
    return adopt(image, null);
  }

  private static String sha256(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      MessageDigest digest = Sha256.digest();
      byte[] buffer = new byte[1 << 20];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
      return HexFormat.of().formatHex(digest.digest());
    }
  }

  private static DriverException failed(IOException e) {
    String text = String.valueOf(e.getMessage());
    boolean full = text.contains("No space left") || text.contains("Disk quota exceeded");
    return new DriverException(
        full ? FaultKind.CAPACITY : FaultKind.REFUSED,
        full
            ? "the server's image directory is full; make room there"
            : "a file of the image could not be read or written",
        text,
        e);
  }
}
