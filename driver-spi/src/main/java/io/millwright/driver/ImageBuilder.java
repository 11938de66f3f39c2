package io.millwright.driver;

import io.millwright.model.ImageSpec;
import java.nio.file.Path;

/** Builds golden disk images; found by {@link java.util.ServiceLoader}. */
public interface ImageBuilder {
  /** As in a manifest, for example {@code mmdebstrap}. */
  String name();

  /** Hears how a build goes. */
  interface Progress {
    /**
     * @param percent 0 to 100
     * @param what is being done, a few words
     */
    void at(int percent, String what);

    /** A line of the build's log. */
    void log(String line);
  }

  /**
   * Builds a qcow2 image into a file that does not exist yet, and leaves nothing else behind, in
   * success, failure and interruption.
   *
   * @param work an empty directory for its own use
   * @throws DriverException if it failed
   * @throws InterruptedException if the thread was interrupted; the build has ended then
   */
  void build(ImageSpec spec, Path out, Path work, Progress progress)
      throws DriverException, InterruptedException;
}
