package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.millwright.model.Sha256;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Serves the web page: the files that the room {@code ui} packs, and its index for every address
 * that only the page knows.
 *
 * <p>The page holds nothing that is secret, so it needs no token; what it shows it asks the API
 * for. Paths of the API never end here.
 */
final class PageFilter extends OncePerRequestFilter {
  private static final String ROOT = "/page/";
  private static final String INDEX = "index.html";

  /** No script but the page's own; styles are written by its components as it runs. */
  private static final String POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'"
          + " data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self';"
          + " frame-ancestors 'none'";

  private static final Map<String, String> TYPES =
      Map.of(
          "html", "text/html;charset=UTF-8",
          "js", "text/javascript;charset=UTF-8",
          "css", "text/css;charset=UTF-8",
          "svg", "image/svg+xml",
          "woff2", "font/woff2",
          "txt", "text/plain;charset=UTF-8");

  private final Map<String, PageFile> files;

  private PageFilter(Map<String, PageFile> files) {
    this.files = Map.copyOf(files);
  }

  /**
   * A file.
   *
   * @param gzip the same bytes packed, where that is worth it
   * @param lasting true if its name changes with its content
   */
  private record PageFile(
      String type, byte[] bytes, byte @Nullable [] gzip, String tag, boolean lasting) {}

  /** With what is packed into this program; without a page it lets everything through. */
  static PageFilter packed() {
    try {
      Map<String, PageFile> files = new HashMap<>();
      byte[] list = read("files.txt");
      for (String name : list == null ? new String[0] : new String(list, UTF_8).split("\n")) {
        byte[] bytes = read(name);
        if (bytes == null) {
          throw new IllegalStateException("the page was packed without " + name);
        }
        String type = TYPES.get(name.substring(name.lastIndexOf('.') + 1));
        files.put(
            name,
            new PageFile(
                type == null ? "application/octet-stream" : type,
                bytes,
                read(name + ".gz"),
                tag(bytes),
                name.startsWith("assets/")));
      }
      return new PageFilter(files);
    } catch (IOException e) {
      throw new IllegalStateException("the page cannot be read", e);
    }
  }

  private static byte @Nullable [] read(String name) throws IOException {
    try (InputStream in = PageFilter.class.getResourceAsStream(ROOT + name)) {
      return in == null ? null : in.readAllBytes();
    }
  }

  private static String tag(byte[] bytes) {
    return HexFormat.of().formatHex(Sha256.of(bytes), 0, 12);
  }

  @Override
  protected void doFilterInternal(
      HttpServletRequest request, HttpServletResponse response, FilterChain chain)
      throws ServletException, IOException {
    PageFile file = find(request);
    if (file == null) {
      chain.doFilter(request, response);
    } else {
      serve(file, request, response);
    }
  }

  private @Nullable PageFile find(HttpServletRequest request) {
    String path = request.getRequestURI();
    boolean reads = request.getMethod().equals("GET") || request.getMethod().equals("HEAD");
    if (!reads || path.equals("/api") || path.startsWith("/api/")) {
      return null;
    }
    PageFile file = files.get(path.substring(1));
    if (file != null) {
      return file;
    }
    // A browser that asks for a page; a program hears that there is nothing.
    String accept = request.getHeader(HttpHeaders.ACCEPT);
    boolean browses = accept != null && accept.contains("text/html");
    return browses && !path.startsWith("/assets/") ? files.get(INDEX) : null;
  }

  private static void serve(PageFile file, HttpServletRequest request, HttpServletResponse response)
      throws IOException {
    String accepted = request.getHeader(HttpHeaders.ACCEPT_ENCODING);
    byte[] gzip = accepted != null && accepted.contains("gzip") ? file.gzip() : null;
    boolean packed = gzip != null;
    String tag = "\"" + file.tag() + (packed ? "-gz\"" : "\"");
    response.setHeader("Content-Security-Policy", POLICY);
    response.setHeader("X-Content-Type-Options", "nosniff");
    response.setHeader("X-Frame-Options", "DENY");
    response.setHeader("Referrer-Policy", "no-referrer");
    response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
    response.setHeader(HttpHeaders.VARY, HttpHeaders.ACCEPT_ENCODING);
    response.setHeader(HttpHeaders.ETAG, tag);
    response.setHeader(
        HttpHeaders.CACHE_CONTROL,
        file.lasting() ? "public, max-age=31536000, immutable" : "no-cache");
    String known = request.getHeader(HttpHeaders.IF_NONE_MATCH);
    if (known != null && known.contains(tag)) {
      response.setStatus(304);
      return;
    }
    byte[] bytes = gzip != null ? gzip : file.bytes();
    if (packed) {
      response.setHeader(HttpHeaders.CONTENT_ENCODING, "gzip");
    }
    response.setContentType(file.type());
    response.setContentLength(bytes.length);
    if (!request.getMethod().equals("HEAD")) {
      response.getOutputStream().write(bytes);
    }
  }
}
