package io.millwright.images;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.Names;
import io.millwright.model.ProfileSpec;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.jspecify.annotations.Nullable;

/** Input as somebody would write it who wants to break out of an answer file. */
final class Hostile {
  private static final List<String> BREAKOUTS =
      List.of(
          "",
          " ",
          "~",
          "y",
          "No",
          "on",
          "null",
          "<<",
          "0x1f",
          "1e3",
          "0777",
          "-",
          "---",
          "...",
          "!!python/object:os.system",
          "&a",
          "*a",
          "'",
          "\"",
          "\\",
          "`id`",
          "$(id)",
          "${x}",
          "%",
          "\n",
          "\r\n",
          "\t",
          "a: b",
          "a\n- b",
          "x\nruncmd:\n- reboot",
          "#",
          "{{ x }}",
          "]]>",
          "<!--",
          "&amp;",
          "%end",
          "%packages",
          "\u0000",
          "\u0085",
          "\u2028",
          "\ufeff",
          "\ufffe",
          "\u007f",
          "\u009b",
          "\u202e",
          "\ud83d\ude00",
          "Ünïcödé",
          "@",
          "|",
          ">",
          "? ",
          ": ",
          ", ");

  /** Short words that the kernel has for itself, and short names of accounts that systems have. */
  private static final List<String> TAKEN =
      List.of("lo", "all", "default", "adm", "bin", "ftp", "irc", "lp", "man", "sys", "tss");

  private Hostile() {}

  /** Any text of whole characters. */
  static Arbitrary<String> text() {
    Arbitrary<String> odd =
        Arbitraries.of(BREAKOUTS).list().ofMaxSize(5).map(parts -> String.join("", parts));
    Arbitrary<String> any =
        Arbitraries.strings().ofMaxLength(40).map(s -> s.replaceAll("\\p{Cs}", "?"));
    return Arbitraries.oneOf(odd, any);
  }

  /** Text that a file may hold. */
  static Arbitrary<String> content() {
    return text().map(s -> s.replace("\u0000", ""));
  }

  /** A file's path, as odd as one may be. */
  private static Arbitrary<String> path() {
    return content()
        .map(s ->
            s.codePoints()
                .filter(c -> c != '/' && Names.isPlain(Character.toString(c)))
                .collect(
                    () -> new StringBuilder("/etc/x"),
                    StringBuilder::appendCodePoint,
                    StringBuilder::append)
                .toString());
  }

  /** A right one, of words that mean something to YAML, shells and kernels. */
  static Arbitrary<String> word() {
    return Arbitraries.oneOf(
        Arbitraries.of(
            "y", "no", "on", "off", "true", "null", "e1", "x0f", "n", "yes", "inf", "nan"),
        Arbitraries.strings()
            .withCharRange('a', 'z')
            .ofMinLength(1)
            .ofMaxLength(8)
            .filter(s -> !TAKEN.contains(s)));
  }

  static Arbitrary<ProfileSpec> profile() {
    Arbitrary<ProfileSpec.User> user =
        Combinators.combine(
                word(),
                Arbitraries.of(
                        Samples.KEY,
                        Samples.KEY + " #",
                        "ssh-ed25519 " + Samples.KEY.split(" ")[1] + " '\"\\$(id)`{}: #")
                    .list()
                    .ofMaxSize(2),
                Arbitraries.of(Samples.HASH).injectNull(0.5),
                Arbitraries.of(true, false),
                Arbitraries.of("/bin/bash", "/usr/bin/no", "/n"),
                word().list().ofMaxSize(2))
            .as(ProfileSpec.User::new);
    Arbitrary<ProfileSpec.File> file =
        Combinators.combine(
                path(),
                content(),
                Arbitraries.of("0644", "600", "4755"),
                Arbitraries.of("root", "root:root", "no:on", "null"))
            .as(ProfileSpec.File::new);
    Arbitrary<ProfileSpec.Script> script =
        Combinators.combine(word(), content())
            .as((name, body) -> new ProfileSpec.Script(name, "#!/bin/sh\n" + body));
    return Combinators.combine(
            user.list().ofMaxSize(3).uniqueElements(ProfileSpec.User::name),
            Arbitraries.of("curl", "no", "1e3", "g++", "a=1:2~3", "null").list().ofMaxSize(3),
            file.list().ofMaxSize(3).uniqueElements(ProfileSpec.File::path),
            script.list().ofMaxSize(3).uniqueElements(ProfileSpec.Script::name),
            Arbitraries.of("Europe/Vienna", "Etc/GMT+1", "GB-Eire").injectNull(0.5),
            Arbitraries.of("C.UTF-8", "no_NO.UTF-8").injectNull(0.5),
            Arbitraries.of("no", "10.0.0.1", "fd00::1", "on.off")
                .list()
                .uniqueElements()
                .ofMaxSize(3))
        .as(ProfileSpec::new);
  }

  /**
   * Up to four cards, of which two may be a bond, with up to two VLANs, and the last may be in a
   * bridge.
   */
  static Arbitrary<List<NetInterface>> network() {
    return Combinators.combine(
            word().list().uniqueElements().ofSize(8),
            Arbitraries.integers().between(1, 4),
            Arbitraries.of(MachineSpec.BondMode.values()).injectNull(0.5),
            Arbitraries.integers().between(0, 2),
            Arbitraries.integers().between(0, 15).list().ofSize(8))
        .as(Hostile::network);
  }

  private static List<NetInterface> network(
      List<String> names,
      int cards,
      MachineSpec.@Nullable BondMode bond,
      int vlans,
      List<Integer> shapes) {
    List<NetInterface> out = new ArrayList<>();
    boolean bonded = bond != null && cards >= 2;
    boolean bridged = cards >= 3 && shapes.get(7) % 2 == 0;
    for (int i = 0; i < cards; i++) {
      out.add(
          new NetInterface.Ethernet(
              names.get(i),
              Mac.ofQemu(i),
              (bonded && i < 2) || (bridged && i == cards - 1)
                  ? IpConfig.NONE
                  : ip(i, shapes.get(i))));
    }
    if (bridged) {
      out.add(
          new NetInterface.Bridge(
              names.get(7), List.of(names.get(cards - 1)), ip(7, shapes.get(7))));
    }
    if (bonded && bond != null) {
      out.add(new NetInterface.Bond(names.get(4), bond, names.subList(0, 2), ip(4, shapes.get(4))));
    }
    for (int i = 0; i < vlans; i++) {
      out.add(
          new NetInterface.Vlan(
              names.get(5 + i),
              bonded ? names.get(4) : names.get(0),
              10 + i,
              ip(5 + i, shapes.get(5 + i))));
    }
    return out;
  }

  /** One of sixteen ways: IPv4 none, static, with router, DHCP; IPv6 none, static, SLAAC, DHCP. */
  private static IpConfig ip(int n, int shape) {
    List<HostAddress> addresses = new ArrayList<>();
    if (shape % 4 == 1 || shape % 4 == 2) {
      addresses.add(new HostAddress(new Ip(false, BigInteger.valueOf(0x0a000005L + (n << 8))), 24));
    }
    if (shape / 4 == 1) {
      addresses.add(HostAddress.parse("fd00:" + (n + 1) + "::5/64"));
    }
    return IpConfig.NONE
        .withStatic(
            addresses,
            shape % 4 == 2 ? Ip.parse("10.0." + n + ".1") : null,
            shape / 4 == 1 ? Ip.parse("fe80::1") : null)
        .withDynamic(shape % 4 == 3, shape / 4 == 3, shape / 4 == 2)
        .withDns(List.of(Ip.parse("fd00::1")), List.of("no", "y.on"));
  }

  static Arbitrary<InstallSpec> spec() {
    return Combinators.combine(word(), word().injectNull(0.3), network(), profile())
        .as((host, domain, network, profile) ->
            new InstallSpec(
                new InstallSpec.Identity("1e3", host, domain),
                network,
                profile,
                List.of(java.net.URI.create("http://[fd00::1]:80/%0a?'\"".replace("'\"", "%22")))));
  }
}
