package io.millwright.engine.watch;

import io.millwright.engine.port.Journal.Entry;
import io.millwright.model.Kind;
import io.millwright.model.WebhookSpec;
import io.millwright.model.manifest.Json;
import java.time.Instant;
import java.util.Locale;
import java.util.UUID;

/**
 * A line of the journal as a CloudEvent 1.0, in JSON.
 *
 * @param source the project, within this installation
 * @param id of the line; unique within the installation
 * @param type {@code io.millwright.machine.ready}, {@code io.millwright.operation.failed}
 * @param subject what it is about
 */
record CloudEvent(
    String specversion,
    String id,
    String source,
    String type,
    String subject,
    Instant time,
    String datacontenttype,
    Data data) {

  /** What happened, as in the list of events. */
  record Data(String kind, String project, String name, UUID uid, String reason, String message) {}

  static CloudEvent of(String installation, Entry entry) {
    Kind kind = entry.kind();
    String title = kind == null ? WebhookSpec.OPERATION : kind.title();
    return new CloudEvent(
        "1.0",
        installation + "-" + entry.cursor(),
        "/installations/" + installation + "/projects/" + entry.project(),
        "io.millwright."
            + title.toLowerCase(Locale.ROOT)
            + "."
            + entry.reason().toLowerCase(Locale.ROOT),
        kind == null ? "operations/" + entry.uid() : kind.plural() + "/" + entry.name(),
        entry.at(),
        "application/json",
        new Data(
            title, entry.project(), entry.name(), entry.uid(), entry.reason(), entry.message()));
  }

  /** True for what a webhook of these wants to know. */
  static boolean concerns(WebhookSpec spec, Entry entry) {
    Kind kind = entry.kind();
    // A webhook that told of its own failing would have something to tell for ever.
    return !entry.reason().isEmpty()
        && kind != Kind.WEBHOOK
        && (spec.about().isEmpty()
            || spec.about().contains(kind == null ? WebhookSpec.OPERATION : kind.title()));
  }

  String json() {
    return Json.write(this);
  }
}
