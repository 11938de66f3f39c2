package io.millwright.images;

import io.millwright.model.Firmware;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineSpec;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Installs Windows Server 2022 and 2025 and Windows 11 by Windows Setup, which looks for {@code
 * Autounattend.xml} on every medium by itself (Microsoft's "Unattended Windows Setup Reference").
 *
 * <p>Setup knows disks by number only, so a program beside the answers prepares the right one and
 * takes the others away. Users, keys, files and programs are the work of a task that the system
 * starts until it is done. Setup wants a password; the one that stands on the medium is no secret,
 * because nobody can get in from outside until the task has put a random one in its place.
 */
public final class Windows implements Renderer<Answers> {
  /** What Setup accepts as complex enough; it opens nothing once the machine is up. */
  private static final String PUBLIC_PASSWORD = "Replaced-at-1st-start";

  private static final Pattern LOCALE = Pattern.compile("([a-z]{2,3})_([A-Z]{2})\\.UTF-8");
  private static final Pattern SCRIPT = Pattern.compile("#!powershell\\s*");

  /** A drive, and names in which nothing means anything to Windows. */
  private static final Pattern FILE =
      Pattern.compile("/[A-Z]:(/[A-Za-z0-9_][A-Za-z0-9 _.+-]{0,100})+");

  private static final Pattern TAKEN = Pattern.compile("administrator|guest|system|millwright");

  /** Microsoft's identifiers of keyboards, "Default Input Profiles". */
  private static final Map<String, String> KEYBOARDS =
      Map.ofEntries(
          Map.entry("us", "0409:00000409"),
          Map.entry("gb", "0809:00000809"),
          Map.entry("de", "0407:00000407"),
          Map.entry("at", "0c07:00000407"),
          Map.entry("ch", "0807:00000807"),
          Map.entry("fr", "040c:0000040c"),
          Map.entry("be", "0813:00000813"),
          Map.entry("nl", "0413:00020409"),
          Map.entry("it", "0410:00000410"),
          Map.entry("es", "040a:0000040a"),
          Map.entry("pt", "0816:00000816"),
          Map.entry("br", "0416:00000416"),
          Map.entry("dk", "0406:00000406"),
          Map.entry("se", "041d:0000041d"),
          Map.entry("no", "0414:00000414"),
          Map.entry("fi", "040b:0000040b"),
          Map.entry("pl", "0415:00000415"),
          Map.entry("cz", "0405:00000405"),
          Map.entry("jp", "0411:00000411"));

  private static final Properties ZONES = Zones.read("windows-zones.properties");

  private static final JsonMapper JSON =
      JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

  /** Which one it is. */
  public enum Version {
    SERVER_2022,
    SERVER_2025,
    WINDOWS_11
  }

  /**
   * Values below {@code LabConfig} that turn off what Windows 11's Setup would look for. In a
   * virtual machine Setup takes any model of processor, but would still refuse a single core.
   */
  private static final List<String> REQUIREMENTS =
      List.of("BypassTPMCheck", "BypassSecureBootCheck", "BypassCPUCheck");

  private final Version version;
  private final String edition;

  /**
   * A renderer for one of them.
   *
   * @param edition name of the system on the medium, for example {@code Windows 11 Pro}
   */
  public Windows(Version version, String edition) {
    this.version = version;
    this.edition = edition;
  }

  @Override
  public List<Refusal> check(InstallSpec spec) {
    List<Refusal> out = new ArrayList<>(Finish.noDataDisks(spec));
    String hostname = spec.identity().hostname();
    if (hostname.length() > 15 || hostname.matches("[0-9]+")) {
      out.add(
          new Refusal(
              "identity.hostname",
              "a name of a Windows machine has at most 15 characters, and not digits alone"));
    }
    checkInterfaces(spec, out);
    checkProfile(spec, out);
    Installation how = spec.installation();
    if (how == null) {
      out.add(new Refusal("installation", "an installer must be told on which disk to install"));
      return List.copyOf(out);
    }
    checkInstallation(spec, how, out);
    return List.copyOf(out);
  }

  private static void checkInterfaces(InstallSpec spec, List<Refusal> out) {
    for (int i = 0; i < spec.interfaces().size(); i++) {
      String field = "interfaces[" + i + "]";
      switch (spec.interfaces().get(i)) {
        case NetInterface.Ethernet card -> {
          if (card.mac() == null && !spec.isTheOnly(card)) {
            out.add(
                new Refusal(field + ".mac", "Windows knows one of several cards by its MAC only"));
          }
        }
        case NetInterface.Bond _ ->
            out.add(
                new Refusal(
                    field, "Windows Setup makes no teams of cards; use one card, or two switches"));
        case NetInterface.Bridge _ ->
            out.add(new Refusal(field, "Windows Setup makes no bridges; use the card itself"));
        case NetInterface.Vlan _ ->
            out.add(
                new Refusal(
                    field, "Windows has no VLANs of its own; let the hypervisor or switch tag"));
      }
    }
  }

  private void checkProfile(InstallSpec spec, List<Refusal> out) {
    ProfileSpec profile = spec.profile();
    if (!profile.packages().isEmpty()) {
      out.add(new Refusal("profile.packages", "Windows has no packages; use a PowerShell script"));
    }
    if (profile.locale() != null && !LOCALE.matcher(profile.locale()).matches()) {
      out.add(new Refusal("profile.locale", "Windows needs a language and a country: en_GB.UTF-8"));
    }
    String timezone = profile.timezone();
    if (timezone != null && ZONES.getProperty(timezone) == null) {
      out.add(
          new Refusal("profile.timezone", "has no known name in Windows; use a large city's near"));
    }
    Installation how = spec.installation();
    for (int i = 0; i < profile.users().size(); i++) {
      ProfileSpec.User user = profile.users().get(i);
      String field = "profile.users[" + i + "]";
      if (user.name().equals("root") || TAKEN.matcher(user.name()).matches()) {
        out.add(
            new Refusal(field + ".name", "means something else to Windows; make a user with sudo"));
      }
      if (user.passwordHash() != null) {
        out.add(
            new Refusal(
                field + ".passwordHash",
                "Windows takes no hash of crypt(3), and the medium carries no password; give"
                    + " keys"));
      }
      if (!user.groups().isEmpty()) {
        out.add(
            new Refusal(
                field + ".groups", "Windows has other groups; sudo makes an" + " administrator"));
      }
      if (!user.shell().equals("/bin/bash")) {
        out.add(new Refusal(field + ".shell", "Windows has no such shell; leave it out"));
      }
      if (!user.keys().isEmpty()
          && version != Version.SERVER_2025
          && how != null
          && how.source().offline()) {
        out.add(
            new Refusal(
                field + ".keys",
                "this Windows fetches its SSH server from Microsoft; install with network"));
      }
    }
    for (int i = 0; i < profile.files().size(); i++) {
      ProfileSpec.File file = profile.files().get(i);
      String field = "profile.files[" + i + "]";
      if (!FILE.matcher(file.path()).matches() || file.path().startsWith("/C:/ProgramData/Mill")) {
        out.add(new Refusal(field + ".path", "must be like /C:/ProgramData/app/settings.ini here"));
      }
      if (!file.mode().equals("0644")) {
        out.add(new Refusal(field + ".mode", "Windows has no modes; leave it out"));
      }
      if (!file.owner().equals("root:root")) {
        out.add(new Refusal(field + ".owner", "is always SYSTEM in Windows; leave it out"));
      }
    }
    checkScripts("profile.scripts", profile.scripts(), out);
  }

  private static void checkScripts(
      String field, List<ProfileSpec.Script> scripts, List<Refusal> out) {
    for (int i = 0; i < scripts.size(); i++) {
      String first = scripts.get(i).content().lines().findFirst().orElse("");
      if (!SCRIPT.matcher(first).matches()) {
        out.add(
            new Refusal(
                field + "[" + i + "].content",
                "Windows runs PowerShell; begin with the line #!powershell"));
      }
    }
  }

  private static void checkInstallation(InstallSpec spec, Installation how, List<Refusal> out) {
    Storage storage = how.storage();
    String at = "installation.storage.";
    if (storage.disk() instanceof Storage.Disk.ByPath) {
      out.add(
          new Refusal(at + "disk", "Windows knows no paths of devices; give a serial or a size"));
    }
    if (storage.mirror() != null) {
      out.add(new Refusal(at + "mirror", "Windows Setup installs onto one disk"));
    }
    if (storage.layout() == StorageSpec.Layout.LVM) {
      out.add(new Refusal(at + "layout", "Windows has no LVM; give plain"));
    }
    if (!storage.filesystems().isEmpty()) {
      out.add(new Refusal(at + "filesystems", "Windows is one NTFS on the rest of its disk"));
    }
    if (storage.encryption() != null) {
      out.add(
          new Refusal(
              at + "encryption",
              "Windows Setup encrypts nothing; a script can begin with BitLocker afterwards"));
    }
    if (storage.table() != null
        && (storage.table() == StorageSpec.Table.GPT) != (how.firmware() == Firmware.UEFI)) {
      out.add(
          new Refusal(
              at + "table", "Windows starts from a GPT with UEFI, and from msdos with BIOS"));
    }
    String medium = "Windows installs from its own medium alone";
    if (how.source().mirror() != null) {
      out.add(new Refusal("installation.source.mirror", medium));
    }
    if (how.source().proxy() != null) {
      out.add(new Refusal("installation.source.proxy", medium));
    }
    if (how.source().repository() != null) {
      out.add(new Refusal("installation.source.repository", medium));
    }
    PackageManager.none(how.source(), medium, out);
    if (!how.before().isEmpty()) {
      out.add(
          new Refusal(
              "installation.before", "Windows Setup has no PowerShell before it has installed"));
    }
    checkScripts("installation.after", how.after(), out);
    if (!KEYBOARDS.containsKey(how.keyboard())) {
      out.add(new Refusal("installation.keyboard", "is not among those known for Windows"));
    }
    if (spec.interfaces().isEmpty()) {
      out.add(new Refusal("interfaces", "a Windows machine needs a card here"));
    }
  }

  @Override
  public Answers render(InstallSpec spec) {
    demand(spec);
    Installation how = spec.installation();
    if (how == null) {
      throw new IllegalStateException("check() lets no spec without installation pass");
    }
    Map<String, AnswerFile> files = new LinkedHashMap<>();
    files.put("Autounattend.xml", AnswerFile.text(unattend(spec, how)));
    files.put("disk.vbs", AnswerFile.text(disk(how)));
    files.put("setup.ps1", AnswerFile.text(FirstBoot.read("windows-setup.ps1")));
    files.put("first-boot.ps1", AnswerFile.text(FirstBoot.read("windows-first-boot.ps1")));
    files.put("task.json", AnswerFile.text(task(spec, how)));
    return Answers.of(Answers.Way.beside(new AnswerMedium("MILLWRIGHT", files)));
  }

  private String unattend(InstallSpec spec, Installation how) {
    ProfileSpec profile = spec.profile();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("fqdn", spec.identity().fqdn()); // a name, in which no comment can end
    values.put("hostname", spec.identity().hostname());
    values.put("domain", spec.identity().domain() == null ? "" : spec.identity().domain());
    values.put("unasked", version == Version.WINDOWS_11 && !how.tpm() ? REQUIREMENTS : List.of());
    values.put("edition", escaped(edition));
    values.put("keyboard", KEYBOARDS.get(how.keyboard()));
    values.put("locale", locale(profile.locale()));
    values.put(
        "timezone",
        escaped(ZONES.getProperty(profile.timezone() == null ? "UTC" : profile.timezone(), "UTC")));
    values.put("publicPassword", PUBLIC_PASSWORD);
    List<Map<String, Object>> interfaces =
        spec.cards().stream().map(card -> face(spec, card)).toList();
    values.put("interfaces", interfaces);
    values.put("asking", interfaces.stream().filter(i -> !List.of().equals(i.get("dns"))).toList());
    values.put("search", Networkd.searchDomains(spec));
    return Template.fill("autounattend.peb", values);
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  private static String locale(@Nullable String locale) {
    Matcher m = LOCALE.matcher(locale == null ? "" : locale);
    return m.matches() ? m.group(1) + "-" + m.group(2) : "en-US";
  }

  private static Map<String, Object> face(InstallSpec spec, NetInterface.Ethernet card) {
    IpConfig ip = card.ip();
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("identifier", identifier(card));
    out.put("dhcp4", ip.dhcp4());
    out.put("dhcp6", ip.dhcp6());
    out.put("routers6", ip.isDynamic(true));
    out.put("addresses", ip.addresses().stream().map(HostAddress::toString).toList());
    List<Map<String, Object>> routes = new ArrayList<>();
    for (boolean v6 : new boolean[] {false, true}) {
      Ip gateway = ip.gateway(v6);
      if (gateway != null && spec.uplink(v6) == card) {
        routes.add(route(v6 ? "::/0" : "0.0.0.0/0", gateway, null));
      }
    }
    for (MachineSpec.Route route : ip.routes()) {
      routes.add(route(route.to().toString(), route.via(), route.metric()));
    }
    out.put("routes", routes);
    out.put("dns", ip.dns().stream().map(Ip::toString).toList());
    return out;
  }

  /** A MAC address as Windows writes it, or the name that it gives an only card. */
  private static String identifier(NetInterface.Ethernet card) {
    Mac mac = card.mac();
    return mac == null ? "Ethernet" : hyphens(mac);
  }

  private static String hyphens(Mac mac) {
    return mac.text().replace(':', '-').toUpperCase(java.util.Locale.ROOT);
  }

  private static Map<String, Object> route(String to, Ip via, @Nullable Integer metric) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("to", to);
    out.put("via", via.toString());
    out.put("metric", metric == null ? 10 : metric);
    return out;
  }

  private static String disk(Installation how) {
    Storage storage = how.storage();
    Map<String, Object> values = new LinkedHashMap<>();
    switch (storage.disk()) {
      case Storage.Disk.BySerial by -> {
        values.put("serial", by.serial());
        values.put("atLeast", 0);
        values.put("atMost", 0);
      }
      case Storage.Disk.BySize by -> {
        values.put("serial", "");
        // A whole number of that size is no integer to VBScript.
        values.put("atLeast", by.atLeast().bytes() + ".0");
        values.put("atMost", by.atMost().bytes() + ".0");
      }
      case Storage.Disk.ByPath _ -> throw new IllegalStateException("check() lets no path pass");
    }
    values.put("untouched", String.join(" ", storage.untouched()));
    values.put("uefi", how.firmware() == Firmware.UEFI ? "True" : "False");
    return Template.fill("windows-disk.peb", values);
  }

  /** What the task in the system has to do, as JSON. */
  private static String task(InstallSpec spec, Installation how) {
    ProfileSpec profile = spec.profile();
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("reportTo", spec.reportTo().stream().map(Object::toString).toList());
    out.put("cards", spec.cards().stream().map(card -> card(spec, card)).toList());
    out.put("ntp", profile.ntp());
    out.put(
        "users",
        profile.users().stream()
            .map(u -> {
              Map<String, Object> user = new LinkedHashMap<>();
              user.put("name", u.name());
              user.put("administrator", u.sudo());
              user.put("keys", u.keys());
              return user;
            })
            .toList());
    out.put(
        "files",
        profile.files().stream()
            .map(f -> {
              Map<String, Object> file = new LinkedHashMap<>();
              file.put("path", f.path().substring(1).replace('/', '\\'));
              file.put("content", f.content());
              return file;
            })
            .toList());
    out.put("scripts", profile.scripts().stream().map(Windows::script).toList());
    out.put("after", how.after().stream().map(Windows::script).toList());
    out.put("poweroff", how.end() == Installation.End.POWEROFF);
    return JSON.writeValueAsString(out);
  }

  private static Map<String, Object> script(ProfileSpec.Script script) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("name", script.name());
    out.put("content", script.content());
    return out;
  }

  /** What the answers to Setup cannot say of a card. */
  private static Map<String, Object> card(InstallSpec spec, NetInterface.Ethernet card) {
    IpConfig ip = card.ip();
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("name", card.name());
    out.put("mac", Optional.ofNullable(card.mac()).map(Windows::hyphens).orElse(""));
    out.put("mtu", ip.mtu() == null ? 0 : ip.mtu());
    List<String> families = new ArrayList<>();
    List<String> deaf = new ArrayList<>();
    for (boolean v6 : new boolean[] {false, true}) {
      if (ip.has(v6)) {
        families.add(v6 ? "IPv6" : "IPv4");
      }
      if (ip.isDynamic(v6) && spec.uplink(v6) != card) {
        deaf.add(v6 ? "IPv6" : "IPv4");
      }
    }
    out.put("families", families);
    out.put("deaf", deaf);
    return out;
  }
}
