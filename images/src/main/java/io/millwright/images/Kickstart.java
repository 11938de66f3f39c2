package io.millwright.images;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.PackageSource;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Installs the systems of the Red Hat family (8 and later, Fedora) by Anaconda, which looks for
 * {@code ks.cfg} on a medium with the label OEMDRV by itself, and takes it from its initrd if told
 * so.
 *
 * <p>Anaconda gets as much network as it needs to install. The installed system gets its full
 * network as NetworkManager's keyfiles, and for all else the same cloud-init configuration as a
 * clone, from a directory on its disk.
 */
public final class Kickstart implements Renderer<Answers> {
  /** A package that every system has that is installed so, since it does the first boot's work. */
  public static final String ALWAYS = "cloud-init";

  private static final String SEED = "/var/lib/cloud/seed/nocloud/";

  /** Without it the network would be described twice, and only a part of it by cloud-init. */
  private static final String CLOUD_CONFIG =
      "datasource_list: [ NoCloud, None ]\nnetwork: { config: disabled }\n";

  private static final Pattern VERSION = Pattern.compile("([0-9]{1,5})(?:\\.([0-9]{1,5}))?.*");

  private final CloudInit cloudInit = CloudInit.installed();
  private final boolean btrfs;
  private final NmKeyfiles.Links links;

  /**
   * A renderer for one system of the family.
   *
   * @param family its name in the catalogue; one that is not known is taken for a sister of Red
   *     Hat's
   * @param version as its medium tells it; one that is not known is taken for today's
   */
  public Kickstart(String family, String version) {
    Matcher m = VERSION.matcher(version);
    int major = m.matches() ? Integer.parseInt(m.group(1)) : Integer.MAX_VALUE;
    int minor = m.matches() && m.group(2) != null ? Integer.parseInt(m.group(2)) : 0;
    boolean fedora = family.startsWith("fedora");
    btrfs =
        fedora
            || family.equals("almalinux")
                && m.matches()
                && (major > 10 || major == 10 && minor >= 1);
    links = !fedora && major <= 8 ? NmKeyfiles.Links.OF_SYSTEMD_239 : NmKeyfiles.Links.TODAY;
  }

  @Override
  public List<Refusal> check(InstallSpec spec) {
    List<Refusal> out = new ArrayList<>(cloudInit.check(spec));
    Installation how = spec.installation();
    if (how == null) {
      out.add(new Refusal("installation", "an installer must be told on which disk to install"));
      return List.copyOf(out);
    }
    if (how.storage().encryption() instanceof Storage.Encryption.Tang && how.source().offline()) {
      out.add(
          new Refusal(
              "installation.storage.encryption",
              "a Tang server cannot be reached by an installer without network"));
    }
    if (how.storage().encryption() instanceof Storage.Encryption.Tang
        && uplink(spec).filter(card -> card.ip().dhcp4()).isEmpty()) {
      out.add(
          new Refusal(
              "installation.storage.encryption",
              "a Tang server is asked before the system has its network, by IPv4 and DHCP; the card"
                  + " with the default route must have dhcp4"));
    }
    if (!how.source().offline() && uplink(spec).isEmpty()) {
      out.add(
          new Refusal(
              "interfaces",
              "the installer needs a card with an address of its own, beside bonds and VLANs, to"
                  + " fetch packages; or install offline"));
    }
    checkFileSystems(how.storage(), out);
    PackageManager.DNF.check(how.source(), out);
    if (how.source().repositoryKey() != null) {
      out.add(
          new Refusal(
              "installation.source.repositoryKey",
              "Anaconda checks no signature of what it installs from; leave the key out if the"
                  + " medium is to be trusted"));
    }
    if (how.source().proxy() != null && how.source().mirror() == null) {
      out.add(
          new Refusal(
              "installation.source.proxy",
              "Anaconda takes a proxy only together with a mirror's URL"));
    }
    return List.copyOf(out);
  }

  private void checkFileSystems(Storage storage, List<Refusal> out) {
    for (int i = 0; i < storage.filesystems().size(); i++) {
      if (storage.filesystems().get(i).type() == StorageSpec.Type.BTRFS && !btrfs) {
        out.add(
            new Refusal(
                "installation.storage.filesystems[" + i + "].type",
                "Red Hat's kernel has no btrfs, and Anaconda there refuses it; use xfs or ext4"
                    + " (Fedora has it, and AlmaLinux from 10.1 on, whose Image says so in its"
                    + " version)"));
      }
    }
  }

  @Override
  public Answers render(InstallSpec spec) {
    demand(spec);
    Installation how = spec.installation();
    if (how == null) {
      throw new IllegalStateException("check() lets no spec without installation pass");
    }
    ProfileSpec profile = spec.profile();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("fqdn", spec.identity().fqdn());
    values.put("source", source(how));
    values.put("locale", or(profile.locale(), "en_US.UTF-8"));
    values.put("timezone", or(profile.timezone(), "UTC"));
    values.put("keyboard", how.keyboard());
    values.put(
        "network",
        how.source().offline() ? "network --hostname=" + spec.identity().fqdn() : network(spec));
    KickstartStorage storage = KickstartStorage.of(how.storage());
    values.put("storage", storage.commands());
    values.put("before", how.before().stream().map(Kickstart::script).toList());
    values.put("after", how.after().stream().map(Kickstart::script).toList());
    values.put("resolve", storage.program());
    values.put("unlock", storage.unlock());
    values.put("end", how.end().name().toLowerCase(Locale.ROOT));
    List<String> packages = new ArrayList<>(List.of(ALWAYS, "openssh-server", "python3"));
    packages.addAll(storage.packages());
    profile.packages().stream().filter(p -> !packages.contains(p)).forEach(packages::add);
    values.put("packages", packages);
    values.put("files", files(spec));
    AnswerFile file = AnswerFile.text(Template.fill("kickstart.peb", values));
    return Answers.of(
        Answers.Way.beside(new AnswerMedium("OEMDRV", Map.of("ks.cfg", file))),
        Answers.Way.inside(Map.of("/ks.cfg", file), "inst.ks=file:/ks.cfg"));
  }

  private static String or(@Nullable String value, String otherwise) {
    return value == null ? otherwise : value;
  }

  private static String source(Installation how) {
    Source from = how.source();
    StringBuilder out = new StringBuilder();
    if (from.mirror() == null) {
      out.append("cdrom");
    } else {
      out.append("url --url=").append(quoted(from.mirror().toString()));
      if (from.proxy() != null) {
        out.append(" --proxy=").append(quoted(from.proxy().toString()));
      }
    }
    if (from.repository() != null) {
      // Where Anaconda keeps the medium that it was started from.
      out.append("\nrepo --name=millwright --baseurl=file:///run/install/repo");
      out.append(from.repository());
    }
    for (PackageSource.Repository one : from.repositories()) {
      out.append("\nrepo --name=").append(one.name());
      out.append(" --baseurl=").append(quoted(one.url().toString()));
      if (from.proxy() != null) {
        out.append(" --proxy=").append(quoted(from.proxy().toString()));
      }
    }
    return out.toString();
  }

  /** Anaconda splits lines as a shell does; a URI holds neither quotes, blanks nor backslashes. */
  private static String quoted(String uri) {
    return "\"" + uri + "\"";
  }

  private static Map<String, String> script(ProfileSpec.Script script) {
    return file("/tmp/millwright-" + script.name(), "0700", script.content());
  }

  /** The card by which packages are fetched: the one with the default route, else any. */
  private static Optional<NetInterface.Ethernet> uplink(InstallSpec spec) {
    for (boolean v6 : new boolean[] {false, true}) {
      if (spec.uplink(v6) instanceof NetInterface.Ethernet card) {
        return Optional.of(card);
      }
    }
    return spec.cards().stream()
        .filter(card -> card.ip().has(false) || card.ip().has(true))
        .findFirst();
  }

  private static String network(InstallSpec spec) {
    NetInterface.Ethernet card = uplink(spec).orElseThrow();
    IpConfig ip = card.ip();
    StringBuilder out = new StringBuilder("network --device=").append(device(spec, card));
    Optional<HostAddress> v4 = ip.addresses().stream().filter(a -> !a.v6()).findFirst();
    if (ip.dhcp4()) {
      out.append(" --bootproto=dhcp");
    } else if (v4.isPresent()) {
      out.append(" --bootproto=static --ip=").append(v4.get().ip());
      out.append(" --netmask=").append(netmask(v4.get().prefix()));
      if (ip.gateway4() != null) {
        out.append(" --gateway=").append(ip.gateway4());
      }
    } else {
      out.append(" --noipv4");
    }
    Optional<HostAddress> v6 = ip.addresses().stream().filter(HostAddress::v6).findFirst();
    if (ip.isDynamic(true)) {
      out.append(ip.slaac() ? " --ipv6=auto" : " --ipv6=dhcp");
    } else if (v6.isPresent()) {
      out.append(" --ipv6=").append(v6.get());
      if (ip.gateway6() != null) {
        out.append(" --ipv6gateway=").append(ip.gateway6());
      }
    } else {
      out.append(" --noipv6");
    }
    if (!ip.dns().isEmpty()) {
      out.append(" --nameserver=")
          .append(String.join(",", ip.dns().stream().map(Ip::toString).toList()));
    }
    if (ip.mtu() != null) {
      out.append(" --mtu=").append(ip.mtu());
    }
    return out.append(" --activate --hostname=").append(spec.identity().fqdn()).toString();
  }

  /** "link" is the first card that has one. */
  private static String device(InstallSpec spec, NetInterface.Ethernet card) {
    Mac mac = card.mac();
    return mac != null ? mac.text() : spec.isTheOnly(card) ? "link" : card.name();
  }

  private static Ip netmask(int prefix) {
    BigInteger all = BigInteger.ONE.shiftLeft(32).subtract(BigInteger.ONE);
    return new Ip(false, all.shiftRight(32 - prefix).shiftLeft(32 - prefix));
  }

  /** What is written into the installed system; its paths hold no letter that a shell minds. */
  private List<Map<String, String>> files(InstallSpec spec) {
    ProfileSpec profile = spec.profile();
    // Packages, time zone and locale are there by now.
    Seed seed =
        cloudInit.render(
            spec.withProfile(
                new ProfileSpec(
                    profile.users(),
                    List.of(),
                    profile.files(),
                    profile.scripts(),
                    null,
                    null,
                    profile.ntp())));
    List<Map<String, String>> out = new ArrayList<>();
    out.add(file("/etc/cloud/cloud.cfg.d/99-millwright.cfg", "0644", CLOUD_CONFIG));
    out.add(file(SEED + "meta-data", "0600", seed.metaData()));
    out.add(file(SEED + "user-data", "0600", seed.userData()));
    Installation how = spec.installation();
    if (how != null) {
      PackageManager.DNF
          .files(how.source().repositories())
          .forEach(f -> out.add(file(f.path(), f.mode(), f.content())));
    }
    NmKeyfiles.of(spec, links)
        .forEach(
            (path, text) -> out.add(file(path, path.endsWith(".link") ? "0644" : "0600", text)));
    return out;
  }

  /** In base64, so that no line of it can be taken for a line of the kickstart or the script. */
  private static Map<String, String> file(String path, String mode, String text) {
    Map<String, String> out = new LinkedHashMap<>();
    out.put("path", path);
    out.put("mode", mode);
    out.put(
        "content",
        Base64.getMimeEncoder(76, new byte[] {'\n'})
            .encodeToString(text.getBytes(StandardCharsets.UTF_8)));
    return out;
  }
}
