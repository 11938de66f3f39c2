package io.millwright.engine.request;

import io.millwright.engine.access.SecretBox;
import io.millwright.engine.image.ImageFiles;
import io.millwright.engine.port.Shared;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Sees to it that a node has its installation's key file and image directory before it takes part.
 * With others it would work, and fail later with one machine here and one there.
 *
 * <p>The first node decides which they are. The mark is put into the directory before the database
 * knows of it, so a crash in between leaves what the next start accepts.
 */
public final class Joining {
  private Joining() {}

  /**
   * Admits a node.
   *
   * @param key where the secrets' key file lies, for messages
   * @param replaceKey true if its key file is to be the installation's from now on
   * @throws ProblemException INVALID, with what to do about it
   * @throws IOException if the image directory cannot be read or written
   */
  public static void join(
      Store store, SecretBox secrets, Path key, ImageFiles images, boolean replaceKey)
      throws IOException {
    try {
      store.write(tx -> {
        Shared known = tx.shared();
        checkKey(known, secrets, key, replaceKey);
        checkImages(known, tx, images);
        Shared now = new Shared(secrets.fingerprint(), true);
        if (!now.equals(known)) {
          tx.share(now);
        }
      });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static void checkKey(Shared known, SecretBox secrets, Path key, boolean replace) {
    if (known.key() == null || replace || known.key().equals(secrets.fingerprint())) {
      return;
    }
    throw ProblemException.of(
        Problem.Type.INVALID,
        "%s is not the key file of this installation, which all its nodes share; put that one there, from another node or your backup, or if it is lost start once with --replace-key"
            .formatted(key));
  }

  private static void checkImages(Shared known, Tx tx, ImageFiles images) {
    String installation = tx.installation();
    try {
      Optional<String> owner = images.owner();
      if (owner.isPresent() && !owner.get().equals(installation)) {
        throw ProblemException.of(
            Problem.Type.INVALID,
            "%s is the image directory of another installation (%s, and this one is %s); give each one its own"
                .formatted(images.dir(), owner.get(), installation));
      }
      if (owner.isEmpty() && known.images()) {
        throw ProblemException.of(
            Problem.Type.INVALID,
            "%s is not the image directory of this installation, which all its nodes share; mount or link that one there, or if its files are lost run: echo %s >%s"
                .formatted(images.dir(), installation, images.mark()));
      }
      if (owner.isEmpty()) {
        images.own(installation);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
