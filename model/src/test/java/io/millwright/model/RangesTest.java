package io.millwright.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.NetworkSpec.Subnet;
import java.math.BigInteger;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Cidr, Range and what a subnet allocates from. */
class RangesTest {
  @Property
  void cidrsAreReadAsTheyArePrinted(@ForAll("cidrs") Cidr cidr) {
    assertThat(Cidr.parse(cidr.toString())).isEqualTo(cidr);
  }

  @Property
  void rangesAreReadAsTheyArePrinted(@ForAll("ranges") Range range) {
    assertThat(Range.parse(range.toString())).isEqualTo(range);
    assertThat(Range.parse(range.from() + " - " + range.to())).isEqualTo(range);
  }

  @Property
  void aCidrHoldsItsEndsAndNothingBeyond(@ForAll("cidrs") Cidr cidr) {
    assertThat(cidr.contains(cidr.network())).isTrue();
    assertThat(cidr.contains(cidr.last())).isTrue();
    before(cidr.network()).ifPresent(ip -> assertThat(cidr.contains(ip)).isFalse());
    after(cidr.last()).ifPresent(ip -> assertThat(cidr.contains(ip)).isFalse());
    BigInteger size = cidr.last().value().subtract(cidr.network().value()).add(BigInteger.ONE);
    assertThat(size.bitCount()).isOne();
  }

  @Property
  void overlapIsMutual(@ForAll("cidrs") Cidr a, @ForAll("cidrs") Cidr b) {
    assertThat(a.overlaps(b)).isEqualTo(b.overlaps(a));
    assertThat(a.overlaps(a)).isTrue();
    assertThat(a.overlaps(b))
        .isEqualTo(
            a.v6() == b.v6()
                && a.network().compareTo(b.last()) <= 0
                && b.network().compareTo(a.last()) <= 0);
  }

  @Property
  void onlyMembersOfASubnetAreUsable(@ForAll("cidrs") Cidr cidr, @ForAll("ips") Ip ip) {
    assertThat(cidr.usable(ip) && !cidr.contains(ip)).isFalse();
    boolean edges = cidr.v6() ? cidr.prefix() > 126 : cidr.prefix() > 30;
    assertThat(cidr.usable(cidr.network())).isEqualTo(edges);
    assertThat(cidr.usable(cidr.last())).isEqualTo(cidr.v6() || edges);
  }

  /** What may be allocated is always usable, and every subnet has something to allocate. */
  @Property
  void aSubnetAllocatesUsableAddresses(@ForAll("cidrs") Cidr cidr) {
    Range range = subnet(cidr, null, null).allocationRange();
    assertThat(cidr.usable(range.from())).isTrue();
    assertThat(cidr.usable(range.to())).isTrue();
    if (!cidr.v6()) {
      before(range.from()).ifPresent(ip -> assertThat(cidr.usable(ip)).isFalse());
      after(range.to()).ifPresent(ip -> assertThat(cidr.usable(ip)).isFalse());
    }
  }

  @Property
  void whatIsAllocatableIsInsideAndNobodyElses(
      @ForAll("v4") Cidr cidr, @ForAll @IntRange(max = 300) int offset) {
    Ip ip =
        new Ip(
            false, cidr.network().value().add(BigInteger.valueOf(offset)).min(cidr.last().value()));
    Subnet subnet = subnet(cidr, ip, null);
    assertThat(subnet.allocatable(ip)).isFalse();
    Subnet excluded = new Subnet(cidr, null, null, List.of(new Range(cidr.network(), ip)), 300);
    assertThat(excluded.allocatable(ip)).isFalse();
    assertThat(subnet(cidr, null, null).allocatable(ip)).isEqualTo(cidr.usable(ip));
  }

  @ParameterizedTest
  @CsvSource({
    "10.0.0.0/24, 10.0.0.1-10.0.0.254",
    "10.0.0.0/30, 10.0.0.1-10.0.0.2",
    "10.0.0.0/31, 10.0.0.0-10.0.0.1",
    "10.0.0.7/32, 10.0.0.7",
    "0.0.0.0/0, 0.0.0.1-255.255.255.254",
    "fd00::/64, fd00::1000-fd00::ffff",
    "fd00::/112, fd00::1000-fd00::ffff",
    "fd00::/113, fd00::1-fd00::7fff",
    "fd00::/126, fd00::1-fd00::3",
    "fd00::/127, fd00::-fd00::1",
    "fd00::9/128, fd00::9",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128, ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
  })
  void defaultPools(String cidr, String pool) {
    assertThat(subnet(Cidr.parse(cidr), null, null).allocationRange()).hasToString(pool);
  }

  @Test
  void aPoolOfItsOwnNeverGivesTheNetworksEnds() {
    Subnet subnet = subnet(Cidr.parse("10.0.0.0/24"), null, Range.parse("10.0.0.0-10.0.0.255"));
    assertThat(subnet.allocatable(Ip.parse("10.0.0.0"))).isFalse();
    assertThat(subnet.allocatable(Ip.parse("10.0.0.255"))).isFalse();
    assertThat(subnet.allocatable(Ip.parse("10.0.0.254"))).isTrue();
    assertThat(subnet.allocatable(Ip.parse("10.0.1.1"))).isFalse();
    assertThat(subnet.allocatable(Ip.parse("fd00::1"))).isFalse();
  }

  @Test
  void hostBitsAreNamed() {
    assertThatThrownBy(() -> Cidr.parse("10.0.0.5/24"))
        .hasMessage("host bits are set; the range is written 10.0.0.0/24");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/1000",
        "fd00::/129", "/24", "10.0.0.0/24/8", "10.0.0.0/ 24", "10.0.0.0/+8", "a/8", "::/0x1"
      })
  void refusedCidrs(String text) {
    assertThatThrownBy(() -> Cidr.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "-",
        "10.0.0.9-10.0.0.1",
        "10.0.0.1-fd00::1",
        "10.0.0.1-",
        "-10.0.0.1",
        "10.0.0.1-10.0.0.2-10.0.0.3",
        "10.0.0.1..10.0.0.2"
      })
  void refusedRanges(String text) {
    assertThatThrownBy(() -> Range.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  private static Subnet subnet(Cidr cidr, @Nullable Ip gateway, @Nullable Range pool) {
    return new Subnet(cidr, gateway, pool, List.of(), 300);
  }

  private static Optional<Ip> before(Ip ip) {
    return ip.value().signum() == 0 ? Optional.empty() : Optional.of(ip.plus(-1));
  }

  private static Optional<Ip> after(Ip ip) {
    int bits = ip.v6() ? 128 : 32;
    return ip.value().bitCount() == bits ? Optional.empty() : Optional.of(ip.plus(1));
  }

  @Provide
  Arbitrary<Cidr> cidrs() {
    return Any.cidr();
  }

  @Provide
  Arbitrary<Cidr> v4() {
    return Any.cidr(false);
  }

  @Provide
  Arbitrary<Ip> ips() {
    return Any.ip();
  }

  @Provide
  Arbitrary<Range> ranges() {
    return Any.range();
  }
}
