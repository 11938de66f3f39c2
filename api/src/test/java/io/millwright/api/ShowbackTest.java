package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import java.time.YearMonth;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** What projects had, and what that cost. */
@Tag("database")
class ShowbackTest {
  private final Rig rig = Rig.shared();

  private JsonNode month(String project, String month) {
    Reply reply = rig.get("projects/" + project + "/showback?month=" + month);
    assertThat(reply.status()).as(reply.raw().body()).isEqualTo(200);
    return reply.json();
  }

  @Test
  void timeCountsFromDeclaringUntilItIsGoneAtThePricesThatWereInForce() {
    rig.apply("shared", Rig.size("sb-small", 1, ""));
    String machine = Rig.machine("sb-a").replace("size: small", "size: sb-small");
    assertThat(rig.put("projects/sb1/machines/sb-a", machine).status()).isEqualTo(202);
    String present = YearMonth.now(ZoneOffset.UTC).toString();
    JsonNode now = month("sb1", present);
    assertThat(now.path("items").size()).isEqualTo(1);
    assertThat(now.path("items").get(0).path("size").asString()).isEqualTo("sb-small");
    assertThat(now.path("items").get(0).path("machines").asInt()).isEqualTo(1);
    assertThat(now.path("items").get(0).path("cost").asString()).isEqualTo("0.0000");

    Reply priced = rig.put("prices", "{\"currency\": \"EUR\", \"sizes\": {\"sb-small\": \"0.5\"}}");
    assertThat(priced.status()).as(priced.raw().body()).isEqualTo(200);
    Reply other = rig.put("prices", "{\"currency\": \"CHF\", \"sizes\": {\"sb-small\": \"0.5\"}}");
    assertThat(other.status()).isEqualTo(409);
    assertThat(other.json().path("detail").asString()).contains("give prices in EUR");
    assertThat(month("sb1", present).path("currency").asString()).isEqualTo("EUR");
    // As if the machine had been there for the last two days of January and the first of February
    // 2026, and the price had doubled with the month.
    rig.sql(
        """
        UPDATE machine_time SET since = '2026-01-30T00:00Z', until = '2026-02-02T00:00Z'
        WHERE project = 'sb1'
        """);
    rig.sql("UPDATE price SET since = '2025-01-01T00:00Z' WHERE size = 'sb-small'");
    rig.sql(
        "INSERT INTO price (size, since, per_hour) VALUES ('sb-small', '2026-02-01T00:00Z', 1)");
    JsonNode january = month("sb1", "2026-01").path("items").get(0);
    assertThat(january.path("hours").asString()).isEqualTo("48.00");
    assertThat(january.path("cost").asString()).isEqualTo("24.0000");
    JsonNode february = month("sb1", "2026-02");
    assertThat(february.path("items").get(0).path("hours").asString()).isEqualTo("24.00");
    assertThat(february.path("total").asString()).isEqualTo("24.0000");
    assertThat(month("sb1", "2026-03").path("items").isEmpty()).isTrue();
    assertThat(month("sb2", "2026-01").path("items").isEmpty()).isTrue();

    Reply csv = rig.get("projects/-/showback?month=2026-01", "Accept", "text/csv");
    assertThat(csv.header("Content-Type")).isEqualTo("text/csv;charset=UTF-8");
    assertThat(csv.raw().body())
        .isEqualTo(
            "month,project,size,machines,hours,cost,currency\r\n"
                + "2026-01,sb1,sb-small,1,48.00,24.0000,EUR\r\n");
  }

  @Test
  void aProjectsOwnSizeHasNoPriceThoughTheHousesOfItsNameHasOne() {
    rig.apply("shared", Rig.size("sb-cheap", 1, ""));
    String machine = Rig.machine("sb-c").replace("size: small", "size: sb-cheap");
    assertThat(rig.put("projects/sb4/machines/sb-c", machine).status()).isEqualTo(202);
    rig.apply("sb5", Rig.size("sb-cheap", 64, ""));
    String large = Rig.machine("sb-d").replace("size: small", "size: sb-cheap");
    assertThat(rig.put("projects/sb5/machines/sb-d", large).status()).isEqualTo(202);
    rig.sql(
        "INSERT INTO price (size, since, per_hour) VALUES ('sb-cheap', '2025-01-01T00:00Z', 2)");
    rig.sql(
        """
        UPDATE machine_time SET since = '2026-04-01T00:00Z', until = '2026-04-01T10:00Z'
        WHERE project IN ('sb4', 'sb5')
        """);
    JsonNode told = month("-", "2026-04");
    JsonNode ofTheHouse = told.path("items").get(0);
    assertThat(ofTheHouse.path("cost").asString()).isEqualTo("20.0000");
    JsonNode own = told.path("items").get(1);
    assertThat(own.path("project").asString()).isEqualTo("sb5");
    assertThat(own.path("hours").asString()).isEqualTo("10.00");
    assertThat(own.has("cost")).isFalse();
    assertThat(told.path("total").asString()).isEqualTo("20.0000");
    assertThat(rig.get("projects/-/showback?month=2026-04", "Accept", "text/csv").raw().body())
        .contains("2026-04,sb5,sb-cheap,1,10.00,without price,EUR\r\n");
  }

  @Test
  void anotherSizeIsAnotherLineAndWhatIsGoneCountsNoMore() {
    rig.apply("sb3", Rig.size("sb-one", 1, "") + "---\n" + Rig.size("sb-two", 2, ""));
    String one = Rig.machine("sb-b").replace("size: small", "size: sb-one");
    assertThat(rig.put("projects/sb3/machines/sb-b", one).status()).isEqualTo(202);
    assertThat(rig.put("projects/sb3/machines/sb-b", one.replace("sb-one", "sb-two")).status())
        .isEqualTo(202);
    String present = YearMonth.now(ZoneOffset.UTC).toString();
    assertThat(month("sb3", present).path("items").toString()).contains("sb-one", "sb-two");
    rig.sql("DELETE FROM resource WHERE project = 'sb3' AND kind = 'MACHINE'");
    rig.sql(
        """
        DO $$ BEGIN ASSERT (SELECT count(*) = 2 AND bool_and(until IS NOT NULL)
                            FROM machine_time WHERE project = 'sb3'); END $$
        """);
  }

  @Test
  void whatMakesNoSenseIsExplained() {
    assertThat(rig.get("projects/sb1/showback?month=2026-13").raw().body())
        .contains("month: \\\"2026-13\\\" is no month");
    assertThat(bad("{\"currency\": \"euro\", \"sizes\": {}}")).contains("currency: must be three");
    assertThat(bad("{\"currency\": \"EUR\"}")).contains("sizes: must map names");
    assertThat(bad("{\"currency\": \"EUR\", \"sizes\": {\"a\": \"-1\"}}"))
        .contains("sizes.a: must");
    assertThat(bad("{\"currency\": \"EUR\", \"sizes\": {\"A b\": \"1\"}}")).contains("is no name");
    assertThat(bad("{\"curency\": \"EUR\"}")).contains("curency: is no field");
    assertThat(bad("[]")).contains("currency");
    assertThat(bad("{")).contains("must be JSON");
  }

  private String bad(String body) {
    Reply reply = rig.put("prices", body);
    assertThat(reply.status()).as(reply.raw().body()).isEqualTo(400);
    return reply.json().path("detail").asString();
  }
}
