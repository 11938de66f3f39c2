package io.millwright.driver.testkit;

import io.millwright.driver.NetworkServices;

class SimulatedNetworkServicesTest extends NetworkServicesContract {
  private final SimulatedNetworkServices world = new SimulatedNetworkServices();

  @Override
  protected NetworkServices open(String installation) {
    return world.attach(installation);
  }
}
