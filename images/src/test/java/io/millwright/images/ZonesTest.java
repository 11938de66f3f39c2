package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.ProfileSpec;
import java.time.ZoneId;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ZonesTest {
  private static final Properties LINKS = Zones.read("zone-links.properties");

  private static ProfileSpec in(String zone) {
    return new ProfileSpec(List.of(), List.of(), List.of(), List.of(), zone, null, List.of());
  }

  @ParameterizedTest
  @CsvSource({
    "US/Eastern, America/New_York",
    "PST8PDT, America/Los_Angeles",
    "CET, Europe/Brussels",
    "Asia/Calcutta, Asia/Kolkata",
    "Iceland, Atlantic/Reykjavik",
    "Zulu, Etc/UTC",
    "UTC, UTC",
    "Europe/Oslo, Europe/Oslo",
    "Europe/Vienna, Europe/Vienna"
  })
  void everyRendererIsToldTodaysName(String asked, String told) {
    InstallSpec spec = Samples.with(in(asked)).withInstallation(Samples.ON_DISK);
    assertThat(spec.profile()).isEqualTo(in(told));
    assertThat(Samples.of("dhcp").withProfile(in(asked)).profile()).isEqualTo(in(told));
  }

  /** Debian's package without the older names has regions with cities, Etc, and UTC. */
  @Test
  void noOlderNameIsLeft() {
    Set<String> regions =
        Set.of(
            "Africa",
            "America",
            "Antarctica",
            "Arctic",
            "Asia",
            "Atlantic",
            "Australia",
            "Etc",
            "Europe",
            "Indian",
            "Pacific");
    for (String zone : ZoneId.getAvailableZoneIds()) {
      if (!zone.startsWith("SystemV/")) {
        String today = Zones.today(zone);
        assertThat(Zones.today(today)).as(zone).isEqualTo(today);
        assertThat(ZoneId.getAvailableZoneIds()).as(zone).contains(today);
        assertThat(today.equals("UTC") || regions.contains(today.replaceAll("/.*", "")))
            .as(zone)
            .isTrue();
      }
    }
    assertThat(LINKS.values()).doesNotContainAnyElementsOf(LINKS.keySet());
  }

  /** Nothing that Windows' table has is lost by its other name. */
  @Test
  void windowsKnowsThemToo() {
    Properties windows = Zones.read("windows-zones.properties");
    LINKS.forEach(
        (old, today) -> assertThat(windows.getProperty((String) today)).as("%s", old).isNotNull());
  }
}
