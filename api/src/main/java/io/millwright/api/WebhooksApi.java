package io.millwright.api;

import static org.springframework.http.MediaType.TEXT_EVENT_STREAM_VALUE;

import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Deliveries;
import io.millwright.engine.port.Deliveries.Delivery;
import io.millwright.model.Kind;
import io.swagger.v3.oas.annotations.Hidden;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Where projects have their events told. */
@RestController
@RequestMapping("/api/v1/projects/{project}/webhooks")
@Tag(name = "webhooks", description = "Where projects have their events told.")
final class WebhooksApi extends Collection {
  private final Backend backend;
  private final LiveStreams live;

  WebhooksApi(Backend backend, LiveStreams live) {
    super(Kind.WEBHOOK, backend, live);
    this.backend = backend;
    this.live = live;
  }

  /**
   * An event on its way to a webhook.
   *
   * @param event its id; the receiver knows by it one that came twice
   * @param type of the CloudEvent
   * @param body that is sent
   * @param attempts so far
   * @param dueAt when it is tried next; left out if never
   * @param triedAt when it was tried last
   * @param status that was answered last; left out if nothing was
   * @param detail why it was not delivered, or empty
   */
  record DeliveryView(
      UUID uid,
      String event,
      String type,
      String body,
      Instant createdAt,
      Deliveries.State state,
      int attempts,
      @Nullable Instant dueAt,
      @Nullable Instant triedAt,
      @Nullable Integer status,
      String detail) {
    static DeliveryView of(Delivery d) {
      return new DeliveryView(
          d.uid(),
          d.event(),
          d.type(),
          d.body(),
          d.createdAt(),
          d.state(),
          d.attempts(),
          d.dueAt(),
          d.triedAt(),
          d.status(),
          d.detail());
    }
  }

  /** The last ones, the newest first. */
  record DeliveriesView(List<DeliveryView> items) {}

  @Operation(
      operationId = "listDeliveries",
      summary = "Lists what a webhook was told, and has to be told",
      description = "The last 1000, the newest first. " + Watched.DESCRIPTION)
  @Needs(Verb.VIEW)
  @GetMapping("/{name}/deliveries")
  DeliveriesView deliveries(@PathVariable String project, @PathVariable String name) {
    return new DeliveriesView(
        backend.engine().webhooks().deliveries(project, name).stream()
            .map(DeliveryView::of)
            .toList());
  }

  /** Tells what there is, and then what becomes of it. */
  @Hidden // the description has it with the listing
  @Needs(Verb.VIEW)
  @GetMapping(path = "/{name}/deliveries", produces = TEXT_EVENT_STREAM_VALUE)
  void watchDeliveries(
      @PathVariable String project,
      @PathVariable String name,
      @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
      HttpServletResponse response)
      throws IOException {
    live.watch(
        response,
        () -> deliveries(project, name).items(),
        delivery -> delivery.uid().toString(),
        lastEventId);
  }

  @Operation(
      operationId = "redeliver",
      summary = "Has a webhook told an event once more",
      description = "Whatever became of it; its attempts count from the beginning.")
  @Needs(Verb.OPERATE)
  @PostMapping("/{name}/deliveries/{uid}:redeliver")
  ResponseEntity<byte[]> redeliver(
      @PathVariable String project, @PathVariable String name, @PathVariable UUID uid, Once once) {
    return once.answer(tx -> {
      backend.engine().webhooks().redeliver(tx, project, name, uid);
      return Answer.gone();
    });
  }
}
