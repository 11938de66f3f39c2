package io.millwright.driver.vsphere;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.images.Seed;
import io.millwright.images.SeedIso;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;
import java.util.Random;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;

/** Reads guestinfo as cloud-init's DataSourceVMware.py does. */
final class GuestInfoTest {
  static final Seed SEED =
      new Seed(
          "instance-id: \"0199\"\nlocal-hostname: \"web\"\n",
          "#cloud-config\nhostname: web\n# é\n",
          "version: 2\nethernets: {}\n");

  /** Its {@code decode}. */
  static String decode(String encoding, String value) throws IOException {
    assertThat(encoding).isEqualTo("gzip+base64");
    try (GZIPInputStream in =
        new GZIPInputStream(new ByteArrayInputStream(Base64.getDecoder().decode(value)))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static String decode(Map<String, String> options, String key) throws IOException {
    return decode(
        options.getOrDefault("guestinfo." + key + ".encoding", ""),
        options.getOrDefault("guestinfo." + key, ""));
  }

  @Test
  void saysWhatTheMediumSays() throws Exception {
    Map<String, String> options = GuestInfo.of(SEED.iso());

    assertThat(options.keySet()).containsExactlyElementsOf(GuestInfo.KEYS);
    assertThat(decode(options, "userdata")).isEqualTo(SEED.userData());
    String metadata = decode(options, "metadata");
    assertThat(metadata).startsWith(SEED.metaData()).contains("\nnetwork.encoding: gzip+base64\n");
    String network =
        metadata
            .lines()
            .filter(l -> l.startsWith("network: "))
            .map(l -> l.substring(9))
            .findFirst()
            .orElseThrow();
    assertThat(decode("gzip+base64", network)).isEqualTo(SEED.networkConfig());
  }

  @Test
  void readsMediaWithMoreThanASectorOfNames() throws Exception {
    Map<String, byte[]> files = new java.util.TreeMap<>(SEED.files());
    for (int i = 0; i < 60; i++) {
      files.put("another-file-of-some-length-" + i, new byte[i]);
    }
    assertThat(decode(GuestInfo.of(SeedIso.write("cidata", files)), "userdata"))
        .isEqualTo(SEED.userData());
  }

  @Test
  void whatIsNoSeedSaysNothing() {
    byte[] iso = SEED.iso();
    assertThat(GuestInfo.of(new byte[0])).isEqualTo(GuestInfo.none());
    assertThat(GuestInfo.of(new byte[1 << 20])).isEqualTo(GuestInfo.none());
    assertThat(GuestInfo.of(SeedIso.write("other", Map.of("a", new byte[1]))))
        .isEqualTo(GuestInfo.none());
    for (int length = 0; length < iso.length; length += 512) {
      assertThat(GuestInfo.of(Arrays.copyOf(iso, length))).hasSize(GuestInfo.KEYS.size());
    }
    // Whatever stands in it, it ends, and with no other exception.
    Random random = new Random(1);
    for (int i = 0; i < 2000; i++) {
      byte[] broken = iso.clone();
      for (int n = 0; n < 20; n++) {
        broken[17 * 2048 + random.nextInt(8 * 2048)] = (byte) random.nextInt();
      }
      broken[17 * 2048 + 156 + random.nextInt(16)] = (byte) random.nextInt();
      assertThat(GuestInfo.of(broken)).hasSize(GuestInfo.KEYS.size());
    }
  }
}
