package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import io.millwright.engine.access.Scope;
import io.millwright.model.ByteSize;
import io.millwright.model.Condition;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.Resource;
import io.millwright.model.Usage;
import io.millwright.model.Usage.Flow;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** What machines use, for people and for monitoring. */
@Tag("database")
class MetricsTest {
  private final Rig rig = Rig.shared();

  /** As if its hypervisor had told of it twice; a tenth of a core, ten bytes a second read. */
  private UUID measured(String project, String name) {
    assertThat(rig.put("projects/" + project + "/machines/" + name, Rig.machine(name)).status())
        .isEqualTo(202);
    UUID uid =
        UUID.fromString(
            rig.get("projects/" + project + "/machines/" + name)
                .json()
                .path("metadata")
                .path("uid")
                .asString());
    UUID host = UUID.randomUUID();
    Instant now = Instant.now();
    rig.store.write(tx -> {
      tx.measurements().add(host, now.minusSeconds(30), List.of(usage(uid, 0, 64, 0, 7)));
      tx.measurements().add(host, now, List.of(usage(uid, 3_000_000_000L, 65, 300, 8)));
    });
    return uid;
  }

  private static Usage usage(UUID uid, long cpu, long mib, long read, long sent) {
    return new Usage(
        uid,
        new Flow.Counted(cpu),
        ByteSize.ofMib(mib),
        new Flow.Counted(read),
        null,
        null,
        new Flow.Measured(sent));
  }

  private HttpResponse<String> scrape(String token) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(rig.api.url() + "/metrics"));
    if (!token.isEmpty()) {
      request.header("Authorization", "Bearer " + token);
    }
    return rig.http.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void aMachineTellsItsLatestLoadAndItsHistory() {
    measured("me1", "me-a");
    JsonNode told = rig.get("projects/me1/machines/me-a/metrics").json();
    JsonNode latest = told.path("now").path("latest");
    assertThat(latest.path("cores").asDouble()).isBetween(0.09, 0.11);
    assertThat(latest.path("memoryBytes").asLong()).isEqualTo(65 << 20);
    assertThat(latest.path("diskReadBytes").asDouble()).isBetween(9.0, 11.0);
    assertThat(latest.path("sentBytes").asLong()).isEqualTo(8);
    assertThat(latest.has("receivedBytes")).isFalse();
    assertThat(told.path("history").size()).isEqualTo(2);
    assertThat(told.path("history").get(0).has("cores")).isFalse();
    assertThat(told.path("now").path("cores").asInt()).isPositive();

    Reply missing = rig.get("projects/me1/machines/nobody/metrics");
    assertThat(missing.status()).isEqualTo(404);
    assertThat(missing.json().path("detail").asString()).contains("there is no Machine nobody");
  }

  @Test
  void aProjectTellsOfItsOwnMachinesAndOneThatNothingIsKnownOf() {
    measured("me2", "me-b");
    assertThat(rig.put("projects/me2/machines/me-new", Rig.machine("me-new")).status())
        .isEqualTo(202);
    JsonNode items = rig.get("projects/me2/metrics").json().path("items");
    assertThat(items.size()).isEqualTo(2);
    assertThat(items.get(0).path("machine").asString()).isEqualTo("me-b");
    assertThat(items.get(1).has("latest")).isFalse();
    assertThat(rig.get("projects/-/metrics").json().path("items").size()).isGreaterThanOrEqualTo(2);
  }

  @Test
  void prometheusIsToldOfWhatItsTokenMaySee() throws Exception {
    measured("me3", "me-c");
    measured("me4", "me-d");
    HttpResponse<String> all = scrape(rig.token);
    assertThat(all.statusCode()).as(all.body()).isEqualTo(200);
    assertThat(all.headers().firstValue("Content-Type"))
        .hasValueSatisfying(type -> assertThat(type).startsWith("text/plain"));
    assertThat(all.body())
        .contains("# TYPE millwright_machine_cpu_cores gauge")
        .containsPattern(
            "millwright_machine_memory_bytes\\{hypervisor=\"sim\",machine=\"me-c\",project=\"me3\"}"
                + " 6\\.815744E7")
        .contains("millwright_resources{kind=\"machine\"}")
        .contains("millwright_hypervisor_up{hypervisor=\"sim\",project=\"shared\"}")
        .contains("millwright_journal_behind_seconds")
        .contains("millwright_server_uptime_seconds");

    String narrow =
        rig.engine
            .tokens()
            .create("me-narrow", null, null, new Scope(null, Set.of("me3"), Set.of()))
            .secret();
    assertThat(scrape(narrow).body())
        .contains("machine=\"me-c\"")
        .doesNotContain("me-d", "millwright_server", "millwright_hypervisor_up");
    assertThat(scrape("").statusCode()).isEqualTo(401);
    assertThat(scrape("mwt_wrong").statusCode()).isEqualTo(401);
  }

  /** What was up as it was declared before is not down for being declared anew. */
  @Test
  void aHypervisorIsUpUntilALookTellsOtherwise() {
    assertThat(up(Condition.Value.TRUE, "Seen")).isOne();
    assertThat(up(Condition.Value.UNKNOWN, "Pending")).isOne();
    assertThat(up(Condition.Value.UNKNOWN, "Unreachable")).isZero();
    assertThat(up(Condition.Value.FALSE, "Pending")).as("it is new").isZero();
  }

  private double up(Condition.Value value, String reason) {
    return rig.store.dryRun(tx -> {
      Resource<HypervisorSpec, HypervisorStatus> sim =
          tx.resources()
              .find(Kind.HYPERVISOR, "shared", "sim", HypervisorSpec.class, HypervisorStatus.class)
              .orElseThrow();
      HypervisorStatus as =
          sim.status()
              .withConditions(
                  List.of(new Condition(Condition.READY, value, reason, "", Instant.EPOCH)));
      tx.resources().updateStatus(sim.uid(), as, "", "");
      MetricSnapshots told = Scrape.of(tx, List.of(), true);
      return told.stream()
          .filter(m -> m.getMetadata().getName().equals("millwright_hypervisor_up"))
          .flatMap(m -> ((GaugeSnapshot) m).getDataPoints().stream())
          .filter(point -> "sim".equals(point.getLabels().get("hypervisor")))
          .findFirst()
          .orElseThrow()
          .getValue();
    });
  }
}
