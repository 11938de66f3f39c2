package io.millwright.images;

import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * A small medium beside the vendor's, on which an installer looks for its answers by itself.
 *
 * @param label by which it finds the medium
 * @param files content by name
 */
public record AnswerMedium(String label, Map<String, String> files) {
  public AnswerMedium {
    files = Collections.unmodifiableMap(new TreeMap<>(files));
  }

  /** The medium itself. */
  public byte[] iso() {
    Map<String, byte[]> out = new TreeMap<>();
    files.forEach((name, text) -> out.put(name, text.getBytes(StandardCharsets.UTF_8)));
    return SeedIso.write(label, out);
  }
}
