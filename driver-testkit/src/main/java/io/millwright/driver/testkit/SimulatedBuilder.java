package io.millwright.driver.testkit;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.ImageBuilder;
import io.millwright.model.ImageSpec;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Builds a real, empty qcow2 image of 1 GiB in a file of 256 KiB: valid for every reader of qcow2,
 * bootable for none. Another spec gives another file, and so another checksum; the same, the same.
 */
public final class SimulatedBuilder implements ImageBuilder {
  /** The disk in every image that it builds. */
  public static final long VIRTUAL_SIZE = 1L << 30;

  private static final int CLUSTER_BITS = 16;
  private static final int CLUSTER = 1 << CLUSTER_BITS;
  private static final Faults FAULTS = new Faults();
  private static final Map<String, Faults> OWN = new ConcurrentHashMap<>();
  private static final Map<String, Integer> EDITIONS = new ConcurrentHashMap<>();

  public SimulatedBuilder() {}

  /** The script of what goes wrong, the same for all builders of the process. */
  public static Faults faults() {
    return FAULTS;
  }

  /** The script for what is built of this version, which from now on has one of its own. */
  public static Faults faults(String version) {
    return OWN.computeIfAbsent(version, v -> new Faults());
  }

  /** What is built of this version comes out otherwise from now on, as when packages are newer. */
  public static void renew(String version) {
    EDITIONS.merge(version, 1, Integer::sum);
  }

  @Override
  public String name() {
    return SimulatedProvider.NAME;
  }

  @Override
  public void build(ImageSpec spec, Path out, Path work, Progress progress)
      throws DriverException, InterruptedException {
    progress.at(0, "building");
    progress.log("simulated build of " + spec.os() + " " + spec.version());
    boolean whole = false;
    try {
      whole =
          OWN.getOrDefault(spec.version(), FAULTS)
              .run(
                  new Call(Verb.BUILD, null, spec.os() + " " + spec.version()),
                  true,
                  () -> {
                    try {
                      Files.write(out, image(about(spec)), StandardOpenOption.CREATE_NEW);
                      return true;
                    } catch (IOException e) {
                      throw new DriverException(
                          FaultKind.REFUSED, "The image cannot be written.", e.toString(), e);
                    }
                  });
      if (Thread.interrupted()) {
        whole = false;
        throw new InterruptedException("the build was interrupted");
      }
    } catch (DriverException e) {
      if (Thread.interrupted()) {
        throw new InterruptedException("the build was interrupted");
      }
      throw e;
    } finally {
      if (!whole) {
        discard(out);
      }
    }
    progress.at(100, "done");
  }

  private static String about(ImageSpec spec) {
    Integer edition = EDITIONS.get(spec.version());
    return (edition == null ? "" : edition + " ") + spec;
  }

  private static void discard(Path out) {
    try {
      Files.deleteIfExists(out);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** Header, refcount table, refcount block and an L1 table of nothing, one cluster each. */
  private static byte[] image(String about) {
    byte[] note = about.getBytes(StandardCharsets.UTF_8);
    int noteLength = Math.min(note.length, 4096);
    ByteBuffer out = ByteBuffer.allocate(4 * CLUSTER);
    out.putInt(0x514649fb).putInt(3); // "QFI\xfb", version 3
    out.putLong(0).putInt(0); // no backing file
    out.putInt(CLUSTER_BITS).putLong(VIRTUAL_SIZE).putInt(0); // not encrypted
    out.putInt((int) (VIRTUAL_SIZE >> (CLUSTER_BITS + CLUSTER_BITS - 3))); // L1 entries
    out.putLong(3L * CLUSTER); // L1 table
    out.putLong(CLUSTER).putInt(1); // refcount table, clusters of it
    out.putInt(0).putLong(0); // no snapshots
    out.putLong(0).putLong(0).putLong(0); // no feature bits
    out.putInt(4).putInt(104); // 16-bit refcounts, header length
    // An extension that no reader knows is passed over; ours makes the checksum speak of the spec.
    out.putInt(0x4d57494d).putInt(noteLength).put(note, 0, noteLength);
    out.position((out.position() + 7) & ~7);
    out.putLong(0); // end of extensions
    out.putLong(CLUSTER, 2L * CLUSTER); // the one refcount block
    for (int cluster = 0; cluster < 4; cluster++) {
      out.putShort(2 * CLUSTER + 2 * cluster, (short) 1);
    }
    return out.array();
  }
}
