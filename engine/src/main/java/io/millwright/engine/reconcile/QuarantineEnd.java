package io.millwright.engine.reconcile;

import io.millwright.driver.DriverException;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.engine.outside.Busy;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Quarantine;
import io.millwright.engine.port.Store;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.Resource;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Deletes the disks of deleted volumes whose days in quarantine are over. */
final class QuarantineEnd {
  private static final Logger LOG = LoggerFactory.getLogger(QuarantineEnd.class);

  private final Store store;
  private final Disposal disposal;
  private final InstantSource clock;

  QuarantineEnd(Store store, Outside outside, InstantSource clock) {
    this.store = store;
    this.disposal = new Disposal(store, outside, clock);
    this.clock = clock;
  }

  /**
   * Those of one hypervisor that are due; what cannot be deleted now is tried in the next round.
   */
  void empty(Resource<HypervisorSpec, HypervisorStatus> hypervisor) {
    Instant now = clock.instant();
    List<Quarantine.Entry> due =
        store.read(tx -> tx.quarantine().on(hypervisor.uid())).stream()
            .filter(e -> !now.isBefore(e.until()))
            .toList();
    for (Quarantine.Entry entry : due) {
      try {
        empty(hypervisor, entry);
      } catch (DriverException e) {
        LOG.warn("{} stays in quarantine: {}", entry.disk(), e.forUser());
      } catch (Busy e) {
        return;
      }
    }
  }

  private void empty(Resource<HypervisorSpec, HypervisorStatus> hypervisor, Quarantine.Entry due)
      throws DriverException {
    // From this commit on nobody can restore it: what is half deleted must not come back.
    boolean mine =
        store.inTransaction(tx -> {
          // Since the list was read it may have been restored, and deleted again for other days.
          Optional<Quarantine.Entry> entry =
              tx.quarantine()
                  .lock(due.uid())
                  .filter(e -> e.disk().equals(due.disk()))
                  .filter(e -> !clock.instant().isBefore(e.until()));
          entry.ifPresent(e -> tx.quarantine().empty(e.uid()));
          return entry.isPresent();
        });
    if (!mine) {
      return;
    }
    Outcome outcome = disposal.delete(hypervisor, ObjectName.parse(due.disk()).orElseThrow());
    if (outcome instanceof Outcome.Running) {
      return; // it goes on over there, and the next round asks again
    }
    store.write(tx -> {
      tx.quarantine().remove(due.uid());
      tx.journal()
          .note(
              Kind.VOLUME,
              due.volume().project(),
              due.uid(),
              due.volume().name(),
              "QuarantineEnded",
              "Its days in quarantine are over, and its disk " + due.disk() + " was deleted.");
    });
  }
}
