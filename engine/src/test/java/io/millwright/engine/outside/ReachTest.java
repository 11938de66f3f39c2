package io.millwright.engine.outside;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.Cidr;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReachTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
        "fd00:ec2::254"
      })
  void theServersOwnMachineAndLinkAreRefused(String address) throws Exception {
    assertThat(Reach.OUTSIDE.refusal(InetAddress.getByName(address)).orElseThrow())
        .contains("its operator can allow that with --may-reach");
    String host = address.indexOf(':') < 0 ? address : "[" + address + "]";
    assertThat(Reach.OUTSIDE.refusalOfHost("http://" + host + ":80/x").orElseThrow())
        .startsWith(host);
  }

  @Test
  void soIsEveryAddressOfItsCards() throws Exception {
    List<InetAddress> own =
        NetworkInterface.networkInterfaces()
            .flatMap(NetworkInterface::inetAddresses)
            .filter(a -> !a.isLoopbackAddress() && !a.isLinkLocalAddress())
            .toList();
    assertThat(own).as("addresses of this machine in a network").isNotEmpty();
    for (InetAddress address : own) {
      assertThat(Reach.OUTSIDE.refusal(address).orElseThrow()).contains("own machine");
      Reach some =
          new Reach(
              List.of(
                  Cidr.parse(
                      address.getHostAddress().replaceFirst("%.*", "")
                          + (address.getAddress().length == 16 ? "/128" : "/32"))));
      assertThat(some.refusal(address)).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://[fe80::1%25eth0]:80/",
        "http://[fe80::1%eth0]/",
        "http://[::FFFF:127.0.0.1]/",
        "http://2130706433/",
        "http://0/",
        "http://localhost:80/"
      })
  void soAreTheyHoweverTheyAreWritten(String url) {
    assertThat(Reach.OUTSIDE.refusalOfHost(url)).isPresent();
  }

  /** What the system's resolver may take for an address, or a name that leads home by now. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://localhost.:9/",
        "http://LOCALHOST:9/",
        "http://0x7f000001:9/",
        "http://[fe80::1%25lo]:9/",
        "https://localhost:9/"
      })
  void whereverANameLeadsNobodyIsConnectedTo(String url) throws Exception {
    assertThatThrownBy(() -> Reach.OUTSIDE.connect(URI.create(url), Duration.ofSeconds(1)))
        .isInstanceOfAny(Reach.RefusedException.class, UnknownHostException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "192.0.2.1",
        "10.0.0.1",
        "192.168.1.1",
        "2001:db8::1",
        "fd00::1",
        "64:ff9b::c000:201"
      })
  void othersAreNot(String address) throws Exception {
    assertThat(Reach.OUTSIDE.refusal(InetAddress.getByName(address))).isEmpty();
  }

  @Test
  void anOperatorMayAllowSome() throws Exception {
    Reach some = new Reach(List.of(Cidr.parse("127.0.0.2/32"), Cidr.parse("fe80::/64")));
    assertThat(some.refusal(InetAddress.getByName("127.0.0.2"))).isEmpty();
    assertThat(some.refusal(InetAddress.getByName("64:ff9b::7f00:2"))).isEmpty();
    assertThat(some.refusal(InetAddress.getByName("fe80::7"))).isEmpty();
    assertThat(some.refusal(InetAddress.getByName("127.0.0.1"))).isPresent();
  }

  @ParameterizedTest
  @ValueSource(strings = {"http://example.org/", "https://localhost.example.org/x", "no url"})
  void aNameIsNotLookedUpBeforeItIsAskedFor(String url) {
    assertThat(Reach.OUTSIDE.refusalOfHost(url)).isEmpty();
  }
}
