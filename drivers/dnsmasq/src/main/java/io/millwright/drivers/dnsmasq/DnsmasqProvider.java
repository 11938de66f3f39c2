package io.millwright.drivers.dnsmasq;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverDescription.Setting;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.NetworkServices;
import io.millwright.driver.NetworkServicesProvider;
import io.millwright.model.Names;
import io.millwright.model.Violations;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Offers {@link Dnsmasq} under the name {@code dnsmasq}. */
public final class DnsmasqProvider implements NetworkServicesProvider {
  static final String DIRECTORY = "directory";
  static final String PID_FILE = "pidFile";
  static final String DNS_PID_FILE = "dnsPidFile";
  static final String LEASE_SECONDS = "leaseSeconds";

  private static final DriverDescription DESCRIPTION =
      new DriverDescription(
          "dnsmasq",
          List.of(
              new Setting(
                  DIRECTORY,
                  true,
                  false,
                  "directory on the server with the subdirectories dhcp and hosts; a dnsmasq for"
                      + " DHCP was told of the first by dhcp-hostsdir, and another one for DNS of"
                      + " the second by hostsdir. Each network needs a directory of its own, and"
                      + " one dnsmasq can have several"),
              new Setting(
                  PID_FILE,
                  true,
                  false,
                  "pid-file of the dnsmasq for DHCP, which needs port=0: one that served names too"
                      + " would go on with a deleted machine's until its lease ends"),
              new Setting(
                  DNS_PID_FILE,
                  true,
                  false,
                  "pid-file of the dnsmasq for DNS, which has no dhcp-range"),
              new Setting(
                  LEASE_SECONDS,
                  false,
                  false,
                  "for how long a machine may use its address before it asks again, 120 to 604800;"
                      + " what dnsmasq's dhcp-range says if not given. After a machine is gone,"
                      + " dnsmasq keeps its address taken for so long: no longer than the cooldown"
                      + " of the network's subnets is best")));

  @Override
  public DriverDescription describe() {
    return DESCRIPTION;
  }

  @Override
  public String place(Map<String, String> settings) {
    return settings.getOrDefault(DIRECTORY, "");
  }

  @Override
  public void check(Map<String, String> settings, Violations at) {
    DESCRIPTION.check(settings, at);
    var _ = path(settings, DIRECTORY, at);
    Path pidFile = path(settings, PID_FILE, at);
    Path dnsPidFile = path(settings, DNS_PID_FILE, at);
    at.field(DNS_PID_FILE)
        .require(
            !settings.containsKey(DNS_PID_FILE)
                || !settings.containsKey(PID_FILE)
                || !dnsPidFile.equals(pidFile),
            "must not be pidFile's: a dnsmasq that serves DHCP and DNS goes on with the names of"
                + " deleted machines");
    String lease = settings.getOrDefault(LEASE_SECONDS, "");
    at.field(LEASE_SECONDS)
        .require(
            !settings.containsKey(LEASE_SECONDS)
                || (lease.matches("[1-9][0-9]{2,5}")
                    && Integer.parseInt(lease) >= 120
                    && Integer.parseInt(lease) <= 604_800),
            "must be 120 to 604800");
  }

  @Override
  public NetworkServices open(Map<String, String> settings, String installation)
      throws DriverException {
    DriverDescription.requireValid(settings, this::check);
    Violations none = Violations.at("settings");
    if (!installation.matches("[0-9a-f]{8}")) {
      throw new DriverException(FaultKind.BUG, Names.quote(installation) + " is no installation.");
    }
    return new Dnsmasq(
        path(settings, DIRECTORY, none),
        new Daemon(path(settings, PID_FILE, none)),
        new Daemon(path(settings, DNS_PID_FILE, none)),
        installation,
        settings.getOrDefault(LEASE_SECONDS, ""));
  }

  private static Path path(Map<String, String> settings, String name, Violations at) {
    String value = settings.getOrDefault(name, "");
    try {
      if (Path.of(value).isAbsolute()) {
        return Path.of(value).normalize();
      }
    } catch (InvalidPathException e) {
      // said below
    }
    at.field(name)
        .require(
            !settings.containsKey(name), Names.quote(value) + " is no absolute path on the server");
    return Path.of("/");
  }
}
