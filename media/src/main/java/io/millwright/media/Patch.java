package io.millwright.media;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;

/**
 * Changes in place over a source that stays as it is: whole sectors, copied when they are first
 * written. Reading sees what was written.
 */
final class Patch implements ByteSource {
  private final ByteSource base;
  private final TreeMap<Long, byte[]> sectors = new TreeMap<>();

  Patch(ByteSource base) {
    this.base = base;
  }

  @Override
  public long size() {
    return base.size();
  }

  @Override
  public void read(long at, ByteBuffer into) throws IOException {
    Objects.checkFromIndexSize(at, (long) into.remaining(), size());
    long place = at;
    while (into.hasRemaining()) {
      int within = (int) (place % IsoImage.SECTOR);
      int count = Math.min(into.remaining(), IsoImage.SECTOR - within);
      byte[] changed = sectors.get(place / IsoImage.SECTOR);
      if (changed == null) {
        int limit = into.limit();
        into.limit(into.position() + count);
        base.read(place, into);
        into.limit(limit);
      } else {
        into.put(changed, within, count);
      }
      place += count;
    }
  }

  void write(long at, byte[] bytes) throws IOException {
    Objects.checkFromIndexSize(at, (long) bytes.length, size());
    for (int done = 0; done < bytes.length; ) {
      long place = at + done;
      long number = place / IsoImage.SECTOR;
      int within = (int) (place % IsoImage.SECTOR);
      int count = Math.min(bytes.length - done, IsoImage.SECTOR - within);
      byte[] sector = sectors.get(number);
      if (sector == null) {
        int length = (int) Math.min(IsoImage.SECTOR, size() - number * IsoImage.SECTOR);
        sector = base.bytes(number * IsoImage.SECTOR, length);
        sectors.put(number, sector);
      }
      System.arraycopy(bytes, done, sector, within, count);
      done += count;
    }
  }

  /** A range of the changed source; nothing may be written any more. */
  List<Piece> pieces(long from, long to) {
    List<Piece> out = new ArrayList<>();
    long at = from;
    var changed =
        sectors.subMap(from / IsoImage.SECTOR, (to + IsoImage.SECTOR - 1) / IsoImage.SECTOR);
    for (var sector : changed.entrySet()) {
      long start = sector.getKey() * IsoImage.SECTOR;
      if (start > at) {
        out.add(new Piece(base, at, start - at));
        at = start;
      }
      int within = (int) (at - start);
      int length = (int) Math.min(sector.getValue().length - within, to - at);
      out.add(new Piece(ByteSource.of(sector.getValue()), within, length));
      at += length;
    }
    if (at < to) {
      out.add(new Piece(base, at, to - at));
    }
    return out;
  }
}
