package io.millwright.server;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.millwright.engine.access.AccessTokens;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The first token of an installation. It is written to a file that only its owner can read, for the
 * client on the same machine; the database has only its hash.
 *
 * <p>The secret is on disk before its hash is in the database: were it the other way round, a crash
 * or a full disk between the two would lock everybody out. Until then the file has another name, by
 * which the next start finds what a crash has left.
 */
record AdminToken(Path file, AccessTokens tokens, ServerSettings settings) {
  private static final Logger LOG = LoggerFactory.getLogger(AdminToken.class);
  private static final String NAME = "admin";

  /** Makes it if there is no token at all, or if another one is asked for. */
  void provide() throws IOException {
    takeUp();
    if (!settings.newAdminToken() && tokens.any()) {
      return;
    }
    String secret = AccessTokens.secret();
    write(secret);
    try {
      tokens.install(NAME, secret, settings.newAdminToken());
    } catch (ProblemException e) {
      if (e.problem().type() == Problem.Type.CONFLICT) {
        Files.delete(fresh()); // another node on the same database was faster
        return;
      }
      throw e;
    }
    inForce(secret);
  }

  /** What a start has left that died in between. */
  private void takeUp() throws IOException {
    if (!Files.exists(fresh())) {
      return;
    }
    String secret = Files.readString(fresh()).strip();
    if (tokens.authenticate(secret).isPresent()) {
      inForce(secret);
    } else {
      Files.delete(fresh());
    }
  }

  private Path fresh() {
    return file.resolveSibling(file.getFileName() + ".new");
  }

  private void write(String secret) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            fresh(),
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
      ByteBuffer bytes = UTF_8.encode(secret + "\n");
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
    try (FileChannel directory =
        FileChannel.open(file.toAbsolutePath().getParent(), StandardOpenOption.READ)) {
      directory.force(true);
    }
  }

  private void inForce(String secret) throws IOException {
    Files.move(fresh(), file, StandardCopyOption.ATOMIC_MOVE);
    LOG.info("The token {} is in {}", NAME, file);
    if (settings.printToken()) {
      System.out.println(secret);
    }
  }
}
