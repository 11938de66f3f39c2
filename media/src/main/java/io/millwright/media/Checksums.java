package io.millwright.media;

import io.millwright.media.Tree.Node;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The lists of checksums that a medium carries of its own files ({@code md5sum.txt} and its like,
 * in the form of md5sum(1)). A line has a fixed length, so a changed file's line is overwritten in
 * place.
 */
final class Checksums {
  private static final Map<String, String> LISTS =
      Map.of("/md5sum.txt", "MD5", "/sha256sum.txt", "SHA-256", "/sha512sum.txt", "SHA-512");
  private static final int LARGEST = 32 << 20;

  private final IsoImage iso;
  private @Nullable Map<String, Listed> lists;

  /** A list's algorithm, and where each path's checksum lies on the medium. */
  private record Listed(String algorithm, Map<String, Long> places) {}

  Checksums(IsoImage iso) {
    this.iso = iso;
  }

  /**
   * Makes the lists right for files whose content is another now.
   *
   * @param within where files begin that were changed within, in the patch itself
   */
  void update(Map<String, List<Piece>> changed, Set<Long> within, Patch patch) throws IOException {
    for (var list : lists().entrySet()) {
      if (changed.containsKey(list.getKey())) {
        continue; // the whole list is another one
      }
      for (var file : changed.entrySet()) {
        Long place = list.getValue().places().get(file.getKey());
        if (place != null) {
          byte[] digest = digest(list.getValue().algorithm(), file.getValue());
          String hex = HexFormat.of().formatHex(digest);
          patch.write(place, hex.getBytes(StandardCharsets.US_ASCII));
        }
      }
      for (var place :
          within.isEmpty()
              ? Map.<String, Long>of().entrySet()
              : list.getValue().places().entrySet()) {
        Node node = iso.best().find(IsoImage.names(place.getKey()));
        if (node != null
            && node.extents().size() == 1
            && within.contains(node.extents().getFirst().at())
            && !changed.containsKey(place.getKey())) {
          Piece now = new Piece(patch, node.extents().getFirst().at(), node.length());
          byte[] digest = digest(list.getValue().algorithm(), List.of(now));
          patch.write(
              place.getValue(),
              HexFormat.of().formatHex(digest).getBytes(StandardCharsets.US_ASCII));
        }
      }
    }
  }

  private synchronized Map<String, Listed> lists() throws IOException {
    Map<String, Listed> known = lists;
    if (known != null) {
      return known;
    }
    known = new HashMap<>();
    for (var list : LISTS.entrySet()) {
      Node node = iso.best().find(IsoImage.names(list.getKey()));
      if (node == null || node.extents().size() != 1 || node.length() > LARGEST) {
        continue;
      }
      long at = node.extents().getFirst().at();
      byte[] text = iso.bytes().bytes(at, (int) node.length());
      Map<String, Long> places = new HashMap<>();
      int digits = 2 * named(list.getValue()).getDigestLength();
      // By hand: a regular expression over thousands of lines is most of a first medium's time.
      for (int line = 0, end; line < text.length; line = end + 1) {
        end = line;
        while (end < text.length && text[end] != '\n') {
          end++;
        }
        String path = path(text, line + digits, end);
        if (path != null) {
          places.put(path, at + line);
        }
      }
      known.put(list.getKey(), new Listed(list.getValue(), places));
    }
    lists = known;
    return known;
  }

  /** What stands in a line behind the checksum, or null if that is none of this length. */
  private static @Nullable String path(byte[] text, int from, int end) {
    int begin = from + 2;
    if (begin >= end || text[from] != ' ' || (text[from + 1] != ' ' && text[from + 1] != '*')) {
      return null;
    }
    if (text[begin] == '.' && begin + 1 < end && text[begin + 1] == '/') {
      begin += 2;
    }
    int length = end - begin - (text[end - 1] == '\r' ? 1 : 0);
    return length <= 0 ? null : "/" + new String(text, begin, length, StandardCharsets.UTF_8);
  }

  private static byte[] digest(String algorithm, List<Piece> content) throws IOException {
    MessageDigest digest = named(algorithm);
    for (Piece piece : content) {
      feed(digest, piece);
    }
    return digest.digest();
  }

  private static void feed(MessageDigest digest, Piece piece) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(piece.length(), 1 << 18));
    for (long done = 0; done < piece.length(); done += buffer.limit()) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), piece.length() - done));
      piece.source().read(piece.at() + done, buffer);
      digest.update(buffer.flip());
    }
  }

  private static MessageDigest named(String algorithm) {
    try {
      return MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has " + algorithm, e);
    }
  }
}
