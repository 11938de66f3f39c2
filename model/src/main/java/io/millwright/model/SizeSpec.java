package io.millwright.model;

/**
 * The shape of a machine.
 *
 * @param cores virtual processors, 1 to 512
 * @param memory at least 64 MiB
 * @param disk of the system, at least 64 MiB; the image must fit into it
 */
public record SizeSpec(int cores, ByteSize memory, ByteSize disk) implements Spec {
  public static final ByteSize LEAST_DISK = ByteSize.ofMib(64);

  @Override
  public void check(Violations at) {
    at.field("cores").require(cores >= 1 && cores <= 512, "must be 1 to 512");
    at.field("memory").require(memory.mib() >= 64, "must be at least 64MiB");
    at.field("disk").require(disk.compareTo(LEAST_DISK) >= 0, "must be at least 64MiB");
  }
}
