package io.millwright.drivers.git;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.sun.net.httpserver.HttpServer;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.SourceDriver.Place;
import io.millwright.driver.SourceDriver.Snapshot;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.PublicKey;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.apache.sshd.common.config.keys.KeyUtils;
import org.apache.sshd.common.config.keys.PublicKeyEntry;
import org.apache.sshd.common.config.keys.writer.openssh.OpenSSHKeyPairResourceWriter;
import org.apache.sshd.common.kex.BuiltinDHFactories;
import org.apache.sshd.common.keyprovider.KeyPairProvider;
import org.apache.sshd.server.SshServer;
import org.apache.sshd.server.command.AbstractCommandSupport;
import org.apache.sshd.server.kex.DHGServer;
import org.eclipse.jgit.api.errors.GitAPIException;
import org.eclipse.jgit.dircache.DirCache;
import org.eclipse.jgit.dircache.DirCacheBuilder;
import org.eclipse.jgit.dircache.DirCacheEntry;
import org.eclipse.jgit.lib.FileMode;
import org.eclipse.jgit.lib.ObjectId;
import org.eclipse.jgit.lib.ObjectInserter;
import org.eclipse.jgit.transport.PacketLineOut;
import org.eclipse.jgit.transport.RefAdvertiser;
import org.eclipse.jgit.transport.UploadPack;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Reads real repositories on disk. */
class GitTest {
  @TempDir Path dir = Path.of("");

  private final Git driver = new Git();
  private org.eclipse.jgit.api.Git repository;

  @BeforeEach
  void begin() throws GitAPIException {
    repository =
        org.eclipse.jgit.api.Git.init()
            .setDirectory(dir.resolve("repo").toFile())
            .setInitialBranch("main")
            .call();
  }

  @AfterEach
  void end() {
    repository.close();
  }

  private void write(String name, String text) throws IOException {
    Path file = dir.resolve("repo").resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private String commit() throws GitAPIException {
    repository.add().addFilepattern(".").call();
    return repository
        .commit()
        .setSign(false)
        .setMessage("m")
        .setAuthor("a", "a@example.org")
        .setCommitter("a", "a@example.org")
        .call()
        .name();
  }

  private Place place(String branch, String path) {
    return new Place("file://" + dir.resolve("repo").toAbsolutePath(), branch, path, Map.of());
  }

  private Place place() {
    return place("main", ".");
  }

  private DriverException fault(Place place) {
    return catchThrowableOfType(DriverException.class, () -> driver.read(place));
  }

  @Test
  void manifestsOfTheNewestCommitAndNothingElse() throws Exception {
    write("a.yaml", "old");
    commit();
    write("a.yaml", "new");
    write("env/b.YML", "b");
    write("env/deep/c.json", "{}");
    write("logo.png", "binary");
    write(".github/workflows/build.yaml", "not ours");
    write(".hidden.yaml", "not ours");
    String commit = commit();
    write("a.yaml", "not committed");

    Snapshot found = driver.read(place());

    assertThat(found.commit()).isEqualTo(commit);
    assertThat(found.files().keySet()).containsExactly("a.yaml", "env/b.YML", "env/deep/c.json");
    assertThat(new String(found.files().get("a.yaml"), UTF_8)).isEqualTo("new");
  }

  @Test
  void onlyWhatIsBelowThePath() throws Exception {
    write("a.yaml", "a");
    write("env/prod/b.yaml", "b");
    write("env/production/c.yaml", "c");
    commit();
    assertThat(driver.read(place("main", "env/prod")).files().keySet())
        .containsExactly("env/prod/b.yaml");
    assertThat(fault(place("main", "env/none")).forUser())
        .isEqualTo("there is no directory env/none in it");
  }

  @Test
  void noManifestIsNoOrderToDeleteAll() throws Exception {
    write("README", "x");
    commit();
    DriverException fault = fault(place());
    assertThat(fault.kind()).isEqualTo(FaultKind.REFUSED);
    assertThat(fault.forUser()).isEqualTo("there is no *.yaml, *.yml or *.json in it");
  }

  @Test
  void aLinkOutOfTheTreeIsRefusedAndOneWithinIsNotFollowed() throws Exception {
    write("a.yaml", "a");
    Files.createSymbolicLink(dir.resolve("repo/within.yaml"), Path.of("a.yaml"));
    commit();
    assertThat(driver.read(place()).files().keySet()).containsExactly("a.yaml");

    write("env/a.yaml", "a");
    Path link = dir.resolve("repo/env/out.yaml");
    for (String target : new String[] {"/etc/passwd", "../../up", "../env/../../up"}) {
      Files.deleteIfExists(link);
      Files.createSymbolicLink(link, Path.of(target));
      commit();
      DriverException fault = fault(place());
      assertThat(fault.kind()).isEqualTo(FaultKind.REFUSED);
      assertThat(fault.forUser())
          .isEqualTo("env/out.yaml is a link that leads out of the repository; put the file there");
    }
  }

  @Test
  void aLinkOutOfThePathIsRefusedIfItWouldHaveBeenRead() throws Exception {
    write("env/a.yaml", "a");
    write("env/deep/b.yaml", "b");
    write("common/c.yaml", "c");
    write("README", "x");
    Files.createSymbolicLink(dir.resolve("repo/env/README"), Path.of("../README"));
    Files.createSymbolicLink(dir.resolve("repo/env/again"), Path.of("deep"));
    Files.createSymbolicLink(dir.resolve("repo/env/.hidden"), Path.of("../common"));
    commit();
    assertThat(driver.read(place("main", "env")).files().keySet())
        .containsExactly("env/a.yaml", "env/deep/b.yaml");

    for (String[] link :
        new String[][] {
          {"c.yaml", "../common/c.yaml"},
          {"c.yaml", "../README"},
          {"c", "../common"},
          {"c", ".."},
          {"c", "../common/none"},
        }) {
      Path from = dir.resolve("repo/env").resolve(link[0]);
      Files.createSymbolicLink(from, Path.of(link[1]));
      commit();
      assertThat(fault(place("main", "env")).forUser())
          .isEqualTo(
              "env/" + link[0] + " is a link that leads out of env; put there what it leads to");
      assertThat(driver.read(place()).files()).hasSize(3); // it is read where it stands
      Files.delete(from);
    }
  }

  @Test
  void aNameThatCouldBeTakenForALineOfTheLogIsRefused() throws Exception {
    write("env/ä b.yaml", "a");
    commit();
    assertThat(driver.read(place()).files().keySet()).containsExactly("env/ä b.yaml");
    write("env/x\nERROR all is lost.yaml", "a");
    commit();
    assertThat(fault(place()).forUser())
        .isEqualTo(
            "the name of a file in it has characters that cannot be seen:"
                + " \"env/x\\u000aERROR all is lost.yaml\"; give it another one");
  }

  @Test
  void aPathThatIsALinkIsRefused() throws Exception {
    write("envs/prod/a.yaml", "a");
    Files.createSymbolicLink(dir.resolve("repo/prod"), Path.of("envs/prod"));
    commit();
    assertThat(fault(place("main", "prod")).forUser())
        .isEqualTo("prod is a link; write what it leads to, envs/prod, to spec.path");
  }

  @Test
  void aSubmoduleIsRefusedAndNotTakenForNothing() throws Exception {
    write("env/a.yaml", "a");
    String there = commit();
    DirCache index = repository.getRepository().lockDirCache();
    DirCacheBuilder builder = index.builder();
    builder.keep(0, index.getEntryCount());
    for (String name : new String[] {"env/.hidden/theme", "env/base", "other"}) {
      DirCacheEntry entry = new DirCacheEntry(name);
      entry.setFileMode(FileMode.GITLINK);
      entry.setObjectId(ObjectId.fromString(there));
      builder.add(entry);
    }
    builder.finish();
    index.write();
    index.commit();
    repository.commit().setSign(false).setMessage("m").setAuthor("a", "a@example.org").call();
    DriverException fault = fault(place("main", "env"));
    assertThat(fault.kind()).isEqualTo(FaultKind.REFUSED);
    assertThat(fault.forUser())
        .startsWith("env/base is a submodule, and what stands in another repository is not read");
  }

  @Test
  void whatIsTooMuchIsRefused() throws Exception {
    write("a.yaml", "x".repeat((int) Git.LARGEST_FILE + 1));
    commit();
    assertThat(fault(place()).forUser()).isEqualTo("a.yaml is larger than 4 MiB; split it");
  }

  @Tag("slow")
  @Test
  void moreFilesThanManifestsEverAreIsRefused() throws Exception {
    DirCache index = repository.getRepository().lockDirCache();
    DirCacheBuilder builder = index.builder();
    try (ObjectInserter inserter = repository.getRepository().newObjectInserter()) {
      ObjectId blob = inserter.insert(org.eclipse.jgit.lib.Constants.OBJ_BLOB, "x".getBytes(UTF_8));
      inserter.flush();
      for (int i = 0; i < 100_000; i++) {
        DirCacheEntry entry = new DirCacheEntry("f" + i);
        entry.setFileMode(FileMode.REGULAR_FILE);
        entry.setObjectId(blob);
        builder.add(entry);
      }
    }
    builder.commit();
    repository
        .commit()
        .setSign(false)
        .setMessage("m")
        .setAuthor("a", "a@example.org")
        .setCommitter("a", "a@example.org")
        .call();
    assertThat(fault(place()).forUser()).startsWith("there are more than 20000 files in it;");
  }

  @Test
  void noBranchIsRefusedAndNoRepositoryIsUnknown() throws Exception {
    write("a.yaml", "a");
    commit();
    assertThat(fault(place("other", ".")).kind()).isEqualTo(FaultKind.REFUSED);
    assertThat(fault(place("other", ".")).forUser()).isEqualTo("there is no branch other in it");
    Place nowhere = new Place("file://" + dir.resolve("none"), "main", ".", Map.of());
    assertThat(fault(nowhere).kind()).isEqualTo(FaultKind.UNREACHABLE);
  }

  // --- over the wire ---------------------------------------------------------------------------

  private Place at(String url, Map<String, String> settings) {
    return new Place(url, "main", ".", settings);
  }

  private UploadPack serve() {
    return new UploadPack(repository.getRepository());
  }

  /** Git's smart protocol over HTTP, for who has the token. */
  private HttpServer web() throws IOException {
    HttpServer web =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    String basic =
        "Basic " + Base64.getEncoder().encodeToString("git:token-of-git".getBytes(UTF_8));
    web.createContext(
        "/repo.git",
        exchange -> {
          try (exchange) {
            if (!basic.equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
              exchange.getResponseHeaders().add("WWW-Authenticate", "Basic realm=git");
              exchange.sendResponseHeaders(401, -1);
              return;
            }
            boolean refs = exchange.getRequestURI().getPath().endsWith("/info/refs");
            exchange
                .getResponseHeaders()
                .add(
                    "Content-Type",
                    "application/x-git-upload-pack-" + (refs ? "advertisement" : "result"));
            exchange.sendResponseHeaders(200, 0);
            UploadPack pack = serve();
            pack.setBiDirectionalPipe(false);
            OutputStream out = exchange.getResponseBody();
            if (refs) {
              PacketLineOut lines = new PacketLineOut(out);
              lines.writeString("# service=git-upload-pack\n");
              lines.end();
              pack.sendAdvertisedRefs(new RefAdvertiser.PacketLineOutRefAdvertiser(lines));
            } else {
              InputStream in = exchange.getRequestBody();
              pack.upload(
                  "gzip".equals(exchange.getRequestHeaders().getFirst("Content-Encoding"))
                      ? new GZIPInputStream(in)
                      : in,
                  out,
                  null);
            }
          }
        });
    web.createContext(
        "/moved.git",
        exchange -> {
          exchange
              .getResponseHeaders()
              .add("Location", "/repo.git/info/refs?service=git-upload-pack");
          exchange.sendResponseHeaders(302, -1);
          exchange.close();
        });
    web.start();
    return web;
  }

  @Tag("slow")
  @Test
  void overHttpWithATokenAndNotWithoutIt() throws Exception {
    write("a.yaml", "a");
    String commit = commit();
    HttpServer web = web();
    try {
      String url = "http://127.0.0.1:" + web.getAddress().getPort();
      Map<String, String> token = Map.of("token", "token-of-git");
      Snapshot found = driver.read(at(url + "/repo.git", token));
      assertThat(found.commit()).isEqualTo(commit);
      assertThat(found.files().keySet()).containsExactly("a.yaml");

      for (Map<String, String> none :
          List.of(Map.<String, String>of(), Map.of("token", "another-token"))) {
        DriverException fault = fault(at(url + "/repo.git", none));
        assertThat(fault.kind()).isEqualTo(FaultKind.UNREACHABLE);
        assertThat(fault.forUser()).startsWith("the repository does not let us in;");
        assertThat(fault.forOperator()).doesNotContain("another-token");
      }
      // A server that may be asked must not lead to one that may not.
      assertThat(fault(at(url + "/moved.git", token)).forUser())
          .isEqualTo("the server leads to another address; write that one to spec.url");
      assertThat(fault(at(url + "/none.git", token)).forUser())
          .startsWith("there is no repository at this address");
    } finally {
      web.stop(0);
    }
  }

  /** Git over ssh, for who has this key. */
  private SshServer ssh(KeyPair host, PublicKey guest) throws IOException {
    SshServer ssh = SshServer.setUpDefaultServer();
    ssh.setHost("127.0.0.1");
    // The quickest exchange there is: which one it is does not matter here.
    ssh.setKeyExchangeFactories(List.of(DHGServer.newFactory(BuiltinDHFactories.ecdhp256)));
    ssh.setKeyPairProvider(KeyPairProvider.wrap(host));
    ssh.setPublickeyAuthenticator(
        (user, key, _) -> user.equals("git") && KeyUtils.compareKeys(key, guest));
    ssh.setCommandFactory((_, command) ->
        new AbstractCommandSupport(command, null) {
          @Override
          public void run() {
            int exit = 0;
            try {
              serve().upload(getInputStream(), getOutputStream(), getErrorStream());
            } catch (IOException e) {
              exit = 1;
            }
            onExit(command.startsWith("git-upload-pack ") ? exit : 2);
          }
        });
    ssh.start();
    return ssh;
  }

  private static KeyPair key(String type) throws Exception {
    return KeyUtils.generateKeyPair(type, type.equals("ssh-rsa") ? 2048 : 256);
  }

  private static String pem(KeyPair key) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    OpenSSHKeyPairResourceWriter.INSTANCE.writePrivateKey(key, "test", null, out);
    return out.toString(UTF_8);
  }

  @Tag("slow")
  @ParameterizedTest
  @ValueSource(strings = {"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"})
  void overSshWithAKeyToAHostThatIsKnown(String type) throws Exception {
    write("a.yaml", "a");
    String commit = commit();
    KeyPair host = key("ecdsa-sha2-nistp256");
    KeyPair guest = key(type);
    try (SshServer ssh = ssh(host, guest.getPublic())) {
      String url = "ssh://git@127.0.0.1:" + ssh.getPort() + "/repo.git";
      String known =
          "[127.0.0.1]:" + ssh.getPort() + " " + PublicKeyEntry.toString(host.getPublic());
      KeyPair stranger = key("ecdsa-sha2-nistp256");
      String other =
          "[127.0.0.1]:" + ssh.getPort() + " " + PublicKeyEntry.toString(stranger.getPublic());

      Snapshot found = driver.read(at(url, Map.of("sshKey", pem(guest), "knownHosts", known)));
      assertThat(found.commit()).isEqualTo(commit);

      assertThat(fault(at(url, Map.of("sshKey", pem(stranger), "knownHosts", known))).forUser())
          .startsWith("the repository does not let us in;");
      for (String unknown : List.of(other, "# none")) {
        assertThat(fault(at(url, Map.of("sshKey", pem(guest), "knownHosts", unknown))).forUser())
            .isEqualTo("the host shows another key than settings.knownHosts has of it");
      }
    }
  }

  @Test
  void whereNobodyAnswersOrWhereNoHostIsThatIsSaid() throws Exception {
    int port;
    try (ServerSocket none = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = none.getLocalPort();
    }
    Map<String, String> ssh =
        Map.of("sshKey", pem(key("ecdsa-sha2-nistp256")), "knownHosts", "# none");
    for (String address : List.of("http://127.0.0.1:" + port, "ssh://git@127.0.0.1:" + port)) {
      DriverException fault = fault(at(address + "/r", address.startsWith("ssh") ? ssh : Map.of()));
      assertThat(fault.kind()).isEqualTo(FaultKind.UNREACHABLE);
      assertThat(fault.forUser()).startsWith("nobody answers at its host and port;");
    }
    for (String address : List.of("https://git.invalid", "ssh://git@git.invalid")) {
      DriverException fault = fault(at(address + "/r", address.startsWith("ssh") ? ssh : Map.of()));
      assertThat(fault.forUser()).isEqualTo("there is no host of this name; check spec.url");
    }
  }

  @Test
  void sshNeedsItsSettings() {
    assertThat(fault(at("ssh://git@127.0.0.1/r", Map.of("sshKey", "x"))).forUser())
        .startsWith("ssh needs settings.sshKey and settings.knownHosts;");
    DriverException fault =
        fault(at("ssh://git@127.0.0.1/r", Map.of("sshKey", "secret-text", "knownHosts", "x y z")));
    assertThat(fault.forUser()).startsWith("settings.sshKey is no private key");
    assertThat(fault.forOperator()).doesNotContain("secret-text");
  }

  @Test
  void nothingIsLeftInTheTemporaryDirectory() throws Exception {
    write("a.yaml", "a");
    commit();
    driver.read(place());
    fault(place("other", "."));
    try (var left = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      assertThat(left.map(f -> f.getFileName().toString()))
          .noneMatch(n -> n.startsWith("millwright-git"));
    }
  }
}
