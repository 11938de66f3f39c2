package io.millwright.engine;

import io.millwright.model.HypervisorSpec;
import io.millwright.model.NetworkSpec;
import io.millwright.model.Spec;
import java.util.Map;
import java.util.TreeMap;

/** Takes secrets out of what is shown: what was sealed becomes {@link SecretBox#MASK}. */
public final class Masking {
  private Masking() {}

  /** The spec as it may be shown to anybody. */
  public static Spec mask(Spec spec) {
    return switch (spec) {
      case HypervisorSpec h -> h.withSettings(mask(h.settings()));
      case NetworkSpec n -> {
        NetworkSpec.Services services = n.services();
        yield services == null
            ? n
            : n.withServices(
                new NetworkSpec.Services(services.driver(), mask(services.settings())));
      }
      default -> spec;
    };
  }

  private static Map<String, String> mask(Map<String, String> settings) {
    Map<String, String> out = new TreeMap<>(settings);
    out.replaceAll((k, v) -> SecretBox.isSealed(v) ? SecretBox.MASK : v);
    return out;
  }
}
