package io.millwright.media;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Numbers in byte arrays, as disks have them; unsigned where a sign makes no sense. */
final class Le {
  private Le() {}

  private static ByteBuffer little(byte[] in) {
    return ByteBuffer.wrap(in).order(ByteOrder.LITTLE_ENDIAN);
  }

  static int u8(byte[] in, int at) {
    return in[at] & 0xff;
  }

  static int u16(byte[] in, int at) {
    return little(in).getShort(at) & 0xffff;
  }

  static long u32(byte[] in, int at) {
    return little(in).getInt(at) & 0xffff_ffffL;
  }

  static long i64(byte[] in, int at) {
    return little(in).getLong(at);
  }

  static void put16(byte[] in, int at, int n) {
    little(in).putShort(at, (short) n);
  }

  static void put32(byte[] in, int at, long n) {
    little(in).putInt(at, (int) n);
  }

  static void put64(byte[] in, int at, long n) {
    little(in).putLong(at, n);
  }

  /** A number in both byte orders, as ECMA-119 section 7.3.3 has it. */
  static void putBoth32(byte[] in, int at, long n) {
    put32(in, at, n);
    ByteBuffer.wrap(in).putInt(at + 4, (int) n);
  }

  static void putBoth16(byte[] in, int at, int n) {
    put16(in, at, n);
    ByteBuffer.wrap(in).putShort(at + 2, (short) n);
  }
}
