package io.millwright.model;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One time that an image was made.
 *
 * @param number 1 for the first one; no number comes twice
 * @param operation that made it; null for one from before builds were counted
 * @param begunAt when that began
 * @param state what it is now
 * @param sha256 of the disk image; null if none came of it, or none is left
 * @param fileSize in bytes
 * @param virtualSize what a machine's disk must at least have
 * @param trial uid of the machine that is installed for it, or by which it is checked; null if
 *     there is none yet
 * @param message why it failed, or null
 */
@RecordBuilder
public record ImageBuild(
    int number,
    @Nullable UUID operation,
    Instant begunAt,
    State state,
    @Nullable String sha256,
    @Nullable Long fileSize,
    @Nullable ByteSize virtualSize,
    @Nullable UUID trial,
    @Nullable String message)
    implements ImageBuildBuilder.With {

  /** What a build is. */
  public enum State {
    /** A machine is installed whose system disk will be its file. */
    INSTALLING,
    /** A machine made from it has to become ready first. */
    CHECKING,
    /** New machines are made from it. */
    CURRENT,
    /** Machines were made from it, until there was a newer one. */
    FORMER,
    /** It could not be made, or did not pass its check; no machine is made from it. */
    FAILED
  }

  /** It has a file, which is looked at next; nothing of the machine is needed any more. */
  public ImageBuild made(String checksum, long size, ByteSize disk) {
    return with(
        b -> b.state(State.CHECKING).sha256(checksum).fileSize(size).virtualSize(disk).trial(null));
  }

  public ImageBuild failed(String why) {
    return with(b -> b.state(State.FAILED).message(why));
  }

  /** Its file is gone; that there was one stays to be read. */
  public ImageBuild pruned() {
    return with(b -> b.sha256(null).fileSize(null).virtualSize(null));
  }
}
