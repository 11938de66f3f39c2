package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * Writes docs/installers.md: what each installer can do is asked of its renderer, so that the page
 * cannot promise what would be refused.
 */
class InstallersReferenceTest {
  private static final Path PAGE =
      Path.of(System.getProperty("basedir", ".")).resolve("../docs/installers.md");

  /**
   * One installer.
   *
   * @param systems that it installs
   * @param answers the file or files it reads
   * @param checked by what the rendered files are checked in our tests
   */
  private record Row(
      String name, String systems, String answers, String checked, Renderer<Answers> renderer) {}

  private static final List<Row> INSTALLERS =
      List.of(
          new Row(
              "Debian's installer",
              "Debian 12, 13",
              "preseed.cfg and programs in the initrd",
              "debconf-set-selections -c; dash and busybox -n; the disk program and the finishing"
                  + " script are run",
              new Preseed()),
          new Row(
              "subiquity",
              "Ubuntu Server 22.04, 24.04, 26.04",
              "user-data on a medium `cidata`",
              "the JSON schemas of subiquity and cloud-init",
              new Autoinstall()),
          new Row(
              "Anaconda",
              "RHEL, AlmaLinux, Rocky Linux, CentOS Stream, Fedora",
              "ks.cfg on a medium `OEMDRV`",
              "a strict grammar of our own; NetworkManager's own library",
              new Kickstart("rhel", "10")),
          new Row(
              "AutoYaST",
              "SLES 15, openSUSE Leap 15",
              "autoinst.xml on a medium `OEMDRV`",
              "jing with a RELAX NG grammar of our own; bash -n",
              new AutoYast(AutoYast.Product.SLES)),
          new Row(
              "Agama",
              "SLES 16, openSUSE Leap 16",
              "autoinst.json on a medium `OEMDRV`",
              "Agama's own JSON schema; bash -n",
              new Agama(Agama.Product.SLES)),
          new Row(
              "setup-alpine",
              "Alpine Linux 3.19 and later",
              "an overlay (apkovl) on any second medium",
              "dash and busybox; Debian's ifup",
              new Alpine()),
          new Row(
              "bsdinstall",
              "FreeBSD 14, 15",
              "/etc/installerconfig on its own medium",
              "dash; rc.conf and the first-boot program are run",
              new FreeBsd()),
          new Row(
              "Windows Setup",
              "Windows Server 2022, 2025, Windows 11",
              "Autounattend.xml on a second medium",
              "jing with a grammar of our own",
              new Windows(Windows.Version.SERVER_2025, "Windows Server 2025 SERVERSTANDARD")),
          new Row(
              "ESXi",
              "VMware ESXi 8",
              "KS.CFG on its own medium",
              "a strict grammar of our own",
              new Esxi()),
          new Row(
              "Proxmox VE's installer",
              "Proxmox VE 8.4, 9",
              "answer.toml on its own medium",
              "a TOML parser, and the installer's own good and bad samples",
              new Proxmox()),
          new Row(
              "Ignition",
              "Fedora CoreOS, Flatcar",
              "an Ignition configuration in the initrd",
              "ignition-validate",
              new Ignition(Ignition.System.FEDORA_COREOS)));

  private static Map<String, InstallSpec> samples() {
    return Samples.installed();
  }

  @Test
  void isUpToDate() throws IOException {
    String text = page();
    if (Boolean.getBoolean("docs.update")) {
      Files.writeString(PAGE, text);
    }
    assertThat(PAGE)
        .as("written with: mvn -pl images test -Dtest=InstallersReferenceTest -Ddocs.update=true")
        .hasContent(text);
  }

  private static String page() {
    StringBuilder out = new StringBuilder(HEAD);
    out.append("\n| Installer | Systems | Reads | Checked by |\n|---|---|---|---|\n");
    for (Row row : INSTALLERS) {
      out.append(
          "| %s | %s | %s | %s |\n"
              .formatted(row.name(), row.systems(), row.answers(), row.checked()));
    }
    out.append("\n## What each can do\n\n");
    out.append(
        "The machines of our tests, each a golden file where it says yes; a number counts the"
            + " fields that are\nrefused, with the reasons below.\n\n| Machine |");
    INSTALLERS.forEach(row -> out.append(' ').append(row.name()).append(" |"));
    out.append("\n|---|").append("---|".repeat(INSTALLERS.size())).append('\n');
    samples()
        .forEach((name, spec) -> {
          out.append("| ").append(name.replace('-', ' ')).append(" |");
          for (Row row : INSTALLERS) {
            int refused = row.renderer().check(spec).size();
            out.append(refused == 0 ? " yes |" : " no (" + refused + ") |");
          }
          out.append('\n');
        });
    out.append("\n## What is refused, and why\n");
    for (Row row : INSTALLERS) {
      out.append("\n### ").append(row.name()).append("\n\n");
      reasons(row)
          .forEach((reason, machines) ->
              out.append("- ")
                  .append(reason)
                  .append(" (")
                  .append(String.join(", ", machines))
                  .append(")\n"));
    }
    return out.toString();
  }

  /** Each reason with the machines that it stops. */
  private static Map<String, Set<String>> reasons(Row row) {
    Map<String, Set<String>> out = new LinkedHashMap<>();
    samples()
        .forEach((name, spec) -> {
          for (Refusal refusal : row.renderer().check(spec)) {
            String field = refusal.field().replaceAll("\\[[0-9]+]", "[]");
            out.computeIfAbsent("`" + field + "`: " + refusal.reason(), x -> new LinkedHashSet<>())
                .add(name.replace('-', ' '));
          }
        });
    return out;
  }

  /** Every reason is a sentence with which somebody can go on. */
  @Test
  void reasonsSayWhatCouldBeInstead() {
    List<String> all = new ArrayList<>();
    INSTALLERS.forEach(row -> all.addAll(reasons(row).keySet()));
    assertThat(all).isNotEmpty().allMatch(reason -> reason.length() > 25);
    assertThat(all).noneMatch(reason -> reason.endsWith("."));
  }

  private static final String HEAD =
      """
      # Installers

      <!-- Generated from the renderers by InstallersReferenceTest; run it with -Ddocs.update=true
      instead of editing this file. -->

      One typed description of a machine, `InstallSpec`, is turned into what an operating system's own
      installer reads. A renderer gives the answers and the ways in which the installer can be told: files
      on a second, small medium, files on the vendor's own medium, files in the initrd, and kernel
      arguments. What an installer or its system cannot do is refused, with the field and the reason,
      before anything is built; this page asks the renderers themselves.

      Every installer gets only as much network as it needs to install. The installed system gets all of
      it: several cards by their MAC addresses, static and dynamic addresses of both families, bonds,
      bridges, VLANs, routes, name servers. Disks that are named as untouched are never chosen, and
      Debian's installer does not even see them.

      "Checked" is what our tests do with the rendered files. It is less than an installation: apart from
      where another page says so, these installers were not run to their end here.
      """;
}
