package io.millwright.cli;

import io.millwright.client.Body;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What {@code -f} names, as one body, so that the server takes all of it or nothing.
 *
 * <p>The server knows the body by one name and counts its lines and documents; {@link #locate}
 * turns that back into files.
 */
final class Bundle {
  /** What the body is called towards the server: nothing that occurs in messages by itself. */
  static final String SOURCE = "{manifest}";

  /** What the server takes at most; found here already, half a gigabyte is not read first. */
  private static final int MAX_BYTES = 4 << 20;

  private static final Pattern PLACE =
      Pattern.compile(
          Pattern.quote(SOURCE)
              + "(?: document (?<document>[0-9]{1,9}))?"
              + "(?<item> item [0-9]{1,9})?"
              + "(?:(?<before>,? \\(?line )(?<line>[0-9]{1,9}))?");

  private static final Pattern DOCUMENT = Pattern.compile("(?m)^---(?=\\s|$)");

  private final List<Part> parts;
  private final String text;

  /**
   * A file in the body.
   *
   * @param firstLine of the body that is the file's first
   * @param documents that stand before it in the body
   */
  private record Part(String name, int firstLine, int documents, boolean several) {}

  private record Source(String name, String text) {}

  private Bundle(List<Part> parts, String text) {
    this.parts = parts;
    this.text = text;
  }

  /**
   * Reads files, directories and, for {@code -}, what comes in.
   *
   * @throws Failure if that cannot be done
   */
  static Bundle read(List<String> names, InputStream in) {
    List<Source> sources = new ArrayList<>();
    try {
      for (String name : names) {
        if (name.equals("-")) {
          sources.add(
              new Source(
                  "standard input", decode("standard input", limited("standard input", in))));
        } else if (Files.isDirectory(Path.of(name))) {
          for (Path file : files(Path.of(name))) {
            sources.add(source(file));
          }
        } else {
          sources.add(source(Path.of(name)));
        }
      }
    } catch (IOException | java.io.UncheckedIOException e) {
      throw Failure.usage("cannot read: " + e.getMessage());
    }
    if (sources.size() == 1 && sources.getFirst().text().isEmpty()) {
      // An answer could only be about a request without a body.
      throw Failure.usage(Safe.line(sources.getFirst().name()) + ": declares no resource");
    }
    return sources.size() == 1
        ? new Bundle(
            List.of(new Part(sources.getFirst().name(), 1, 0, true)), sources.getFirst().text())
        : join(sources);
  }

  private static Source source(Path file) throws IOException {
    String name = file.toString();
    if (!Files.exists(file)) {
      throw Failure.usage("there is no file " + Safe.line(name));
    }
    if (!Files.isReadable(file)) {
      throw Failure.usage(Safe.line(name) + " cannot be read: permission denied");
    }
    try (InputStream in = Files.newInputStream(file)) {
      return new Source(name, decode(name, limited(name, in)));
    } catch (NoSuchFileException e) {
      throw Failure.usage("there is no file " + Safe.line(name));
    }
  }

  private static byte[] limited(String name, InputStream in) throws IOException {
    byte[] bytes = in.readNBytes(MAX_BYTES + 1);
    if (bytes.length > MAX_BYTES) {
      throw Failure.usage(Safe.line(name) + " is larger than 4 MiB; apply it in several parts");
    }
    return bytes;
  }

  private static String decode(String name, byte[] bytes) {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      return text.startsWith("\ufeff") ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      throw Failure.usage(Safe.line(name) + " is not UTF-8; save it as UTF-8");
    }
  }

  /** Manifests below a directory, sorted; nothing hidden, and nothing from outside of it. */
  private static List<Path> files(Path directory) throws IOException {
    Path home = directory.toRealPath();
    List<Path> out = new ArrayList<>();
    walk(directory, home, out);
    if (out.isEmpty()) {
      throw Failure.usage("there is no *.yaml, *.yml or *.json in " + Safe.line(directory + ""));
    }
    return out;
  }

  private static void walk(Path directory, Path home, List<Path> out) throws IOException {
    List<Path> entries;
    try (Stream<Path> list = Files.list(directory)) {
      entries = list.sorted(Comparator.comparing(p -> p.getFileName().toString())).toList();
    }
    for (Path each : entries) {
      String name = each.getFileName().toString();
      if (name.startsWith(".")) {
        continue;
      }
      boolean link = Files.isSymbolicLink(each);
      if (link && !leadsInto(each, home)) {
        throw Failure.usage(
            Safe.line(each + "")
                + " is a link that leads out of the directory; name its target with -f if you mean"
                + " it");
      }
      if (Files.isDirectory(each)) {
        // What a link inside the directory leads to is found without it as well.
        if (!link) {
          walk(each, home, out);
        }
      } else if (name.matches(".*\\.(yaml|yml|json)") && Files.isRegularFile(each)) {
        out.add(each);
      }
    }
  }

  private static boolean leadsInto(Path link, Path home) {
    try {
      return link.toRealPath().startsWith(home);
    } catch (IOException e) {
      return false;
    }
  }

  private static Bundle join(List<Source> sources) {
    StringBuilder text = new StringBuilder();
    List<Part> parts = new ArrayList<>();
    int line = 1;
    int documents = 0;
    for (Source source : sources) {
      String content = source.text();
      if (source.name().endsWith(".json")) {
        // In JSON a raw tab can only stand between tokens, where YAML does not take it.
        content = content.replace('\t', ' ');
      }
      String lead = lead(content, text.isEmpty());
      text.append(lead);
      line += (int) lead.chars().filter(c -> c == '\n').count();
      int count = (int) DOCUMENT.matcher(content).results().count() + (lead.isEmpty() ? 0 : 1);
      count = lead.equals("...\n") ? count - 1 : count;
      parts.add(new Part(source.name(), line, documents, count > 1));
      text.append(content);
      if (!content.endsWith("\n")) {
        text.append('\n');
      }
      documents += count;
      line +=
          (int) content.chars().filter(c -> c == '\n').count() + (content.endsWith("\n") ? 0 : 1);
      if (text.length() > MAX_BYTES) {
        throw Failure.usage(
            "the files are larger than 4 MiB together; apply them in several parts");
      }
    }
    return new Bundle(List.copyOf(parts), text.toString());
  }

  /** What has to stand before a file so that it begins with a document of its own. */
  private static String lead(String content, boolean first) {
    for (String line : content.lines().limit(1000).toList()) {
      if (line.startsWith("%")) {
        return first ? "" : "...\n";
      }
      if (line.equals("---") || line.startsWith("--- ")) {
        return "";
      }
      if (!line.isBlank() && !line.startsWith("#")) {
        break;
      }
    }
    return "---\n";
  }

  String text() {
    return text;
  }

  Body body() {
    boolean json = parts.size() == 1 && parts.getFirst().name().endsWith(".json");
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return json ? Body.of("application/json", bytes) : Body.yaml(bytes);
  }

  /** A message of the server, with the names of the files. */
  String locate(String message) {
    Matcher m = PLACE.matcher(message);
    StringBuilder out = new StringBuilder();
    while (m.find()) {
      m.appendReplacement(out, Matcher.quoteReplacement(place(m)));
    }
    return m.appendTail(out).toString();
  }

  private String place(Matcher m) {
    String document = m.group("document");
    String line = m.group("line");
    Part part = null;
    for (Part each : parts) {
      boolean starts =
          line != null
              ? each.firstLine() <= Integer.parseInt(line)
              : document != null && each.documents() < Integer.parseInt(document);
      if (starts || part == null) {
        part = each;
      }
    }
    if (part == null || (line == null && document == null && parts.size() > 1)) {
      return "the manifests";
    }
    StringBuilder out = new StringBuilder(Safe.line(part.name()));
    if (document != null && part.several()) {
      out.append(" document ").append(Integer.parseInt(document) - part.documents());
    }
    if (m.group("item") != null) {
      out.append(m.group("item"));
    }
    if (line != null) {
      out.append(m.group("before")).append(Integer.parseInt(line) - part.firstLine() + 1);
    }
    return out.toString();
  }
}
