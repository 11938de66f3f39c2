package io.millwright.bench;

import io.millwright.driver.Compute;
import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.HypervisorProvider;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.Media;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Observation;
import io.millwright.driver.Outcome;
import io.millwright.driver.Scope;
import io.millwright.driver.testkit.Lab;
import io.millwright.driver.testkit.VcenterLab;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.Mac;
import java.io.ByteArrayInputStream;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/**
 * What the vSphere driver costs beside the requests that it sends: machines are made and deleted in
 * a simulated vCenter, one after the other.
 *
 * <p>The floor is a bare loop that sends the very same requests in the same order, which were
 * written down before, and reads no answer but for the session and the few names that are another
 * vCenter's own. Both have a vCenter of their own that is new, so that objects get the same names
 * there; and every answer must have the status that it had. They take turns by some machines each,
 * and each is first as often as the other: what a whole run takes varies by a quarter on a machine
 * that is shared, what two parts take right after each other does not.
 */
public final class Vsphere {
  private static final String INSTALLATION = "0badcafe";

  /** Fewer, and half of what the driver costs is Java that compiles it. */
  private static final int WARM_UP = 300;

  private final Path directory;
  private final Disks.Image image;

  private Vsphere(Path directory) throws Exception {
    this.directory = directory;
    Path file = directory.resolve("image.raw");
    Files.write(file, new byte[1 << 20]);
    image = new Disks.Image(Lab.sha256(file), file, "raw", ByteSize.ofMib(1));
  }

  /** {@code DIRECTORY N SEEN PAIRS}: so many turns of each; with 0 for N only the observation. */
  public static void main(String[] arguments) throws Exception {
    Vsphere own = new Vsphere(Path.of(arguments[0]));
    if (Integer.parseInt(arguments[1]) > 0) {
      own.made(Integer.parseInt(arguments[1]), Integer.parseInt(arguments[3]));
    }
    own.seen(Integer.parseInt(arguments[2]));
  }

  // ------------------------------------------------------------------------------------ machines

  private void made(int count, int blocks) throws Exception {
    List<Recorder.Call> base;
    List<List<Recorder.Call>> created = new ArrayList<>();
    List<List<Recorder.Call>> deleted = new ArrayList<>();
    try (VcenterLab lab = VcenterLab.start();
        Recorder recorder = new Recorder(directory, URI.create(lab.url()), trust(lab));
        HypervisorDriver driver = open(recorder.url(), recorder.ca(), lab)) {
      begin(driver);
      base = recorder.take();
      for (int k = 0; k < blocks; k++) {
        create(driver, count * k / blocks, count * (k + 1) / blocks);
        created.add(recorder.take());
      }
      for (int k = 0; k < blocks; k++) {
        delete(driver, count * k / blocks, count * (k + 1) / blocks);
        deleted.add(recorder.take());
      }
    }
    told("make a machine", created, count);
    told("delete it", deleted, count);
    List<Run> ours = new ArrayList<>();
    List<Run> floor = new ArrayList<>();
    try (VcenterLab lab = VcenterLab.start();
        HypervisorDriver driver = open(lab.url(), lab.ca(), lab);
        VcenterLab other = VcenterLab.start();
        Loop loop = new Loop(other)) {
      begin(driver);
      loop.play(base);
      for (int i = 0; i < 2 * blocks; i++) {
        int k = i % blocks;
        int from = count * k / blocks;
        int to = count * (k + 1) / blocks;
        boolean makes = i < blocks;
        Work own =
            () -> {
              if (makes) {
                create(driver, from, to);
              } else {
                delete(driver, from, to);
              }
            };
        Work bare = () -> loop.play((makes ? created : deleted).get(k));
        if (i % 2 == 0) {
          ours.add(measure(lab, own));
          floor.add(measure(other, bare));
        } else {
          floor.add(measure(other, bare));
          ours.add(measure(lab, own));
        }
      }
    }
    List<Double> times = new ArrayList<>();
    List<Double> cpus = new ArrayList<>();
    for (int k = 0; k < blocks; k++) {
      Run own = ours.get(k).plus(ours.get(blocks + k));
      Run bare = floor.get(k).plus(floor.get(blocks + k));
      times.add(own.seconds() / bare.seconds());
      cpus.add(own.sum() / bare.sum());
    }
    Run own = ours.stream().reduce(Run::plus).orElseThrow();
    Run bare = floor.stream().reduce(Run::plus).orElseThrow();
    System.out.printf(
        "%d machines: driver %.1f s, %.1f s of CPU (and %.1f s the vCenter's); bare loop %.1f s,"
            + " %.1f s (and %.1f s): ratio %.3f, of all CPU %.3f%n",
        count,
        own.seconds(),
        own.cpu(),
        own.vcenter(),
        bare.seconds(),
        bare.cpu(),
        bare.vcenter(),
        own.seconds() / bare.seconds(),
        own.sum() / bare.sum());
    System.out.printf(
        "median of %d pairs %.3f (from %.3f to %.3f, half of them from %.3f to %.3f), of all CPU"
            + " %.3f; aim 1.100%n",
        blocks,
        part(times, 0.5),
        part(times, 0),
        part(times, 1),
        part(times, 0.25),
        part(times, 0.75),
        part(cpus, 0.5));
  }

  private static void told(String what, List<List<Recorder.Call>> blocks, int count) {
    List<Recorder.Call> calls = blocks.stream().flatMap(List::stream).toList();
    System.out.printf(
        "requests: %.1f to %s: %s%n", (double) calls.size() / count, what, names(calls, count));
  }

  /** What so large a part of them is not above. */
  private static double part(List<Double> of, double part) {
    List<Double> sorted = of.stream().sorted().toList();
    double at = part * (sorted.size() - 1);
    double below = sorted.get((int) Math.floor(at));
    return below + (sorted.get((int) Math.ceil(at)) - below) * (at - Math.floor(at));
  }

  /** What one way took, in seconds: by the clock, of this process, and of the vCenter. */
  private record Run(double seconds, double cpu, double vcenter) {
    double sum() {
      return cpu + vcenter;
    }

    Run plus(Run other) {
      return new Run(seconds + other.seconds, cpu + other.cpu, vcenter + other.vcenter);
    }
  }

  private static Run measure(VcenterLab lab, Work work) throws Exception {
    long pid = Long.parseLong(lab.get("VCENTER_PID"));
    double vcenter = cpu(pid);
    double own = cpu(ProcessHandle.current().pid());
    long begun = System.nanoTime();
    work.run();
    return new Run(
        (System.nanoTime() - begun) / 1e9,
        cpu(ProcessHandle.current().pid()) - own,
        cpu(pid) - vcenter);
  }

  private static double cpu(long pid) {
    return ProcessHandle.of(pid)
        .flatMap(p -> p.info().totalCpuDuration())
        .map(d -> d.toNanos() / 1e9)
        .orElseThrow();
  }

  private interface Work {
    void run() throws Exception;
  }

  /** The image is there, and Java has compiled what comes. */
  private void begin(HypervisorDriver driver) throws DriverException {
    done(driver.disks().orElseThrow().stage(image));
    create(driver, 0, WARM_UP);
    delete(driver, 0, WARM_UP);
  }

  private static Mark mark(int n) {
    return new Mark(INSTALLATION, new UUID(0x0199_0000_0000_7000L, 0x8000_0000_0000_0000L | n), 1);
  }

  private void create(HypervisorDriver driver, int from, int to) throws DriverException {
    Compute compute = driver.compute().orElseThrow();
    Disks disks = driver.disks().orElseThrow();
    Media media = driver.media().orElseThrow();
    for (int n = from; n < to; n++) {
      Mark mark = mark(n);
      ObjectName disk = new ObjectName(mark, ObjectName.SYSTEM);
      ObjectName seed = new ObjectName(mark, ObjectName.SEED);
      if (driver.observe(new Scope.One(mark.uid())).machine(mark.uid()).isPresent()) {
        throw new IllegalStateException("it is there already");
      }
      done(disks.create(disk, ByteSize.ofMib(2), image.sha256()));
      done(media.put(seed, new byte[64 << 10]));
      done(compute.define(machine(n, disk, seed.toString())));
      done(compute.start(mark));
      done(compute.define(machine(n, disk, null)));
      done(media.delete(seed));
      if (driver.observe(new Scope.One(mark.uid())).machine(mark.uid()).orElseThrow().state()
          != Observation.State.RUNNING) {
        throw new IllegalStateException("it does not run");
      }
    }
  }

  private static void delete(HypervisorDriver driver, int from, int to) throws DriverException {
    Compute compute = driver.compute().orElseThrow();
    Disks disks = driver.disks().orElseThrow();
    for (int n = from; n < to; n++) {
      Mark mark = mark(n);
      done(compute.stop(mark, true));
      done(compute.remove(mark));
      done(disks.delete(new ObjectName(mark, ObjectName.SYSTEM)));
      if (driver.observe(new Scope.One(mark.uid())).machine(mark.uid()).isPresent()) {
        throw new IllegalStateException("it is still there");
      }
    }
  }

  private static MachineDefinition machine(int n, ObjectName disk, @Nullable String medium) {
    return new MachineDefinition(
        mark(n),
        "bench-" + n,
        1,
        ByteSize.ofMib(128),
        Firmware.UEFI,
        List.of(new MachineDefinition.Disk(disk.toString(), "mwsystem")),
        List.of(new MachineDefinition.Nic(Mac.ofQemu(n), null, "DC0_DVPG0", null, null)),
        medium);
  }

  private static void done(Outcome outcome) {
    if (!outcome.equals(Outcome.DONE)) {
      throw new IllegalStateException(outcome.toString());
    }
  }

  // -------------------------------------------------------------------------------- observation

  private void seen(int count) throws Exception {
    try (VcenterLab lab = VcenterLab.start("--machines", Integer.toString(count / 2));
        Recorder recorder = new Recorder(directory, URI.create(lab.url()), trust(lab))) {
      List<Recorder.Call> session;
      List<Recorder.Call> round;
      try (HypervisorDriver driver = open(recorder.url(), recorder.ca(), lab)) {
        driver.observe(new Scope.All());
        session = recorder.take();
        driver.observe(new Scope.All());
        round = recorder.take();
      }
      try (HypervisorDriver driver = open(lab.url(), lab.ca(), lab);
          Loop loop = new Loop(lab)) {
        long cold = allocated();
        int machines = driver.observe(new Scope.All()).machines().size();
        System.out.printf(
            "the very first observation of %d machines: %d requests, %.1f MB read; %.0f MB"
                + " allocated%n",
            machines, session.size(), length(session) / 1e6, (allocated() - cold) / 1e6);
        for (int i = 0; i < 2; i++) {
          driver.observe(new Scope.All());
        }
        loop.play(session);
        System.gc();
        long before = used();
        long allocated = allocated();
        List<Observation> kept = new ArrayList<>();
        Run own = measure(lab, () -> kept.add(driver.observe(new Scope.All())));
        allocated = allocated() - allocated;
        System.gc();
        long after = used();
        Run floor = measure(lab, () -> loop.play(round));
        if (!kept.getFirst().complete()) {
          throw new IllegalStateException(kept.getFirst().gaps().toString());
        }
        System.out.printf(
            "one after that: %.2f s, %.2f s of CPU (and %.2f s the vCenter's), %d"
                + " requests, %.1f MB read; %.0f MB allocated, %.1f MB kept; bare loop %.2f s, %.2f"
                + " s of CPU (and %.2f s)%n",
            own.seconds(),
            own.cpu(),
            own.vcenter(),
            round.size(),
            length(round) / 1e6,
            allocated / 1e6,
            (after - before) / 1e6,
            floor.seconds(),
            floor.cpu(),
            floor.vcenter());
      }
    }
  }

  private static long length(List<Recorder.Call> calls) {
    return calls.stream().mapToLong(Recorder.Call::length).sum();
  }

  private static long used() {
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  /** Of all threads: that which reads the answers, and those that bring them. */
  private static long allocated() {
    return ((com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean())
        .getTotalThreadAllocatedBytes();
  }

  // ------------------------------------------------------------------------------------ bare loop

  /** Sends what was written down. */
  private static final class Loop implements AutoCloseable {
    private final HttpClient client;
    private final URI url;
    private final String password;
    private final Map<String, String> names = new HashMap<>(Map.of("", ""));
    private String cookie = "";

    Loop(VcenterLab lab) throws Exception {
      url = URI.create(lab.url());
      password = lab.password();
      client =
          HttpClient.newBuilder()
              .version(HttpClient.Version.HTTP_1_1)
              .sslContext(trust(lab))
              .build();
    }

    void play(List<Recorder.Call> script) throws Exception {
      for (Recorder.Call call : script) {
        HttpRequest.Builder request =
            HttpRequest.newBuilder(url.resolve(call.path()))
                .method(call.method(), HttpRequest.BodyPublishers.ofByteArray(body(call)));
        call.soapAction().forEach(a -> request.header("SOAPAction", a));
        if (call.authorized()) {
          request.header("Cookie", cookie);
        }
        HttpResponse<byte[]> response = client.send(request.build(), BodyHandlers.ofByteArray());
        if (response.statusCode() != call.status()) {
          throw new IllegalStateException(
              "the second one answered with "
                  + response.statusCode()
                  + ": "
                  + new String(response.body(), StandardCharsets.UTF_8)
                  + " to "
                  + new String(call.body(), StandardCharsets.UTF_8));
        }
        response.headers().firstValue("Set-Cookie").ifPresent(set -> cookie = set.split(";", 2)[0]);
        if (!names.keySet().containsAll(call.names())) {
          List<String> here = Recorder.names(response.body());
          for (int i = 0; i < here.size(); i++) {
            names.put(call.names().get(i), here.get(i));
          }
        }
      }
    }

    private byte[] body(Recorder.Call call) {
      if (call.body().length > 8192) {
        return call.body(); // a file
      }
      String text = new String(call.body(), StandardCharsets.ISO_8859_1);
      if (text.contains("<Login ")) {
        text = text.replaceFirst("<password>[^<]*", "<password>" + password);
      }
      for (Map.Entry<String, String> name : names.entrySet()) {
        if (!name.getKey().isEmpty()) {
          text = text.replace(name.getKey(), name.getValue());
        }
      }
      return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    @Override
    public void close() {
      client.close();
    }
  }

  // ------------------------------------------------------------------------------------- wiring

  private static HypervisorDriver open(String url, String ca, VcenterLab lab)
      throws DriverException {
    HypervisorProvider provider =
        ServiceLoader.load(HypervisorProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(p -> p.describe().name().equals("vsphere"))
            .findFirst()
            .orElseThrow();
    return provider.open(
        Map.of(
            "url",
            url,
            "user",
            lab.user(),
            "password",
            lab.password(),
            "ca",
            ca,
            "cluster",
            "DC0_C0",
            "resourcePool",
            "DC0_C0_RP1"),
        INSTALLATION);
  }

  private static SSLContext trust(VcenterLab lab) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    store.setCertificateEntry(
        "lab",
        CertificateFactory.getInstance("X.509")
            .generateCertificate(
                new ByteArrayInputStream(lab.ca().getBytes(StandardCharsets.US_ASCII))));
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext out = SSLContext.getInstance("TLS");
    out.init(null, trust.getTrustManagers(), null);
    return out;
  }

  /** How often what was asked for each machine, the most frequent first. */
  private static String names(List<Recorder.Call> calls, int count) {
    Pattern name = Pattern.compile("<soapenv:Body><([A-Za-z_]+)");
    Map<String, Integer> out = new TreeMap<>();
    for (Recorder.Call call : calls) {
      Matcher found =
          name.matcher(
              call.path().startsWith("/sdk")
                  ? new String(call.body(), StandardCharsets.ISO_8859_1)
                  : "");
      out.merge(found.find() ? found.group(1) : call.method() + " a file", 1, Integer::sum);
    }
    Stream<Map.Entry<String, Integer>> often =
        out.entrySet().stream().sorted(Map.Entry.<String, Integer>comparingByValue().reversed());
    return String.join(
        ", ",
        often
            .map(e ->
                e.getKey()
                    + " "
                    + String.format(Locale.ROOT, "%.1f", (double) e.getValue() / count))
            .toList());
  }
}
