package io.millwright.images;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.millwright.model.PackageSource;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * Real package managers install from a repository of others, by the very files that a clone's first
 * boot writes, and from one on a medium, by what Debian's installer is told; and they refuse it
 * when its key is another one. They run on a copy of this system that nobody sees (an overlay in a
 * mount namespace of its own), so nothing of it stays.
 */
@Tag("validators")
class RepositoriesTest {
  @TempDir private static Path directory;
  private static HttpServer web;
  private static String theirs = "";
  private static String anothers = "";

  @BeforeAll
  static void make() throws Exception {
    for (String tool : List.of("apt-get", "dpkg-deb", "gpg", "dnf", "createrepo_c", "rpmbuild")) {
      Outside.needed(Path.of("/usr/bin", tool));
    }
    sh("mkdir -m 0700 gnupg");
    theirs = key("tools@lab.test");
    anothers = key("another@lab.test");
    Path served = Files.createDirectory(directory.resolve("served"));
    apt(served);
    rpm(Files.createDirectories(served.resolve("rpm/1")));
    web = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    web.createContext("/", exchange -> serve(served, exchange));
    web.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    web.start();
  }

  private static void serve(Path served, HttpExchange exchange) throws IOException {
    try (exchange) {
      // apt asks for /deb/./InRelease, which every web server takes for /deb/InRelease.
      Path file = served.resolve(exchange.getRequestURI().normalize().getPath().substring(1));
      if (Files.isRegularFile(file)) {
        byte[] bytes = Files.readAllBytes(file);
        exchange.sendResponseHeaders(200, bytes.length);
        exchange.getResponseBody().write(bytes);
      } else {
        exchange.sendResponseHeaders(404, -1);
      }
    }
  }

  @AfterAll
  static void close() throws Exception {
    if (web != null) {
      web.stop(0);
    }
    sh("gpgconf --homedir gnupg --kill all");
  }

  private static String sh(String script) throws IOException, InterruptedException {
    return Outside.run(
        List.of("/bin/sh", "-euc", "cd '" + directory.toRealPath() + "'\numask 022\n" + script));
  }

  private static final String GPG = "gpg --homedir gnupg --batch --quiet --no-tty ";

  /** A new key's public half, as a manifest has it. */
  private static String key(String mail) throws Exception {
    sh(GPG + "--passphrase '' --quick-generate-key " + mail + " rsa2048 sign never");
    return sh(GPG + "--armor --export " + mail).strip();
  }

  /** One package in a suite and, for those who want no suite, in the directory itself. */
  private static void apt(Path served) throws Exception {
    sh(
        """
        mkdir -p deb/DEBIAN deb/usr/share/mw-tool served/deb/dists/stable/main/binary-amd64
        echo tool-of-others >deb/usr/share/mw-tool/told
        printf 'Package: mw-tool\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@lab.test>\\nDescription: x\\n' \
          >deb/DEBIAN/control
        dpkg-deb -b deb served/deb/mw-tool.deb >/dev/null
        """);
    Path deb = served.resolve("deb/mw-tool.deb");
    String packages =
        Files.readString(directory.resolve("deb/DEBIAN/control"))
            + "Filename: ./mw-tool.deb\nSize: "
            + Files.size(deb)
            + "\nSHA256: "
            + sha256(deb)
            + "\n";
    for (String[] place :
        List.of(
            new String[] {"deb", "Packages", ""},
            new String[] {"deb/dists/stable", "main/binary-amd64/Packages", "main"})) {
      Path at = served.resolve(place[0]);
      Path index = Files.writeString(at.resolve(place[1]), packages);
      Files.writeString(
          at.resolve("Release"),
          "Date: Sat, 28 Nov 2026 00:00:00 UTC\nSuite: stable\nArchitectures: amd64\n"
              + (place[2].isEmpty() ? "" : "Components: main\n")
              + "SHA256:\n "
              + sha256(index)
              + " "
              + Files.size(index)
              + " "
              + place[1]
              + "\n");
      sh(
          "cd served/"
              + place[0]
              + "\n"
              + GPG.replace("homedir gnupg", "homedir '" + directory.toRealPath() + "/gnupg'")
              + "--local-user tools@lab.test --clearsign --output InRelease Release");
    }
  }

  private static void rpm(Path into) throws Exception {
    Files.writeString(
        directory.resolve("tool.spec"),
        """
        Name: mw-tool
        Version: 1
        Release: 1
        Summary: x
        License: none
        BuildArch: noarch
        AutoReqProv: no
        %description
        x
        %install
        mkdir -p %{buildroot}/usr/share/mw-tool
        echo tool-of-others >%{buildroot}/usr/share/mw-tool/told
        %files
        /usr/share/mw-tool/told
        """);
    String top = directory.toRealPath().toString();
    sh(
        """
        rpmbuild --quiet -bb --define '_topdir %1$s/rpm' --define '_rpmdir %1$s/built' tool.spec
        cp built/noarch/*.rpm '%2$s'
        rpmsign --addsign --define '__gpg /usr/bin/gpg' --define '_gpg_path %1$s/gnupg' --define '_gpg_name tools@lab.test' '%2$s'/*.rpm
        createrepo_c --quiet '%2$s'
        """
            .formatted(top, into.toRealPath()));
  }

  private static String sha256(Path file) throws Exception {
    return HexFormat.of()
        .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
  }

  private static PackageSource.Repository repository(
      String name, String path, @Nullable String suite, List<String> components, String key) {
    return new PackageSource.Repository(
        name,
        URI.create("http://127.0.0.1:" + web.getAddress().getPort() + path),
        suite,
        components,
        key,
        null);
  }

  private static PackageSource.Repository suite(String key) {
    return repository("tools", "/deb", "stable", List.of("main"), key);
  }

  private static PackageSource.Repository flat(String key) {
    return repository("flat", "/deb", "./", List.of(), key);
  }

  /**
   * Runs a script on a copy of this system that knows no repository but what the first boot of a
   * clone writes, and returns what it said.
   */
  private static String on(String os, String script, PackageSource.Repository... repositories)
      throws Exception {
    InstallSpec clone =
        Samples.with(
            Samples.PLAIN.withPackageSource(
                new PackageSource(null, null, null, null, List.of(repositories))));
    JsonNode data = new YAMLMapper().readTree(CloudInit.ofClone(os).render(clone).userData());
    Path files = Files.createTempDirectory(directory, "files");
    for (JsonNode file : data.get("write_files")) {
      Path path = files.resolve(file.get("path").asString().substring(1));
      Files.createDirectories(path.getParent());
      Files.write(path, Base64.getDecoder().decode(file.get("content").asString()));
    }
    return with(files, script);
  }

  /** The same with these files, whose paths are relative. */
  private static String with(Path files, String script) throws Exception {
    Path program = Files.writeString(directory.resolve("program"), script);
    Path root = Files.createTempDirectory(directory, "root");
    return Outside.run(
        List.of(
            "/usr/bin/unshare",
            "--mount",
            "--pid",
            "--fork",
            "/bin/sh",
            "-euc",
            """
            umask 022
            mount -t tmpfs none "$1"
            chmod 0755 "$1"
            mkdir "$1/upper" "$1/work" "$1/root"
            mount -t overlay none -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
            cd "$1/root"
            mount -t proc none proc
            mount --rbind /dev dev
            mount -t tmpfs none tmp
            chmod 1777 tmp
            rm -rf etc/apt/sources.list etc/apt/sources.list.d/* etc/yum.repos.d/* var/lib/apt/lists/*
            cp -R "$2"/. .
            cp "$3" tmp/program
            exec chroot . /bin/sh -eu /tmp/program 2>&1
            """,
            "sh",
            root.toString(),
            files.toString(),
            program.toString()));
  }

  /** As cloud-init does for a profile's packages. */
  private static final String APT =
      """
      export DEBIAN_FRONTEND=noninteractive LC_ALL=C
      apt-get -q update || echo "update ended with $?"
      apt-get -q -y install mw-tool || echo "install ended with $?"
      cat /usr/share/mw-tool/told || true
      """;

  @Test
  void aptInstallsFromASuiteAndFromADirectory() throws Exception {
    for (PackageSource.Repository each : List.of(suite(theirs), flat(theirs))) {
      assertThat(on("debian", APT, each).lines())
          .contains("tool-of-others")
          .noneMatch(line -> line.startsWith("W:") || line.startsWith("E:"))
          .noneMatch(line -> line.contains(" ended with "));
    }
  }

  @Test
  void aptTrustsAKeyForItsOwnRepositoryOnly() throws Exception {
    assertThat(on("debian", APT, suite(anothers)).lines())
        .anyMatch(line -> line.contains("NO_PUBKEY"))
        .contains("E: Unable to locate package mw-tool")
        .doesNotContain("tool-of-others");
    // The right key is there, and is the other repository's.
    String both = on("debian", APT, suite(anothers), flat(theirs));
    assertThat(both.lines())
        .anyMatch(line -> line.startsWith("W:") && line.contains("stable InRelease"))
        .contains("tool-of-others");
    assertThat(both).contains("Get:", " ./ mw-tool 1");
  }

  /** A repository on the medium, as apt-setup of Debian 13 (generators/60local) writes it down. */
  private static String medium(@Nullable String key, String spoilt) throws Exception {
    Source source =
        key == null
            ? Source.MEDIUM.withRepository("/extra")
            : Source.MEDIUM.withRepository("/extra", key);
    Map<String, AnswerFile> told =
        new Preseed()
            .render(
                Samples.with(Samples.PLAIN).withInstallation(Samples.ON_DISK.withSource(source)))
            .ways()
            .getFirst()
            .initrd();
    Map<String, String> answers =
        Objects.requireNonNull(told.get("/preseed.cfg"))
            .asText()
            .lines()
            .filter(l -> l.startsWith("d-i apt-setup/local0/"))
            .map(l -> l.split(" ", 4))
            .collect(
                Collectors.toMap(w -> w[1].substring("apt-setup/local0/".length()), w -> w[3]));
    Path files = Files.createTempDirectory(directory, "files");
    Path etc = files.resolve("etc/apt");
    Files.createDirectories(etc.resolve("keyrings"));
    String options = "";
    String url = answers.get("key");
    if (url != null) {
      options = "[signed-by=/etc/apt/keyrings/apt-setup_local0.asc] ";
      Files.write(
          etc.resolve("keyrings/apt-setup_local0.asc"),
          Objects.requireNonNull(told.get(URI.create(url).getPath())).bytes());
    }
    Files.writeString(
        etc.resolve("sources.list"), "\ndeb " + options + answers.get("repository") + "\n");
    Files.createDirectories(files.resolve("media/cdrom"));
    sh(
        "cp -R served/deb '"
            + files
            + "/media/cdrom/extra'\ncd '"
            + files
            + "/media/cdrom/extra'\n"
            + spoilt);
    return with(files, APT);
  }

  @Test
  void aptGoesByTheKeyOfARepositoryOnTheMedium() throws Exception {
    assertThat(medium(theirs, "").lines())
        .contains("tool-of-others")
        .noneMatch(line -> line.startsWith("W:") || line.startsWith("E:"))
        .noneMatch(line -> line.contains(" ended with "));
    assertThat(medium(anothers, "").lines())
        .anyMatch(line -> line.contains("NO_PUBKEY"))
        .doesNotContain("tool-of-others");
    assertThat(medium(theirs, "rm InRelease").lines())
        .anyMatch(line -> line.startsWith("E:") && line.contains("is not signed"))
        .doesNotContain("tool-of-others");
    assertThat(medium(theirs, "echo more >>mw-tool.deb").lines()).doesNotContain("tool-of-others");
  }

  /** It is trusted as the medium is that it came with. */
  @Test
  void withoutAKeyAptTakesWhatIsOnTheMedium() throws Exception {
    assertThat(medium(null, "rm InRelease").lines())
        .contains("tool-of-others")
        .noneMatch(line -> line.contains(" ended with "));
  }

  private static final String DNF =
      """
      export LC_ALL=C
      dnf -q -y --releasever=1 --setopt=cachedir=/tmp/cache install mw-tool || echo "install ended with $?"
      cat /usr/share/mw-tool/told || true
      """;

  private static PackageSource.Repository rpms(String key) {
    return repository("tools", "/rpm/$releasever", null, List.of(), key);
  }

  @Test
  void dnfInstallsWhatIsSignedByTheKeyAndNothingElse() throws Exception {
    assertThat(on("rocky", DNF, rpms(theirs)))
        .contains("tool-of-others")
        .doesNotContain(" ended with ");
    assertThat(on("rocky", DNF, rpms(anothers)))
        .containsIgnoringCase("GPG")
        .contains("install ended with 1")
        .doesNotContain("tool-of-others");
  }

  @Test
  void theKeysAreSuchAsAManifestMayHave() {
    for (String key : List.of(theirs, anothers)) {
      assertThat(key.getBytes(UTF_8).length).isLessThan(64 << 10);
      assertThat(io.millwright.model.SigningKey.parse(key).isOpenPgp()).isTrue();
    }
  }
}
