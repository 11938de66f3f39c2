package io.millwright.engine.outside;

import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * From where sources may be read. Who declares one makes the server ask where it names; without
 * this it could ask for them what only the server can reach.
 *
 * @param allowed beginnings of addresses, such as {@code https://git.example.org/} or {@code
 *     file:///srv/git}; none for https and ssh to wherever {@code reach} lets it go
 */
public record SourcePlaces(List<String> allowed, Reach reach) {
  public static final SourcePlaces ELSEWHERE = new SourcePlaces(List.of(), Reach.OUTSIDE);

  private static final String OPERATOR = "; the server's operator can allow it, with --sources";

  public SourcePlaces {
    allowed = List.copyOf(allowed);
  }

  /** Why this address may not be declared, if it may not; nobody is asked for that. */
  public Optional<String> refusal(String url) {
    if (!allowed.isEmpty()) {
      return allowed.stream().anyMatch(a -> begins(url, a)) && !url.contains("%")
          ? Optional.empty()
          : Optional.of(
              "is not where sources may be read from: "
                  + String.join(", ", allowed)
                  + (url.contains("%") ? ", without %" : ""));
    }
    return url.startsWith("https://") || url.startsWith("ssh://")
        ? Optional.empty()
        : Optional.of("must be https or ssh" + OPERATOR);
  }

  /** Up to the end of a part of the path, so that git.example.org is not git.example.org.evil. */
  private static boolean begins(String url, String allowed) {
    return url.startsWith(allowed)
        && (allowed.endsWith("/")
            || url.length() == allowed.length()
            || url.charAt(allowed.length()) == '/');
  }

  /**
   * Why this address may not be asked, if it may not: what it names is looked up, since neither
   * names nor links need lead where they seem to.
   */
  public Optional<String> refusalNow(String url) {
    Optional<String> declared = refusal(url);
    if (declared.isPresent()) {
      return declared.map(why -> "spec.url " + why);
    }
    if (url.startsWith("file://")) {
      return real(url)
          .filter(r -> allowed.stream().flatMap(a -> real(a).stream()).noneMatch(r::startsWith))
          .map(_ -> "spec.url leads, by a link, out of where sources may be read from");
    }
    return allowed.isEmpty() ? refusalOfHost(url) : Optional.empty();
  }

  private static Optional<Path> real(String url) {
    try {
      return Optional.of(Path.of(url.substring("file://".length())).toRealPath());
    } catch (IOException | RuntimeException e) {
      return Optional.empty(); // what is not there leads nowhere, and is told by who reads it
    }
  }

  private Optional<String> refusalOfHost(String url) {
    try {
      String host = URI.create(url).getHost();
      if (host == null) {
        return Optional.of("spec.url names no host");
      }
      for (InetAddress each : InetAddress.getAllByName(host)) {
        Optional<String> refusal = reach.refusal(each);
        if (refusal.isPresent()) {
          return refusal.map(
              why -> "spec.url leads to " + each.getHostAddress() + ", which " + why);
        }
      }
      return Optional.empty();
    } catch (UnknownHostException e) {
      return Optional.empty(); // whoever reads it will say so
    } catch (IllegalArgumentException e) {
      return Optional.of("spec.url is no address");
    }
  }
}
