package io.millwright.images;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * A small medium beside the vendor's, on which an installer looks for its answers by itself.
 *
 * @param label by which it finds the medium
 * @param files content by name, all in the root
 */
public record AnswerMedium(String label, Map<String, AnswerFile> files) {
  public AnswerMedium {
    files = Collections.unmodifiableMap(new TreeMap<>(files));
  }

  /** The medium itself, as an ISO 9660 image. */
  public byte[] iso() {
    Map<String, byte[]> out = new TreeMap<>();
    files.forEach((name, file) -> out.put(name, file.bytes()));
    return SeedIso.write(label, out);
  }
}
