package io.millwright.media;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a machine's own medium has besides the vendor's.
 *
 * @param files on the medium itself, by absolute path
 * @param initrd for a cpio archive behind the installer's initrd, by absolute path
 * @param kernelArguments for the installer's kernel, each as the kernel shall see it
 */
public record Additions(
    Map<String, byte[]> files, Map<String, Cpio.File> initrd, List<String> kernelArguments) {
  public Additions {
    files = Collections.unmodifiableMap(new TreeMap<>(files));
    initrd = Collections.unmodifiableMap(new TreeMap<>(initrd));
    kernelArguments = List.copyOf(kernelArguments);
  }
}
