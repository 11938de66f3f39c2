package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.ByteSize;
import io.millwright.model.Cidr;
import io.millwright.model.Firmware;
import io.millwright.model.Ip;
import io.millwright.model.MachineSpec;
import io.millwright.model.PackageSource;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import io.millwright.model.VolumeSpec;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever somebody asks for is either refused, or makes a difference to what is rendered: no value
 * is dropped without a word. Two machines that differ in one field have to differ in their answers,
 * comments apart, in every renderer that takes them.
 */
class NothingIsLostTest {
  private static final Map<String, Renderer<?>> RENDERERS = renderers();

  private static Map<String, Renderer<?>> renderers() {
    Map<String, Renderer<?>> out = new LinkedHashMap<>();
    out.put("preseed", new Preseed());
    out.put("autoinstall", new Autoinstall());
    out.put("kickstart", new Kickstart("fedora", "43"));
    out.put("autoyast", new AutoYast(AutoYast.Product.SLES));
    out.put("agama", new Agama(Agama.Product.LEAP));
    out.put("alpine", new Alpine());
    out.put("freebsd", new FreeBsd());
    out.put("windows", new Windows(Windows.Version.SERVER_2025, "Windows Server 2025"));
    out.put("esxi", new Esxi());
    out.put("proxmox", new Proxmox("9.0"));
    out.put("flatcar", new Ignition(Ignition.System.FLATCAR));
    out.put("fedora-coreos", new Ignition(Ignition.System.FEDORA_COREOS));
    out.put("clone of debian", CloudInit.ofClone("debian"));
    out.put("clone of rocky", CloudInit.ofClone("rocky"));
    return out;
  }

  /** What need not make a difference, as "renderer: change", and why. */
  private static final Map<String, String> SAME =
      Map.of(
          "alpine: locale C.UTF-8", "there is no other one",
          "windows: table", "by BIOS it is that one",
          "esxi: name of a card", "vmk0 is its name there",
          "proxmox: layout", "one disk is always LVM, unless it is btrfs");

  /** Two machines that differ in one field; what the first one has is what the field needs. */
  private record Change(String name, InstallSpec from, InstallSpec to) {
    /** True if only an installer has such a field; a clone is told by its profile. */
    boolean ofAnInstaller() {
      return !Objects.equals(from.installation(), to.installation());
    }
  }

  private static final IpConfig STATIC =
      IpConfig.NONE
          .withStatic(
              List.of(HostAddress.parse("10.0.0.5/24"), HostAddress.parse("fd00::5/64")),
              Ip.parse("10.0.0.1"),
              Ip.parse("fd00::1"))
          .withDns(List.of(Ip.parse("10.0.0.53")), List.of("lab.test"));

  private static final IpConfig DHCP = IpConfig.NONE.withDynamic(true, false, false);

  private static final InstallSpec PLAIN =
      Samples.net(Samples.card(0, STATIC), Samples.card(1, DHCP))
          .withInstallation(Samples.ON_DISK.withFirmware(Firmware.BIOS));

  private static Stream<Change> changes() {
    List<Change> out = new ArrayList<>();
    identity(out);
    network(out);
    profile(out);
    installation(out);
    clone(out);
    return out.stream();
  }

  private static void identity(List<Change> out) {
    out.add(new Change("domain", PLAIN, identity("hello", "else.test")));
    out.add(new Change("host name", PLAIN, identity("other", "lab.test")));
    out.add(
        new Change(
            "where it reports",
            PLAIN,
            new InstallSpec(
                PLAIN.identity(),
                PLAIN.interfaces(),
                PLAIN.profile(),
                List.of(URI.create("http://10.0.0.254:8480/m/x")),
                PLAIN.installation())));
    out.add(
        new Change(
            "data disk",
            PLAIN,
            PLAIN.withDataDisks(
                List.of(new InstallSpec.DataDisk("mw-data", VolumeSpec.Filesystem.EXT4, "/srv")))));
  }

  private static InstallSpec identity(String hostname, String domain) {
    return new InstallSpec(
        new InstallSpec.Identity(PLAIN.identity().instanceId(), hostname, domain),
        PLAIN.interfaces(),
        PLAIN.profile(),
        PLAIN.reportTo(),
        PLAIN.installation());
  }

  private static void network(List<Change> out) {
    out.add(
        new Change(
            "name of a card",
            PLAIN,
            faces(
                new NetInterface.Ethernet("lan0", PLAIN.cards().getFirst().mac(), STATIC),
                Samples.card(1, DHCP))));
    out.add(first("IPv4 address", STATIC, addresses("10.0.0.6/24", "fd00::5/64")));
    out.add(first("prefix", STATIC, addresses("10.0.0.5/25", "fd00::5/64")));
    out.add(first("IPv6 address", STATIC, addresses("10.0.0.5/24", "fd00::6/64")));
    out.add(
        first(
            "second IPv4 address", STATIC, addresses("10.0.0.5/24", "fd00::5/64", "10.0.0.6/24")));
    out.add(
        first("second IPv6 address", STATIC, addresses("10.0.0.5/24", "fd00::5/64", "fd00::6/64")));
    out.add(
        first(
            "router of IPv4",
            STATIC,
            STATIC.withStatic(STATIC.addresses(), Ip.parse("10.0.0.2"), STATIC.gateway6())));
    out.add(
        first(
            "router of IPv6",
            STATIC,
            STATIC.withStatic(STATIC.addresses(), STATIC.gateway4(), Ip.parse("fe80::2"))));
    out.add(first("route of IPv4", STATIC, routes("192.0.2.0/24", "10.0.0.9", null)));
    out.add(first("route of IPv6", STATIC, routes("2001:db8::/32", "fd00::9", null)));
    for (boolean v6 : new boolean[] {false, true}) {
      String to = v6 ? "2001:db8::/32" : "192.0.2.0/24";
      String via = v6 ? "fd00::9" : "10.0.0.9";
      String family = v6 ? " of IPv6" : " of IPv4";
      out.add(first("metric" + family, routes(to, via, null), routes(to, via, 50)));
      out.add(first("other metric" + family, routes(to, via, 50), routes(to, via, 51)));
      out.add(
          first(
              "next hop" + family,
              routes(to, via, null),
              routes(to, v6 ? "fe80::9" : "10.0.0.8", null)));
    }
    out.add(first("MTU", STATIC, STATIC.withMtu(1400)));
    out.add(first("name server of IPv4", STATIC, dns(STATIC, "10.0.0.53", "10.0.0.54")));
    out.add(first("name server of IPv6", STATIC, dns(STATIC, "10.0.0.53", "fd00::53")));
    out.add(
        first("search", STATIC, STATIC.withDns(STATIC.dns(), List.of("lab.test", "more.test"))));
    out.add(second("MTU of another card", DHCP.withMtu(1400)));
    out.add(second("name server of another card", dns(DHCP, "10.0.0.54")));
    out.add(second("name server of a family that the card lacks", dns(DHCP, "fd00::53")));
    out.add(second("search of another card", DHCP.withDns(List.of(), List.of("more.test"))));
    out.add(second("SLAAC", DHCP.withDynamic(true, false, true)));
    out.add(second("DHCPv6", DHCP.withDynamic(true, true, false)));
    out.add(second("no DHCP", IpConfig.NONE));
    out.add(
        second(
            "static address beside DHCP",
            DHCP.withStatic(List.of(HostAddress.parse("10.9.0.5/24")), null, null)));
    out.add(new Change("another card", PLAIN, with(Samples.card(2, DHCP))));
    NetInterface.Ethernet idle = Samples.card(2, IpConfig.NONE);
    NetInterface.Ethernet idler = Samples.card(3, IpConfig.NONE);
    out.add(
        new Change(
            "VLAN tag",
            with(idle, new NetInterface.Vlan("web", "nic2", 10, DHCP)),
            with(idle, new NetInterface.Vlan("web", "nic2", 11, DHCP))));
    for (MachineSpec.BondMode mode : MachineSpec.BondMode.values()) {
      if (mode != MachineSpec.BondMode.ACTIVE_BACKUP) {
        out.add(
            new Change(
                "mode " + mode + " of a bond",
                with(idle, idler, bond(MachineSpec.BondMode.ACTIVE_BACKUP)),
                with(idle, idler, bond(mode))));
      }
    }
    out.add(
        new Change(
            "port of a bridge",
            with(idle, idler, new NetInterface.Bridge("br0", List.of("nic2"), DHCP)),
            with(idle, idler, new NetInterface.Bridge("br0", List.of("nic2", "nic3"), DHCP))));
  }

  private static NetInterface bond(MachineSpec.BondMode mode) {
    return new NetInterface.Bond("bond0", mode, List.of("nic2", "nic3"), DHCP);
  }

  private static IpConfig addresses(String... addresses) {
    return STATIC.withStatic(
        Stream.of(addresses).map(HostAddress::parse).toList(),
        STATIC.gateway4(),
        STATIC.gateway6());
  }

  private static IpConfig routes(String to, String via, @Nullable Integer metric) {
    return STATIC.withRoutes(List.of(new MachineSpec.Route(Cidr.parse(to), Ip.parse(via), metric)));
  }

  private static IpConfig dns(IpConfig ip, String... servers) {
    return ip.withDns(Stream.of(servers).map(Ip::parse).toList(), ip.search());
  }

  private static InstallSpec faces(NetInterface... interfaces) {
    return PLAIN.withInterfaces(List.of(interfaces));
  }

  private static InstallSpec with(NetInterface... more) {
    return PLAIN.withInterfaces(
        Stream.concat(PLAIN.interfaces().stream(), Stream.of(more)).toList());
  }

  private static Change first(String name, IpConfig from, IpConfig to) {
    return new Change(
        name,
        faces(Samples.card(0, from), Samples.card(1, DHCP)),
        faces(Samples.card(0, to), Samples.card(1, DHCP)));
  }

  private static Change second(String name, IpConfig to) {
    return new Change(name, PLAIN, faces(Samples.card(0, STATIC), Samples.card(1, to)));
  }

  private static void profile(List<Change> out) {
    for (String name : List.of("ada", "root")) {
      String of = " of " + name;
      ProfileSpec.User plain =
          new ProfileSpec.User(name, List.of(Samples.KEY), null, false, "/bin/bash", List.of());
      out.add(new Change("user" + of, PLAIN, user(plain)));
      out.add(
          of(
              "key" + of,
              plain,
              new ProfileSpec.User(
                  name,
                  List.of(Samples.KEY, Samples.KEY + "2"),
                  null,
                  false,
                  "/bin/bash",
                  List.of())));
      out.add(
          of(
              "password" + of,
              plain,
              new ProfileSpec.User(
                  name, plain.keys(), Samples.HASH, false, "/bin/bash", List.of())));
      out.add(
          of(
              "sudo" + of,
              plain,
              new ProfileSpec.User(name, plain.keys(), null, true, "/bin/bash", List.of())));
      out.add(
          of(
              "shell" + of,
              plain,
              new ProfileSpec.User(name, plain.keys(), null, false, "/bin/zsh", List.of())));
      out.add(
          of(
              "groups" + of,
              plain,
              new ProfileSpec.User(
                  name, plain.keys(), null, false, "/bin/bash", List.of("operators"))));
    }
    out.add(
        new Change(
            "packages",
            PLAIN,
            profile(List.of("curl"), List.of(), List.of(), null, null, List.of())));
    for (String path : List.of("/etc/motd", "/C:/ProgramData/app/motd.txt")) {
      ProfileSpec.File file = new ProfileSpec.File(path, "one", "0644", "root:root");
      out.add(new Change("file " + path, PLAIN, files(file)));
      out.add(
          new Change(
              "content of " + path,
              files(file),
              files(new ProfileSpec.File(path, "two", "0644", "root:root"))));
      out.add(
          new Change(
              "mode of " + path,
              files(file),
              files(new ProfileSpec.File(path, "one", "0600", "root:root"))));
      out.add(
          new Change(
              "owner of " + path,
              files(file),
              files(new ProfileSpec.File(path, "one", "0644", "root:mail"))));
    }
    for (String first : List.of("#!/bin/sh", "#!powershell")) {
      out.add(new Change("script " + first, PLAIN, scripts(first + "\ndate\n")));
      out.add(
          new Change(
              "content of script " + first,
              scripts(first + "\ndate\n"),
              scripts(first + "\nwho\n")));
    }
    out.add(
        new Change(
            "time zone",
            PLAIN,
            profile(List.of(), List.of(), List.of(), "Europe/Vienna", null, List.of())));
    for (String locale : List.of("de_AT.UTF-8", "C.UTF-8")) {
      out.add(
          new Change(
              "locale " + locale,
              PLAIN,
              profile(List.of(), List.of(), List.of(), null, locale, List.of())));
    }
    out.add(
        new Change(
            "time server",
            PLAIN,
            profile(List.of(), List.of(), List.of(), null, null, List.of("10.0.0.123"))));
  }

  private static Change of(String name, ProfileSpec.User from, ProfileSpec.User to) {
    return new Change(name, user(from), user(to));
  }

  private static InstallSpec user(ProfileSpec.User user) {
    return PLAIN.withProfile(Samples.withUsers(user));
  }

  private static InstallSpec files(ProfileSpec.File file) {
    return profile(List.of(), List.of(file), List.of(), null, null, List.of());
  }

  private static InstallSpec scripts(String content) {
    return profile(
        List.of(),
        List.of(),
        List.of(new ProfileSpec.Script("it", content)),
        null,
        null,
        List.of());
  }

  private static InstallSpec profile(
      List<String> packages,
      List<ProfileSpec.File> files,
      List<ProfileSpec.Script> scripts,
      @Nullable String timezone,
      @Nullable String locale,
      List<String> ntp) {
    return PLAIN.withProfile(
        new ProfileSpec(List.of(), packages, files, scripts, timezone, locale, ntp));
  }

  private static void installation(List<Change> out) {
    Storage disk = Samples.ON_DISK.storage();
    out.add(storage("disk", Storage.on(new Storage.Disk.BySerial("other"))));
    out.add(storage("disk by path", Storage.on(new Storage.Disk.ByPath("/dev/sdb"))));
    Storage bySize =
        Storage.on(new Storage.Disk.BySize(ByteSize.parse("20GiB"), ByteSize.parse("40GiB")));
    out.add(storage("disk by size", bySize));
    out.add(storage("disk to leave alone", bySize, bySize.withUntouched("mw-data")));
    out.add(storage("table", disk.withTable(StorageSpec.Table.MSDOS)));
    out.add(storage("layout", disk.withLayout(StorageSpec.Layout.LVM)));
    out.add(storage("mirror", disk.withMirror(new Storage.Disk.BySerial("second"))));
    out.add(storage("encryption", disk.withEncryption(new Storage.Encryption.Tpm2())));
    for (StorageSpec.Layout layout : StorageSpec.Layout.values()) {
      Storage on = disk.withLayout(layout);
      String of = " on " + layout;
      Storage ext4 = on.withFileSystems(part("/", StorageSpec.Type.EXT4, null));
      for (StorageSpec.Type type : List.of(StorageSpec.Type.XFS, StorageSpec.Type.BTRFS)) {
        out.add(storage(type + " for /" + of, ext4, on.withFileSystems(part("/", type, null))));
      }
      out.add(
          storage(
              "size of /" + of,
              ext4,
              on.withFileSystems(part("/", StorageSpec.Type.EXT4, "9GiB"))));
      out.add(
          storage(
              "swap" + of,
              ext4,
              on.withFileSystems(
                  part("/", StorageSpec.Type.EXT4, null),
                  part(null, StorageSpec.Type.SWAP, "1GiB"))));
      out.add(
          storage(
              "filesystem beside /" + of,
              ext4,
              on.withFileSystems(
                  part("/", StorageSpec.Type.EXT4, "9GiB"),
                  part("/srv", StorageSpec.Type.XFS, null))));
    }
    out.add(how("keyboard", how -> how.withKeyboard("de")));
    out.add(how("keyboard of Britain", how -> how.withKeyboard("gb")));
    out.add(how("rare keyboard", how -> how.withKeyboard("brai")));
    out.add(source("mirror", s -> s.withMirror(URI.create("http://mirror.lab.test/x"))));
    out.add(source("proxy", s -> s.withProxy(URI.create("http://proxy.lab.test:3128"))));
    Source mirror = Source.DISTRIBUTION.withMirror(URI.create("http://mirror.lab.test/x"));
    out.add(
        new Change(
            "proxy to the mirror",
            how(mirror),
            how(mirror.withProxy(URI.create("http://proxy.lab.test:3128")))));
    out.add(source("repository", s -> s.withRepository("/extra")));
    out.add(
        new Change(
            "key of the repository",
            how(Source.DISTRIBUTION.withRepository("/extra")),
            how(Source.DISTRIBUTION.withRepository("/extra", Samples.OPENPGP))));
    for (var list :
        Map.of("apt", Samples.APT, "rpm", Samples.RPM, "apk", Samples.APK, "pkg", Samples.PKG)
            .entrySet()) {
      out.add(source("repositories of " + list.getKey(), s -> s.withRepositories(list.getValue())));
    }
    for (String first : List.of("#!/bin/sh", "#!powershell")) {
      List<ProfileSpec.Script> one = List.of(new ProfileSpec.Script("it", first + "\ndate\n"));
      out.add(how("program before " + first, how -> how.withScripts(one, List.of())));
      out.add(how("program after " + first, how -> how.withScripts(List.of(), one)));
    }
    out.add(how("end", how -> how.withEnd(Installation.End.POWEROFF)));
  }

  private static StorageSpec.Part part(
      @Nullable String mount, StorageSpec.Type type, @Nullable String size) {
    return new StorageSpec.Part(mount, type, size == null ? null : ByteSize.parse(size));
  }

  private static Change storage(String name, Storage to) {
    return how(name, how -> how.withStorage(to));
  }

  private static Change storage(String name, Storage from, Storage to) {
    return new Change(
        name,
        PLAIN.withInstallation(Samples.ON_DISK.withStorage(from)),
        PLAIN.withInstallation(Samples.ON_DISK.withStorage(to)));
  }

  private static Change source(String name, UnaryOperator<Source> to) {
    return how(name, how -> how.withSource(to.apply(how.source())));
  }

  private static InstallSpec how(Source source) {
    return PLAIN.withInstallation(Samples.ON_DISK.withSource(source));
  }

  private static Change how(String name, UnaryOperator<Installation> to) {
    return new Change(name, PLAIN, PLAIN.withInstallation(to.apply(Samples.ON_DISK)));
  }

  /** What a clone does of what an installer is asked. */
  private static void clone(List<Change> out) {
    InstallSpec from = PLAIN.withInstallation(null);
    ProfileSpec plain = from.profile();
    Map<String, ProfileSpec> asked = new TreeMap<>();
    asked.put("keyboard", plain.withKeyboard("de"));
    asked.put(
        "mirror",
        plain.withPackageSource(
            new PackageSource(URI.create("http://mirror.lab.test/x"), null, null)));
    asked.put(
        "proxy",
        plain.withPackageSource(
            new PackageSource(null, URI.create("http://proxy.lab.test:3128"), null)));
    asked.put("repository", plain.withPackageSource(new PackageSource(null, null, "/extra")));
    for (var list : Map.of("apt", Samples.APT, "rpm", Samples.RPM).entrySet()) {
      asked.put(
          "repositories of " + list.getKey(),
          plain.withPackageSource(new PackageSource(null, null, null, null, list.getValue())));
    }
    List<ProfileSpec.Script> one = List.of(new ProfileSpec.Script("it", "#!/bin/sh\ndate\n"));
    asked.put("before", plain.withCommands(new ProfileSpec.Commands(one, List.of())));
    asked.put(
        "end",
        plain.withCommands(new ProfileSpec.Commands(List.of(), List.of(), ProfileSpec.End.REBOOT)));
    asked.put("after", plain.withCommands(new ProfileSpec.Commands(List.of(), one)));
    asked.forEach(
        (name, profile) -> out.add(new Change("clone's " + name, from, from.withProfile(profile))));
  }

  static Stream<String> names() {
    return RENDERERS.keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("names")
  void whatIsAskedIsRefusedOrMakesADifference(String name) {
    Renderer<?> renderer = Objects.requireNonNull(RENDERERS.get(name));
    boolean clone = renderer instanceof CloudInit;
    Set<String> lost = new TreeSet<>();
    int compared = 0;
    for (Change change : changes().toList()) {
      if (clone && change.ofAnInstaller()) {
        continue;
      }
      InstallSpec from = clone ? change.from().withInstallation(null) : change.from();
      InstallSpec to = clone ? change.to().withInstallation(null) : change.to();
      if (renderer.objections(from).isEmpty() && renderer.objections(to).isEmpty()) {
        compared++;
        if (told(renderer, from).equals(told(renderer, to))) {
          lost.add(name + ": " + change.name());
        }
      }
    }
    assertThat(lost)
        .containsExactlyElementsOf(
            SAME.keySet().stream().filter(s -> s.startsWith(name + ": ")).sorted().toList());
    assertThat(compared).as("what it takes").isGreaterThan(20);
  }

  /** Every change is one that somebody takes, or it says nothing. */
  @Test
  void everyChangeIsTakenBySomebody() {
    for (Change change : changes().toList()) {
      assertThat(change.from()).as(change.name()).isNotEqualTo(change.to());
      assertThat(RENDERERS.values().stream().filter(r -> r.objections(change.from()).isEmpty()))
          .as(change.name())
          .isNotEmpty();
    }
  }

  /** All that is rendered, without what is only for people. */
  private static Map<String, String> told(Renderer<?> renderer, InstallSpec spec) {
    Map<String, String> out = new TreeMap<>();
    switch (renderer.render(spec)) {
      case Seed seed -> seed.files().forEach((path, bytes) -> out.put(path, text(bytes)));
      case Answers answers -> {
        for (int i = 0; i < answers.ways().size(); i++) {
          Answers.Way way = answers.ways().get(i);
          out.put(i + " arguments", way.kernelArguments().toString());
          Stream.of(
                  way.medium(),
                  way.initrd(),
                  way.seed() == null ? Map.<String, AnswerFile>of() : way.seed().files())
              .flatMap(files -> files.entrySet().stream())
              .forEach(file -> out.put(file.getKey(), text(file.getValue().bytes())));
        }
      }
      case Object other -> throw new IllegalStateException(other + " is not known here");
    }
    return out;
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1)
        .replaceAll("Made by Millwright[^\\n\\\\]*", ""); // to the line's end, also in JSON
  }
}
