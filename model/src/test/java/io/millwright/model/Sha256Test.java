package io.millwright.model;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class Sha256Test {
  /** FIPS 180-2, appendix B.1. */
  @Test
  void digestsAsTheStandardSays() {
    assertThat(Sha256.hex("abc"))
        .isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assertThat(Sha256.of("abc")).isEqualTo(Sha256.digest().digest("abc".getBytes(US_ASCII)));
  }

  /** RFC 4231, section 4.3; and what is known of no key and no message. */
  @Test
  void signsAsTheStandardSays() {
    assertThat(hmac("Jefe", "what do ya want for nothing?"))
        .isEqualTo("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assertThat(hmac("", ""))
        .isEqualTo("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  }

  private static String hmac(String key, String message) {
    return HexFormat.of()
        .formatHex(Sha256.hmac(key.getBytes(US_ASCII), message.getBytes(US_ASCII)));
  }
}
