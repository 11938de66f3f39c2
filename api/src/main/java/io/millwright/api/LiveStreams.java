package io.millwright.api;

import io.millwright.engine.port.Journal.Entry;
import io.millwright.engine.port.Store;
import io.millwright.engine.watch.Watch;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Violation;
import io.millwright.model.manifest.Json;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/**
 * Server-sent events, each stream in the virtual thread of its request.
 *
 * <p>Nothing is queued for a stream: the journal rings its bell, and the stream reads on from where
 * it is. So one that is slow costs no memory; it falls behind, until a write takes too long or the
 * journal no longer has its place, and is dropped. It can resume.
 */
final class LiveStreams implements SmartLifecycle {
  private static final Logger LOG = LoggerFactory.getLogger(LiveStreams.class);

  /** Each costs a connection and some statements for each change. */
  private static final int MOST = 1000;

  /** Of one person: enough for many pages and screens, and too few to take those of all. */
  private static final int MOST_EACH = 100;

  private final Watch watch;
  private final Duration keepAlive;
  private final Semaphore places = new Semaphore(MOST);
  private final Map<String, Integer> each = new ConcurrentHashMap<>();
  private final Set<Stream> open = ConcurrentHashMap.newKeySet();
  private volatile boolean running;

  /**
   * @param keepAlive after how much silence a comment is sent
   */
  LiveStreams(Watch watch, Duration keepAlive) {
    this.watch = watch;
    this.keepAlive = keepAlive;
  }

  /** What a stream tells. */
  interface Telling {
    void to(Stream stream) throws IOException, InterruptedException;
  }

  /**
   * Tells until the telling ends, the client goes away, its token is revoked or the server stops.
   *
   * @param concerns whether a line of the journal is a reason to look
   */
  void serve(HttpServletResponse response, Predicate<Entry> concerns, Telling telling)
      throws IOException {
    String who = Callers.now().who();
    try {
      if (each.merge(who, 1, Integer::sum) > MOST_EACH) {
        throw tooMany("you have " + MOST_EACH + " streams open already; close some");
      }
      if (!places.tryAcquire()) {
        throw tooMany(MOST + " streams are open already; close some, or try again later");
      }
      try {
        tell(response, concerns, telling);
      } finally {
        places.release();
      }
    } finally {
      each.computeIfPresent(who, (_, n) -> n > 1 ? n - 1 : null);
    }
  }

  private static ProblemException tooMany(String why) {
    return ProblemException.of(Problem.Type.TOO_MANY, why);
  }

  private void tell(HttpServletResponse response, Predicate<Entry> concerns, Telling telling)
      throws IOException {
    Stream stream = new Stream(response, keepAlive, BearerFilter.inForce());
    Watch.Subscription subscription =
        watch.subscribe(batch -> {
          // An empty batch says only that reading begins: what came before it is to be looked for.
          if (batch.isEmpty() || batch.stream().anyMatch(concerns)) {
            stream.ring();
          }
        });
    try {
      open.add(stream);
      telling.to(stream);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ProblemException e) {
      if (!response.isCommitted()) {
        throw named(e);
      }
      // It hears of the problem when it resumes.
      LOG.debug("a stream was ended: {}", e.getMessage());
    } finally {
      open.remove(stream);
      subscription.close();
    }
  }

  /**
   * Tells what there is of a collection, and then what becomes of it.
   *
   * @param lastEventId of the last event that the client got, to tell what changed since
   */
  <T> void watch(
      HttpServletResponse response, Store store, Watched<T> watched, @Nullable String lastEventId)
      throws IOException {
    CollectionWatch<T> watch = new CollectionWatch<>(store, watched);
    serve(response, watch::concerns, stream -> watch.tell(stream, cursor(lastEventId)));
  }

  /**
   * The same for a short list of which the journal does not tell everything.
   *
   * @param key what names an item
   */
  <T> void watch(
      HttpServletResponse response,
      Supplier<List<T>> list,
      Function<T, String> key,
      @Nullable String lastEventId)
      throws IOException {
    ListWatch<T> watch = new ListWatch<>(list, key);
    serve(response, entry -> false, stream -> watch.tell(stream, cursor(lastEventId)));
  }

  /** Streams that are open now. */
  int count() {
    return open.size();
  }

  @Override
  public void start() {
    running = true;
  }

  /** Comes before the web server waits for its requests to end. */
  @Override
  public void stop() {
    running = false;
    open.forEach(Stream::end);
  }

  @Override
  public boolean isRunning() {
    return running;
  }

  @Override
  public int getPhase() {
    return Integer.MAX_VALUE;
  }

  /** One client that listens. */
  static final class Stream {
    private final HttpServletResponse response;
    private final Duration keepAlive;
    private final BooleanSupplier inForce;
    private final Semaphore bell = new Semaphore(0);
    private volatile boolean ended;
    private @Nullable OutputStream out;

    Stream(HttpServletResponse response, Duration keepAlive, BooleanSupplier inForce) {
      this.response = response;
      this.keepAlive = keepAlive;
      this.inForce = inForce;
    }

    void ring() {
      if (bell.availablePermits() == 0) {
        bell.release();
      }
    }

    private void end() {
      ended = true;
      bell.release();
    }

    /**
     * Waits until there may be something to tell; keeps the connection alive meanwhile.
     *
     * @return false if the stream shall end
     */
    boolean await() throws IOException, InterruptedException {
      while (!ended) {
        if (bell.tryAcquire(keepAlive.toMillis(), TimeUnit.MILLISECONDS)) {
          bell.drainPermits();
          return !ended && inForce.getAsBoolean();
        }
        if (!inForce.getAsBoolean()) {
          return false;
        }
        write(":\n\n");
      }
      return false;
    }

    /** As {@link #await()}, but for {@code most} at the longest and without keeping alive. */
    boolean await(Duration most) throws InterruptedException {
      if (bell.tryAcquire(most.toMillis(), TimeUnit.MILLISECONDS)) {
        bell.drainPermits();
      }
      return !ended;
    }

    boolean ended() {
      return ended;
    }

    void keepAlive() throws IOException {
      write(":\n\n");
    }

    boolean inForce() {
      return inForce.getAsBoolean();
    }

    /** Begins the answer; before that a problem can still be one. */
    void begin() throws IOException {
      if (out == null) {
        response.setStatus(200);
        response.setContentType("text/event-stream;charset=UTF-8");
        response.setHeader("Cache-Control", "no-store");
        out = response.getOutputStream();
        response.flushBuffer();
      }
    }

    /**
     * Sends an event.
     *
     * @param id to resume behind it, or null if that is not possible here
     */
    void send(String event, @Nullable String id, Object data) throws IOException {
      // Our JSON has no line breaks, so it is one line of data.
      write(
          (id == null ? "" : "id: " + id + "\n")
              + "event: "
              + event
              + "\ndata: "
              + Json.write(data)
              + "\n\n");
    }

    private void write(String text) throws IOException {
      begin();
      OutputStream to = out;
      if (to != null) {
        to.write(text.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        to.flush();
      }
    }
  }

  /** A place in a stream is what the client sent in that header, whatever the store calls it. */
  private static ProblemException named(ProblemException e) {
    Problem said = e.problem();
    if (said.errors().stream().noneMatch(v -> v.field().equals("cursor"))) {
      return e;
    }
    ProblemException named =
        ProblemException.invalid(
            said.errors().stream().map(v -> new Violation("Last-Event-ID", v.message())).toList());
    named.initCause(e);
    return named;
  }

  /** For journals: nothing at all or a cursor. */
  static @Nullable String cursor(@Nullable String lastEventId) {
    return lastEventId == null || lastEventId.isBlank() ? null : lastEventId.strip();
  }

  /** The last cursor of a batch, or the one before it. */
  static String end(List<Entry> batch, String before) {
    return batch.isEmpty() ? before : batch.getLast().cursor();
  }
}
