package io.millwright.engine.machine;

import io.millwright.engine.access.SecretBox;
import io.millwright.model.MachineSpec;
import io.millwright.model.Power;
import io.millwright.model.Sha256;
import io.millwright.model.manifest.Json;
import java.util.HexFormat;
import java.util.List;

/**
 * Fingerprint of everything in a machine's spec that only a first boot can change: when it changes,
 * the machine is rebuilt on a new system disk.
 *
 * <p>Size, power, volumes, expiry, drift and the first boot's patience are left out, because they
 * can be changed on the machine that is there; so is what profiles and networks contain, because
 * changing a profile must not rebuild a thousand machines.
 */
public final class Blueprint {
  private Blueprint() {}

  /**
   * The fingerprint of a machine's spec.
   *
   * @param secrets opens those of its overrides: what is sealed anew is the same
   */
  public static String of(MachineSpec declared, String hostname, SecretBox secrets) {
    MachineSpec spec = secrets.opened(declared);
    MachineSpec kept =
        new MachineSpec(
            null,
            spec.image(),
            "",
            spec.profiles(),
            spec.firmware(),
            Power.ON,
            hostname,
            spec.namedNics(),
            spec.bonds(),
            spec.vlans(),
            spec.bridges(),
            spec.overrides(),
            List.of(),
            0,
            null,
            null,
            null);
    return HexFormat.of().formatHex(Sha256.of(Json.write(kept)), 0, 16);
  }
}
