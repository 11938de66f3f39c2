package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.engine.access.AccessTokens;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tokens;
import io.millwright.engine.port.Tx;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whenever the server dies, the file has a token that is in force, or the next start makes one. */
class AdminTokenTest {
  @TempDir Path dir;
  private Path file = Path.of("");
  private Path fresh = Path.of("");
  private final OnlyTokens store = new OnlyTokens();
  private final AccessTokens tokens = new AccessTokens(store, InstantSource.system());

  @BeforeEach
  void files() {
    file = dir.resolve("admin-token");
    fresh = dir.resolve("admin-token.new");
  }

  private void start(String... settings) throws Exception {
    new AdminToken(file, tokens, ServerSettings.parse(List.of(settings))).provide();
  }

  private String secret() throws IOException {
    return Files.readString(file).strip();
  }

  private void opens() throws IOException {
    assertThat(tokens.authenticate(secret())).isPresent();
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    assertThat(fresh).doesNotExist();
    assertThat(store.hashes).hasSize(1);
  }

  @Test
  void theFirstStartMakesItAndOthersLeaveIt() throws Exception {
    start();
    opens();
    String first = secret();
    start();
    assertThat(secret()).isEqualTo(first);
    opens();
  }

  @Test
  void whatDiedWithTheHashInForceIsTakenUp() throws Exception {
    store.dies = Moment.AFTER;
    assertThatThrownBy(this::start).isInstanceOf(Killed.class);
    assertThat(file).doesNotExist();
    store.dies = null;
    start();
    opens();
  }

  @Test
  void whatDiedBeforeIsMadeAnew() throws Exception {
    store.dies = Moment.BEFORE;
    assertThatThrownBy(this::start).isInstanceOf(Killed.class);
    String lost = Files.readString(fresh).strip();
    store.dies = null;
    start();
    opens();
    assertThat(secret()).isNotEqualTo(lost);
  }

  @Test
  void whatCannotBeWrittenIsNotInForce() throws Exception {
    store.makes = () -> Files.createDirectory(fresh); // in the way of what is written next
    assertThatThrownBy(this::start).isInstanceOf(IOException.class);
    assertThat(store.hashes).isEmpty();
    Files.delete(fresh);
    start();
    opens();
  }

  @Test
  void anotherOneTakesThePlaceOfTheFirstAtOnceOrNotAtAll() throws Exception {
    start();
    String first = secret();
    store.dies = Moment.BEFORE;
    assertThatThrownBy(() -> start("--new-admin-token")).isInstanceOf(Killed.class);
    store.dies = null;
    start();
    assertThat(secret()).isEqualTo(first);
    opens();

    store.dies = Moment.AFTER;
    assertThatThrownBy(() -> start("--new-admin-token")).isInstanceOf(Killed.class);
    store.dies = null;
    start();
    assertThat(secret()).isNotEqualTo(first);
    opens();
  }

  @Test
  void anotherNodeMayBeFaster() throws Exception {
    store.taken = true;
    start();
    assertThat(file).doesNotExist();
    assertThat(fresh).doesNotExist();
  }

  private enum Moment {
    BEFORE,
    AFTER
  }

  private static final class Killed extends Error {
    private static final long serialVersionUID = 1L;
  }

  private interface Act {
    void run() throws IOException;
  }

  /** A database that has nothing but tokens, and dies before or after what is written. */
  private static final class OnlyTokens implements Store, Tokens {
    final Map<String, Token> hashes = new LinkedHashMap<>();
    @Nullable Moment dies;
    Act makes = () -> {};
    boolean taken;

    private final Tx tx =
        (Tx)
            Proxy.newProxyInstance(
                Tx.class.getClassLoader(),
                new Class<?>[] {Tx.class},
                (_, method, _) -> {
                  if (method.getName().equals("tokens")) {
                    return this;
                  }
                  throw new UnsupportedOperationException(method.getName());
                });

    @Override
    public <T> T inTransaction(Function<Tx, T> work) {
      if (dies == Moment.BEFORE) {
        throw new Killed();
      }
      T result = work.apply(tx);
      if (dies == Moment.AFTER) {
        throw new Killed();
      }
      return result;
    }

    @Override
    public <T> T read(Function<Tx, T> work) {
      T result = work.apply(tx);
      try {
        makes.run();
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
      makes = () -> {};
      return result;
    }

    @Override
    public <T> T dryRun(Function<Tx, T> work) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void insert(Token token, byte[] sha256) {
      if (taken || find(token.name()).isPresent()) {
        throw ProblemException.of(Problem.Type.CONFLICT, "the name is taken");
      }
      hashes.put(HexFormat.of().formatHex(sha256), token);
    }

    @Override
    public Optional<Token> find(byte[] sha256) {
      return Optional.ofNullable(hashes.get(HexFormat.of().formatHex(sha256)));
    }

    @Override
    public List<Token> list() {
      return List.copyOf(hashes.values());
    }

    @Override
    public Optional<Token> find(String name) {
      return hashes.values().stream().filter(t -> t.name().equals(name)).findFirst();
    }

    @Override
    public Optional<Token> find(UUID uid) {
      return hashes.values().stream().filter(t -> t.uid().equals(uid)).findFirst();
    }

    @Override
    public boolean revoke(String name) {
      return hashes.values().removeIf(t -> t.name().equals(name));
    }
  }
}
