package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Who has which address of a network. */
@Tag("database")
class AddressesTest {
  private final Rig rig = Rig.shared();

  @Test
  void theMapOfANetworkIsWhatWasGiven() {
    rig.apply(
        "a1",
        """
        apiVersion: millwright/v1
        kind: Network
        metadata: {name: net}
        spec:
          subnets: [{cidr: 10.9.0.0/28, gateway: 10.9.0.1, exclude: [10.9.0.2-10.9.0.4]}]
          attachments: [{hypervisor: sim, bridge: br0}]
        ---
        apiVersion: millwright/v1
        kind: Machine
        metadata: {name: m}
        spec: {image: img, size: small, nics: [{network: net, ipv6: none}]}
        """);
    JsonNode subnet = rig.get("projects/a1/networks/net/addresses").json().at("/subnets/0");
    assertThat(subnet.path("cidr").asString()).isEqualTo("10.9.0.0/28");
    // 14 usable: the gateway, three excluded and one taken are not free.
    assertThat(subnet.path("free").asLong()).isEqualTo(9);
    JsonNode taken = subnet.at("/taken/0");
    assertThat(taken.path("machine").asString()).isEqualTo("m");
    assertThat(taken.path("state").asString()).isEqualTo("bound");
    assertThat(taken.path("address").asString()).startsWith("10.9.0.");
    assertThat(rig.get("projects/a1/networks/none/addresses").status()).isEqualTo(404);
  }
}
