package io.millwright.images;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * What runs once inside a new machine, beside cloud-init: a program that runs the scripts and
 * reports.
 *
 * @param files what has to be written for it
 * @param start the command that starts it, given on every boot until the program is done
 */
record FirstBoot(List<Map<String, Object>> files, List<String> start) {
  /** Where it lives in the machine; only root can look. */
  static final String DIRECTORY = "/var/lib/millwright/first-boot";

  /** Starts it on a system without cloud-init. */
  static final String UNIT = "/etc/systemd/system/millwright-first-boot.service";

  /** Name under which a failure of cloud-init itself stands among the results of the scripts. */
  static final String CLOUD_INIT = "cloud-init";

  private static final JsonMapper JSON =
      JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

  private static final String PROGRAM = read("first-boot.py");

  /**
   * Nothing if there is neither a script to run nor anybody to report to.
   *
   * @param late true to wait for cloud-init's last stage and tell what that prints, false for the
   *     one that makes the users
   */
  static Optional<FirstBoot> of(InstallSpec spec, boolean late) {
    if (spec.profile().scripts().isEmpty() && spec.reportTo().isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new FirstBoot(
            List.of(
                CloudInit.file(DIRECTORY + "/run", PROGRAM, "0700", "root:root"),
                CloudInit.file(DIRECTORY + "/task.json", task(spec, late), "0600", "root:root")),
            starter()));
  }

  /**
   * The same for a system without cloud-init, whatever starts it there; nothing if there is nothing
   * to do.
   */
  static List<TargetFile> files(InstallSpec spec) {
    if (spec.profile().scripts().isEmpty() && spec.reportTo().isEmpty()) {
      return List.of();
    }
    return List.of(
        TargetFile.ofRoot(DIRECTORY + "/run", "0700", PROGRAM),
        TargetFile.ofRoot(DIRECTORY + "/task.json", "0600", task(spec, false)));
  }

  /** The same for FreeBSD, which has no Python either: doors and scripts as files. */
  static List<TargetFile> filesForFreeBsd(InstallSpec spec) {
    if (spec.profile().scripts().isEmpty() && spec.reportTo().isEmpty()) {
      return List.of();
    }
    List<TargetFile> out = new ArrayList<>();
    out.add(TargetFile.ofRoot(DIRECTORY + "/run", "0700", read("first-boot-freebsd.sh")));
    StringBuilder doors = new StringBuilder();
    for (URI uri : spec.reportTo()) {
      Map<String, Object> door = door(uri);
      doors.append(
          "%s %s %s %s %s\n"
              .formatted(
                  door.get("tls"),
                  door.get("host"),
                  door.get("port"),
                  door.get("authority"),
                  door.get("path")));
    }
    out.add(TargetFile.ofRoot(DIRECTORY + "/doors", "0600", doors.toString()));
    for (int i = 0; i < spec.profile().scripts().size(); i++) {
      var script = spec.profile().scripts().get(i);
      out.add(
          TargetFile.ofRoot(
              DIRECTORY + "/scripts/%03d-%s".formatted(i, script.name()),
              "0600",
              script.content()));
    }
    return out;
  }

  /** What starts it with systemd: on every boot until it is done, as cloud-init would. */
  static TargetFile unit() {
    return TargetFile.ofRoot(
        UNIT,
        "0644",
        """
        [Unit]
        Description=Millwright first boot
        ConditionPathExists=!%1$s/done
        Wants=network-online.target
        After=network-online.target ssh.service sshd.service

        [Service]
        Type=oneshot
        ExecStart=/usr/bin/env python3 -IS %1$s/run
        KillMode=process
        TimeoutStartSec=infinity
        StandardOutput=journal+console
        StandardError=journal+console

        [Install]
        WantedBy=multi-user.target
        """
            .formatted(DIRECTORY));
  }

  /**
   * A transient unit of its own, not cloud-init's runcmd: it can start before cloud-init's last
   * stages, it sees how they ended if there is something left for them, it goes on where it was if
   * a script reboots the machine, and a script may run for as long as it likes.
   */
  private static List<String> starter() {
    List<String> unit = new ArrayList<>();
    unit.add("exec systemd-run --quiet --no-block --unit=millwright-first-boot");
    unit.add("--description='Millwright first boot' --service-type=oneshot");
    // cloud-init 24.3 calls its second stage cloud-init-network; sshd is ssh on Debian.
    unit.add("-p After='cloud-init.service cloud-init-network.service ssh.service sshd.service'");
    // What a script leaves running shall go on.
    unit.add("-p KillMode=process -p TimeoutStartSec=infinity");
    unit.add("-p StandardOutput=journal+console -p StandardError=journal+console");
    unit.add("/usr/bin/env python3 -IS " + DIRECTORY + "/run");
    return List.of("sh", "-c", "[ -e " + DIRECTORY + "/done ] || " + String.join(" ", unit));
  }

  /** The program's only input. */
  private static String task(InstallSpec spec, boolean late) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("late", late);
    out.put("reportTo", spec.reportTo().stream().map(FirstBoot::door).toList());
    out.put(
        "awaits",
        spec.interfaces().stream()
            .filter(i -> !i.ip().optional() && (i.ip().isDynamic(false) || i.ip().isDynamic(true)))
            .map(FirstBoot::awaited)
            .toList());
    out.put(
        "scripts",
        spec.profile().scripts().stream()
            .map(s -> Map.of("name", s.name(), "content", s.content()))
            .map(java.util.TreeMap::new)
            .toList());
    return JSON.writeValueAsString(out);
  }

  /** Taken apart here, so that the program in the machine needs to load no more than a socket. */
  private static Map<String, Object> door(URI uri) {
    boolean tls = "https".equals(uri.getScheme());
    String host = uri.getHost();
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("tls", tls);
    out.put("host", host.startsWith("[") ? host.substring(1, host.length() - 1) : host);
    out.put("port", uri.getPort() >= 0 ? uri.getPort() : tls ? 443 : 80);
    out.put("authority", uri.getRawAuthority());
    String path = uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
    out.put("path", uri.getRawQuery() == null ? path : path + "?" + uri.getRawQuery());
    return out;
  }

  private static Map<String, Object> awaited(NetInterface face) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("name", face.name());
    out.put("v4", face.ip().isDynamic(false));
    out.put("v6", face.ip().isDynamic(true));
    return out;
  }

  static String read(String name) {
    try (InputStream in = FirstBoot.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException(name + " is missing from the jar");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
