package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.driver.DriverDescription;
import io.millwright.driver.DriverDescription.Setting;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.HypervisorProvider;
import io.millwright.driver.NetworkServicesProvider;
import io.millwright.driver.SourceDriver;
import io.millwright.engine.outside.Drivers;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.NetworkSpec;
import io.millwright.model.SourceSpec;
import io.millwright.model.Violations;
import io.millwright.model.manifest.Draft;
import io.millwright.model.manifest.Manifests;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Writes {@code docs/drivers.md} from the drivers themselves. That a facet which is there does what
 * it promises, each driver's contract test shows.
 */
class DriverMatrixTest {
  private static final Path PAGE = Path.of("../docs/drivers.md");
  private static final Path EXAMPLES = Path.of("../model/src/test/resources/examples");

  /** What is needed to open one; nothing is connected to. */
  private static final Map<String, Map<String, String>> SETTINGS =
      Map.of(
          "libvirt",
          Map.of("uri", "qemu:///system"),
          "proxmox",
          Map.of("url", "https://pve.example.com:8006", "token", "mw@pve!t", "secret", "s"),
          "vsphere",
          Map.of("url", "https://vcenter.example.com", "user", "u", "password", "p"));

  private static Map<String, String> facets() {
    Map<String, String> out = new LinkedHashMap<>();
    out.put("compute", "machines are defined, started, stopped, reset and removed");
    out.put("disks", "images are staged; disks are made from them or empty, grown and deleted");
    out.put("disk-copy", "snapshots of system disks are taken and reverted to");
    out.put(
        "disk-transfer",
        "what is on a volume is read and written, so that its machine can be moved");
    out.put("media", "a seed is put where the machine finds it in its drive");
    out.put("lifecycle-events", "the hypervisor tells of changes by itself");
    out.put("guest-agent", "the guest's addresses are known without its network");
    out.put("guest-commands", "a command in the guest is a health gate of its group");
    out.put("serial-console", "`millwright console`");
    out.put("screen", "`millwright console --screen`, with a viewer of the hypervisor's kind");
    out.put("vnc", "the screen in the page, passed on by the server");
    out.put("direct-boot", "an installer's kernel is started without a boot loader");
    out.put("serial-log", "what an installer prints is kept");
    out.put("disk-serials", "the guest sees a disk under the serial that it was given");
    out.put(
        "shared-media",
        "a vendor's installation medium is staged once, and many machines boot it untouched");
    out.put(
        "import", "the mark is put onto a machine that somebody else made, and taken off again");
    out.put("hot-plug", "a disk is attached to a machine that runs, and taken from it");
    out.put("metrics", "`millwright top`: what machines use of their host");
    return out;
  }

  private static Map<String, HypervisorProvider> drivers() {
    Map<String, HypervisorProvider> out = new TreeMap<>();
    for (HypervisorProvider provider : ServiceLoader.load(HypervisorProvider.class)) {
      String name = provider.describe().name();
      if (!name.equals("simulated")) { // of the tests, and in no installation
        out.put(name, provider);
      }
    }
    return out;
  }

  private static String page() throws Exception {
    Map<String, HypervisorProvider> drivers = drivers();
    assertThat(SETTINGS.keySet()).isEqualTo(drivers.keySet());
    StringBuilder out =
        new StringBuilder(
            """
            # Drivers

            What each hypervisor driver can do, and what each driver has to be told in `settings`. This page is written by a test
            from the drivers themselves; do not edit it. What a driver cannot do is refused, with the reason, before anything is
            changed.

            ## Facets

            | Facet | What it is for |\
            """);
    drivers.forEach((name, provider) ->
        out.append(' ')
            .append(name)
            .append(provider.describe().experimental() ? " (experimental)" : "")
            .append(" |"));
    out.append("\n|---|---|").append("---|".repeat(drivers.size())).append('\n');
    for (Map.Entry<String, String> facet : facets().entrySet()) {
      out.append("| `").append(facet.getKey()).append("` | ").append(facet.getValue());
      out.append(" |");
      for (Map.Entry<String, HypervisorProvider> each : drivers.entrySet()) {
        try (HypervisorDriver driver =
            each.getValue().open(SETTINGS.getOrDefault(each.getKey(), Map.of()), "0a0b0c0d")) {
          assertThat(facets().keySet()).containsAll(driver.facets());
          out.append(driver.facets().contains(facet.getKey()) ? " yes |" : " no |");
        }
      }
      out.append('\n');
    }
    for (HypervisorProvider each : drivers.values()) {
      settings(
          each.describe(),
          each.describe().experimental()
              ? "This driver is **experimental**: it was never run against the real thing."
              : "Of a Hypervisor.",
          out);
    }
    Drivers all = Drivers.load();
    for (NetworkServicesProvider each : all.networkServices().values()) {
      if (!each.describe().name().equals("simulated")) {
        settings(
            each.describe(),
            "Of a Network's `services`. How the two daemons are configured is told in"
                + " [production.md](production.md#dhcp-and-dns-by-dnsmasq).",
            out);
      }
    }
    for (SourceDriver each : all.sources().values()) {
      if (!each.describe().name().equals("simulated")) {
        settings(each.describe(), "Of a Source; see [Declarations in Git](gitops.md).", out);
      }
    }
    for (String name : all.builders().keySet()) {
      if (!name.equals("simulated")) {
        out.append("\n## Settings of ")
            .append(name)
            .append("\n\nIt has none: what it builds stands in the [Image](manifest.md#image).\n");
      }
    }
    return out.toString();
  }

  private static void settings(DriverDescription driver, String of, StringBuilder out) {
    out.append("\n## Settings of ").append(driver.name()).append("\n\n").append(of);
    out.append("\n\n| Setting | Needed | Secret | Meaning |\n|---|---|---|---|\n");
    for (Setting setting : driver.settings()) {
      out.append("| `").append(setting.name()).append("` | ");
      out.append(setting.required() ? "**yes**" : "no").append(" | ");
      out.append(setting.secret() ? "yes" : "no").append(" | ");
      out.append(setting.description()).append(" |\n");
    }
  }

  /** An example of the reference that an installation would refuse helps nobody. */
  @Test
  void theirDriversTakeTheExamplesOfTheReference() throws Exception {
    Drivers all = Drivers.load();
    Violations found = Violations.at("");
    Set<String> asked = new TreeSet<>();
    try (Stream<Path> files = Files.list(EXAMPLES)) {
      for (Path file : files.sorted().toList()) {
        for (Draft draft : Manifests.parse(Files.readAllBytes(file), file.toString())) {
          Violations at = found.field(draft.where());
          switch (draft.spec()) {
            case HypervisorSpec h -> {
              asked.add(h.driver());
              Drivers.find(all.hypervisors(), h.driver(), at)
                  .ifPresent(d -> d.check(h.settings(), at));
            }
            case NetworkSpec n -> {
              NetworkSpec.Services services = n.services();
              if (services != null) {
                asked.add(services.driver());
                Drivers.find(all.networkServices(), services.driver(), at)
                    .ifPresent(d -> d.check(services.settings(), at));
              }
            }
            case SourceSpec s -> {
              asked.add(s.driver());
              Drivers.find(all.sources(), s.driver(), at)
                  .ifPresent(d -> d.describe().check(s.settings(), at));
            }
            default -> {}
          }
        }
      }
    }
    assertThat(asked).contains("libvirt", "dnsmasq", "git");
    assertThat(found.list()).isEmpty();
  }

  /** What is sealed and masked is what a driver calls secret; this finds what it forgot to. */
  @Test
  void whatANameCallsSecretIsSecret() {
    Drivers all = Drivers.load();
    List<String> open =
        Stream.of(
                all.hypervisors().values().stream().map(HypervisorProvider::describe),
                all.networkServices().values().stream().map(NetworkServicesProvider::describe),
                all.sources().values().stream().map(SourceDriver::describe))
            .flatMap(drivers -> drivers)
            .flatMap(driver ->
                driver.settings().stream()
                    .filter(s -> !s.secret())
                    .filter(s ->
                        s.name().matches("(?i).*(secret|password|passphrase|credential|private).*"))
                    .map(s -> driver.name() + " " + s.name()))
            .toList();
    assertThat(open).isEmpty();
  }

  @Test
  void isUpToDate() throws Exception {
    String page = page();
    if (Boolean.getBoolean("docs.update")) {
      Files.writeString(PAGE, page);
    }
    assertThat(PAGE)
        .as("written with: mvn -pl server -am test -Dtest=DriverMatrixTest -Ddocs.update=true")
        .hasContent(page);
  }
}
