package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.PackageSource;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import java.net.URI;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ProfilesTest {
  private static ProfileSpec.User user(String name, String shell) {
    return new ProfileSpec.User(name, List.of(), null, false, shell, List.of());
  }

  @Test
  void laterWinsAndSaysSo() {
    ProfileSpec first =
        new ProfileSpec(
            List.of(user("ada", "/bin/sh"), user("bob", "/bin/sh")),
            List.of("curl", "vim"),
            List.of(new ProfileSpec.File("/etc/motd", "one", "0600", "root")),
            List.of(
                new ProfileSpec.Script("prepare", "#!/bin/sh\n1"),
                new ProfileSpec.Script("finish", "#!/bin/sh\n2")),
            "UTC",
            "C.UTF-8",
            List.of("10.0.0.1"));
    ProfileSpec second =
        new ProfileSpec(
            List.of(user("ada", "/bin/bash")),
            List.of("vim", "git"),
            List.of(new ProfileSpec.File("/etc/motd", "two", "0644", "root")),
            List.of(new ProfileSpec.Script("prepare", "#!/bin/sh\n3")),
            "Europe/Vienna",
            null,
            List.of("10.0.0.2"));
    Profiles.Merged merged =
        Profiles.merge(
            List.of(
                new Profiles.Layer("default", first), new Profiles.Layer("Profile web", second)));
    ProfileSpec out = merged.profile();
    assertThat(out.users()).containsExactly(user("ada", "/bin/bash"), user("bob", "/bin/sh"));
    assertThat(out.packages()).containsExactly("curl", "vim", "git");
    assertThat(out.files()).containsExactlyElementsOf(second.files());
    assertThat(out.scripts())
        .containsExactly(second.scripts().getFirst(), first.scripts().getLast());
    assertThat(out.timezone()).isEqualTo("Europe/Vienna");
    assertThat(out.locale()).isEqualTo("C.UTF-8");
    assertThat(out.ntp()).containsExactly("10.0.0.1", "10.0.0.2");
    assertThat(merged.origin())
        .containsEntry("timezone", "Profile web")
        .containsEntry("locale", "default")
        .containsEntry("users[ada]", "Profile web")
        .containsEntry("users[bob]", "default")
        .containsEntry("packages[vim]", "default")
        .containsEntry("packages[git]", "Profile web")
        .containsEntry("files[/etc/motd]", "Profile web")
        .containsEntry("scripts[prepare]", "Profile web")
        .containsEntry("scripts[finish]", "default")
        .containsEntry("ntp[10.0.0.2]", "Profile web")
        .hasSize(12);
  }

  private static Profiles.Layer layer(
      Profiles.Level level, String name, @Nullable String timezone) {
    return new Profiles.Layer(
        level,
        name,
        new ProfileSpec(
            List.of(user("ada", "/bin/" + name)),
            List.of(),
            List.of(),
            List.of(),
            timezone,
            null,
            List.of()));
  }

  @Test
  void theLevelCountsBeforeTheOrder() {
    Profiles.Merged merged =
        Profiles.merge(
            List.of(
                layer(Profiles.Level.MACHINE, "machine", null),
                layer(Profiles.Level.PROFILE, "first", "UTC"),
                layer(Profiles.Level.GROUP, "group", "Europe/Vienna"),
                layer(Profiles.Level.DEFAULT, "default", "Etc/UTC"),
                layer(Profiles.Level.PROFILE, "second", "Asia/Tokyo")));
    assertThat(merged.profile().users()).containsExactly(user("ada", "/bin/machine"));
    assertThat(merged.profile().timezone()).isEqualTo("Europe/Vienna");
    assertThat(merged.origin())
        .containsEntry("users[ada]", "machine")
        .containsEntry("timezone", "group")
        .hasSize(2);
  }

  @Test
  void eachFieldOfASourceAndAStorageCountsForItself() {
    ProfileSpec network =
        Samples.PLAIN
            .withKeyboard("fr")
            .withPackageSource(new PackageSource(null, URI.create("http://proxy:3128"), null))
            .withStorage(
                new StorageSpec(
                    null, StorageSpec.Layout.PLAIN, List.of(), null, List.of("a"), null));
    ProfileSpec machine =
        Samples.PLAIN
            .withKeyboard("de")
            .withPackageSource(new PackageSource(URI.create("http://mirror/"), null, null))
            .withStorage(
                new StorageSpec(null, StorageSpec.Layout.LVM, List.of(), "b", List.of("c"), null))
            .withCommands(
                new ProfileSpec.Commands(
                    List.of(),
                    List.of(new ProfileSpec.Script("x", "#!/bin/sh\n")),
                    ProfileSpec.End.POWEROFF));
    Profiles.Merged merged =
        Profiles.merge(
            List.of(
                new Profiles.Layer(Profiles.Level.MACHINE, "machine", machine),
                new Profiles.Layer(Profiles.Level.NETWORK, "Network lan", network)));
    ProfileSpec out = merged.profile();
    assertThat(out.keyboard()).isEqualTo("de");
    assertThat(out.packageSource())
        .isEqualTo(
            new PackageSource(URI.create("http://mirror/"), URI.create("http://proxy:3128"), null));
    assertThat(out.storage())
        .isEqualTo(
            new StorageSpec(null, StorageSpec.Layout.LVM, List.of(), "b", List.of("a", "c"), null));
    assertThat(out.after()).isEqualTo(machine.after());
    assertThat(out.end()).isEqualTo(ProfileSpec.End.POWEROFF);
    assertThat(merged.origin())
        .containsEntry("keyboard", "machine")
        .containsEntry("packageSource.proxy", "Network lan")
        .containsEntry("packageSource.mirror", "machine")
        .containsEntry("storage.layout", "machine")
        .containsEntry("storage.untouched[a]", "Network lan")
        .containsEntry("commands.after[x]", "machine")
        .containsEntry("commands.end", "machine");
  }

  @Test
  void noLayersAreAnEmptyProfile() {
    assertThat(Profiles.merge(List.of()).profile()).isEqualTo(Samples.PLAIN);
  }

  @Provide
  Arbitrary<ProfileSpec> profile() {
    return Hostile.profile();
  }

  @Property
  void mergingIsAssociative(
      @ForAll("profile") ProfileSpec a,
      @ForAll("profile") ProfileSpec b,
      @ForAll("profile") ProfileSpec c) {
    assertThat(merge(merge(a, b), c)).isEqualTo(merge(a, merge(b, c)));
  }

  private static ProfileSpec merge(ProfileSpec one, ProfileSpec two) {
    return Profiles.merge(List.of(new Profiles.Layer("1", one), new Profiles.Layer("2", two)))
        .profile();
  }
}
