package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.millwright.engine.machine.Load;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.port.Measurements.Taken;
import io.millwright.engine.port.Resources.Sized;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.PlainStatus;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.SizeSpec;
import io.prometheus.metrics.expositionformats.ExpositionFormatWriter;
import io.prometheus.metrics.expositionformats.ExpositionFormats;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;

/** What machines use of their hosts. */
@RestController
@Tag(name = "metrics", description = "What machines use of their hosts.")
final class MetricsApi {
  static final String SCRAPED = "/metrics";

  private final Backend backend;

  MetricsApi(Backend backend) {
    this.backend = backend;
  }

  /**
   * What a machine was using; left out is what is not known.
   *
   * @param at when its hypervisor was asked
   * @param cores that were busy, such as 0.25
   * @param memoryBytes that it took from its host
   * @param diskReadBytes a second, of all its disks
   * @param diskWrittenBytes a second, of all its disks
   * @param receivedBytes a second, by all its cards
   * @param sentBytes a second, by all its cards
   */
  record LoadView(
      Instant at,
      @Nullable Double cores,
      @Nullable Long memoryBytes,
      @Nullable Long diskReadBytes,
      @Nullable Long diskWrittenBytes,
      @Nullable Long receivedBytes,
      @Nullable Long sentBytes) {
    static LoadView of(Load l) {
      return new LoadView(
          l.at(),
          l.cores(),
          l.memory() == null ? null : Long.valueOf(l.memory().bytes()),
          whole(l.diskRead()),
          whole(l.diskWritten()),
          whole(l.received()),
          whole(l.sent()));
    }

    private static @Nullable Long whole(@Nullable Double rate) {
      return rate == null ? null : Long.valueOf(Math.round(rate));
    }
  }

  /**
   * What a machine has, and what it used.
   *
   * @param cores that its size gives it
   * @param memoryBytes that its size gives it
   * @param latest left out if its hypervisor told nothing of it in the last half hour
   */
  record MachineLoadView(
      String project,
      String machine,
      @Nullable String hypervisor,
      int cores,
      long memoryBytes,
      @Nullable LoadView latest) {}

  /** Machines of a project. */
  record LoadsView(List<MachineLoadView> items) {}

  /**
   * A machine's last half hour.
   *
   * @param history the oldest first, one for each look at its hypervisor
   */
  record MachineMetricsView(MachineLoadView now, List<LoadView> history) {}

  @Operation(
      operationId = "getMetrics",
      summary = "Tells what the machines of a project use",
      description =
          "As their hypervisors told it when they were looked at last, which is every 30 seconds."
              + " The project `-` stands for all.")
  @Needs(value = Verb.VIEW, of = Kind.MACHINE, where = Needs.Where.PROJECTS)
  @GetMapping("/api/v1/projects/{project}/metrics")
  LoadsView all(@PathVariable String project) {
    String one = Inputs.projectOrAll(project);
    return backend
        .store()
        .read(tx -> {
          List<Sized> machines = tx.resources().sized(one, Callers.visible());
          Map<UUID, List<Taken>> latest =
              tx.measurements().latest(machines.stream().map(Sized::uid).toList());
          return new LoadsView(
              machines.stream()
                  .map(m -> view(m, latest.getOrDefault(m.uid(), List.of())))
                  .toList());
        });
  }

  @Operation(
      operationId = "getMachineMetrics",
      summary = "Tells what a machine uses, and what it used in the last half hour",
      description =
          "One entry for each look at its hypervisor, every 30 seconds. What hypervisors count,"
              + " such as bytes, is known from the second look on.")
  @Needs(value = Verb.VIEW, of = Kind.MACHINE)
  @GetMapping("/api/v1/projects/{project}/machines/{name}/metrics")
  MachineMetricsView one(@PathVariable String project, @PathVariable String name) {
    return backend
        .store()
        .read(tx -> {
          Resource<MachineSpec, MachineStatus> machine =
              tx.resources()
                  .find(Kind.MACHINE, project, name)
                  .orElseThrow(() ->
                      ProblemException.of(
                          Problem.Type.NOT_FOUND,
                          "there is no Machine " + name + " in project " + project))
                  .as(MachineSpec.class, MachineStatus.class);
          List<Taken> taken = tx.measurements().of(machine.uid());
          return new MachineMetricsView(
              view(
                  new Sized(
                      machine.uid(),
                      machine.project(),
                      machine.name(),
                      machine.status().hypervisor(),
                      new Lookup(tx)
                          .get(
                              Kind.SIZE,
                              project,
                              machine.spec().size(),
                              SizeSpec.class,
                              PlainStatus.class)
                          .spec()),
                  taken),
              Load.of(taken).stream().map(LoadView::of).toList());
        });
  }

  @Operation(
      operationId = "scrapeMetrics",
      summary = "Tells what machines use, to Prometheus",
      description =
          "Of the machines that the token may see, as gauges; to who may see everything, also how"
              + " the server and its hypervisors are.",
      responses =
          @ApiResponse(
              responseCode = "200",
              description = "Prometheus' text format, or OpenMetrics if that is asked for",
              content = @Content(mediaType = "text/plain", schema = @Schema(type = "string"))))
  @Needs(value = Verb.VIEW, where = Needs.Where.HANDLER)
  @GetMapping(path = SCRAPED)
  ResponseEntity<byte[]> scrape(
      @Parameter(hidden = true) @RequestHeader(name = HttpHeaders.ACCEPT, required = false)
          @Nullable String accept)
      throws IOException {
    ExpositionFormatWriter writer = ExpositionFormats.init().findWriter(accept);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    List<MachineLoadView> machines = all(Inputs.ALL_PROJECTS).items();
    boolean everything = Callers.visible() == null;
    writer.write(out, backend.store().read(tx -> Scrape.of(tx, machines, everything)));
    return ResponseEntity.ok()
        .header(HttpHeaders.CONTENT_TYPE, writer.getContentType())
        .body(out.toByteArray());
  }

  private static MachineLoadView view(Sized machine, List<Taken> taken) {
    List<Load> loads = Load.of(taken);
    return new MachineLoadView(
        machine.project(),
        machine.name(),
        machine.hypervisor(),
        machine.size().cores(),
        machine.size().memory().bytes(),
        loads.isEmpty() ? null : LoadView.of(loads.getLast()));
  }
}
