package io.millwright.drivers.dnsmasq;

import io.millwright.driver.NetworkServices;
import io.millwright.driver.testkit.NetworkServicesContract;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

class DnsmasqContractTest extends NetworkServicesContract {
  @TempDir Path home;
  private RunningDnsmasq dnsmasq;

  @BeforeEach
  void start() throws Exception {
    dnsmasq = RunningDnsmasq.start(home);
  }

  @AfterEach
  void stop() throws Exception {
    dnsmasq.close();
  }

  @Override
  protected NetworkServices open(String installation) throws Exception {
    return dnsmasq.open(installation);
  }
}
