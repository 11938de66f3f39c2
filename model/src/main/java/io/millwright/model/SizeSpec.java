package io.millwright.model;

/**
 * The shape of a machine.
 *
 * @param cores virtual processors, 1 to 512
 * @param memory 64 MiB to 64 TiB
 * @param disk of the system, 64 MiB to 64 TiB; the image must fit into it
 */
public record SizeSpec(int cores, ByteSize memory, ByteSize disk) implements Spec {
  public static final ByteSize LEAST = ByteSize.ofMib(64);

  @Override
  public void check(Violations at) {
    at.field("cores").require(cores >= 1 && cores <= 512, "must be 1 to 512");
    check(memory, at.field("memory"));
    check(disk, at.field("disk"));
  }

  private static void check(ByteSize size, Violations at) {
    at.require(
        size.compareTo(LEAST) >= 0 && size.compareTo(ByteSize.MOST) <= 0,
        "must be " + LEAST + " to " + ByteSize.MOST);
  }
}
