package io.millwright.images;

import io.millwright.images.Catalogue.Family;
import io.millwright.images.Catalogue.Release;
import io.millwright.model.ByteSize;
import java.util.ArrayList;
import java.util.List;

/** Which renderer a system's installer needs. */
public final class Renderers {
  /** As Linux calls it in most virtual machines. */
  public static final Storage.Disk FIRST_DISK = new Storage.Disk.ByPath("/dev/vda");

  /** Any installer wants as much. */
  private static final ByteSize LEAST = ByteSize.parse("4GiB");

  private static final ByteSize LARGEST = ByteSize.parse("1024TiB");

  private Renderers() {}

  /**
   * The disk to install on if nobody says which: the first one by its name, or the only one there
   * is where the installer knows no such name.
   */
  public static Storage.Disk usualDisk(Family family, String version) {
    return switch (family.installerOf(version)) {
      case PRESEED, AUTOINSTALL, KICKSTART, AUTOYAST, AGAMA, ALPINE, PROXMOX, IGNITION ->
          FIRST_DISK;
      case BSDINSTALL, ESXI, UNATTEND ->
          new Storage.Disk.BySize(
              family.release(version).map(Release::disk).orElse(LEAST), LARGEST);
    };
  }

  /**
   * The renderer for a system of the catalogue, which also refuses a disk that is too small for the
   * release.
   *
   * @param version known or not; one that is not known is treated like the family's last one
   */
  public static Renderer<Answers> of(Family family, String version) {
    Renderer<Answers> plain = plain(family, version);
    return new Renderer<>() {
      @Override
      public List<Refusal> check(InstallSpec spec) {
        List<Refusal> out = new ArrayList<>(plain.check(named(spec)));
        family.release(version).ifPresent(release -> checkDisk(release, spec, out));
        return List.copyOf(out);
      }

      @Override
      public Answers render(InstallSpec spec) {
        demand(spec);
        return plain.render(named(spec));
      }

      private InstallSpec named(InstallSpec spec) {
        return spec.forSystem(family, version);
      }
    };
  }

  private static void checkDisk(Release release, InstallSpec spec, List<Refusal> out) {
    Installation how = spec.installation();
    ByteSize capacity = how == null ? null : how.storage().capacity();
    if (capacity != null && capacity.compareTo(release.disk()) < 0) {
      out.add(
          new Refusal(
              "installation.storage.capacity",
              "is "
                  + capacity
                  + "; "
                  + release.title()
                  + " needs a disk of at least "
                  + release.disk()));
    }
  }

  private static Renderer<Answers> plain(Family family, String version) {
    boolean sles = family.family().startsWith("sles");
    return switch (family.installerOf(version)) {
      case PRESEED -> new Preseed();
      case AUTOINSTALL -> new Autoinstall();
      case KICKSTART -> new Kickstart(family.family(), version);
      case AUTOYAST -> new AutoYast(sles ? AutoYast.Product.SLES : AutoYast.Product.LEAP);
      case AGAMA -> new Agama(sles ? Agama.Product.SLES : Agama.Product.LEAP);
      case ALPINE -> new Alpine();
      case BSDINSTALL -> new FreeBsd();
      case UNATTEND -> windows(family, version);
      case ESXI -> new Esxi();
      case PROXMOX ->
          // Its sisters, which a user may add, count in their own way.
          family.family().startsWith("proxmox-ve") ? new Proxmox(version) : new Proxmox();
      case IGNITION ->
          new Ignition(
              family.family().equals("flatcar")
                  ? Ignition.System.FLATCAR
                  : Ignition.System.FEDORA_COREOS);
    };
  }

  private static Windows windows(Family family, String version) {
    Release release =
        family
            .release(version)
            .orElseThrow(() ->
                new IllegalArgumentException(
                    "the medium does not tell which Windows it is; give one of "
                        + family.releases().stream().map(Release::version).toList()));
    Windows.Version which =
        family.family().startsWith("windows-server")
            ? release.version().equals("2022")
                ? Windows.Version.SERVER_2022
                : Windows.Version.SERVER_2025
            : Windows.Version.WINDOWS_11;
    String edition = release.edition();
    return new Windows(which, edition == null ? release.title() : edition);
  }
}
