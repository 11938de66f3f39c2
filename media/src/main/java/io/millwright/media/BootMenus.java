package io.millwright.media;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

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

  /** Where most vendors have GRUB's menu; the others have it in a directory of their own. */
  private static final List<String> GRUB =
      List.of(
          "/boot/grub/grub.cfg",
          "/boot/grub2/grub.cfg",
          "/EFI/BOOT/grub.cfg",
          "/EFI/boot/grub.cfg",
          "/boot/grub/loopback.cfg");

  private static final String GRUB_FILE = "/grub.cfg";

  /** No vendor has half as many. */
  private static final int MOST_MENUS = 64;

  /** ESXi's boot loader reads one of them by BIOS, the other by UEFI. */
  static final List<String> ESXI = List.of("/BOOT.CFG", "/EFI/BOOT/BOOT.CFG");

  static final int LARGEST = 1 << 20;

  // Each is done with a line after one look at it, whatever stands there.
  private static final Pattern LINUX =
      Pattern.compile(
          "^[ \\t]*+(?:linux|linuxefi|linux16)[ \\t]++(\\S++)(.*+)$", Pattern.MULTILINE);
  private static final Pattern INITRD =
      Pattern.compile("^[ \\t]*+(?:initrd|initrdefi|initrd16)[ \\t]++(\\S++)", Pattern.MULTILINE);
  private static final Pattern ENTRY = Pattern.compile("^[ \\t]*+menuentry\\b", Pattern.MULTILINE);
  private static final Pattern EFI_COMMAND =
      Pattern.compile("^[ \\t]*+linuxefi\\b", Pattern.MULTILINE);
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
    for (String text : menus(iso).values()) {
      Matcher linux = LINUX.matcher(text);
      Matcher initrd = INITRD.matcher(text);
      boolean follows = initrd.find();
      while (follows && linux.find()) {
        while (follows && initrd.start() < linux.end()) {
          follows = initrd.find();
        }
        if (!follows) {
          break;
        }
        String kernel = onMedium(linux.group(1));
        String with = onMedium(initrd.group(1));
        if (iso.file(kernel).isPresent() && iso.file(with).isPresent()) {
          List<String> arguments = new ArrayList<>();
          for (String word : linux.group(2).replaceAll("[\"']", "").strip().split("\\s+")) {
            // "---" parts what the installed system keeps; a variable is the menu's own.
            if (!word.isEmpty() && !word.equals("---") && !word.contains("$")) {
              arguments.add(word);
            }
          }
          return Optional.of(new Installer(kernel, with, arguments));
        }
      }
    }
    return Optional.empty();
  }

  /**
   * GRUB's menus on a medium by their paths, the likeliest first: the files that start something.
   *
   * @throws IOException if the medium cannot be read
   */
  static Map<String, String> menus(IsoImage iso) throws IOException {
    List<String> paths = new ArrayList<>(GRUB);
    iso.files().keySet().stream()
        .filter(path -> isGrubFile(path) && !GRUB.contains(path))
        .limit(MOST_MENUS)
        .forEach(paths::add);
    Map<String, String> out = new LinkedHashMap<>();
    for (String path : paths) {
      String text = iso.text(path, LARGEST).orElse("");
      if (isMenu(text)) {
        out.put(path, text);
      }
    }
    return out;
  }

  /** True if a file has the name under which GRUB looks for its menu. */
  static boolean isGrubFile(String path) {
    return path.toLowerCase(Locale.ROOT).endsWith(GRUB_FILE);
  }

  private static String onMedium(String path) {
    return path.replaceFirst("^\\(.*?\\)", "");
  }

  /**
   * The words that the kernel gets; blanks may be in one. The medium's own check against an
   * implanted checksum is never asked for: the checksum is no longer there.
   *
   * @throws MediumException if a boot loader cannot pass one of them on
   */
  static List<String> arguments(List<String> vendors, List<String> more) throws MediumException {
    List<String> out = new ArrayList<>();
    for (String word : vendors) {
      if (!word.startsWith("rd.live.check") && !word.equals("quiet")) {
        out.add(word);
      }
    }
    out.addAll(more);
    for (String word : out) {
      if (!word.matches("[ -~]+") || word.contains("\"") || word.contains("'")) {
        throw new MediumException(
            word, "cannot be a kernel argument: it is empty, or has quotes or other letters");
      }
    }
    return out;
  }

  /**
   * The kernel's command line. A word with blanks stands in quotes, as GRUB puts it there, too; who
   * reads it takes them off.
   */
  static String commandLine(List<String> arguments) {
    return arguments.stream()
        .map(word -> word.contains(" ") ? '"' + word + '"' : word)
        .collect(Collectors.joining(" "));
  }

  /**
   * For isolinux and syslinux, which have no quoting: the kernel gets all that stands there.
   *
   * @param initrds that are unpacked one after the other; a boot loader puts each at a multiple of
   *     four
   */
  static String isolinux(String kernel, List<String> initrds, List<String> arguments)
      throws MediumException {
    return """
    default millwright
    prompt 0
    timeout 1
    label millwright
      kernel %s
      append initrd=%s %s
    """
        .formatted(file(kernel), files(initrds, ","), commandLine(arguments));
  }

  /**
   * For GRUB.
   *
   * @param initrds as of {@link #isolinux}
   * @param vendors the file that it takes the place of: older GRUBs have a command of their own for
   *     UEFI
   */
  static String grub(String kernel, List<String> initrds, List<String> arguments, String vendors)
      throws MediumException {
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

  /**
   * ESXi's boot.cfg with more options for its kernel, which begin its scripted installation.
   *
   * @throws MediumException if one has blanks, which it cannot tell
   */
  static String esxi(String bootCfg, List<String> arguments) throws MediumException {
    for (String word : arguments) {
      if (word.contains(" ")) {
        throw new MediumException(word, "cannot be an option in boot.cfg: it has blanks");
      }
    }
    return OPTIONS
        .matcher(bootCfg)
        .replaceAll(line ->
            Matcher.quoteReplacement(
                line.group().stripTrailing() + " " + String.join(" ", arguments)));
  }

  private static String files(List<String> paths, String between) throws MediumException {
    List<String> out = new ArrayList<>();
    for (String path : paths) {
      out.add(file(path));
    }
    return String.join(between, out);
  }

  /**
   * A path as a boot loader can be told.
   *
   * @throws MediumException if it has letters that mean something to one
   */
  static String file(String path) throws MediumException {
    String names = String.join("/", IsoImage.names(path));
    if (!NAME_OF_A_FILE.matcher(names).matches()) {
      throw new MediumException(path, "is no path that a boot loader can be told");
    }
    return "/" + names;
  }
}
