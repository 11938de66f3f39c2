package io.millwright.model;

import java.util.Map;
import java.util.TreeMap;

/**
 * A place where virtual machines run.
 *
 * @param driver name of the driver that speaks to it, for example {@code libvirt}
 * @param settings what the driver needs to reach it; which keys there are, and which are secret,
 *     the driver says
 * @param concurrency how many calls it gets at once, 1 to 64; 4 if not given
 * @param deadlineSeconds after how many seconds a call counts as lost, 1 to 3600; 60 if not given
 * @param cordoned true to place no new machine there
 */
public record HypervisorSpec(
    String driver,
    @Default @Secret Map<String, String> settings,
    @Default("4") Integer concurrency,
    @Default("60") Integer deadlineSeconds,
    @Default("false") Boolean cordoned)
    implements Spec {
  public HypervisorSpec {
    settings =
        settings == null
            ? Map.of()
            : java.util.Collections.unmodifiableMap(new TreeMap<>(settings));
    concurrency = concurrency == null ? Integer.valueOf(4) : concurrency;
    deadlineSeconds = deadlineSeconds == null ? Integer.valueOf(60) : deadlineSeconds;
    cordoned = cordoned != null && cordoned;
  }

  @Override
  public void check(Violations at) {
    Names.checkLabel(driver, at.field("driver"));
    at.field("concurrency").require(concurrency >= 1 && concurrency <= 64, "must be 1 to 64");
    at.field("deadlineSeconds")
        .require(deadlineSeconds >= 1 && deadlineSeconds <= 3600, "must be 1 to 3600");
  }

  public HypervisorSpec withSettings(Map<String, String> next) {
    return new HypervisorSpec(driver, next, concurrency, deadlineSeconds, cordoned);
  }
}
