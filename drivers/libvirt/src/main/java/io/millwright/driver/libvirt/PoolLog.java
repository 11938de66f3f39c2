package io.millwright.driver.libvirt;

import static io.millwright.driver.libvirt.LibvirtError.check;

import com.sun.jna.Pointer;
import io.millwright.driver.DriverException;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.SerialLog;
import io.millwright.driver.libvirt.Handle.Pool;
import io.millwright.driver.libvirt.Handle.Volume;
import java.nio.ByteBuffer;

/**
 * What machines print, as virtlogd writes it into a volume of the storage pool. virtlogd begins a
 * new file when one has grown large (2 MiB, unless its own settings say otherwise).
 */
final class PoolLog implements SerialLog {
  private static final Libvirt C = Libvirt.get();

  private final Line line;
  private final PoolFiles files;

  PoolLog(Line line, PoolFiles files) {
    this.line = line;
    this.files = files;
  }

  @Override
  public Piece read(Mark mark, long from) throws DriverException {
    return line.call(connection -> {
      files.requireOurs(new ObjectName(mark, "log"));
      try (Pool pool = files.pool(connection);
          Volume log = files.log(pool, mark)) {
        if (log == null) {
          return new Piece(new byte[0], 0);
        }
        long length = log.capacity();
        long at = from > length ? 0 : from;
        byte[] bytes = read(connection, log, at, (int) Math.min(PIECE, length - at));
        return new Piece(bytes, at + bytes.length);
      }
    });
  }

  private static byte[] read(Connection connection, Volume volume, long from, int length)
      throws LibvirtError {
    if (length == 0) {
      return new byte[0]; // to libvirt, no length means up to the end
    }
    Pointer stream = connection.newStream(0);
    boolean finished = false;
    try {
      check(C.virStorageVolDownload(volume.pointer, stream, from, length, 0));
      ByteBuffer out = ByteBuffer.allocateDirect(length);
      int got = 1;
      while (out.hasRemaining() && got > 0) {
        got = check(C.virStreamRecv(stream, out.slice(), out.remaining()));
        out.position(out.position() + got);
      }
      finished = true;
      check(C.virStreamFinish(stream));
      byte[] bytes = new byte[out.flip().remaining()];
      out.get(bytes);
      return bytes;
    } finally {
      if (!finished) {
        var _ = C.virStreamAbort(stream);
      }
      var _ = C.virStreamFree(stream);
    }
  }
}
