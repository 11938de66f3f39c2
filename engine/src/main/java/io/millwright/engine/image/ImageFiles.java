package io.millwright.engine.image;

import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.model.ByteSize;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Resource;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
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
  /** A transfer from which nothing comes for so long counts as broken off. */
  private static final Duration STALL = Duration.ofSeconds(60);

  private final Path dir;
  private final Duration stall;
  private final HttpClient http =
      HttpClient.newBuilder()
          .connectTimeout(Duration.ofSeconds(20))
          .followRedirects(HttpClient.Redirect.NORMAL)
          .build();

  /**
   * @param dir made if need be
   */
  public ImageFiles(Path dir) throws IOException {
    this(dir, STALL);
  }

  /**
   * @param stall after how long a transfer from which nothing comes counts as broken off
   */
  public ImageFiles(Path dir, Duration stall) throws IOException {
    this.dir = Files.createDirectories(dir);
    this.stall = stall;
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
      return new Disks.Image(sha256, file, format.name(), format.virtualSize());
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

  private Path file(String sha256) {
    return dir.resolve(sha256 + ".img");
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

  /** Removes the directory of a try. */
  public void cleanUp(Path work) throws IOException {
    deleteTree(work);
  }

  /** Removes whatever tries to make this image left. */
  public void forget(UUID image) throws IOException {
    for (Path each : tries(image)) {
      deleteTree(each);
    }
  }

  private static String work(UUID image) {
    return "work-" + image + "-";
  }

  private List<Path> tries(UUID image) throws IOException {
    try (Stream<Path> all = Files.list(dir)) {
      return all.filter(p -> p.getFileName().toString().startsWith(work(image))).toList();
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
        download(url, into, progress);
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

  private void download(String url, Path into, Progress progress)
      throws IOException, DriverException, InterruptedException {
    HttpResponse<InputStream> response;
    try {
      response =
          http.send(
              HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(60)).build(),
              HttpResponse.BodyHandlers.ofInputStream());
    } catch (IOException e) {
      throw new DriverException(
          FaultKind.UNREACHABLE, url + " could not be reached", String.valueOf(e), e);
    }
    try (InputStream in = response.body()) {
      if (response.statusCode() != 200) {
        throw new DriverException(
            response.statusCode() >= 500 ? FaultKind.UNREACHABLE : FaultKind.REFUSED,
            url + " answered " + response.statusCode());
      }
      long length = response.headers().firstValueAsLong("content-length").orElse(-1);
      transfer(in, length, into, progress);
      if (length >= 0 && Files.size(into) != length) {
        throw new DriverException(
            FaultKind.UNREACHABLE,
            "the download broke off after " + Files.size(into) + " of " + length + " bytes");
      }
    }
  }

  private void transfer(InputStream in, long length, Path into, Progress progress)
      throws IOException, DriverException, InterruptedException {
    // Reading has its own thread, because a read from a server that says nothing ends never.
    try (OutputStream out =
            Files.newOutputStream(into, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        ExecutorService reader = Executors.newVirtualThreadPerTaskExecutor()) {
      byte[] buffer = new byte[1 << 20];
      long done = 0;
      while (true) {
        Future<Integer> reading = reader.submit(() -> in.read(buffer));
        int n;
        try {
          n = await(reading, length, done, progress);
        } catch (ExecutionException | TimeoutException e) {
          String what =
              e instanceof TimeoutException
                  ? "nothing came for " + stall.toSeconds() + " s"
                  : "the transfer broke off";
          throw new DriverException(
              FaultKind.UNREACHABLE, what + " after " + done + " bytes", String.valueOf(e), e);
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
        done += n;
        tell(length, done, progress);
      }
    }
  }

  /** Waits for a read, and tells every second that it does: whoever listens may call it off. */
  private int await(Future<Integer> reading, long length, long done, Progress progress)
      throws ExecutionException, TimeoutException, InterruptedException {
    long until = System.nanoTime() + stall.toNanos();
    while (true) {
      long left = until - System.nanoTime();
      try {
        return reading.get(Math.min(left, TimeUnit.SECONDS.toNanos(1)), TimeUnit.NANOSECONDS);
      } catch (TimeoutException e) {
        if (left <= TimeUnit.SECONDS.toNanos(1)) {
          throw e;
        }
        tell(length, done, progress);
      }
    }
  }

  private static void tell(long length, long done, Progress progress) {
    progress.at(
        length <= 0 ? 0 : (int) Math.min(99, 100 * done / length), done / (1 << 20) + " MiB");
  }

  /**
   * Takes a finished file in under its checksum.
   *
   * @param expected checksum, or null to take it as it is
   * @throws DriverException REFUSED if it is no usable image or has another checksum
   */
  public Stored adopt(Path file, @Nullable String expected) throws DriverException {
    try {
      String sha256 = sha256(file);
      if (expected != null && !expected.equals(sha256)) {
        throw new DriverException(
            FaultKind.REFUSED,
            "the image's checksum is " + sha256 + ", but " + expected + " was declared");
      }
      DiskFormat format = DiskFormat.of(file);
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.force(true);
      }
      long size = Files.size(file);
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

  private static String sha256(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      byte[] buffer = new byte[1 << 20];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has it
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
