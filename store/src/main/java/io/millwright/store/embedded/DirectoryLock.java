package io.millwright.store.embedded;

import static io.millwright.store.embedded.EmbeddedPostgresException.Reason.ALREADY_IN_USE;
import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** One JVM's claim to a directory; the kernel drops it with the process, however that one ends. */
final class DirectoryLock implements AutoCloseable {
  /**
   * POSIX drops all locks of a process on a file as soon as the process closes any descriptor of
   * it. A second attempt inside this JVM must therefore be refused before it opens the file.
   */
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private final Path directory;
  private final FileChannel channel;

  private DirectoryLock(Path directory, FileChannel channel) {
    this.directory = directory;
    this.channel = channel;
  }

  static DirectoryLock acquire(Path directory) throws IOException {
    if (!HELD.add(directory)) {
      throw refused(directory, "this very process");
    }
    @Nullable FileChannel channel = null;
    try {
      channel =
          FileChannel.open(
              directory.resolve("lock"),
              Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      if (channel.tryLock() == null) {
        throw refused(directory, "process " + owner(channel));
      }
      channel.truncate(0);
      channel.write(
          ByteBuffer.wrap(Long.toString(ProcessHandle.current().pid()).getBytes(US_ASCII)), 0);
      return new DirectoryLock(directory, channel);
    } catch (IOException | RuntimeException e) {
      if (channel != null) {
        channel.close();
      }
      HELD.remove(directory);
      throw e;
    }
  }

  private static String owner(FileChannel channel) throws IOException {
    ByteBuffer pid = ByteBuffer.allocate(20);
    channel.read(pid, 0);
    return US_ASCII.decode(pid.flip()).toString();
  }

  private static EmbeddedPostgresException refused(Path directory, String owner) {
    return new EmbeddedPostgresException(
        ALREADY_IN_USE,
        "The database in %s is in use by another Millwright server (%s): stop that one, or give this one a directory of its own."
            .formatted(directory, owner));
  }

  @Override
  public void close() throws IOException {
    try {
      channel.close();
    } finally {
      HELD.remove(directory);
    }
  }
}
