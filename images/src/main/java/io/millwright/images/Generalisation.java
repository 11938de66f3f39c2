package io.millwright.images;

import io.millwright.images.Catalogue.Installer;
import io.millwright.model.ProfileSpec;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Makes of a machine's installation that of a golden image: the system can be told by a seed who it
 * is, and the last script of its first boot takes off what is this one machine's own. That script
 * is one like those of a profile, so how it ended is reported with theirs.
 */
public final class Generalisation {
  /** As its result is reported. */
  public static final String SCRIPT = "millwright-generalise";

  private static final List<Installer> KNOWN =
      List.of(Installer.PRESEED, Installer.AUTOINSTALL, Installer.KICKSTART);

  private Generalisation() {}

  /** True if it is known what of a system installed so is a machine's own. */
  public static boolean knows(Installer installer) {
    return KNOWN.contains(installer);
  }

  /** Those of which it is known, for people. */
  public static String known() {
    return KNOWN.stream()
        .map(i -> i.name().toLowerCase(Locale.ROOT))
        .collect(Collectors.joining(" or "));
  }

  /** The same installation, of a system that other machines will start as. */
  public static InstallSpec of(InstallSpec spec, Installer installer) {
    ProfileSpec profile = spec.profile();
    Set<String> packages = new LinkedHashSet<>(profile.packages());
    if (installer == Installer.PRESEED) {
      // The others' systems have it; and by these it can say on Debian what a network may be.
      packages.addAll(List.of("cloud-init", "netplan.io", Preseed.RESOLVER, "xfsprogs"));
    }
    return spec.withProfile(
        profile
            .withPackages(List.copyOf(packages))
            .withScripts(
                Stream.concat(
                        profile.scripts().stream(),
                        Stream.of(new ProfileSpec.Script(SCRIPT, FirstBoot.read("generalise.sh"))))
                    .toList()));
  }
}
