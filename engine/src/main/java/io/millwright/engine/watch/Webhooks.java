package io.millwright.engine.watch;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.millwright.engine.access.SecretBox;
import io.millwright.engine.outside.Reach;
import io.millwright.engine.port.Deliveries;
import io.millwright.engine.port.Deliveries.Delivery;
import io.millwright.engine.port.Deliveries.State;
import io.millwright.engine.port.Journal;
import io.millwright.engine.port.Journal.Entry;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.Ids;
import io.millwright.model.Kind;
import io.millwright.model.PlainStatus;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.WebhookSpec;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells webhooks what happens in their projects, at least once.
 *
 * <p>The journal is the outbox: its lines are written with what they tell of. A webhook reads along
 * from its cursor and makes deliveries of the lines, in one transaction; then it sends what is due.
 * One that does not get rid of its deliveries stops reading, so that they never become too many.
 */
public final class Webhooks implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Webhooks.class);

  /** So often it looks though nobody has nudged it. */
  private static final Duration ROUND = Duration.ofSeconds(60);

  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final Duration FIRST_WAIT = Duration.ofSeconds(5);
  private static final Duration LONGEST_WAIT = Duration.ofHours(1);

  /** While one fails, others are tried no faster than this. */
  private static final Duration PAUSE = Duration.ofSeconds(2);

  private static final int MOST_ATTEMPTS = 12;
  private static final int MOST_PENDING = 1000;
  private static final int BATCH = 500;
  private static final int AT_ONCE = 50;
  private static final int LONGEST_DETAIL = 200;

  private final Store store;
  private final Watch watch;
  private final SecretBox secrets;
  private final InstantSource clock;
  private final Post post;
  private final Map<UUID, String> projects = new ConcurrentHashMap<>();
  private final Set<UUID> due = ConcurrentHashMap.newKeySet();
  private final AtomicBoolean nudging = new AtomicBoolean();
  private Watch.@Nullable Subscription subscription;

  public Webhooks(Store store, Watch watch, SecretBox secrets, Reach reach, InstantSource clock) {
    this.store = store;
    this.watch = watch;
    this.secrets = secrets;
    this.clock = clock;
    this.post = new Post(reach, PATIENCE);
  }

  /** Looks for what there is to tell, and tells what is due. */
  public Optional<Duration> tell(Resource<WebhookSpec, PlainStatus> webhook) {
    know(webhook);
    while (read(webhook)) {
      // there is more
    }
    Delivery failed = send(webhook);
    Optional<Duration> next = store.read(tx -> tx.deliveries().next(webhook.uid()));
    if (failed == null) {
      return Optional.of(next.filter(d -> d.compareTo(ROUND) < 0).orElse(ROUND));
    }
    return Optional.of(next.filter(d -> d.compareTo(PAUSE) > 0).orElse(PAUSE));
  }

  /** From now on this node hears of what happens in the webhook's project. */
  private synchronized void know(Resource<WebhookSpec, PlainStatus> webhook) {
    projects.put(webhook.uid(), webhook.project());
    if (subscription == null) {
      subscription = watch.subscribe(this::heard);
    }
  }

  /** It is there no more. */
  public synchronized void forget(UUID webhook) {
    projects.remove(webhook);
    if (projects.isEmpty() && subscription != null) {
      subscription.close();
      subscription = null;
    }
  }

  /**
   * Called for each batch of lines, and with none when some may have been missed; a nudge that is
   * lost is made up for by the round.
   */
  private void heard(List<Entry> batch) {
    List<UUID> concerned =
        projects.entrySet().stream()
            .filter(p ->
                batch.isEmpty()
                    || batch.stream()
                        .anyMatch(e ->
                            !e.reason().isEmpty()
                                && e.kind() != Kind.WEBHOOK
                                && e.project().equals(p.getValue())))
            .map(Map.Entry::getKey)
            .toList();
    due.addAll(concerned);
    if (!concerned.isEmpty() && nudging.compareAndSet(false, true)) {
      // The reader of the journal reads for everybody, and does not wait for a commit.
      Thread.ofVirtual().name("nudges webhooks").start(this::nudge);
    }
  }

  /** All that became due meanwhile go into one. */
  private void nudge() {
    do {
      List<UUID> all = List.copyOf(due);
      due.removeAll(all);
      try {
        store.write(tx -> tx.nudges().nudgeAll(all));
      } catch (RuntimeException e) {
        LOG.debug("webhooks were not nudged: {}", e.toString());
      } finally {
        nudging.set(false); // after an error too, or nobody is nudged any more
      }
    } while (!due.isEmpty() && nudging.compareAndSet(false, true));
  }

  /** Makes deliveries of what is new in the journal; true if there is more. */
  private boolean read(Resource<WebhookSpec, PlainStatus> webhook) {
    return store.inTransaction(tx -> {
      Deliveries deliveries = tx.deliveries();
      String from = deliveries.cursor(webhook.uid()).orElse(null);
      if (from == null) {
        deliveries.advance(webhook.uid(), null, tx.journal().head());
        return false;
      }
      if (deliveries.pending(webhook.uid()) >= MOST_PENDING) {
        return false;
      }
      Journal.Along along;
      try {
        along = tx.journal().along(from, BATCH, webhook.project());
      } catch (ProblemException e) {
        if (e.problem().type() != Problem.Type.GONE) {
          throw e;
        }
        LOG.warn("{} was away for so long that events are lost to it", webhook.title());
        deliveries.advance(webhook.uid(), from, tx.journal().head());
        return false;
      }
      // Past what is of others, too: it would be read again each time.
      if (!deliveries.advance(webhook.uid(), from, along.cursor())) {
        return false;
      }
      String installation = tx.installation();
      for (Entry entry : along.entries()) {
        if (CloudEvent.concerns(webhook.spec(), entry)) {
          CloudEvent event = CloudEvent.of(installation, entry);
          deliveries.insert(Ids.next(clock), webhook.uid(), event.id(), event.type(), event.json());
        }
      }
      if (!along.entries().isEmpty()) {
        deliveries.prune(webhook.uid());
      }
      return along.entries().size() == BATCH;
    });
  }

  /** Sends what is due until one fails, which is the answer. */
  private @Nullable Delivery send(Resource<WebhookSpec, PlainStatus> webhook) {
    for (Delivery delivery : store.read(tx -> tx.deliveries().due(webhook.uid(), AT_ONCE))) {
      Result result = send(webhook, delivery);
      boolean taken = result.status() != null && result.status() / 100 == 2;
      boolean never = result.refused() || delivery.attempts() + 1 >= MOST_ATTEMPTS;
      State state = taken ? State.DELIVERED : never ? State.FAILED : State.PENDING;
      store.write(tx -> {
        tx.deliveries()
            .tried(
                delivery,
                state,
                state == State.PENDING ? wait(delivery.attempts()) : null,
                result.status(),
                result.detail());
        note(tx, webhook.uid(), taken, result.detail());
      });
      if (!taken) {
        return delivery;
      }
    }
    return null;
  }

  /** Written only when it changes. */
  private void note(Tx tx, UUID uid, boolean taken, String detail) {
    Resource<?, ?> now = tx.resources().lock(uid).orElse(null);
    if (now == null || !(now.status() instanceof PlainStatus status)) {
      return;
    }
    boolean was =
        Condition.find(status.conditions(), Condition.READY)
            .filter(c -> c.reason().equals(taken ? "Delivering" : "Failing"))
            .isPresent();
    if (!was) {
      String message = taken ? "The last event was taken." : "The last event was not: " + detail;
      tx.resources()
          .updateStatus(
              uid,
              new PlainStatus(
                  Condition.set(
                      status.conditions(),
                      new Condition(
                          Condition.READY,
                          Condition.Value.of(taken),
                          taken ? "Delivering" : "Failing",
                          message,
                          clock.instant()))),
              taken ? "Delivering" : "Failing",
              message);
    }
  }

  /** Doubling twice each time, so that a night without the receiver is bridged by few tries. */
  static Duration wait(int attempts) {
    Duration out = FIRST_WAIT.multipliedBy(1L << Math.min(2 * attempts, 20));
    return out.compareTo(LONGEST_WAIT) < 0 ? out : LONGEST_WAIT;
  }

  /**
   * What came of a try.
   *
   * @param refused true if it would be for nothing to try again
   */
  private record Result(@Nullable Integer status, String detail, boolean refused) {}

  private Result send(Resource<WebhookSpec, PlainStatus> webhook, Delivery delivery) {
    byte[] body = delivery.body().getBytes(UTF_8);
    Instant now = clock.instant();
    Map<String, String> headers = new LinkedHashMap<>();
    headers.put("Content-Type", "application/cloudevents+json; charset=UTF-8");
    headers.put("webhook-id", delivery.event());
    headers.put("webhook-timestamp", Long.toString(now.getEpochSecond()));
    headers.put(
        "webhook-signature",
        Signature.of(secrets.open(webhook.spec().secret()), delivery.event(), now, body));
    try {
      int status = post.send(URI.create(webhook.spec().url()), headers, body);
      return new Result(status, status / 100 == 2 ? "" : "it answered " + status, false);
    } catch (Reach.RefusedException e) {
      return new Result(null, String.valueOf(e.getMessage()), true);
    } catch (IOException e) {
      return new Result(null, reason(e), false);
    } catch (InterruptedException e) {
      throw new IllegalStateException("the server ends", e); // as if it were never tried
    }
  }

  private static String reason(IOException e) {
    String text =
        switch (e) {
          case UnknownHostException _ -> "its host is unknown";
          case ConnectException _ -> "it takes no connections";
          default -> String.valueOf(e.getMessage());
        };
    return text.substring(0, Math.min(LONGEST_DETAIL, text.length()));
  }

  /**
   * The last deliveries of a webhook, the newest first.
   *
   * @throws ProblemException NOT_FOUND if there is no such webhook
   */
  public List<Delivery> deliveries(String project, String name) {
    return store.read(tx -> tx.deliveries().list(find(tx, project, name), Deliveries.KEPT));
  }

  /** Tells an event once more, whatever became of it. */
  public void redeliver(Tx tx, String project, String name, UUID delivery) {
    UUID webhook = find(tx, project, name);
    if (!tx.deliveries().redeliver(webhook, delivery)) {
      throw ProblemException.of(
          Problem.Type.NOT_FOUND,
          "Webhook " + name + " in project " + project + " has no delivery " + delivery);
    }
    tx.nudges().nudge(webhook);
  }

  private static UUID find(Tx tx, String project, String name) {
    return tx.resources()
        .find(Kind.WEBHOOK, project, name)
        .map(Resource::uid)
        .orElseThrow(() ->
            ProblemException.of(
                Problem.Type.NOT_FOUND, "there is no Webhook " + name + " in project " + project));
  }

  @Override
  public synchronized void close() {
    if (subscription != null) {
      subscription.close();
      subscription = null;
    }
  }
}
