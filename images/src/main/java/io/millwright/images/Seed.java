package io.millwright.images;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What cloud-init's NoCloud data source reads.
 *
 * @param metaData who the machine is
 * @param userData what shall be on it
 * @param networkConfig its network, in netplan's form
 */
public record Seed(String metaData, String userData, String networkConfig) {
  /** The label under which cloud-init looks for the medium. */
  public static final String LABEL = "cidata";

  /** The files of the medium, by name. */
  public Map<String, byte[]> files() {
    Map<String, byte[]> out = new LinkedHashMap<>();
    out.put("meta-data", metaData.getBytes(StandardCharsets.UTF_8));
    out.put("network-config", networkConfig.getBytes(StandardCharsets.UTF_8));
    out.put("user-data", userData.getBytes(StandardCharsets.UTF_8));
    return out;
  }

  /** The medium itself. */
  public byte[] iso() {
    return SeedIso.write(LABEL, files());
  }
}
