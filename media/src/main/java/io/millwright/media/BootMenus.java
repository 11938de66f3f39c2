package io.millwright.media;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The boot loaders' files on a medium: reading from the vendor's how the installer is started, and
 * writing ones that start it without asking. For isolinux and syslinux (their wiki, "Config") and
 * GRUB 2 (its manual, chapters 5 and 6).
 *
 * <p>Ours has one entry and is written anew: the vendor's menus say the same in a dozen ways.
 */
final class BootMenus {
  static final List<String> ISOLINUX =
      List.of(
          "/isolinux/isolinux.cfg",
          "/boot/isolinux/isolinux.cfg",
          "/isolinux.cfg",
          "/boot/x86_64/loader/isolinux.cfg",
          "/syslinux/syslinux.cfg",
          "/boot/syslinux/syslinux.cfg",
          "/syslinux.cfg");
  static final List<String> GRUB =
      List.of(
          "/boot/grub/grub.cfg",
          "/boot/grub2/grub.cfg",
          "/EFI/BOOT/grub.cfg",
          "/EFI/boot/grub.cfg",
          "/boot/grub/loopback.cfg");

  /** Where the EFI image may have a menu of its own. */
  static final List<String> IN_EFI_IMAGE =
      List.of("/EFI/BOOT/grub.cfg", "/boot/grub/grub.cfg", "/grub/grub.cfg", "/grub.cfg");

  /** ESXi's boot loader reads one of them by BIOS, the other by UEFI. */
  static final List<String> ESXI = List.of("/BOOT.CFG", "/EFI/BOOT/BOOT.CFG");

  static final int LARGEST = 1 << 20;

  private static final Pattern LINUX =
      Pattern.compile("^\\s*(linux|linuxefi|linux16)\\s+(\\S+)\\s*(.*)$", Pattern.MULTILINE);
  private static final Pattern INITRD =
      Pattern.compile("^\\s*(initrd|initrdefi|initrd16)\\s+(\\S+)", Pattern.MULTILINE);
  private static final Pattern ENTRY = Pattern.compile("^\\s*menuentry\\b", Pattern.MULTILINE);
  private static final Pattern EFI_COMMAND = Pattern.compile("^\\s*linuxefi\\b", Pattern.MULTILINE);
  private static final Pattern NAME_OF_A_FILE = Pattern.compile("[A-Za-z0-9][-A-Za-z0-9_./+~]*");

  private static final Pattern OPTIONS = Pattern.compile("^kernelopt=.*$", Pattern.MULTILINE);

  private BootMenus() {}

  /** Whether a GRUB file starts something itself; one that only leads to another is left alone. */
  static boolean isMenu(String grub) {
    return ENTRY.matcher(grub).find() || LINUX.matcher(grub).find();
  }

  /**
   * What the vendor's own GRUB menus start first.
   *
   * @throws IOException if the medium cannot be read
   */
  static Optional<Installer> installer(IsoImage iso) throws IOException {
    for (String path : GRUB) {
      String text = iso.text(path, LARGEST).orElse("");
      Matcher linux = LINUX.matcher(text);
      while (linux.find()) {
        Matcher initrd = INITRD.matcher(text);
        String kernel = onMedium(linux.group(2));
        if (initrd.find(linux.end())
            && iso.file(kernel).isPresent()
            && iso.file(onMedium(initrd.group(2))).isPresent()) {
          List<String> arguments = new ArrayList<>();
          for (String word : linux.group(3).replaceAll("[\"']", "").strip().split("\\s+")) {
            // "---" parts what the installed system keeps; a variable is the menu's own.
            if (!word.isEmpty() && !word.equals("---") && !word.contains("$")) {
              arguments.add(word);
            }
          }
          return Optional.of(new Installer(kernel, onMedium(initrd.group(2)), arguments));
        }
      }
    }
    return Optional.empty();
  }

  private static String onMedium(String path) {
    return path.replaceFirst("^\\(.*?\\)", "");
  }

  /**
   * The words that the kernel gets. The medium's own check against an implanted checksum is never
   * asked for: the checksum is no longer there.
   */
  static List<String> arguments(List<String> vendors, List<String> more) {
    List<String> out = new ArrayList<>();
    for (String word : vendors) {
      if (!word.startsWith("rd.live.check") && !word.equals("quiet")) {
        out.add(word);
      }
    }
    out.addAll(more);
    for (String word : out) {
      if (!word.matches("[!-~]+") || word.contains("\"") || word.contains("'")) {
        throw new IllegalArgumentException(
            MediumException.printable(word)
                + " cannot be a kernel argument: it has blanks or quotes");
      }
    }
    return out;
  }

  /**
   * For isolinux and syslinux, which have no quoting: a word is what stands between blanks.
   *
   * @param initrds that are unpacked one after the other; a boot loader puts each at a multiple of
   *     four
   */
  static String isolinux(String kernel, List<String> initrds, List<String> arguments) {
    return """
    default millwright
    prompt 0
    timeout 1
    label millwright
      kernel %s
      append initrd=%s %s
    """
        .formatted(file(kernel), files(initrds, ","), String.join(" ", arguments));
  }

  /**
   * For GRUB.
   *
   * @param initrds as of {@link #isolinux}
   * @param vendors the file that it takes the place of: older GRUBs have a command of their own for
   *     UEFI
   */
  static String grub(String kernel, List<String> initrds, List<String> arguments, String vendors) {
    String suffix = EFI_COMMAND.matcher(vendors).find() ? "efi" : "";
    StringBuilder words = new StringBuilder();
    for (String word : arguments) {
      words.append(" '").append(word).append('\'');
    }
    return """
    set timeout=0
    set default=0
    search --no-floppy --set=root --file %1$s
    menuentry 'millwright' {
      linux%3$s %1$s%4$s
      initrd%3$s %2$s
    }
    """
        .formatted(file(kernel), files(initrds, " "), suffix, words);
  }

  static boolean takesOptions(String bootCfg) {
    return OPTIONS.matcher(bootCfg).find();
  }

  /** ESXi's boot.cfg with more options for its kernel, which begin its scripted installation. */
  static String esxi(String bootCfg, List<String> arguments) {
    return OPTIONS
        .matcher(bootCfg)
        .replaceAll(line ->
            Matcher.quoteReplacement(
                line.group().stripTrailing() + " " + String.join(" ", arguments)));
  }

  private static String files(List<String> paths, String between) {
    return String.join(between, paths.stream().map(BootMenus::file).toList());
  }

  private static String file(String path) {
    String names = String.join("/", IsoImage.names(path));
    if (!NAME_OF_A_FILE.matcher(names).matches()) {
      throw new IllegalArgumentException(
          MediumException.printable(path) + " is no path that a boot loader can be told");
    }
    return "/" + names;
  }
}
