package io.millwright.driver.proxmox;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverDescription.Setting;
import io.millwright.driver.DriverException;
import io.millwright.driver.Trust;
import io.millwright.model.Violations;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The settings of one hypervisor, read.
 *
 * @param token its name, {@code USER@REALM!ID}
 * @param ca certificates in PEM that the server's is verified against, or null
 * @param fingerprint of the server's own certificate, as {@link Trust} takes it, or null
 * @param cpu the model that machines see, or null for {@link #CPU} in new ones
 * @param numbers out of which our machines and disks get theirs
 */
record Settings(
    URI url,
    String token,
    String secret,
    @Nullable String ca,
    @Nullable String fingerprint,
    @Nullable String node,
    @Nullable String storage,
    @Nullable String files,
    @Nullable String pool,
    @Nullable String cpu,
    Numbers numbers) {

  /**
   * What the page of Proxmox VE gives new machines, too; its API alone gives them {@code kvm64}, on
   * which Red Hat's family does not start from release 9 on.
   */
  static final String CPU = "x86-64-v2-AES";

  /** A range of VM numbers, both ends included. */
  record Numbers(int from, int to) {
    int count() {
      return to - from + 1;
    }
  }

  static final DriverDescription DESCRIPTION =
      new DriverDescription(
          "proxmox",
          List.of(
              new Setting(
                  "url",
                  true,
                  false,
                  "of any node of the cluster, for example https://pve.example.com:8006"),
              new Setting(
                  "token", true, false, "name of an API token, USER@REALM!ID: mw@pve!millwright"),
              new Setting("secret", true, true, "of that token"),
              new Setting(
                  "ca",
                  false,
                  false,
                  "certificates in PEM, one of which has signed the server's; without ca and"
                      + " fingerprint it is verified against the authorities that Java knows"),
              new Setting(
                  "fingerprint",
                  false,
                  false,
                  "of the server's own certificate in place of ca: its SHA-256 or SHA-1"),
              new Setting("node", false, false, "for machines; needed if there are several"),
              new Setting(
                  "storage",
                  false,
                  false,
                  "for disks, with the content images; needed if the node has several"),
              new Setting(
                  "files",
                  false,
                  false,
                  "storage for images and media, with the contents import and iso; needed if the"
                      + " node has several"),
              new Setting(
                  "pool", false, false, "resource pool that machines and disks are put into"),
              new Setting(
                  "cpu",
                  false,
                  false,
                  "model of the processor that machines see, such as host or x86-64-v3; new ones"
                      + " get x86-64-v2-AES if not given, and the others keep theirs"),
              new Setting(
                  "numbers",
                  false,
                  false,
                  "VM numbers for machines and disks that nobody else uses; 1000000-9999999 if not"
                      + " given")),
          true);

  private static final Pattern TOKEN =
      Pattern.compile("[^\\s:/@!=]{1,60}@[A-Za-z][A-Za-z0-9._-]*![A-Za-z][A-Za-z0-9._-]*");
  private static final Pattern SECRET = Pattern.compile("[\\x21-\\x7e]+");
  private static final Pattern NUMBERS = Pattern.compile("([0-9]{3,9})-([0-9]{3,9})");
  private static final Pattern MODEL = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");
  private static final int FEWEST = 1000;

  static void check(Map<String, String> given, Violations found) {
    DESCRIPTION.check(given, found);
    found
        .field("url")
        .require(
            url(given.getOrDefault("url", "https://x")) != null,
            "write https:// and the server's name, and the port, mostly :8006");
    String token = given.getOrDefault("token", "");
    found
        .field("token")
        .require(
            token.isEmpty() || TOKEN.matcher(token).matches(),
            "write USER@REALM!ID, for example mw@pve!millwright; its secret has a field of its"
                + " own");
    String secret = given.getOrDefault("secret", "");
    found
        .field("secret")
        .require(
            secret.isEmpty() || SECRET.matcher(secret).matches(),
            "holds a character that no secret of a token has");
    String fingerprint = given.get("fingerprint");
    if (fingerprint != null) {
      fingerprint = Trust.fingerprint(fingerprint);
      found
          .field("fingerprint")
          .require(
              Trust.isFingerprint(fingerprint),
              "write the certificate's SHA-256 as 64 hexadecimal digits, or its SHA-1 as 40");
      found
          .field("fingerprint")
          .require(!given.containsKey("ca"), "give either ca or fingerprint, not both");
    }
    String ca = given.get("ca");
    if (ca != null) {
      found
          .field("ca")
          .require(Trust.certificates(ca) > 0, "holds no certificate that can be read as PEM");
    }
    found
        .field("cpu")
        .require(
            MODEL.matcher(given.getOrDefault("cpu", CPU)).matches(),
            "write the name of a model alone, such as host or x86-64-v3");
    found
        .field("numbers")
        .require(
            numbers(given) != null,
            "write two numbers from 100 to 999999999 that are at least "
                + FEWEST
                + " apart, for example 1000000-9999999");
  }

  static Settings read(Map<String, String> given) throws DriverException {
    DriverDescription.requireValid(given, Settings::check);
    URI url = Objects.requireNonNull(url(given.getOrDefault("url", "")));
    Numbers numbers = Objects.requireNonNull(numbers(given));
    String fingerprint = given.get("fingerprint");
    return new Settings(
        url,
        given.getOrDefault("token", ""),
        given.getOrDefault("secret", ""),
        given.get("ca"),
        fingerprint == null ? null : Trust.fingerprint(fingerprint),
        given.get("node"),
        given.get("storage"),
        given.get("files"),
        given.get("pool"),
        given.get("cpu"),
        numbers);
  }

  private static @Nullable URI url(String text) {
    try {
      URI url = URI.create(text);
      boolean plain =
          "https".equals(url.getScheme())
              && url.getHost() != null
              && url.getUserInfo() == null
              && url.getQuery() == null
              && List.of("", "/", "/api2/json", "/api2/json/").contains(url.getPath());
      return plain ? url.resolve("/") : null;
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  private static @Nullable Numbers numbers(Map<String, String> given) {
    Matcher m = NUMBERS.matcher(given.getOrDefault("numbers", "1000000-9999999"));
    if (!m.matches()) {
      return null;
    }
    Numbers out = new Numbers(Integer.parseInt(m.group(1)), Integer.parseInt(m.group(2)));
    return out.from() >= 100 && out.count() >= FEWEST ? out : null;
  }

  /** Without the secret. */
  @Override
  public String toString() {
    return "Proxmox VE at " + url;
  }
}
