package io.millwright.images;

import io.millwright.model.ProfileSpec;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Lays layers of customisation over each other. */
public final class Profiles {
  private Profiles() {}

  /** Where a layer comes from; what stands later wins over what stands earlier. */
  public enum Level {
    DEFAULT,
    NETWORK,
    PROFILE,
    GROUP,
    MACHINE
  }

  /**
   * One layer.
   *
   * @param name for people, for example {@code Profile web}
   */
  public record Layer(Level level, String name, ProfileSpec spec) {
    /** A profile's. */
    public Layer(String name, ProfileSpec spec) {
      this(Level.PROFILE, name, spec);
    }
  }

  /**
   * All layers as one.
   *
   * @param origin name of the layer that set a value, by field: {@code timezone}, {@code locale},
   *     {@code users[alice]}, {@code files[/etc/motd]}, {@code scripts[setup]}, {@code
   *     packages[curl]}, {@code ntp[192.0.2.1]}
   */
  public record Merged(ProfileSpec profile, Map<String, String> origin) {
    public Merged {
      origin = Collections.unmodifiableMap(new TreeMap<>(origin));
    }
  }

  /**
   * The layers as one, that of a later level winning over that of an earlier one, and of two on one
   * level the one that is named later, whatever order they come in otherwise: single values, users
   * by name, files by path and scripts by name as a whole; packages and time servers are added up.
   * What a later layer replaces keeps its place in the order, so that a script which is corrected
   * still runs where it ran.
   */
  public static Merged merge(List<Layer> given) {
    List<Layer> layers = given.stream().sorted(Comparator.comparing(Layer::level)).toList();
    Map<String, String> origin = new TreeMap<>();
    return new Merged(
        new ProfileSpec(
            byKey(layers, origin, "users", true, ProfileSpec::users, ProfileSpec.User::name),
            byKey(layers, origin, "packages", false, ProfileSpec::packages, p -> p),
            byKey(layers, origin, "files", true, ProfileSpec::files, ProfileSpec.File::path),
            byKey(layers, origin, "scripts", true, ProfileSpec::scripts, ProfileSpec.Script::name),
            last(layers, origin, "timezone", ProfileSpec::timezone),
            last(layers, origin, "locale", ProfileSpec::locale),
            byKey(layers, origin, "ntp", false, ProfileSpec::ntp, n -> n)),
        origin);
  }

  /** Elements of all layers; of two with one key the later wins or, in a union, the first stays. */
  private static <T> List<T> byKey(
      List<Layer> layers,
      Map<String, String> origin,
      String field,
      boolean laterWins,
      Function<ProfileSpec, List<T>> list,
      Function<T, String> key) {
    Map<String, T> out = new LinkedHashMap<>();
    for (Layer layer : layers) {
      for (T element : list.apply(layer.spec())) {
        String name = key.apply(element);
        if (laterWins || !out.containsKey(name)) {
          out.put(name, element);
          origin.put(field + "[" + name + "]", layer.name());
        }
      }
    }
    return List.copyOf(out.values());
  }

  private static @Nullable String last(
      List<Layer> layers,
      Map<String, String> origin,
      String field,
      Function<ProfileSpec, @Nullable String> value) {
    String out = null;
    for (Layer layer : layers) {
      String here = value.apply(layer.spec());
      if (here != null) {
        out = here;
        origin.put(field, layer.name());
      }
    }
    return out;
  }
}
