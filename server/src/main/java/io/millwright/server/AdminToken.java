package io.millwright.server;

import io.millwright.engine.access.AccessTokens;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The first token of an installation. It is written to a file that only its owner can read, for the
 * client on the same machine; the database has only its hash.
 */
record AdminToken(Path file, AccessTokens tokens, ServerSettings settings) {
  private static final Logger LOG = LoggerFactory.getLogger(AdminToken.class);
  private static final String NAME = "admin";

  /** Makes it if there is no token at all, or if another one is asked for. */
  void provide() throws IOException {
    Optional<AccessTokens.Fresh> fresh = settings.newAdminToken() ? replace() : first();
    if (fresh.isEmpty()) {
      return;
    }
    String secret = fresh.get().secret();
    Path whole = file.resolveSibling(file.getFileName() + ".new");
    Files.deleteIfExists(whole);
    Files.createFile(
        whole, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(whole, secret + "\n", StandardOpenOption.WRITE, StandardOpenOption.SYNC);
    Files.move(whole, file, StandardCopyOption.ATOMIC_MOVE);
    LOG.info("The token {} is in {}", NAME, file);
    if (settings.printToken()) {
      System.out.println(secret);
    }
  }

  private Optional<AccessTokens.Fresh> first() {
    try {
      return tokens.createFirst(NAME);
    } catch (ProblemException e) {
      if (e.problem().type() == Problem.Type.CONFLICT) {
        return Optional.empty(); // another node on the same database was faster
      }
      throw e;
    }
  }

  private Optional<AccessTokens.Fresh> replace() {
    try {
      tokens.revoke(NAME);
    } catch (ProblemException e) {
      if (e.problem().type() != Problem.Type.NOT_FOUND) {
        throw e;
      }
    }
    return Optional.of(tokens.create(NAME, null));
  }
}
