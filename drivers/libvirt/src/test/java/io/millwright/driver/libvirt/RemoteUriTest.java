package io.millwright.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.driver.testkit.Lab;
import io.millwright.model.ByteSize;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Hypervisors that are reached over the network: by TLS with certificates, and through SSH. */
@Tag("libvirt")
@Timeout(120)
final class RemoteUriTest {
  @TempDir Path dir;

  private int remote(String what) throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    Path script = dir.resolve("remote-libvirt.sh");
    try (InputStream in = RemoteUriTest.class.getResourceAsStream("/remote-libvirt.sh")) {
      Files.write(script, java.util.Objects.requireNonNull(in).readAllBytes());
    }
    Lab.run(List.of("bash", script.toString(), what, dir.toString(), Integer.toString(port)));
    return port;
  }

  @AfterEach
  void end() throws Exception {
    Path pid = dir.resolve("pid");
    if (Files.exists(pid)) {
      ProcessHandle.of(Long.parseLong(Files.readString(pid).strip()))
          .ifPresent(daemon -> {
            daemon.destroy();
            Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> !daemon.isAlive());
          });
    }
  }

  @Test
  void libvirtIsSpokenToByTls() throws Exception {
    int port = remote("tls");
    String uri = "qemu+tls://localhost:" + port + "/system?pkipath=" + dir;
    Lab.run(
        List.of(
            "virsh",
            "-q",
            "-c",
            uri,
            "pool-define-as",
            "millwright",
            "dir",
            "--target",
            dir + "/pool"));
    Lab.run(List.of("virsh", "-q", "-c", uri, "pool-start", "millwright"));
    works(uri);

    // A client without a certificate of this authority is turned away, and told so.
    Files.move(dir.resolve("clientcert.pem"), dir.resolve("away"));
    assertThatThrownBy(() -> observe(uri))
        .isInstanceOfSatisfying(
            DriverException.class,
            e ->
                assertThat(e.kind())
                    .as(e.forOperator())
                    .isIn(FaultKind.REFUSED, FaultKind.UNREACHABLE));
  }

  @Test
  void libvirtIsReachedThroughSsh() throws Exception {
    int port = remote("ssh");
    String socket = Lab.shared().uri().replaceFirst(".*socket=", "");
    String uri =
        "qemu+ssh://root@127.0.0.1:%d/system?proxy=netcat&command=%s/ssh&keyfile=%s/key&socket=%s"
            .formatted(port, dir, dir, socket);
    works(uri);

    // A host that shows another key than it used to is not spoken to.
    Files.writeString(
        dir.resolve("known_hosts"),
        "[127.0.0.1]:" + port + " " + Files.readString(dir.resolve("key.pub")));
    assertThatThrownBy(() -> observe(uri))
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> assertThat(e.forOperator()).contains("Host key verification failed"));
  }

  private static void works(String uri) throws Exception {
    try (HypervisorDriver driver = open(uri)) {
      assertThat(driver.observe(new Scope.All()).complete()).isTrue();
      ObjectName disk =
          new ObjectName(new Mark("0a0b0c0d", UUID.randomUUID(), 1), ObjectName.SYSTEM);
      assertThat(driver.disks().orElseThrow().create(disk, ByteSize.ofMib(8), null))
          .isEqualTo(Outcome.DONE);
      assertThat(driver.observe(new Scope.All()).disks()).anyMatch(d -> d.name().equals(disk));
      assertThat(driver.disks().orElseThrow().delete(disk)).isEqualTo(Outcome.DONE);
    }
  }

  private static void observe(String uri) throws DriverException {
    try (HypervisorDriver driver = open(uri)) {
      driver.observe(new Scope.All());
    }
  }

  private static HypervisorDriver open(String uri) throws DriverException {
    return new LibvirtProvider().open(Map.of("uri", uri, "acceleration", "emulation"), "0a0b0c0d");
  }
}
