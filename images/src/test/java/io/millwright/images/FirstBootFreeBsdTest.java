package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.millwright.model.MachineStatus.ScriptResult;
import io.millwright.model.ProfileSpec;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** FreeBSD's program of the first boot, run here with a stand-in for its ifconfig. */
class FirstBootFreeBsdTest {
  private static final String IFCONFIG =
      """
      #!/bin/sh
      if [ "$1" = -l ]; then echo "nic0 bond0 lo0"; fi
      if [ "$1" = nic0 ]; then
        echo "nic0: flags=8843<UP> metric 0 mtu 1500"
        printf '\\tether 52:54:00:00:00:09\\n\\thwaddr 52:54:00:00:00:01\\n'
      fi
      if [ "$1" = bond0 ]; then
        printf '\\tether 52:54:00:00:00:09\\n\\tinet 10.0.0.5 netmask 0xffffff00 broadcast 10.0.0.255\\n'
        printf '\\tinet6 fe80::1%%bond0 prefixlen 64 scopeid 0x2\\n\\tinet6 fd00::5 prefixlen 64\\n'
        printf '\\tinet6 fd00::6 prefixlen 64 tentative\\n'
      fi
      if [ "$1" = lo0 ]; then printf '\\tinet 127.0.0.1 netmask 0xff000000\\n'; fi
      """;

  @Test
  void runsAllInOrderAndReportsOnce(@TempDir Path directory) throws Exception {
    List<byte[]> bodies = Collections.synchronizedList(new ArrayList<>());
    HttpServer door =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    door.createContext(
        "/door",
        exchange -> {
          bodies.add(exchange.getRequestBody().readAllBytes());
          exchange.sendResponseHeaders(204, -1);
          exchange.close();
        });
    door.start();
    try {
      URI uri = URI.create("http://127.0.0.1:" + door.getAddress().getPort() + "/door?t=secret");
      Path bin = Files.createDirectories(directory.resolve("bin"));
      program(bin.resolve("ifconfig"), IFCONFIG);
      program(bin.resolve("nc"), "#!/bin/sh\nexec busybox nc \"$@\"\n");
      List<ProfileSpec.Script> scripts =
          List.of(
              new ProfileSpec.Script(
                  "good", "#!/bin/sh\nprintf 'a \"quoted\" \\\\ line\\n\\ttwo'\n"),
              new ProfileSpec.Script("bad", "#!/bin/sh\nexit 3\n"),
              new ProfileSpec.Script(
                  "odd", "#!/bin/sh\nhead -c 9000 /dev/zero | tr '\\0' '\\377'; echo end\n"));
      Path home = directory.resolve("home");
      for (TargetFile file :
          FirstBoot.filesForFreeBsd(
              new InstallSpec(
                  Samples.identity(null),
                  List.of(),
                  new ProfileSpec(List.of(), List.of(), List.of(), scripts, null, null, List.of()),
                  List.of(uri)))) {
        Path path = home.resolve(file.path().substring(FirstBoot.DIRECTORY.length() + 1));
        Files.createDirectories(path.getParent());
        String content =
            file.content()
                .replace("PATH=/sbin", "PATH=" + bin + ":/sbin")
                .replace("sleep 3", "sleep 0.2");
        Files.writeString(path, content);
      }
      String said = Outside.run(List.of("dash", home.resolve("run").toString()));
      assertThat(said).contains("script bad ended with 3", "reported").doesNotContain("secret");
      assertThat(bodies).hasSize(1);
      FirstBootReport report = FirstBootReport.parse(bodies.getFirst());
      assertThat(report.scripts())
          .extracting(ScriptResult::name)
          .containsExactly("good", "bad", "odd");
      assertThat(report.scripts()).extracting(ScriptResult::exitCode).containsExactly(0, 3, 0);
      assertThat(report.scripts().getFirst().output()).isEqualTo("a \"quoted\" \\ line\n\ttwo");
      assertThat(report.scripts().getLast().output()).isEqualTo("end");
      assertThat(report.interfaces())
          .extracting(i -> i.name() + " " + i.mac() + " " + i.addresses())
          .containsExactly(
              "nic0 52:54:00:00:00:01 []", "bond0 52:54:00:00:00:09 [10.0.0.5, fd00::5]");
      assertThat(home.resolve("done")).exists();
      assertThat(home.resolve("doors")).doesNotExist();
      assertThat(home.resolve("scripts")).doesNotExist();
    } finally {
      door.stop(0);
    }
  }

  private static void program(Path path, String text) throws IOException {
    Files.writeString(path, text);
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr-x"));
  }
}
