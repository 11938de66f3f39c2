package io.millwright.driver.vsphere;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverDescription.Setting;
import io.millwright.driver.DriverException;
import io.millwright.driver.Trust;
import io.millwright.model.Names;
import io.millwright.model.Violations;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The settings of one hypervisor, read.
 *
 * @param ca certificates in PEM that the server's is verified against, or null
 * @param thumbprint of the server's own certificate in hexadecimal digits without colons: 64 are
 *     SHA-256, 40 are SHA-1; or null
 */
record Settings(
    URI url,
    String user,
    String password,
    @Nullable String ca,
    @Nullable String thumbprint,
    @Nullable String datacenter,
    @Nullable String cluster,
    @Nullable String resourcePool,
    @Nullable String datastore,
    @Nullable String folder,
    String directory,
    boolean guestInfo,
    boolean linkedClones) {

  static final DriverDescription DESCRIPTION =
      new DriverDescription(
          "vsphere",
          List.of(
              new Setting(
                  "url",
                  true,
                  false,
                  "of the vCenter or the ESXi host, for example https://vcenter.example.com"),
              new Setting("user", true, false, "for example millwright@vsphere.local"),
              new Setting("password", true, true, "of that user"),
              new Setting(
                  "ca",
                  false,
                  false,
                  "certificates in PEM, one of which has signed the server's; without ca and"
                      + " thumbprint it is verified against the authorities that Java knows"),
              new Setting(
                  "thumbprint",
                  false,
                  false,
                  "of the server's own certificate in place of ca: its SHA-256 or SHA-1"),
              new Setting("datacenter", false, false, "needed if there are several"),
              new Setting(
                  "cluster", false, false, "or single host, for machines; needed if several"),
              new Setting(
                  "resourcePool", false, false, "for machines; that of the cluster if not given"),
              new Setting(
                  "datastore", false, false, "for machines and disks; needed if there are several"),
              new Setting(
                  "folder", false, false, "for machines; the datacenter's own if not given"),
              new Setting(
                  "directory",
                  false,
                  false,
                  "in the datastore, for disks, images and media; millwright if not given"),
              new Setting(
                  "guestInfo",
                  false,
                  false,
                  "true if machines find their seed in guestinfo, too, and not on a medium only;"
                      + " false if not given"),
              new Setting(
                  "linkedClones",
                  false,
                  false,
                  "true if system disks hold only what differs from their image, and do not grow;"
                      + " false, for full copies, if not given")));

  private static final Pattern DIRECTORY = Pattern.compile("[A-Za-z0-9][-A-Za-z0-9._]{0,63}");

  static void check(Map<String, String> given, Violations found) {
    DESCRIPTION.check(given, found);
    found
        .field("url")
        .require(
            url(given.getOrDefault("url", "https://x")) != null,
            "write https:// and the server's name, and a port if it is not 443");
    String thumbprint = given.get("thumbprint");
    if (thumbprint != null) {
      thumbprint = Trust.fingerprint(thumbprint);
      found
          .field("thumbprint")
          .require(
              Trust.isFingerprint(thumbprint),
              "write the certificate's SHA-256 as 64 hexadecimal digits, or its SHA-1 as 40");
      found
          .field("thumbprint")
          .require(!given.containsKey("ca"), "give either ca or thumbprint, not both");
    }
    String ca = given.get("ca");
    if (ca != null) {
      found
          .field("ca")
          .require(Trust.certificates(ca) > 0, "holds no certificate that can be read as PEM");
    }
    String directory = given.getOrDefault("directory", "millwright");
    found
        .field("directory")
        .require(
            DIRECTORY.matcher(directory).matches(),
            Names.quote(directory) + " is no name of a directory in a datastore");
    for (String flag : List.of("guestInfo", "linkedClones")) {
      found
          .field(flag)
          .require(
              List.of("true", "false").contains(given.getOrDefault(flag, "false")),
              "write true or false");
    }
  }

  static Settings read(Map<String, String> given) throws DriverException {
    DriverDescription.requireValid(given, Settings::check);
    URI url = Objects.requireNonNull(url(given.getOrDefault("url", "")));
    String thumbprint = given.get("thumbprint");
    return new Settings(
        url,
        given.getOrDefault("user", ""),
        given.getOrDefault("password", ""),
        given.get("ca"),
        thumbprint == null ? null : Trust.fingerprint(thumbprint),
        given.get("datacenter"),
        given.get("cluster"),
        given.get("resourcePool"),
        given.get("datastore"),
        given.get("folder"),
        given.getOrDefault("directory", "millwright"),
        Boolean.parseBoolean(given.get("guestInfo")),
        Boolean.parseBoolean(given.get("linkedClones")));
  }

  private static @Nullable URI url(String text) {
    try {
      URI url = URI.create(text);
      boolean plain =
          "https".equals(url.getScheme())
              && url.getHost() != null
              && url.getUserInfo() == null
              && url.getQuery() == null
              && List.of("", "/", "/sdk", "/sdk/").contains(url.getPath());
      return plain ? url.resolve("/") : null;
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /** Without the password. */
  @Override
  public String toString() {
    return "vSphere at " + url;
  }
}
