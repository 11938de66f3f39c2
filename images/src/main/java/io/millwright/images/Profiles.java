package io.millwright.images;

import io.millwright.model.PackageSource;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
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
   *     packages[curl]}, {@code ntp[192.0.2.1]}, {@code keyboard}, {@code packageSource.mirror},
   *     {@code packageSource.repositories[tools]}, {@code storage.layout}, {@code
   *     storage.untouched[data]}, {@code commands.after[setup]}, {@code commands.end}
   */
  public record Merged(ProfileSpec profile, Map<String, String> origin) {
    public Merged {
      origin = Collections.unmodifiableMap(new TreeMap<>(origin));
    }
  }

  /**
   * The layers as one, that of a later level winning over that of an earlier one, and of two on one
   * level the one that is named later, whatever order they come in otherwise: single values, also
   * those of a package source and a storage, users by name, files by path, scripts, commands and
   * repositories by name as a whole, and the filesystems all together; packages, time servers and
   * disks to leave alone are added up. What a later layer replaces keeps its place in the order, so
   * that a script which is corrected still runs where it ran.
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
            byKey(layers, origin, "ntp", false, ProfileSpec::ntp, n -> n),
            last(layers, origin, "keyboard", ProfileSpec::keyboard),
            packageSource(layers, origin),
            storage(layers, origin),
            new ProfileSpec.Commands(
                byKey(
                    layers,
                    origin,
                    "commands.before",
                    true,
                    ProfileSpec::before,
                    ProfileSpec.Script::name),
                byKey(
                    layers,
                    origin,
                    "commands.after",
                    true,
                    ProfileSpec::after,
                    ProfileSpec.Script::name),
                Profiles.<ProfileSpec.End>last(layers, origin, "commands.end", ProfileSpec::end))),
        origin);
  }

  private static PackageSource packageSource(List<Layer> layers, Map<String, String> origin) {
    Within<PackageSource> in =
        new Within<>(layers, origin, "packageSource", ProfileSpec::packageSource);
    return new PackageSource(
        in.last("mirror", PackageSource::mirror),
        in.last("proxy", PackageSource::proxy),
        in.last("repository", PackageSource::repository),
        in.last("repositoryKey", PackageSource::repositoryKey),
        byKey(
            layers,
            origin,
            "packageSource.repositories",
            true,
            ProfileSpec::repositories,
            PackageSource.Repository::name));
  }

  private static StorageSpec storage(List<Layer> layers, Map<String, String> origin) {
    Within<StorageSpec> in = new Within<>(layers, origin, "storage", ProfileSpec::storage);
    List<StorageSpec.Part> filesystems =
        in.last("filesystems", s -> s.filesystems().isEmpty() ? null : s.filesystems());
    return new StorageSpec(
        in.last("table", StorageSpec::table),
        in.last("layout", StorageSpec::layout),
        filesystems == null ? List.of() : filesystems,
        in.last("mirror", StorageSpec::mirror),
        byKey(
            layers,
            origin,
            "storage.untouched",
            false,
            spec -> spec.storage() == null ? List.of() : spec.storage().untouched(),
            serial -> serial),
        in.last("encryption", StorageSpec::encryption));
  }

  /** One part of each layer, of which each field counts for itself. */
  private record Within<P>(
      List<Layer> layers,
      Map<String, String> origin,
      String name,
      Function<ProfileSpec, @Nullable P> part) {
    <T> @Nullable T last(String field, Function<P, @Nullable T> value) {
      return Profiles.<T>last(
          layers,
          origin,
          name + "." + field,
          spec -> {
            P here = part.apply(spec);
            return here == null ? null : value.apply(here);
          });
    }
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

  private static <T> @Nullable T last(
      List<Layer> layers,
      Map<String, String> origin,
      String field,
      Function<ProfileSpec, @Nullable T> value) {
    @Nullable T out = null;
    for (Layer layer : layers) {
      @Nullable T here = value.apply(layer.spec());
      if (here != null) {
        out = here;
        origin.put(field, layer.name());
      }
    }
    return out;
  }
}
