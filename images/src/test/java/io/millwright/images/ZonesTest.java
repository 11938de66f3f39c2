package io.millwright.images;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.ProfileSpec;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ZonesTest {
  private static final Properties LINKS = Zones.read("zone-links.properties");

  private static final Properties LATE = Zones.read("late-zone-links.properties");

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

  @ParameterizedTest
  @CsvSource({
    "debian, 11, Europe/Kiev, Europe/Kiev",
    "debian, 12.5, Europe/Uzhgorod, Europe/Uzhgorod",
    "debian, 13, Europe/Kiev, Europe/Kyiv",
    "debian, 13.1, Europe/Zaporozhye, Europe/Kyiv",
    "debian, sid, Europe/Uzhgorod, Europe/Kyiv",
    "ubuntu, 22.04, Pacific/Enderbury, Pacific/Enderbury",
    "ubuntu, 24.04.3, Pacific/Enderbury, Pacific/Kanton",
    "ubuntu, 26.04, America/Godthab, America/Nuuk",
    "rocky, 8, America/Godthab, America/Godthab",
    "proxmox-ve, 8.4, Europe/Kiev, Europe/Kyiv",
    "debian, 11, US/Eastern, America/New_York",
    "debian, 11, Europe/Kyiv, Europe/Kyiv"
  })
  void namesThatCameLatelyAreToldWhereTheOlderOnesAreMissing(
      String os, String version, String asked, String told) {
    assertThat(Samples.with(in(asked)).forSystem(os, version).profile()).isEqualTo(in(told));
  }

  @Test
  void installersAreToldTheNameThatTheirSystemHas() {
    assertThat(preseed("12")).contains("d-i time/zone string Europe/Kiev\n");
    assertThat(preseed("13")).contains("d-i time/zone string Europe/Kyiv\n");
  }

  /** As docs/media.md has a user add one. */
  @Test
  void whatIsMadeOfDebianHasItsNames() {
    Catalogue mine =
        Catalogue.known()
            .with(
                Map.of(
                    "devuan.yaml",
                    """
                    family: devuan
                    title: Devuan
                    installer: preseed
                    media: [{volume: '^Devuan'}]
                    releases: []
                    """
                        .getBytes(UTF_8)));
    assertThat(preseed(Objects.requireNonNull(mine.families().get("devuan")), "6"))
        .contains("d-i time/zone string Europe/Kyiv\n");
  }

  private static String preseed(String version) {
    return preseed(Objects.requireNonNull(Catalogue.known().families().get("debian")), version);
  }

  private static String preseed(Catalogue.Family family, String version) {
    Answers answers =
        Renderers.of(family, version)
            .render(Samples.with(in("Europe/Kiev")).withInstallation(Samples.ON_DISK));
    Answers.Way way = answers.ways().getFirst();
    return Objects.requireNonNull(way.initrd().get("/preseed.cfg")).asText();
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
        String today = Zones.of(zone, "debian", "13", null);
        assertThat(Zones.of(today, "debian", "13", null)).as(zone).isEqualTo(today);
        assertThat(ZoneId.getAvailableZoneIds()).as(zone).contains(today);
        assertThat(today.equals("UTC") || regions.contains(today.replaceAll("/.*", "")))
            .as(zone)
            .isTrue();
      }
    }
    assertThat(LINKS.values()).doesNotContainAnyElementsOf(LINKS.keySet());
    assertThat(LATE.keySet()).doesNotContainAnyElementsOf(LINKS.keySet());
    assertThat(LATE.values()).doesNotContainAnyElementsOf(LINKS.keySet());
  }

  /** Nothing that Windows' table has is lost by its other name. */
  @Test
  void windowsKnowsThemToo() {
    Properties windows = Zones.read("windows-zones.properties");
    LINKS.forEach(
        (old, today) -> assertThat(windows.getProperty((String) today)).as("%s", old).isNotNull());
    LATE.forEach((old, today) -> {
      String told = Zones.of((String) old, "windows-server", "2022", null);
      assertThat(told).isEqualTo(today);
      assertThat(windows.getProperty(told)).as("%s", old).isNotNull();
    });
  }
}
