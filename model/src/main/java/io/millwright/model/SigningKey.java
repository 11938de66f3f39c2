package io.millwright.model;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A public key by which a repository of packages is signed, as text.
 *
 * @param fingerprints of the OpenPGP keys in it (RFC 9580 section 5.5.4), in upper-case hexadecimal
 *     digits; none if it is an RSA key in PEM
 */
public record SigningKey(List<String> fingerprints) {
  private static final int LONGEST = 1 << 16;

  private static final int SECRET_KEY = 5;
  private static final int PUBLIC_KEY = 6;

  public SigningKey {
    fingerprints = List.copyOf(fingerprints);
  }

  /** True for what apt, dnf and zypper go by. */
  public boolean isOpenPgp() {
    return !fingerprints.isEmpty();
  }

  /**
   * Reads one.
   *
   * @throws IllegalArgumentException with what is wrong, if it is none
   */
  public static SigningKey parse(String text) {
    if (text.length() > LONGEST) {
      throw new IllegalArgumentException("is longer than 64 KiB");
    }
    if (text.contains("PRIVATE KEY")) {
      throw new IllegalArgumentException(
          "is a private key, which belongs nowhere but to its owner");
    }
    if (!text.chars().allMatch(c -> c == '\n' || (c >= ' ' && c <= '~'))) {
      throw new IllegalArgumentException("has signs that are in no key");
    }
    try {
      byte[] pem = armoured(text, "PUBLIC KEY");
      if (pem != null) {
        KeyFactory.getInstance("RSA").generatePublic(new X509EncodedKeySpec(pem));
        return new SigningKey(List.of());
      }
      byte[] openPgp = armoured(text, "PGP PUBLIC KEY BLOCK");
      if (openPgp == null) {
        throw new IllegalArgumentException(
            "is no key: give a whole \"-----BEGIN PGP PUBLIC KEY BLOCK-----\" or, for Alpine and"
                + " FreeBSD, \"-----BEGIN PUBLIC KEY-----\"");
      }
      List<String> found = openPgp(openPgp);
      if (found.isEmpty()) {
        throw new IllegalArgumentException("has no public key in it");
      }
      return new SigningKey(found);
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("is no RSA key, or is cut off", e);
    } catch (BufferUnderflowException e) {
      throw new IllegalArgumentException("is cut off", e);
    }
  }

  /**
   * What stands between the two lines of this label, without headers and checksum (RFC 9580 section
   * 6.2, RFC 7468); null if those lines are not the first and the last one.
   */
  private static byte @Nullable [] armoured(String text, String label) {
    List<String> lines = text.lines().map(String::strip).toList();
    if (lines.size() < 3
        || !lines.getFirst().equals("-----BEGIN " + label + "-----")
        || !lines.getLast().equals("-----END " + label + "-----")) {
      return null;
    }
    List<String> inner = lines.subList(1, lines.size() - 1);
    List<String> body = inner.subList(inner.indexOf("") + 1, inner.size());
    boolean checked = !body.isEmpty() && body.getLast().startsWith("=");
    byte[] out = decoded(String.join("", checked ? body.subList(0, body.size() - 1) : body));
    if (checked && !Arrays.equals(decoded(body.getLast().substring(1)), crc24(out))) {
      throw new IllegalArgumentException("does not fit its checksum: a part is lost or wrong");
    }
    return out;
  }

  private static byte[] decoded(String base64) {
    try {
      return Base64.getDecoder().decode(base64);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("is no base64 between its first and last line", e);
    }
  }

  /** RFC 9580 section 6.1. */
  private static byte[] crc24(byte[] bytes) {
    int crc = 0xb704ce;
    for (byte one : bytes) {
      crc ^= (one & 0xff) << 16;
      for (int i = 0; i < 8; i++) {
        crc = (crc << 1) ^ ((crc & 0x800000) == 0 ? 0 : 0x1864cfb);
      }
    }
    return new byte[] {(byte) (crc >> 16), (byte) (crc >> 8), (byte) crc};
  }

  static void check(String text, Violations at) {
    try {
      parse(text);
    } catch (IllegalArgumentException e) {
      at.add(String.valueOf(e.getMessage()));
    }
  }

  /** Goes through the packets (RFC 9580 section 4.2). */
  private static List<String> openPgp(byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    List<String> out = new ArrayList<>();
    while (in.hasRemaining()) {
      int head = in.get() & 0xff;
      if ((head & 0x80) == 0) {
        throw new IllegalArgumentException("is no OpenPGP key");
      }
      boolean old = (head & 0x40) == 0;
      int tag = old ? (head >> 2) & 0xf : head & 0x3f;
      byte[] body = new byte[length(in, old ? head & 3 : -1)];
      in.get(body);
      if (tag == SECRET_KEY) {
        throw new IllegalArgumentException(
            "is a private key, which belongs nowhere but to its owner");
      }
      if (tag == PUBLIC_KEY) {
        out.add(fingerprint(body));
      }
    }
    return out;
  }

  /** The length of a packet, which is never more than there is. */
  private static int length(ByteBuffer in, int oldType) {
    long length =
        switch (oldType) {
          case 0 -> in.get() & 0xff;
          case 1 -> in.getShort() & 0xffff;
          case 2 -> in.getInt() & 0xffffffffL;
          case 3 -> throw new IllegalArgumentException("is no OpenPGP key");
          default -> {
            int first = in.get() & 0xff;
            if (first < 192) {
              yield first;
            }
            if (first < 224) {
              yield ((first - 192) << 8) + (in.get() & 0xff) + 192;
            }
            if (first < 255) {
              throw new IllegalArgumentException("is no OpenPGP key"); // keys come in one piece
            }
            yield in.getInt() & 0xffffffffL;
          }
        };
    if (length > in.remaining()) {
      throw new BufferUnderflowException();
    }
    return (int) length;
  }

  private static String fingerprint(byte[] body) {
    int version = body.length == 0 ? 0 : body[0];
    if (version != 4 && version != 6) {
      throw new IllegalArgumentException(
          "is an OpenPGP key of version " + version + "; 4 and 6 are known");
    }
    try {
      MessageDigest digest = MessageDigest.getInstance(version == 4 ? "SHA-1" : "SHA-256");
      ByteBuffer head =
          version == 4
              ? ByteBuffer.allocate(3).put((byte) 0x99).putShort((short) body.length)
              : ByteBuffer.allocate(5).put((byte) 0x9b).putInt(body.length);
      digest.update(head.flip());
      return HexFormat.of().formatHex(digest.digest(body)).toUpperCase(Locale.ROOT);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e); // every JDK has both
    }
  }
}
