package io.millwright.engine.port;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * What machines reported of their first boot: at most once for each system disk that it has ended,
 * and before that what they are at.
 */
public interface Reports {
  /**
   * A report.
   *
   * @param disk object name of the system disk that booted
   * @param at when it came
   * @param ended false if the first boot was still going on then
   * @param body the report as JSON
   */
  record Report(UUID machine, String disk, Instant at, boolean ended, String body) {}

  /** Keeps the report of a first boot's end; false if there is one of this machine and disk. */
  boolean add(UUID machine, String disk, String body);

  /**
   * Keeps what a first boot is at, in place of what it was at before; false if it has ended, or
   * told something within the last half second.
   *
   * @param at now
   */
  boolean tell(UUID machine, String disk, String body, Instant at);

  /** Forgets a report, so that the same machine can boot that disk for the first time again. */
  void remove(UUID machine, String disk);

  Optional<Report> find(UUID machine, String disk);
}
