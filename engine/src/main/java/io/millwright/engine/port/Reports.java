package io.millwright.engine.port;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/** What machines reported of their first boot, at most once for each system disk. */
public interface Reports {
  /**
   * A report.
   *
   * @param disk object name of the system disk that booted
   * @param body the report as JSON
   */
  record Report(UUID machine, String disk, Instant at, String body) {}

  /** Keeps a report; false if there is one of this machine and disk already. */
  boolean add(UUID machine, String disk, String body);

  /** Forgets a report, so that the same machine can boot that disk for the first time again. */
  void remove(UUID machine, String disk);

  Optional<Report> find(UUID machine, String disk);
}
