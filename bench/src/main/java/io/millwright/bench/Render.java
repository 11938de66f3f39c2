package io.millwright.bench;

import io.millwright.images.Answers;
import io.millwright.images.Catalogue;
import io.millwright.images.Catalogue.Family;
import io.millwright.images.Catalogue.Installer;
import io.millwright.images.HostAddress;
import io.millwright.images.InstallSpec;
import io.millwright.images.Installation;
import io.millwright.images.IpConfig;
import io.millwright.images.NetInterface;
import io.millwright.images.Renderer;
import io.millwright.images.Renderers;
import io.millwright.images.Storage;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.ProfileSpec;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;

/**
 * Answers for a machine by each installer: what is rendered in a second of CPU, and what all
 * processors do at once. A machine has a static address of each family, a user with a key and a
 * script of its first boot; its answers are all that its installer reads, mostly several files.
 */
final class Render {
  private static final int WARM_UP = 2000;
  private static final int AT_ONCE = 500;
  private static final long RUN = 1_000_000_000L;

  private Render() {}

  public static void main(String[] arguments) throws Exception {
    Map<Installer, Renderer<Answers>> renderers = new LinkedHashMap<>();
    for (Family family : Catalogue.known().families().values()) {
      if (family.releases().isEmpty()) {
        renderers.putIfAbsent(family.installer(), Renderers.of(family, ""));
      }
      for (Catalogue.Release release : family.releases()) {
        renderers.putIfAbsent(
            family.installerOf(release.version()), Renderers.of(family, release.version()));
      }
    }
    double all = 0;
    for (var each : renderers.entrySet()) {
      InstallSpec[] machines = machines(each.getKey());
      for (InstallSpec machine : machines) {
        each.getValue().demand(machine);
      }
      for (int i = 0; i < WARM_UP; i++) {
        each.getValue().render(machines[i % machines.length]);
      }
      double rate = rate(each.getValue(), machines);
      all += 1 / rate;
      System.out.printf(
          "%-12s %8.0f a second of CPU%n", each.getKey().name().toLowerCase(Locale.ROOT), rate);
    }
    System.out.printf("%-12s %8.0f a second of CPU%n", "in turns", renderers.size() / all);
    atOnce(renderers);
  }

  /** Machines that differ, so that nothing can be kept from one to the next. */
  private static InstallSpec[] machines(Installer installer) {
    InstallSpec[] out = new InstallSpec[64];
    for (int i = 0; i < out.length; i++) {
      out[i] = machine(installer, i);
    }
    return out;
  }

  private static InstallSpec machine(Installer installer, int n) {
    boolean windows = installer == Installer.UNATTEND;
    boolean esxi = installer == Installer.ESXI;
    String key =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9kVvhDlJmNrbTBeCkBYfQY1x7vXPIkGzsLAfUMVVvz x";
    IpConfig ip =
        IpConfig.NONE
            .withStatic(
                List.of(
                    HostAddress.parse("10.0.0." + (n + 5) + "/24"),
                    HostAddress.parse("fd00::" + Integer.toHexString(n + 5) + "/64")),
                Ip.parse("10.0.0.1"),
                Ip.parse("fd00::1"))
            .withDns(List.of(Ip.parse("10.0.0.1")), List.of("lab.test"));
    return new InstallSpec(
            new InstallSpec.Identity("bench-" + n, "machine" + n, "lab.test"),
            List.of(new NetInterface.Ethernet("nic0", Mac.ofQemu(n + 1), ip)),
            new ProfileSpec(
                List.of(
                    new ProfileSpec.User(
                        esxi ? "root" : "ada",
                        List.of(key),
                        null,
                        false,
                        windows ? "/bin/bash" : "/bin/sh",
                        List.of())),
                List.of(),
                List.of(),
                List.of(
                    new ProfileSpec.Script(
                        "first",
                        (windows ? "#!powershell\n" : "#!/bin/sh\n") + "echo " + n + "\n")),
                null,
                null,
                List.of("10.0.0.1")),
            List.of())
        .withInstallation(Installation.on(new Storage.Disk.BySerial("system")));
  }

  private static double rate(Renderer<Answers> renderer, InstallSpec[] machines) {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long begun = threads.getCurrentThreadCpuTime();
    int done = 0;
    while (threads.getCurrentThreadCpuTime() - begun < RUN) {
      renderer.render(machines[done++ % machines.length]);
    }
    return done * 1e9 / (threads.getCurrentThreadCpuTime() - begun);
  }

  private static void atOnce(Map<Installer, Renderer<Answers>> renderers) throws Exception {
    int processors = Runtime.getRuntime().availableProcessors();
    List<Callable<Integer>> jobs = new ArrayList<>();
    renderers.forEach((installer, renderer) -> {
      InstallSpec[] machines = machines(installer);
      for (int i = 0; i < AT_ONCE; i++) {
        InstallSpec machine = machines[i % machines.length];
        jobs.add(() -> renderer.render(machine).ways().size());
      }
    });
    long begun = System.nanoTime();
    try (var threads = Executors.newFixedThreadPool(processors)) {
      for (var job : threads.invokeAll(jobs)) {
        job.get();
      }
    }
    System.out.printf(
        "%-12s %8.0f a second (%d processors)%n",
        "all at once", jobs.size() * 1e9 / (System.nanoTime() - begun), processors);
  }
}
