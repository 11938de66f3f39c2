package io.millwright.cli;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/** Finds out which of a machine's addresses answers from here. */
final class Reach {
  /** An address earlier in the list gets this much of a lead over the next one. */
  private static final long LEAD_MILLIS = 150;

  private static final int CONNECT_MILLIS = 4_000;

  /** A guest that is busy takes seconds to start the process that speaks. */
  private static final int SPEAK_MILLIS = 15_000;

  private Reach() {}

  /** The address at which a server of SSH speaks first, all being tried at once. */
  static Optional<String> first(List<String> addresses, int port) {
    BlockingQueue<Optional<String>> answers =
        new ArrayBlockingQueue<>(Math.max(1, addresses.size()));
    Optional<String> winner = Optional.empty();
    int asked = 0;
    int answered = 0;
    try {
      while (winner.isEmpty() && (asked < addresses.size() || answered < asked)) {
        if (asked < addresses.size()) {
          String next = addresses.get(asked++);
          Thread.ofVirtual().start(() -> answers.add(answers(next, port)));
        }
        boolean more = asked < addresses.size();
        Optional<String> answer =
            answers.poll(
                more ? LEAD_MILLIS : 2L * (CONNECT_MILLIS + SPEAK_MILLIS), TimeUnit.MILLISECONDS);
        if (answer != null) {
          answered++;
          winner = answer;
        } else if (!more) {
          break;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return winner;
  }

  /** RFC 4253, 4.2, has the server speak first. A proxy may take connections to any address. */
  private static Optional<String> answers(String address, int port) {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.ofLiteral(address), port), CONNECT_MILLIS);
      socket.setSoTimeout(SPEAK_MILLIS);
      byte[] said = socket.getInputStream().readNBytes(4);
      return Arrays.equals(said, "SSH-".getBytes(StandardCharsets.US_ASCII))
          ? Optional.of(address)
          : Optional.empty();
    } catch (IOException | IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
