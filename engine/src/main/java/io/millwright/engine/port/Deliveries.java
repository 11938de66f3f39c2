package io.millwright.engine.port;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What webhooks have told, have to tell, and up to where they have read the journal. */
public interface Deliveries {
  /** So many that have ended are kept of each webhook. */
  int KEPT = 1000;

  /** What became of a delivery. */
  enum State {
    /** It is tried, or will be again. */
    @JsonProperty("pending")
    PENDING,
    /** It was taken. */
    @JsonProperty("delivered")
    DELIVERED,
    /** It was tried often enough. */
    @JsonProperty("failed")
    FAILED
  }

  /**
   * An event on its way to a webhook.
   *
   * @param event its id; a receiver that was told it twice knows it by that
   * @param type of the CloudEvent
   * @param body that is sent
   * @param attempts so far
   * @param dueAt when it is tried next, or null if never
   * @param triedAt when it was tried last, or null
   * @param status that the receiver answered last, or null for none
   * @param detail why it was not delivered, or empty
   */
  record Delivery(
      UUID uid,
      UUID webhook,
      String event,
      String type,
      String body,
      Instant createdAt,
      State state,
      int attempts,
      @Nullable Instant dueAt,
      @Nullable Instant triedAt,
      @Nullable Integer status,
      String detail) {}

  /** Up to where this webhook has read the journal; nothing if it has not begun. */
  Optional<String> cursor(UUID webhook);

  /**
   * Says up to where it has.
   *
   * @param before what {@link #cursor} said; null for nothing
   * @return false if somebody else was faster
   */
  boolean advance(UUID webhook, @Nullable String before, String now);

  /** Adds an event that is to be told; once, however often it is added. */
  void insert(UUID uid, UUID webhook, String event, String type, String body);

  int pending(UUID webhook);

  /** Those that are due, the oldest first. */
  List<Delivery> due(UUID webhook, int limit);

  /** How long until the next one is due; nothing if none is pending. */
  Optional<Duration> next(UUID webhook);

  /**
   * Says what came of a try, unless somebody wants it told once more since: then it still is due.
   *
   * @param tried as it was when it was sent
   * @param again after how long it is tried again, or null if never
   */
  void tried(
      Delivery tried,
      State state,
      @Nullable Duration again,
      @Nullable Integer status,
      String detail);

  /** The last ones of a webhook, the newest first. */
  List<Delivery> list(UUID webhook, int limit);

  /** Has it told once more, from the beginning of its patience; false if there is none. */
  boolean redeliver(UUID webhook, UUID uid);

  /** Drops those that have ended, but for the last {@link #KEPT}. */
  void prune(UUID webhook);
}
