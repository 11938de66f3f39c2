package io.millwright.media;

import io.millwright.media.BootCatalog.Platform;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A vendor's installation medium, and what a machine's own boots from: a medium made out of it, or
 * its kernel and initrd for a hypervisor that starts these itself.
 */
public final class VendorMedium {
  /**
   * On an own medium what goes into the initrd is a second one beside the vendor's, which stays as
   * it is, with its checksum: to grow it, all of it would be hashed and written once more.
   */
  private static final String ANSWERS = "/answers.img";

  private final IsoImage iso;
  private final @Nullable Installer installer;

  /** A medium that is started by its own boot loader only, as ESXi's and FreeBSD's. */
  public VendorMedium(IsoImage iso) {
    this.iso = iso;
    this.installer = null;
  }

  /**
   * @param installer where the medium has its installer
   * @throws MediumException if it is not there, or no boot loader could be told so
   */
  public VendorMedium(IsoImage iso, Installer installer) throws MediumException {
    this.iso = iso;
    this.installer = installer;
    for (String path : List.of(installer.kernel(), installer.initrd())) {
      if (iso.file(path).isEmpty()) {
        throw new MediumException(path, "is not on the medium");
      }
      BootMenus.file(path);
    }
    BootMenus.arguments(installer.arguments(), List.of());
  }

  /**
   * What the medium's own boot menus start first; for media that no catalogue knows.
   *
   * @return empty if they start nothing that is on the medium
   */
  public static Optional<Installer> installer(IsoImage iso) throws IOException {
    return BootMenus.installer(iso);
  }

  /** The index of the vendor's medium. */
  public IsoImage iso() {
    return iso;
  }

  /**
   * True if a repository of RPM packages is on it, which a boot or netinst medium lacks, and this
   * one is among them.
   */
  public boolean holdsPackage(String name) {
    String begin = "/" + name + "-";
    boolean repository = false;
    boolean found = false;
    for (String path : iso.files().keySet()) {
      int at = path.lastIndexOf('/');
      repository |= path.endsWith("/repodata/repomd.xml");
      found |=
          path.startsWith(begin, at)
              && path.endsWith(".rpm")
              && Character.isDigit(path.charAt(at + begin.length()));
    }
    return repository && found;
  }

  private Installer installer() {
    if (installer == null) {
      throw new IllegalStateException("this medium is started by its own boot loader only");
    }
    return installer;
  }

  /** The kernel, for direct boot. */
  public ByteSource kernel() {
    return iso.file(installer().kernel()).orElseThrow();
  }

  /** The initrd with an archive of these files behind it, for direct boot. */
  public ByteSource initrd(Map<String, Cpio.File> files) {
    Composed initrd = iso.file(installer().initrd()).orElseThrow();
    List<Piece> out = new ArrayList<>(initrd.pieces());
    if (!files.isEmpty()) {
      // The kernel takes an archive that is not compressed at a multiple of four only.
      out.add(Piece.of(ByteSource.zeros(-initrd.size() & 3)));
      out.add(Piece.of(Cpio.write(files)));
    }
    return new Composed(out);
  }

  /**
   * The kernel's command line, for direct boot.
   *
   * @throws MediumException if one of these cannot stand there
   */
  public String commandLine(List<String> more) throws MediumException {
    return BootMenus.commandLine(BootMenus.arguments(installer().arguments(), more));
  }

  /**
   * The machine's own medium: it boots without asking, by BIOS and UEFI, from CD and from a stick,
   * as far as the vendor's does.
   *
   * @throws MediumException if the vendor's medium cannot be changed so
   */
  public Composed own(Additions additions) throws IOException {
    Composer composer = new Composer(iso);
    additions.files().forEach(composer::put);
    if (installer == null) {
      untouchedLoader(composer, additions);
    } else {
      List<String> initrds = new ArrayList<>(List.of(installer.initrd()));
      if (!additions.initrd().isEmpty()) {
        composer.put(ANSWERS, Cpio.write(additions.initrd()));
        initrds.add(ANSWERS);
      }
      menus(composer, installer, initrds, additions.kernelArguments());
    }
    return composer.compose();
  }

  private void menus(
      Composer composer, Installer installer, List<String> initrds, List<String> more)
      throws IOException {
    List<String> arguments = BootMenus.arguments(installer.arguments(), more);
    boolean starts = false;
    for (String path : BootMenus.ISOLINUX) {
      if (iso.file(path).isPresent()) {
        composer.put(path, utf8(BootMenus.isolinux(installer.kernel(), initrds, arguments)));
        starts = true;
      }
    }
    boolean grub = false;
    for (Map.Entry<String, String> menu : BootMenus.menus(iso).entrySet()) {
      composer.put(
          menu.getKey(),
          utf8(BootMenus.grub(installer.kernel(), initrds, arguments, menu.getValue())));
      grub = true;
    }
    BootCatalog.Entry uefi = iso.bootCatalog().flatMap(c -> c.entry(Platform.UEFI)).orElse(null);
    if (uefi != null) {
      grub |= inEfiImage(composer, uefi, installer, initrds, arguments);
      if (!grub) {
        throw new MediumException(
            "medium", "starts by UEFI, and has no menu of GRUB that could be changed");
      }
    }
    if (!starts && !grub) {
      throw new MediumException(
          "medium", "has no boot menu of isolinux or GRUB that could be changed");
    }
  }

  /** A loader that goes on by itself needs no other menu; only ESXi's takes options in a file. */
  private void untouchedLoader(Composer composer, Additions additions) throws IOException {
    if (!additions.initrd().isEmpty()) {
      throw new MediumException("medium", "has no initrd that answers could be put behind");
    }
    List<String> arguments = BootMenus.arguments(List.of(), additions.kernelArguments());
    boolean taken = arguments.isEmpty();
    for (String path : arguments.isEmpty() ? List.<String>of() : BootMenus.ESXI) {
      String vendors = iso.text(path, BootMenus.LARGEST).orElse("");
      if (BootMenus.takesOptions(vendors)) {
        composer.put(path, utf8(BootMenus.esxi(vendors, arguments)));
        taken = true;
      }
    }
    if (!taken) {
      throw new MediumException("medium", "has no boot.cfg that could take kernel arguments");
    }
  }

  /** UEFI's GRUB reads its menu from the image that it was started from, if there is one. */
  private static boolean inEfiImage(
      Composer composer,
      BootCatalog.Entry entry,
      Installer installer,
      List<String> initrds,
      List<String> arguments)
      throws IOException {
    FatImage efi = FatImage.at(composer.patch(), entry.image());
    if (efi == null) {
      return false;
    }
    boolean changed = false;
    for (String path : efi.files(BootMenus::isGrubFile)) {
      String vendors = efi.text(path);
      if (vendors != null && BootMenus.isMenu(vendors)) {
        efi.replace(path, utf8(BootMenus.grub(installer.kernel(), initrds, arguments, vendors)));
        composer.changedWithin(entry.image());
        changed = true;
      }
    }
    return changed;
  }

  private static byte[] utf8(String text) {
    return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
  }
}
