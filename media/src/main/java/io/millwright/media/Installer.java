package io.millwright.media;

import java.util.List;

/**
 * Where a vendor's medium has its installer.
 *
 * @param kernel its path on the medium
 * @param initrd the initrd's path; a cpio archive for it is put behind it
 * @param arguments what the vendor's own boot menu gives the kernel, without what asks questions
 */
public record Installer(String kernel, String initrd, List<String> arguments) {
  public Installer {
    arguments = List.copyOf(arguments);
  }
}
