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
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
  private static final Pattern LINE =
      Pattern.compile("^([0-9a-f]{32,128}) [ *](?:\\./)?([^\\r\\n]+)\\r?$", Pattern.MULTILINE);

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
      String text =
          new String(iso.bytes().bytes(at, (int) node.length()), StandardCharsets.ISO_8859_1);
      Map<String, Long> places = new HashMap<>();
      int digits = 2 * named(list.getValue()).getDigestLength();
      Matcher line = LINE.matcher(text);
      while (line.find()) {
        if (line.group(1).length() == digits) {
          byte[] path = line.group(2).getBytes(StandardCharsets.ISO_8859_1);
          places.put("/" + new String(path, StandardCharsets.UTF_8), at + line.start(1));
        }
      }
      known.put(list.getKey(), new Listed(list.getValue(), places));
    }
    lists = known;
    return known;
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
