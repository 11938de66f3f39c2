package io.millwright.driver;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/**
 * Whole files over HTTP, for drivers: each lasts as long as something moves. A connection that was
 * dropped on its way tells neither side, and else who waits for it would wait for ever.
 */
public final class Transfers {
  /** Without a byte for so long, or without an answer after the last one, it is over. */
  public static final Duration PATIENCE = Duration.ofMinutes(10);

  private final HttpClient http;
  private final Duration patience;

  public Transfers(HttpClient http, Duration patience) {
    this.http = http;
    this.patience = patience;
  }

  /**
   * Sends a request of which each piece is as good as an answer.
   *
   * @throws HttpTimeoutException if nothing moves any more
   */
  public <T> HttpResponse<T> send(HttpRequest request, BodyHandler<T> handler)
      throws IOException, InterruptedException {
    AtomicLong moved = new AtomicLong(System.nanoTime());
    HttpRequest.Builder watched = HttpRequest.newBuilder(request, (_, _) -> true);
    request
        .bodyPublisher()
        .ifPresent(body ->
            watched.method(request.method(), counted(body, _ -> moved.set(System.nanoTime()))));
    CompletableFuture<HttpResponse<T>> answer = http.sendAsync(watched.build(), handler);
    while (true) {
      long left = patience.toNanos() - (System.nanoTime() - moved.get());
      if (left <= 0) {
        answer.cancel(true);
        throw stalled();
      }
      try {
        return answer.get(left, TimeUnit.NANOSECONDS);
      } catch (TimeoutException e) {
        // Something may have moved meanwhile.
      } catch (InterruptedException e) {
        answer.cancel(true);
        throw e;
      } catch (ExecutionException e) {
        throw e.getCause() instanceof IOException failure ? failure : new IOException(e.getCause());
      }
    }
  }

  /** The body of an answer, which fails if nothing comes any more; whoever reads it closes it. */
  public InputStream watched(InputStream body) {
    return new Watched(body, patience);
  }

  private HttpTimeoutException stalled() {
    return stalled(patience);
  }

  private static HttpTimeoutException stalled(Duration patience) {
    return new HttpTimeoutException("nothing moved for " + patience.toSeconds() + " s");
  }

  /** A medium, read while it is sent: an installation medium is as large as the vendor's. */
  public static BodyPublisher published(Content medium) {
    return BodyPublishers.fromPublisher(
        BodyPublishers.ofInputStream(() -> {
          try {
            return medium.open();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        }),
        medium.length());
  }

  /** A body of which is told how many bytes each piece has that goes out. */
  public static BodyPublisher counted(BodyPublisher body, LongConsumer out) {
    return counted(body, () -> {}, out);
  }

  /**
   * As the other one.
   *
   * @param begins is told each time that the body is sent from its beginning, for it may be sent
   *     more than once
   */
  public static BodyPublisher counted(BodyPublisher body, Runnable begins, LongConsumer out) {
    Flow.Publisher<ByteBuffer> pieces =
        to ->
            body.subscribe(
                new Flow.Subscriber<>() {
                  @Override
                  public void onSubscribe(Flow.Subscription subscription) {
                    begins.run();
                    to.onSubscribe(subscription);
                  }

                  @Override
                  public void onNext(ByteBuffer piece) {
                    out.accept(piece.remaining());
                    to.onNext(piece);
                  }

                  @Override
                  public void onError(Throwable problem) {
                    to.onError(problem);
                  }

                  @Override
                  public void onComplete() {
                    to.onComplete();
                  }
                });
    return body.contentLength() > 0
        ? BodyPublishers.fromPublisher(pieces, body.contentLength())
        : body.contentLength() < 0 ? BodyPublishers.fromPublisher(pieces) : body;
  }

  /** Only the time counts in which somebody waits for bytes, not that in which they are used. */
  private static final class Watched extends FilterInputStream {
    private final Duration patience;
    private final Thread watch;

    /** 0 while nobody waits. */
    private volatile long since;

    private volatile boolean stalled;

    Watched(InputStream in, Duration patience) {
      super(in);
      this.patience = patience;
      this.watch = Thread.ofVirtual().name("transfer").start(this::watch);
    }

    private void watch() {
      try {
        while (true) {
          long from = since;
          long left = patience.toNanos() - (from == 0 ? 0 : System.nanoTime() - from);
          if (left <= 0) {
            stalled = true;
            in.close(); // which wakes who reads
            return;
          }
          Thread.sleep(Duration.ofNanos(left));
        }
      } catch (InterruptedException | IOException e) {
        // It was read to its end, or is closed.
      }
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int from, int most) throws IOException {
      since = System.nanoTime() | 1; // never 0
      try {
        int got = in.read(into, from, most);
        if (stalled) {
          throw stalled(patience);
        }
        return got;
      } catch (IOException e) {
        throw stalled ? stalled(patience) : e;
      } finally {
        since = 0;
      }
    }

    @Override
    public void close() throws IOException {
      watch.interrupt();
      super.close();
    }
  }
}
