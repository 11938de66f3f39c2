package io.millwright.drivers.mmdebstrap;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.ImageBuilder.Progress;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads what a build says: passes it on, and finds out why it failed. */
final class BuildLog implements Consumer<String> {
  private static final int TAIL = 40;
  private static final Pattern PROGRESS = Pattern.compile("PROGRESS ([0-9]{1,3}) (.*)");
  private static final Pattern NO_PACKAGE =
      Pattern.compile(
          "E: (?:Unable to locate package|Couldn't find any package by \\w+|Package) '?([^' ]+)'?"
              + "(?: has no installation candidate)?");
  private static final Pattern UNREACHABLE =
      Pattern.compile(
          ".*(Temporary failure resolving|Could not resolve|Could not connect|Unable to connect"
              + "|Connection (timed out|refused|failed)|Failed to fetch|Network is unreachable).*");
  private static final Pattern UNTRUSTED =
      Pattern.compile(".*(NO_PUBKEY|is not signed|signatures couldn't be verified).*");

  private final Progress progress;
  private final Deque<String> tail = new ArrayDeque<>();
  private final Set<String> unknownPackages = new TreeSet<>();
  private @Nullable String unreachable;
  private @Nullable String untrusted;
  private @Nullable String full;
  private String error = "";

  BuildLog(Progress progress) {
    this.progress = progress;
  }

  @Override
  public synchronized void accept(String line) {
    Matcher at = PROGRESS.matcher(line);
    if (at.matches()) {
      progress.at(Math.min(100, Integer.parseInt(at.group(1))), at.group(2));
      return;
    }
    if (tail.size() == TAIL) {
      tail.removeFirst();
    }
    tail.addLast(line);
    if (line.startsWith("ERROR ")) {
      error = line.substring(6).strip();
    }
    Matcher missing = NO_PACKAGE.matcher(line);
    if (missing.matches()) {
      unknownPackages.add(missing.group(1));
    }
    if (UNTRUSTED.matcher(line).matches()) {
      untrusted = line;
    }
    if (UNREACHABLE.matcher(line).matches()) {
      unreachable = line;
    }
    if (line.contains("No space left on device")) {
      full = line;
    }
    progress.log(line);
  }

  /** The last lines. */
  synchronized String tail() {
    return String.join("\n", tail);
  }

  /** What the build died of, most certain cause first. */
  synchronized DriverException failure(String suite, int code) {
    if (full != null) {
      return fault(FaultKind.CAPACITY, "The disk on which the image was built is full.");
    }
    if (!unknownPackages.isEmpty()) {
      return fault(
          FaultKind.REFUSED,
          "Debian "
              + suite
              + " has no package named "
              + String.join(", ", unknownPackages)
              + "; correct the image's packages.");
    }
    if (untrusted != null) {
      return fault(
          FaultKind.REFUSED,
          "The signature of the "
              + suite
              + " archive cannot be verified; install a newer debian-archive-keyring on the"
              + " server.");
    }
    if (unreachable != null) {
      return fault(
          FaultKind.UNREACHABLE,
          "The Debian archive of the server's apt sources could not be reached, or lacks a file.");
    }
    if (error.contains("apt sources name no")) {
      return fault(
          FaultKind.REFUSED,
          "The server's apt sources name no Debian archive of " + suite + "; add one.");
    }
    if (error.startsWith("needs root")) {
      return fault(FaultKind.REFUSED, "Images are built as root; run Millwright's server as root.");
    }
    if (error.endsWith("is not installed") || error.contains(" is missing: ")) {
      return fault(FaultKind.UNSUPPORTED, "The server cannot build images: " + error + ".");
    }
    return fault(
        FaultKind.BUG,
        // A command that failed stands in it with its paths, which are the operator's business.
        error.isEmpty() || error.contains("/")
            ? "The build failed with exit code " + code + "; its log says why."
            : "The build failed: " + error + ".");
  }

  private DriverException fault(FaultKind kind, String forUser) {
    return new DriverException(kind, forUser, tail(), null);
  }

  /** For what goes wrong around the build. */
  static DriverException fault(IOException e) {
    return String.valueOf(e.getMessage()).contains("No space left on device")
        ? new DriverException(
            FaultKind.CAPACITY,
            "The disk on which the image was to be built is full.",
            String.valueOf(e),
            e)
        : new DriverException(
            FaultKind.BUG, "The build could not be started.", String.valueOf(e), e);
  }
}
