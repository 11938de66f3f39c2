package io.millwright.images;

import io.millwright.model.ByteSize;
import io.millwright.model.Cidr;
import io.millwright.model.Firmware;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.PackageSource;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.net.URI;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Machines as people ask for them; each renderer has a golden file of each. */
final class Samples {
  static final ProfileSpec PLAIN =
      new ProfileSpec(List.of(), List.of(), List.of(), List.of(), null, null, List.of());

  static final String KEY =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9kVvhDlJmNrbTBeCkBYfQY1x7vXPIkGzsLAfUMVVvz ada@desk";

  /** The hash of "correct horse", with a fixed salt. */
  static final String HASH =
      "$6$millwright$p9cdfVzlSdm1WjVnpEvI8JvqIa4hyGOhPJ6qkE4yO4dcUqnOfkhW1bpSr4S1pM5EgKnRZd3wKnJ7BR8eYF0uD.";

  /** An OpenPGP key of nobody's. */
  static final String OPENPGP =
      """
      -----BEGIN PGP PUBLIC KEY BLOCK-----

      mDMEawyAMRYJKwYBBAHaRw8BAQdAyuG+ZqqzPOWSz4AC7FIpybXrdcLp73WeGzZB
      DY8BmMm0IVRvb2xzIG9mIHRoZSBsYWIgPHRvb2xzQGxhYi50ZXN0PoiQBBMWCAA4
      FiEESX8CB86eeWHJBJ2gX4iiK5dBLmoFAmsMgDECGwMFCwkIBwIGFQoJCAsCBBYC
      AwECHgECF4AACgkQX4iiK5dBLmpatgD/bm+EYY16K9vasCSeABSDLWQpoyUuz9VT
      hhnOX3ZiBp8BANOtwzRRV2hpuoJnVw84Gdg9W5Ph36W7nD4K53fkHKgM
      =azeE
      -----END PGP PUBLIC KEY BLOCK-----
      """;

  /** An RSA key of nobody's. */
  static final String RSA =
      """
      -----BEGIN PUBLIC KEY-----
      MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCn7Yl/U4L8bs8qLtCUjmQdsF2
      xGHR1a3VaJ7jZHBOZGa47I0ibe5DlwvioU227DzyYNMCn+RfbU1CTDh+ssOq4Qb8
      hId1+Mwsp2jcvwGpTY7LMq1jxzJgGF/OnPGwKvqaR4J/hDwAg6KxMW5XiDrwFLsh
      ydHgnFi0rMCzfXGNOQIDAQAB
      -----END PUBLIC KEY-----
      """;

  /** Repositories in the words of apt, of rpm's friends, and of those with keys of their own. */
  static final List<PackageSource.Repository> APT =
      List.of(
          new PackageSource.Repository(
              "tools",
              URI.create("https://packages.lab.test/debian"),
              "bookworm",
              List.of("main", "extra"),
              OPENPGP,
              null),
          new PackageSource.Repository(
              "flat", URI.create("http://[fd00::1]:8080/flat"), "./", List.of(), OPENPGP, null));

  static final List<PackageSource.Repository> RPM =
      List.of(
          new PackageSource.Repository(
              "tools",
              URI.create("https://packages.lab.test/el/$releasever/$basearch"),
              null,
              List.of(),
              OPENPGP,
              null));

  static final List<PackageSource.Repository> APK =
      List.of(
          new PackageSource.Repository(
              "tools",
              URI.create("https://packages.lab.test/alpine/v3.22/tools"),
              null,
              List.of(),
              RSA,
              "build@lab.test-5f3a1b2c.rsa.pub"));

  static final List<PackageSource.Repository> PKG =
      List.of(
          new PackageSource.Repository(
              "tools", URI.create("https://packages.lab.test/$ABI"), null, List.of(), RSA, null));

  private Samples() {}

  static Map<String, InstallSpec> all() {
    Map<String, InstallSpec> out = new LinkedHashMap<>();
    out.put("static-v4", net(card(0, static4(5))));
    out.put("static-v6", net(card(0, static6(5))));
    out.put("dual-stack", net(card(0, dual(5).withMtu(1400))));
    out.put("dhcp", net(card(0, IpConfig.NONE.withDynamic(true, false, false))));
    out.put("slaac", net(card(0, IpConfig.NONE.withDynamic(false, false, true))));
    out.put(
        "three-mixed",
        net(
            card(0, IpConfig.NONE.withDynamic(true, false, true)),
            card(
                1,
                dual(5)
                    .withRoutes(
                        List.of(
                            new MachineSpec.Route(
                                Cidr.parse("192.0.2.0/24"), Ip.parse("10.0.0.9"), 50),
                            new MachineSpec.Route(
                                Cidr.parse("2001:db8::/32"), Ip.parse("fd00::9"), null)))),
            card(2, IpConfig.NONE.withDynamic(true, true, false).withOptional(true))));
    out.put(
        "vlan",
        net(
            card(0, static4(5)),
            card(1, IpConfig.NONE),
            new NetInterface.Vlan("storage", "nic1", 40, other(7)),
            new NetInterface.Vlan(
                "guests", "nic1", 41, IpConfig.NONE.withDynamic(true, false, false))));
    out.put(
        "bond",
        net(
            card(0, IpConfig.NONE),
            card(1, IpConfig.NONE),
            new NetInterface.Bond(
                "bond0", MachineSpec.BondMode.ACTIVE_BACKUP, List.of("nic0", "nic1"), dual(5))));
    out.put(
        "bond-vlan",
        net(
            card(0, IpConfig.NONE.withMtu(9000)),
            card(1, IpConfig.NONE.withMtu(9000)),
            new NetInterface.Bond(
                "bond0",
                MachineSpec.BondMode.LACP,
                List.of("nic0", "nic1"),
                IpConfig.NONE.withMtu(9000)),
            new NetInterface.Vlan("web", "bond0", 10, dual(5)),
            new NetInterface.Vlan("storage", "bond0", 40, other(7).withMtu(9000))));
    out.put("users-and-keys", with(users()));
    out.put(
        "files-and-scripts",
        with(
            filesAndScripts(),
            URI.create("http://10.0.0.254:8480/m/x?t=1"),
            URI.create("https://[fd00::fe]/m/x")));
    return out;
  }

  static InstallSpec of(String name) {
    return Objects.requireNonNull(all().get(name), name);
  }

  /** The same machines, and what a clone does of all that an installer is asked. */
  static Map<String, InstallSpec> clones() {
    Map<String, InstallSpec> out = all();
    out.put("bridge", Objects.requireNonNull(installed().get("bridge")).withInstallation(null));
    out.put(
        "keyboard-mirror-and-commands",
        with(
            filesAndScripts()
                .withKeyboard("de")
                .withPackageSource(
                    new PackageSource(
                        URI.create("http://mirror.lab.test/debian"),
                        URI.create("http://proxy.lab.test:3128"),
                        null))
                .withCommands(
                    new ProfileSpec.Commands(
                        List.of(),
                        List.of(
                            new ProfileSpec.Script("harden", "#!/bin/sh\nchmod 0700 /root\n"))))));
    out.put(
        "repositories-of-apt",
        with(PLAIN.withPackageSource(new PackageSource(null, null, null, null, APT))));
    out.put(
        "proxy",
        with(
            PLAIN.withPackageSource(
                new PackageSource(null, URI.create("http://proxy.lab.test:3128"), null))));
    return out;
  }

  static final Installation ON_DISK = Installation.on(new Storage.Disk.BySerial("mw-system"));

  /** The same machines, put there by an installer, and what only an installer is asked. */
  static Map<String, InstallSpec> installed() {
    Map<String, InstallSpec> out = new LinkedHashMap<>();
    all().forEach((name, spec) -> out.put(name, spec.withInstallation(ON_DISK)));
    InstallSpec plain = of("dual-stack");
    out.put(
        "two-disks",
        plain.withInstallation(
            ON_DISK.withStorage(
                ON_DISK.storage().withUntouched("mw-data").withLayout(StorageSpec.Layout.LVM))));
    out.put(
        "air-gapped",
        plain.withInstallation(
            ON_DISK.withSource(Source.MEDIUM).withEnd(Installation.End.POWEROFF)));
    out.put(
        "mirror-and-proxy",
        of("users-and-keys")
            .withInstallation(
                Installation.on(new Storage.Disk.ByPath("/dev/disk/by-path/pci-0000:00:04.0"))
                    .withStorage(
                        Storage.on(new Storage.Disk.ByPath("/dev/disk/by-path/pci-0000:00:04.0"))
                            .withUntouched("mw-data")
                            .withLayout(StorageSpec.Layout.LVM))
                    .withKeyboard("de")
                    .withSource(
                        Source.DISTRIBUTION
                            .withMirror(URI.create("http://mirror.lab.test/ubuntu"))
                            .withProxy(URI.create("http://proxy.lab.test:3128")))
                    .withEnd(Installation.End.POWEROFF)));
    out.put("repositories-of-apt", repositories(APT));
    out.put("repositories-of-rpm", repositories(RPM));
    out.put("repositories-of-apk", repositories(APK));
    out.put("repositories-of-pkg", repositories(PKG));
    out.put(
        "one-card-without-mac",
        net(new NetInterface.Ethernet("nic0", null, static4(5)))
            .withInstallation(ON_DISK.withFirmware(Firmware.UEFI)));
    out.put(
        "bridge",
        net(
                card(0, IpConfig.NONE),
                card(1, static4(5)),
                new NetInterface.Vlan("guests", "nic1", 41, IpConfig.NONE),
                new NetInterface.Bridge("br0", List.of("nic0"), other(7)),
                new NetInterface.Bridge("br1", List.of("guests"), IpConfig.NONE))
            .withInstallation(ON_DISK));
    out.put(
        "raid", plain.withInstallation(ON_DISK.withStorage(raid()).withFirmware(Firmware.UEFI)));
    out.put(
        "filesystems",
        plain.withInstallation(ON_DISK.withStorage(filesystems(StorageSpec.Layout.PLAIN))));
    out.put(
        "lvm-filesystems",
        plain.withInstallation(
            ON_DISK.withStorage(filesystems(StorageSpec.Layout.LVM)).withFirmware(Firmware.UEFI)));
    out.put(
        "encrypted",
        plain.withInstallation(
            ON_DISK
                .withStorage(ON_DISK.storage().withEncryption(new Storage.Encryption.Tpm2()))
                .withFirmware(Firmware.UEFI)));
    out.put(
        "encrypted-tang",
        of("dhcp")
            .withInstallation(
                ON_DISK.withStorage(
                    filesystems(StorageSpec.Layout.LVM)
                        .withEncryption(
                            new Storage.Encryption.Tang(
                                URI.create("http://tang.lab.test:7500"),
                                "7ZrXEVjR6Oc6X9bXPdDBVR5Ym3R_Vm3bXD7ZzRrXk2k")))));
    out.put(
        "disk-by-size",
        plain.withInstallation(
            ON_DISK.withStorage(
                Storage.on(
                        new Storage.Disk.BySize(ByteSize.parse("20GiB"), ByteSize.parse("40GiB")))
                    .withUntouched("mw-data", "mw-more")
                    .withTable(StorageSpec.Table.GPT))));
    out.put(
        "programs-before-and-after",
        plain.withInstallation(
            ON_DISK.withScripts(
                List.of(new ProfileSpec.Script("look", "#!/bin/sh\nlsblk\n")),
                List.of(
                    new ProfileSpec.Script("first", "#!/bin/bash\necho '%end' \"$PATH\"\nEOF\n"),
                    new ProfileSpec.Script("second", "#!/bin/sh\ntrue\n")))));
    out.put(
        "repository-on-medium",
        of("users-and-keys")
            .withInstallation(ON_DISK.withSource(Source.MEDIUM.withRepository("/millwright"))));
    out.put(
        "signed-repository-on-medium",
        plain.withInstallation(
            ON_DISK.withSource(Source.MEDIUM.withRepository("/millwright", OPENPGP))));
    return out;
  }

  /** Which sample shows the same as another one, in simpler words; tried in this order. */
  static final Map<String, List<String>> INSTEAD =
      Map.of(
          "slaac", List.of("slaac-with-names"),
          "three-mixed", List.of("three-mixed-plain"),
          "bond", List.of("bond-offline"),
          "bond-vlan", List.of("bond-vlan-offline"),
          "two-disks", List.of("two-disks-plain"),
          "users-and-keys", List.of("users-and-keys-without-locale", "users-and-keys-plain"));

  /** Those by name. */
  private static Map<String, InstallSpec> instead() {
    Map<String, InstallSpec> out = new LinkedHashMap<>();
    out.put(
        "slaac-with-names",
        net(card(
                0,
                IpConfig.NONE
                    .withDynamic(false, false, true)
                    .withDns(List.of(Ip.parse("fd00::1")), List.of("lab.test"))))
            .withInstallation(ON_DISK));
    out.put(
        "three-mixed-plain",
        net(
                card(0, IpConfig.NONE.withDynamic(true, false, true)),
                card(1, dual(5).withMtu(1400)),
                card(2, IpConfig.NONE.withDynamic(true, false, true).withOptional(true)))
            .withInstallation(ON_DISK));
    Installation offline = ON_DISK.withSource(Source.MEDIUM);
    out.put("bond-offline", of("bond").withInstallation(offline));
    out.put("bond-vlan-offline", of("bond-vlan").withInstallation(offline));
    out.put(
        "two-disks-plain",
        of("dual-stack")
            .withInstallation(ON_DISK.withStorage(ON_DISK.storage().withUntouched("mw-data"))));
    ProfileSpec all = users();
    out.put(
        "users-and-keys-without-locale",
        with(users(all.users(), all.packages())).withInstallation(ON_DISK));
    out.put(
        "users-and-keys-plain",
        with(users(all.users().stream().map(Samples::withoutSudo).toList(), List.of()))
            .withInstallation(ON_DISK));
    return out;
  }

  private static ProfileSpec users(List<ProfileSpec.User> users, List<String> packages) {
    ProfileSpec all = users();
    return new ProfileSpec(users, packages, List.of(), List.of(), all.timezone(), null, all.ntp());
  }

  private static ProfileSpec.User withoutSudo(ProfileSpec.User user) {
    return new ProfileSpec.User(
        user.name(), user.keys(), user.passwordHash(), false, user.shell(), user.groups());
  }

  /**
   * All that an installer takes.
   *
   * @param samples in its own words
   * @return those that it does not refuse, and in the place of each other one that it would have in
   *     simpler words the first of these
   */
  static Map<String, InstallSpec> takenBy(
      Renderer<?> renderer, Map<String, InstallSpec> samples, UnaryOperator<InstallSpec> words) {
    Map<String, InstallSpec> out = new LinkedHashMap<>();
    Map<String, InstallSpec> instead = instead();
    instead.replaceAll((name, spec) -> words.apply(spec));
    samples.forEach((name, spec) -> {
      if (renderer.check(spec).isEmpty()) {
        out.put(name, spec);
        return;
      }
      for (String other : INSTEAD.getOrDefault(name, List.of())) {
        InstallSpec simpler = Objects.requireNonNull(instead.get(other), other);
        if (renderer.check(simpler).isEmpty()) {
          out.put(other, simpler);
          return;
        }
      }
    });
    return out;
  }

  static InstallSpec repositories(List<PackageSource.Repository> list) {
    return of("dhcp")
        .withInstallation(ON_DISK.withSource(Source.DISTRIBUTION.withRepositories(list)));
  }

  private static Storage raid() {
    return ON_DISK
        .storage()
        .withMirror(new Storage.Disk.BySerial("mw-mirror"))
        .withUntouched("mw-data")
        .withFileSystems(
            new StorageSpec.Part("/", StorageSpec.Type.EXT4, null),
            new StorageSpec.Part(null, StorageSpec.Type.SWAP, ByteSize.parse("1GiB")));
  }

  private static Storage filesystems(StorageSpec.Layout layout) {
    return ON_DISK
        .storage()
        .withLayout(layout)
        .withCapacity(ByteSize.parse("40GiB"))
        .withFileSystems(
            new StorageSpec.Part("/", StorageSpec.Type.XFS, ByteSize.parse("10GiB")),
            new StorageSpec.Part("/var/lib/postgresql", StorageSpec.Type.EXT4, null),
            new StorageSpec.Part(null, StorageSpec.Type.SWAP, ByteSize.parse("2GiB")));
  }

  static ProfileSpec withUsers(ProfileSpec.User... users) {
    return new ProfileSpec(List.of(users), List.of(), List.of(), List.of(), null, null, List.of());
  }

  static NetInterface.Ethernet card(int n, IpConfig ip) {
    return new NetInterface.Ethernet("nic" + n, Mac.ofQemu(n + 1), ip);
  }

  static InstallSpec net(NetInterface... interfaces) {
    return new InstallSpec(identity("lab.test"), List.of(interfaces), PLAIN, List.of());
  }

  static InstallSpec with(ProfileSpec profile, URI... reportTo) {
    return new InstallSpec(
        identity(null),
        List.of(card(0, IpConfig.NONE.withDynamic(true, false, false))),
        profile,
        List.of(reportTo));
  }

  static InstallSpec.Identity identity(@Nullable String domain) {
    return new InstallSpec.Identity("0199-hello-1", "hello", domain);
  }

  /** Routers of IPv6 as they are known by default: by addresses that every link may have. */
  static InstallSpec routersOnTheLink() {
    return net(
        card(
            0,
            static6(5)
                .withStatic(List.of(HostAddress.parse("fd00::5/64")), null, Ip.parse("fe80::1"))
                .withRoutes(
                    List.of(
                        new MachineSpec.Route(
                            Cidr.parse("2001:db8::/32"), Ip.parse("fe90::2"), null),
                        new MachineSpec.Route(
                            Cidr.parse("2001:db9::/32"), Ip.parse("fd00::9"), null)))));
  }

  private static IpConfig static4(int host) {
    return IpConfig.NONE
        .withStatic(
            List.of(HostAddress.parse("10.0.0." + host + "/24")), Ip.parse("10.0.0.1"), null)
        .withDns(List.of(Ip.parse("10.0.0.1"), Ip.parse("10.0.0.2")), List.of("lab.test"));
  }

  private static IpConfig static6(int host) {
    return IpConfig.NONE
        .withStatic(List.of(HostAddress.parse("fd00::" + host + "/64")), null, Ip.parse("fd00::1"))
        .withDns(List.of(Ip.parse("fd00::1")), List.of("lab.test"));
  }

  private static IpConfig dual(int host) {
    return IpConfig.NONE
        .withStatic(
            List.of(
                HostAddress.parse("10.0.0." + host + "/24"),
                HostAddress.parse("fd00::" + host + "/64")),
            Ip.parse("10.0.0.1"),
            Ip.parse("fd00::1"))
        .withDns(List.of(Ip.parse("10.0.0.1"), Ip.parse("fd00::1")), List.of("lab.test", "test"));
  }

  private static IpConfig other(int host) {
    return IpConfig.NONE.withStatic(
        List.of(HostAddress.parse("10.40.0." + host + "/24")), Ip.parse("10.40.0.1"), null);
  }

  private static ProfileSpec users() {
    return new ProfileSpec(
        List.of(
            new ProfileSpec.User("ada", List.of(KEY), null, true, "/bin/bash", List.of("adm")),
            new ProfileSpec.User("bob", List.of(), HASH, false, "/bin/sh", List.of()),
            new ProfileSpec.User("root", List.of(KEY), null, false, "/bin/bash", List.of())),
        List.of("curl", "nginx-light"),
        List.of(),
        List.of(),
        "Europe/Vienna",
        "de_AT.UTF-8",
        List.of("ntp.lab.test", "10.0.0.1"));
  }

  private static ProfileSpec filesAndScripts() {
    return new ProfileSpec(
        List.of(new ProfileSpec.User("ada", List.of(KEY), null, true, "/bin/bash", List.of())),
        List.of(),
        List.of(
            new ProfileSpec.File(
                "/etc/motd", "Grüße: {{ x }} #cloud-config\n", "0644", "root:root"),
            new ProfileSpec.File("/home/ada/.profile", "umask 027\n", "0600", "ada:ada")),
        List.of(
            new ProfileSpec.Script("first", "#!/bin/sh\necho one\n"),
            new ProfileSpec.Script("second", "#!/usr/bin/env python3\nprint('two')\n")),
        null,
        null,
        List.of());
  }
}
