package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.millwright.api.Rig.Reply;
import io.millwright.media.FileSource;
import io.millwright.media.RangeServer;
import io.millwright.store.WorkLoop;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images out of files: what they are, is seen by what is in them. */
@Tag("database")
class ImportTest {
  @TempDir private static Path directory;
  private static Path vendor;
  private final Rig rig = Rig.shared();

  @BeforeAll
  static void make() {
    vendor = VendorIso.debian(directory);
  }

  private Reply send(String call, byte[] file) {
    return send(call, BodyPublishers.ofByteArray(file));
  }

  private Reply send(String call, BodyPublisher body) {
    return rig.send(
        rig.request("projects/imp/images/" + call)
            .header("Content-Type", "application/octet-stream")
            .POST(body)
            .build());
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  private void awaitReady(String... names) {
    WorkLoop work = rig.work();
    try {
      for (String name : names) {
        Awaitility.await()
            .atMost(Duration.ofSeconds(30))
            .untilAsserted(() ->
                assertThat(
                        rig.get("projects/imp/images/" + name)
                            .json()
                            .at("/status/conditions/0")
                            .toString())
                    .contains("\"value\":\"true\""));
      }
    } finally {
      work.close();
    }
  }

  private long files() throws IOException {
    try (Stream<Path> all = Files.list(rig.images)) {
      return all.filter(f -> !f.getFileName().toString().startsWith("installation")).count();
    }
  }

  @Test
  void aMediumThatIsSentIsRecognisedAndOthersAreMadeOfIt() throws Exception {
    byte[] medium = Files.readAllBytes(vendor);
    assertThat(medium.length).as("more than manifests may have").isGreaterThan(4 << 20);
    Reply made = send("sent:import?sha256=" + sha256(medium), medium);
    assertThat(made.status()).as(made.raw().body()).isEqualTo(202);
    assertThat(made.json().path("kind").asString()).isEqualTo("Operation");
    awaitReady("sent");
    var image = rig.get("projects/imp/images/sent").json();
    assertThat(image.at("/spec/os").asString()).isEqualTo("debian");
    assertThat(image.at("/spec/version").asString()).isEqualTo("13");
    assertThat(image.at("/spec/installer/sha256").asString()).isEqualTo(sha256(medium));
    assertThat(image.at("/status/sha256").asString()).isEqualTo(sha256(medium));
    Reply iso = rig.post("projects/imp/isos", IsosTest.BUNDLE.replace("image: img", "image: sent"));
    assertThat(iso.status()).as(iso.raw().body()).isEqualTo(200);
    assertThat(Long.parseLong(iso.header("Content-Length"))).isGreaterThan(medium.length);
    // The same again is the same image, and nothing to do.
    assertThat(send("sent:import", medium).status()).isEqualTo(200);
    assertThat(rig.get("projects/imp/images/sent").json().at("/metadata/generation").asInt())
        .isEqualTo(1);
  }

  @Test
  void whatIsWrongIsSaidAndNothingOfItStays() throws Exception {
    byte[] medium = Files.readAllBytes(vendor);
    long before = files();
    refused("bad:import?sha256=" + "0".repeat(64), medium, "checksum is " + sha256(medium));
    refused("bad:import", Arrays.copyOf(medium, medium.length / 2), "get it once more");
    refused("bad:import", "no image at all".repeat(9000).getBytes(), "neither an installation");
    refused("bad:import", new byte[0], "neither an installation");
    refused("bad:import?os=ubuntu", medium, "os: is ubuntu, but the medium is one of debian");
    refused("bad:import?os=plan9", medium, "known are");
    refused("Bad:import", medium, "name: ");
    refused("bad:import?sha256=zz", medium, "sha256: must be 64");
    byte[] other =
        Files.readAllBytes(VendorIso.of(directory, "OTHER", Map.of("readme.txt", "hello")));
    refused("bad:import", other, "of no known family");
    refused("bad:import", disk(), "os: must be given");
    refused("bad:import?os=debian", disk(), "version: must be given");
    assertThat(files()).isEqualTo(before);
    assertThat(rig.get("projects/imp/images/bad").status()).isEqualTo(404);
  }

  private void refused(String call, byte[] file, String why) {
    Reply reply = send(call, file);
    assertThat(reply.status()).as(call + " " + reply.raw().body()).isEqualTo(400);
    assertThat(reply.json().path("detail").asString()).as(call).contains(why);
  }

  /** The header of an empty qcow2 image of 1 GiB, which is all that is looked at here. */
  private static byte[] disk() {
    ByteBuffer out = ByteBuffer.allocate(4 << 16);
    out.putInt(0, 0x514649fb).putInt(4, 3);
    out.putInt(20, 16).putLong(24, 1L << 30);
    out.putInt(36, 2).putLong(40, 3L << 16);
    out.putLong(48, 1 << 16).putInt(56, 1);
    out.putInt(96, 4).putInt(100, 104);
    return out.array();
  }

  @Test
  void somebodyMaySayWhatCannotBeSeen() throws Exception {
    assertThat(send("disk:import?os=debian&version=12", disk()).status()).isEqualTo(202);
    Path mine =
        VendorIso.of(
            directory,
            "MINE",
            Map.of(
                "linux", "k",
                "initrd.gz", "i",
                "boot/grub/grub.cfg", "menuentry 'x' {\n linux /linux a=b\n initrd /initrd.gz\n}"));
    // A release that the catalogue does not have, of a family that it has.
    Reply made = send("mine:import?os=debian&version=99", Files.readAllBytes(mine));
    assertThat(made.status()).as(made.raw().body()).isEqualTo(202);
    awaitReady("disk", "mine");
    assertThat(rig.get("projects/imp/images/disk").json().at("/spec/source/sha256").asString())
        .isEqualTo(sha256(disk()));
    Reply iso = rig.post("projects/imp/isos", IsosTest.BUNDLE.replace("image: img", "image: mine"));
    assertThat(iso.status()).as(iso.raw().body()).isEqualTo(200);
  }

  @Test
  void whatIsBehindAUrlIsLookedAtInPartsAndFetched() throws Exception {
    String sha256 = sha256(Files.readAllBytes(vendor));
    try (RangeServer web =
            RangeServer.open(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                InstantSource.system());
        FileSource file = FileSource.open(vendor)) {
      String path = web.offer(file, "x.iso", Duration.ofMinutes(5), RangeServer.Use.DRIVE);
      String url = "http://127.0.0.1:" + web.port() + path;
      Reply made = rig.post("projects/imp/images/far:import?sha256=" + sha256 + "&url=" + url);
      assertThat(made.status()).as(made.raw().body()).isEqualTo(202);
      awaitReady("far");
      var image = rig.get("projects/imp/images/far").json();
      assertThat(image.at("/spec/installer/url").asString()).isEqualTo(url);
      assertThat(image.at("/spec/version").asString()).isEqualTo("13");

      Reply unknown = rig.post("projects/imp/images/bad:import?url=" + url);
      assertThat(unknown.status()).isEqualTo(400);
      assertThat(unknown.raw().body()).contains("a url of http needs the image's sha256");
      Reply secret =
          rig.post("projects/imp/images/bad:import?url=https://anna:secret@example.org/x.iso");
      assertThat(secret.status()).isEqualTo(400);
      assertThat(secret.json().at("/errors/0/field").asString()).isEqualTo("url");
      assertThat(secret.raw().body())
          .contains("everybody who sees the image")
          .doesNotContain("anna:secret@");
      Reply inside =
          rig.post(
              "projects/imp/images/bad:import?sha256="
                  + sha256
                  + "&url="
                  + url.replace("127.0.0.1", "127.0.0.3"));
      assertThat(inside.status()).isEqualTo(400);
      assertThat(inside.raw().body()).contains("127.0.0.3", "--may-reach");
    }
    byte[] medium = Files.readAllBytes(vendor);
    HttpServer plain =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    plain.createContext(
        "/whole",
        exchange -> {
          exchange.sendResponseHeaders(200, medium.length);
          exchange.getResponseBody().write(medium);
          exchange.close();
        });
    plain.start();
    try {
      String call =
          "projects/imp/images/whole:import?sha256="
              + sha256
              + "&url=http://127.0.0.1:"
              + plain.getAddress().getPort()
              + "/whole";
      Reply unseen = rig.post(call);
      assertThat(unseen.status()).isEqualTo(400);
      assertThat(unseen.raw().body()).contains("give os and version (--os and --release)");
      Reply told = rig.post(call + "&os=debian&version=13");
      assertThat(told.status()).as(told.raw().body()).isEqualTo(202);
      awaitReady("whole");
    } finally {
      plain.stop(0);
    }
    Reply onServer = rig.post("projects/imp/images/near:import?path=" + vendor);
    assertThat(onServer.status()).as(onServer.raw().body()).isEqualTo(202);
    Reply nowhere = rig.post("projects/imp/images/bad:import?path=/nowhere/x.iso");
    assertThat(nowhere.status()).isEqualTo(400);
    assertThat(nowhere.raw().body()).contains("there is no file /nowhere/x.iso");
  }
}
