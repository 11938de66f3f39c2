package io.millwright.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.util.Collections;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class SigningKeyTest {
  /** Of GnuPG's making, and so is the fingerprint below. */
  private static final String OPENPGP =
      """
      -----BEGIN PGP PUBLIC KEY BLOCK-----

      mDMEawyAMRYJKwYBBAHaRw8BAQdAyuG+ZqqzPOWSz4AC7FIpybXrdcLp73WeGzZB
      DY8BmMm0IVRvb2xzIG9mIHRoZSBsYWIgPHRvb2xzQGxhYi50ZXN0PoiQBBMWCAA4
      FiEESX8CB86eeWHJBJ2gX4iiK5dBLmoFAmsMgDECGwMFCwkIBwIGFQoJCAsCBBYC
      AwECHgECF4AACgkQX4iiK5dBLmpatgD/bm+EYY16K9vasCSeABSDLWQpoyUuz9VT
      hhnOX3ZiBp8BANOtwzRRV2hpuoJnVw84Gdg9W5Ph36W7nD4K53fkHKgM
      =azeE
      -----END PGP PUBLIC KEY BLOCK-----
      """
          .strip();

  private static final String RSA =
      """
      -----BEGIN PUBLIC KEY-----
      MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCn7Yl/U4L8bs8qLtCUjmQdsF2
      xGHR1a3VaJ7jZHBOZGa47I0ibe5DlwvioU227DzyYNMCn+RfbU1CTDh+ssOq4Qb8
      hId1+Mwsp2jcvwGpTY7LMq1jxzJgGF/OnPGwKvqaR4J/hDwAg6KxMW5XiDrwFLsh
      ydHgnFi0rMCzfXGNOQIDAQAB
      -----END PUBLIC KEY-----
      """
          .strip();

  /** The private half of a key that nobody uses. */
  private static final String SECRET =
      """
      -----BEGIN PGP PRIVATE KEY BLOCK-----

      lFgEawyAMRYJKwYBBAHaRw8BAQdAyuG+ZqqzPOWSz4AC7FIpybXrdcLp73WeGzZB
      DY8BmMkAAQCuP7bo/0gj2WxXkWeJDIJ2HnZyQKEcNAJPjjujKtmG/w6TtCFUb29s
      cyBvZiB0aGUgbGFiIDx0b29sc0BsYWIudGVzdD6IkAQTFggAOBYhBEl/AgfOnnlh
      yQSdoF+IoiuXQS5qBQJrDIAxAhsDBQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJ
      EF+IoiuXQS5qWrYA/25vhGGNeivb2rAkngAUgy1kKaMlLs/VU4YZzl92YgafAQDT
      rcM0UVdoabqCZ1cPOBnYPVuT4d+lu5w+Cud35ByoDA==
      =KfpQ
      -----END PGP PRIVATE KEY BLOCK-----
      """
          .strip();

  @Test
  void readsWhatGnuPgWrites() {
    assertThat(SigningKey.parse(OPENPGP).fingerprints())
        .containsExactly("497F0207CE9E7961C9049DA05F88A22B97412E6A");
    assertThat(SigningKey.parse(OPENPGP.replace("BLOCK-----\n\n", "BLOCK-----\nComment: ours\n\n")))
        .isEqualTo(SigningKey.parse(OPENPGP));
    assertThat(SigningKey.parse(RSA).isOpenPgp()).isFalse();
  }

  @Test
  void saysWhatIsWrong() {
    refused(SECRET, "is a private key");
    refused(SECRET.replace("PRIVATE", "PUBLIC"), "is a private key");
    refused("hello", "is no key: give a whole");
    refused("", "is no key: give a whole");
    refused(OPENPGP + "\nruncmd: x", "is no key: give a whole");
    refused("x\n" + OPENPGP, "is no key: give a whole");
    refused(OPENPGP.replaceFirst("hhnOX3.*\n", ""), "does not fit its checksum");
    refused(OPENPGP.replaceFirst("(?s)hhnOX3.*=azeE\n", ""), "is cut off");
    refused(OPENPGP.replace("=azeE", "=a/eE"), "does not fit its checksum");
    refused(OPENPGP.replace("mDME", "m$ME"), "is no base64");
    refused(OPENPGP.replace("mDME", "mDM\u2028"), "has signs");
    refused(RSA.replace("1a3VaJ7jZ", ""), "is no RSA key");
    refused(RSA.replace("PUBLIC", "RSA PUBLIC"), "is no key");
    refused(
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n"
            + String.join("", Collections.nCopies(2000, "A".repeat(64) + "\n"))
            + "-----END PGP PUBLIC KEY BLOCK-----",
        "is longer than 64 KiB");
  }

  private static void refused(String text, String why) {
    assertThatThrownBy(() -> SigningKey.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(why);
  }

  /** Any bytes at all in armour are a key or an error of ours. */
  @Property
  void anyBytesAreAKeyOrAnError(@ForAll byte[] bytes) {
    String text =
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n"
            + java.util.Base64.getEncoder().encodeToString(bytes)
            + "\n-----END PGP PUBLIC KEY BLOCK-----";
    Violations at = Violations.at("key");
    SigningKey.check(text, at);
    assertThat(at.list().size()).isLessThanOrEqualTo(1);
  }

  @Test
  void aRepositoryIsCheckedFieldByField() {
    assertThat(wrong(one("tools", "https://x.test/$releasever/a@b", null, List.of()))).isEmpty();
    assertThat(wrong(one("tools", "https://x.test/", "stable", List.of("main", "non-free"))))
        .isEmpty();
    assertThat(wrong(one("tools", "https://x.test/", "./", List.of()))).isEmpty();
    assertThat(wrong(one("Tools", "https://x.test/", null, List.of())))
        .singleElement()
        .asString()
        .startsWith("packageSource.repositories[0].name: ");
    assertThat(wrong(one("millwright", "https://x.test/", null, List.of())))
        .containsExactly("packageSource.repositories[0].name: is taken; use another one");
    assertThat(wrong(one("tools", "https://me:secret@x.test/", null, List.of())))
        .singleElement()
        .asString()
        .contains("url: must be an http or https URL without user");
    for (String url : List.of("https://x.test/?a=1", "https://x.test/'", "https://x.test/(a)")) {
      assertThat(wrong(one("tools", url, null, List.of())))
          .singleElement()
          .asString()
          .contains("url: must have no query");
    }
    assertThat(wrong(one("tools", "https://x.test/", "a b", List.of("main"))))
        .singleElement()
        .asString()
        .contains("suite: ");
    assertThat(wrong(one("tools", "https://x.test/", "stable", List.of("ma\nin"))))
        .singleElement()
        .asString()
        .contains("components[0]: ");
    assertThat(wrong(one("tools", "https://x.test/", "stable", List.of())))
        .singleElement()
        .asString()
        .contains("components: are needed");
    assertThat(wrong(one("tools", "https://x.test/", null, List.of("main"))))
        .singleElement()
        .asString()
        .contains("components: are of a suite");
    var twice = one("tools", "https://x.test/", null, List.of());
    assertThat(wrong(twice, twice))
        .containsExactly("packageSource.repositories[1].name: stands here twice");
    assertThat(
            wrong(
                new PackageSource.Repository(
                    "tools", URI.create("https://x.test/"), null, List.of(), RSA, "../x.pub")))
        .singleElement()
        .asString()
        .contains("keyName: ");
  }

  private static PackageSource.Repository one(
      String name, String url, @Nullable String suite, List<String> components) {
    return new PackageSource.Repository(
        name, URI.create(url), suite, components, OPENPGP + "\r\n", null);
  }

  private static List<String> wrong(PackageSource.Repository... list) {
    Violations at = Violations.at("packageSource");
    new PackageSource(null, null, null, null, List.of(list)).check(at);
    return at.list().stream().map(v -> v.field() + ": " + v.message()).toList();
  }
}
