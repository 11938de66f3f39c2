package io.millwright.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class IpTest {
  @Property
  void isReadAsItIsPrinted(@ForAll("ips") Ip ip) {
    assertThat(Ip.parse(ip.toString())).isEqualTo(ip);
    assertThat(Ip.parse(ip.toString().toUpperCase(java.util.Locale.ROOT))).isEqualTo(ip);
  }

  @Property
  void agreesWithTheJdk(@ForAll("ips") Ip ip) {
    InetAddress address = InetAddress.ofLiteral(ip.toString());
    assertThat(ip.toInetAddress()).isEqualTo(address);
    assertThat(Ip.parse(address.getHostAddress())).isEqualTo(ip);
  }

  /** RFC 5952 sections 4.1 to 4.3, said the other way round from how the code does it. */
  @Property
  void isPrintedAsRfc5952Says(@ForAll("v6") Ip ip) {
    String text = ip.toString();
    assertThat(text).isEqualTo(text.toLowerCase(java.util.Locale.ROOT));
    assertThat(text).doesNotContainPattern("(^|:)0[0-9a-f]").doesNotContain(":::");
    String full =
        String.join(
            ":", HexFormat.of().formatHex(ip.toInetAddress().getAddress()).split("(?<=\\G.{4})"));
    String groups = full.replaceAll("\\b0{1,3}", "");
    Matcher runs = Pattern.compile("\\b0(:0)+\\b").matcher(groups);
    String longest = "";
    int at = -1;
    while (runs.find()) {
      if (runs.group().length() > longest.length()) {
        longest = runs.group();
        at = runs.start();
      }
    }
    String expected =
        at < 0
            ? groups
            : groups.substring(0, at).replaceAll(":$", "")
                + "::"
                + groups.substring(at + longest.length()).replaceAll("^:", "");
    assertThat(text).isEqualTo(expected);
  }

  @Property
  void isOrderedAsNumbersAre(@ForAll("v6") Ip a, @ForAll("v6") Ip b) {
    assertThat(Integer.signum(a.compareTo(b))).isEqualTo(a.value().compareTo(b.value()));
    assertThat(a.compareTo(b) == 0).isEqualTo(a.equals(b));
  }

  @ParameterizedTest
  @CsvSource({
    "2001:db8:0:0:0:0:2:1, 2001:db8::2:1",
    "2001:0db8::0001, 2001:db8::1",
    "2001:db8:0:1:1:1:1:1, 2001:db8:0:1:1:1:1:1",
    "2001:0:0:1:0:0:0:1, 2001:0:0:1::1",
    "2001:db8:0:0:1:0:0:1, 2001:db8::1:0:0:1",
    "0:0:0:0:0:0:0:0, ::",
    "0:0:0:0:0:0:0:1, ::1",
    "1:0:0:0:0:0:0:0, 1::",
    "FD00::ABCD, fd00::abcd",
    "64:ff9b::192.0.2.33, 64:ff9b::c000:221",
    "255.255.255.255, 255.255.255.255",
    "0.0.0.0, 0.0.0.0"
  })
  void examples(String text, String printed) {
    assertThat(Ip.parse(text)).hasToString(printed);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.04",
        "1.2.3.4 ",
        "1.2.3.-4",
        "0x1.2.3.4",
        "1.2.3.4\n",
        ":",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "12345::",
        "g::",
        "fe80::1%eth0",
        "fe80::1%1",
        "[::1]",
        "::1/64",
        "::ffff:10.0.0.1",
        "::ffff:a00:1",
        "localhost",
        "example.org",
        "1.2.3.4.",
        "١.2.3.4"
      })
  void refuses(String text) {
    assertThatThrownBy(() -> Ip.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("an address looks like");
  }

  @Test
  void aMappedAddressStaysAnIpv6Address() {
    Ip mapped = new Ip(true, java.math.BigInteger.valueOf(0xffff_0a00_0001L));
    assertThat(mapped.toInetAddress()).isInstanceOf(java.net.Inet6Address.class);
    assertThat(HexFormat.of().formatHex(mapped.toInetAddress().getAddress()))
        .isEqualTo("00000000000000000000ffff0a000001");
  }

  @Test
  void knowsItsEnds() {
    assertThatThrownBy(() -> Ip.parse("255.255.255.255").plus(1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Ip.parse("::").plus(-1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Provide
  Arbitrary<Ip> ips() {
    return Any.ip();
  }

  @Provide
  Arbitrary<Ip> v6() {
    return Any.ip(true);
  }
}
