package io.millwright.model;

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
 * @param trial uid of the machine by which it is checked; null if there was none yet
 * @param message why it failed, or null
 */
public record ImageBuild(
    int number,
    @Nullable UUID operation,
    Instant begunAt,
    State state,
    @Nullable String sha256,
    @Nullable Long fileSize,
    @Nullable ByteSize virtualSize,
    @Nullable UUID trial,
    @Nullable String message) {

  /** What a build is. */
  public enum State {
    /** A machine made from it has to become ready first. */
    CHECKING,
    /** New machines are made from it. */
    CURRENT,
    /** Machines were made from it, until there was a newer one. */
    FORMER,
    /** It could not be made, or did not pass its check; no machine is made from it. */
    FAILED
  }

  public ImageBuild as(State next) {
    return new ImageBuild(
        number, operation, begunAt, next, sha256, fileSize, virtualSize, trial, message);
  }

  public ImageBuild failed(String why) {
    return new ImageBuild(
        number, operation, begunAt, State.FAILED, sha256, fileSize, virtualSize, trial, why);
  }

  public ImageBuild tried(UUID machine) {
    return new ImageBuild(
        number, operation, begunAt, state, sha256, fileSize, virtualSize, machine, message);
  }

  /** Its file is gone; that there was one stays to be read. */
  public ImageBuild pruned() {
    return new ImageBuild(number, operation, begunAt, state, null, null, null, trial, message);
  }
}
