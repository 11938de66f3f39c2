package io.millwright.model;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import javax.crypto.spec.SecretKeySpec;

/** SHA-256 and the HMAC made of it. */
public final class Sha256 {
  private static final String HMAC = "HmacSHA256";

  private Sha256() {}

  /** A digest of nothing yet, for what comes in pieces. */
  public static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
  }

  /** The 32 bytes. */
  public static byte[] of(byte[] bytes) {
    return digest().digest(bytes);
  }

  /** Of a text in UTF-8. */
  public static byte[] of(String text) {
    return of(text.getBytes(UTF_8));
  }

  /** As 64 lower-case digits. */
  public static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(of(bytes));
  }

  /** Of a text in UTF-8, as 64 lower-case digits. */
  public static String hex(String text) {
    return hex(text.getBytes(UTF_8));
  }

  /** HMAC-SHA-256 (RFC 2104). */
  public static byte[] hmac(byte[] key, byte[] message) {
    try {
      javax.crypto.Mac mac = javax.crypto.Mac.getInstance(HMAC);
      // The JDK takes no empty key. Short keys are filled up with zeros, so one zero is the same.
      mac.init(new SecretKeySpec(key.length == 0 ? new byte[1] : key, HMAC));
      return mac.doFinal(message);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
  }
}
