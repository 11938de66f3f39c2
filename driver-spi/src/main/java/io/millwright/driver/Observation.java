package io.millwright.driver;

import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Dated facts about a hypervisor.
 *
 * @param at when the listing began
 * @param machines ours and foreign ones
 * @param disks ours only; others are not listed
 * @param media ours only, half-sent ones as well
 * @param images sha256 of the images that are staged completely
 * @param halfImages sha256 of those of which there is a part, as of a copying that was broken off
 * @param host null if only one machine was looked at
 * @param gaps what could not be seen, one line each; what is missing from an observation with gaps
 *     is unknown, not absent
 */
public record Observation(
    Instant at,
    List<Machine> machines,
    List<Disk> disks,
    List<Medium> media,
    List<String> images,
    List<String> halfImages,
    @Nullable Host host,
    List<String> gaps) {

  /** One in which no image is there in part. */
  public Observation(
      Instant at,
      List<Machine> machines,
      List<Disk> disks,
      List<Medium> media,
      List<String> images,
      @Nullable Host host,
      List<String> gaps) {
    this(at, machines, disks, media, images, List.of(), host, gaps);
  }

  /** What a machine is doing. */
  public enum State {
    RUNNING,
    STOPPED,
    PAUSED,
    /** It stopped by a fault of its own. */
    CRASHED
  }

  /**
   * A virtual machine, as it is defined; for a running one that counts from its next start.
   *
   * @param mark null for a foreign one
   * @param devices that it sees; null if its disks and cards are not all of one of these kinds, and
   *     for foreign machines whatever they see
   * @param disks object names of its disks that are ours, in order
   * @param nics its cards and what they are attached to, in order; of a foreign one all are told
   *     when it alone is looked at
   * @param medium object name of the medium in its drive, or null
   * @param installer true if it starts an installer's kernel, or has a vendor's installation medium
   *     in its second drive
   * @param lasting false if it runs and there will be nothing of it once it stops, because somebody
   *     has removed its definition
   * @param foreignDisks what else it has as disks, as that is called there, without directories; of
   *     one that we have defined
   */
  public record Machine(
      UUID uid,
      String name,
      @Nullable Mark mark,
      State state,
      int cores,
      ByteSize memory,
      @Nullable Devices devices,
      List<String> disks,
      List<MachineDefinition.Nic> nics,
      @Nullable String medium,
      boolean installer,
      boolean lasting,
      List<String> foreignDisks) {
    /** A machine that stays when it stops, and has no disks but ours. */
    public Machine(
        UUID uid,
        String name,
        @Nullable Mark mark,
        State state,
        int cores,
        ByteSize memory,
        @Nullable Devices devices,
        List<String> disks,
        List<MachineDefinition.Nic> nics,
        @Nullable String medium,
        boolean installer) {
      this(
          uid, name, mark, state, cores, memory, devices, disks, nics, medium, installer, true,
          List.of());
    }

    /** A machine with paravirtual devices that starts from its system disk. */
    public Machine(
        UUID uid,
        String name,
        @Nullable Mark mark,
        State state,
        int cores,
        ByteSize memory,
        List<String> disks,
        List<MachineDefinition.Nic> nics,
        @Nullable String medium) {
      this(uid, name, mark, state, cores, memory, Devices.PARAVIRTUAL, disks, nics, medium, false);
    }
  }

  /**
   * A disk of ours.
   *
   * @param grows false if it is known that {@link Disks#grow} will be refused, whatever the size
   */
  public record Disk(ObjectName name, ByteSize size, boolean grows) {
    public Disk(ObjectName name, ByteSize size) {
      this(name, size, true);
    }
  }

  /**
   * A seed of ours, or a file that a machine boots directly.
   *
   * @param whole false if it is still being sent, or the sending was broken off
   */
  public record Medium(ObjectName name, boolean whole) {
    public Medium(ObjectName name) {
      this(name, true);
    }
  }

  /**
   * The hypervisor's own facts.
   *
   * @param acceleration {@code kvm} or {@code emulation}, or {@code hardware} where the hypervisor
   *     has no other way
   * @param diskFree where disks go
   * @param endpoint whose machines are listed, in a word of the outside system's own that no other
   *     one has: the same for two drivers whose listings tell of the same machines, whatever their
   *     settings say of where new ones go
   */
  public record Host(
      String version,
      String acceleration,
      int cores,
      ByteSize memory,
      ByteSize diskFree,
      String endpoint) {}

  public boolean complete() {
    return gaps.isEmpty();
  }

  /** The same without what bears one of these uids. */
  public Observation without(Set<UUID> uids) {
    return uids.isEmpty()
        ? this
        : new Observation(
            at,
            machines.stream().filter(m -> !uids.contains(m.uid())).toList(),
            disks.stream().filter(d -> !uids.contains(d.name().mark().uid())).toList(),
            media.stream().filter(m -> !uids.contains(m.name().mark().uid())).toList(),
            images,
            halfImages,
            host,
            gaps);
  }

  /** The same, and what only the other one tells, of the same endpoint. */
  public Observation and(Observation other) {
    return new Observation(
        at,
        union(machines, other.machines, Machine::uid),
        union(disks, other.disks, Disk::name),
        union(media, other.media, Medium::name),
        union(images, other.images, image -> image),
        union(halfImages, other.halfImages, image -> image),
        host,
        union(gaps, other.gaps, gap -> gap));
  }

  private static <T> List<T> union(List<T> some, List<T> others, Function<T, ?> key) {
    Set<Object> known = some.stream().map(key).collect(Collectors.toSet());
    return Stream.concat(some.stream(), others.stream().filter(o -> !known.contains(key.apply(o))))
        .toList();
  }

  public Optional<Machine> machine(UUID uid) {
    return machines.stream().filter(m -> m.uid().equals(uid)).findFirst();
  }
}
