package io.millwright.bench;

import io.millwright.media.Additions;
import io.millwright.media.ByteSource;
import io.millwright.media.Composed;
import io.millwright.media.Cpio;
import io.millwright.media.FileSource;
import io.millwright.media.Installer;
import io.millwright.media.IsoImage;
import io.millwright.media.RangeServer;
import io.millwright.media.VendorMedium;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;

/**
 * A machine's own medium out of a vendor's: {@code cold ISO}, {@code warm ISO}, {@code write ISO
 * TO}, {@code serve ISO}. Times are in milliseconds.
 */
final class Media {
  private static final int WARM_UP = 3000;
  private static final int RUNS = 1000;
  private static final Installer INSTALLER =
      new Installer("/install/vmlinuz", "/install/initrd.gz", List.of("console=ttyS0"));

  private Media() {}

  public static void main(String[] arguments) throws Exception {
    Path iso = Path.of(arguments[1]);
    switch (arguments[0]) {
      case "cold" -> cold(iso);
      case "warm" -> warm(iso);
      case "write" -> write(iso, Path.of(arguments[2]));
      case "serve" -> serve(iso);
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  /** Four files in the initrd, one on the medium, as an unattended Debian installation has them. */
  private static Additions additions(int machine) {
    byte[] answers = ("# machine " + machine + "\n").repeat(300).getBytes(StandardCharsets.UTF_8);
    return new Additions(
        Map.of("/machine.txt", answers),
        Map.of(
            "/preseed.cfg", new Cpio.File(0644, answers),
            "/early.sh", new Cpio.File(0755, answers),
            "/late.sh", new Cpio.File(0755, answers),
            "/network", new Cpio.File(0644, answers)),
        List.of("auto=true", "priority=critical"));
  }

  private static double milliseconds(long since) {
    return (System.nanoTime() - since) / 1e6;
  }

  /**
   * Of a program that has just begun: the index, then one medium; and the CPU that both took.
   * Java's cryptography is there, as in a server that has checked the token of who asks.
   */
  private static void cold(Path iso) throws Exception {
    MessageDigest.getInstance("SHA-256").digest();
    long begun = System.nanoTime();
    long cpu = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    try (FileSource base = FileSource.open(iso)) {
      VendorMedium vendor = new VendorMedium(IsoImage.read(base), INSTALLER);
      double indexed = milliseconds(begun);
      begun = System.nanoTime();
      vendor.own(additions(1));
      double composed = milliseconds(begun);
      cpu = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - cpu;
      System.out.printf("%.3f %.3f %.3f%n", indexed, composed, cpu / 1e6);
    }
  }

  private static void warm(Path iso) throws Exception {
    try (FileSource base = FileSource.open(iso)) {
      VendorMedium vendor = new VendorMedium(IsoImage.read(base), INSTALLER);
      double[] index = new double[100];
      for (int i = 0; i < index.length; i++) {
        long begun = System.nanoTime();
        IsoImage.read(base);
        index[i] = milliseconds(begun);
      }
      for (int i = 0; i < WARM_UP; i++) {
        vendor.own(additions(i));
      }
      double[] compose = new double[RUNS];
      for (int i = 0; i < RUNS; i++) {
        long begun = System.nanoTime();
        vendor.own(additions(i));
        compose[i] = milliseconds(begun);
      }
      Arrays.sort(index);
      Arrays.sort(compose);
      Composed one = vendor.own(additions(1));
      System.out.printf(
          "index %.2f ms; composed in %.3f ms (99 of 100 in %.3f ms); %d bytes of %d are its own%n",
          index[index.length / 2],
          compose[RUNS / 2],
          compose[RUNS * 99 / 100],
          one.own(base),
          one.size());
      hundred(vendor);
    }
  }

  private static void hundred(VendorMedium vendor) throws Exception {
    long before = used();
    long begun = System.nanoTime();
    List<Composed> all = new ArrayList<>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Callable<Composed>> jobs = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        Additions additions = additions(i);
        jobs.add(() -> vendor.own(additions));
      }
      for (var job : threads.invokeAll(jobs)) {
        all.add(job.get());
      }
    }
    double took = milliseconds(begun);
    long after = used();
    System.out.printf(
        "100 at once: %.1f ms, %.0f media/s; %.1f KiB of heap each (%d media kept)%n",
        took, 100 / took * 1000, (after - before) / 100.0 / 1024, all.size());
  }

  private static long used() {
    System.gc();
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  private static void write(Path iso, Path to) throws Exception {
    try (FileSource base = FileSource.open(iso)) {
      VendorMedium vendor = new VendorMedium(IsoImage.read(base), INSTALLER);
      Composed own = vendor.own(additions(1));
      long begun = System.nanoTime();
      own.writeTo(to, base);
      System.out.printf("%.1f%n", milliseconds(begun));
    }
  }

  /** Prints the address of the composed medium and of the plain file, and ends with its input. */
  private static void serve(Path iso) throws Exception {
    try (FileSource base = FileSource.open(iso);
        RangeServer server =
            RangeServer.open(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                InstantSource.system())) {
      Composed own = new VendorMedium(IsoImage.read(base), INSTALLER).own(additions(1));
      for (ByteSource medium : List.of(own, base)) {
        String path = server.offer(medium, "x.iso", Duration.ofHours(1), RangeServer.Use.DRIVE);
        System.out.println("http://127.0.0.1:" + server.port() + path);
      }
      System.in.transferTo(java.io.OutputStream.nullOutputStream());
    }
  }
}
