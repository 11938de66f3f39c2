package io.millwright.engine.outside;

import io.millwright.driver.HypervisorProvider;
import io.millwright.driver.ImageBuilder;
import io.millwright.driver.NetworkServicesProvider;
import io.millwright.driver.SourceDriver;
import io.millwright.model.Names;
import io.millwright.model.Violations;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.function.Function;

/** The drivers that this installation has, by name. */
public record Drivers(
    Map<String, HypervisorProvider> hypervisors,
    Map<String, NetworkServicesProvider> networkServices,
    Map<String, ImageBuilder> builders,
    Map<String, SourceDriver> sources) {

  /** All drivers on the class path. */
  public static Drivers load() {
    return new Drivers(
        byName(ServiceLoader.load(HypervisorProvider.class), p -> p.describe().name()),
        byName(ServiceLoader.load(NetworkServicesProvider.class), p -> p.describe().name()),
        byName(ServiceLoader.load(ImageBuilder.class), ImageBuilder::name),
        byName(ServiceLoader.load(SourceDriver.class), p -> p.describe().name()));
  }

  private static <T> Map<String, T> byName(Iterable<T> all, Function<T, String> name) {
    Map<String, T> out = new TreeMap<>();
    all.forEach(driver -> out.put(name.apply(driver), driver));
    return out;
  }

  /** The driver of this name; if there is none, that is reported with those that there are. */
  public static <T> Optional<T> find(Map<String, T> drivers, String name, Violations at) {
    T found = drivers.get(name);
    at.require(
        found != null,
        "there is no driver "
            + Names.quote(name)
            + Names.hint(name, drivers.keySet())
            + "; there are: "
            + String.join(", ", drivers.keySet()));
    return Optional.ofNullable(found);
  }
}
