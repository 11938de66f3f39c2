package io.millwright.driver;

import io.millwright.model.Names;
import io.millwright.model.Violations;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;

/**
 * What a driver is called and what it needs.
 *
 * @param name as in a manifest, for example {@code libvirt}
 * @param experimental true if it was never run against the real thing
 */
public record DriverDescription(String name, List<Setting> settings, boolean experimental) {
  /** Of a driver that was. */
  public DriverDescription(String name, List<Setting> settings) {
    this(name, settings, false);
  }

  /**
   * One setting.
   *
   * @param required true if there is no default
   * @param secret true if its value must never be shown
   * @param description for the manifest reference
   */
  public record Setting(String name, boolean required, boolean secret, String description) {}

  /** Reports settings that are unknown or missing. */
  public void check(Map<String, String> given, Violations at) {
    List<String> names = settings.stream().map(Setting::name).toList();
    given
        .keySet()
        .forEach(key ->
            at.field(key)
                .require(
                    names.contains(key),
                    "driver " + name + " has no such setting" + Names.hint(key, names)));
    settings.stream()
        .filter(s -> s.required() && !given.containsKey(s.name()))
        .forEach(s -> at.field(s.name()).add("is needed: " + s.description()));
  }

  /**
   * Ends with all that is wrong with settings, in one sentence.
   *
   * @param check of the driver, such as its {@code check}
   * @throws DriverException REFUSED if it finds anything
   */
  public static void requireValid(
      Map<String, String> given, BiConsumer<Map<String, String>, Violations> check)
      throws DriverException {
    Violations at = Violations.at("settings");
    check.accept(given, at);
    if (!at.list().isEmpty()) {
      throw new DriverException(
          FaultKind.REFUSED,
          at.list().stream()
              .map(v -> v.field() + ": " + v.message())
              .collect(Collectors.joining("; ", "", ".")));
    }
  }
}
