package io.millwright.engine;

import io.millwright.driver.DriverException;
import io.millwright.driver.Mark;
import io.millwright.driver.SerialConsole;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.port.Store;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import java.io.Closeable;
import java.io.IOException;

/** Opens consoles of machines. */
public final class Consoles {
  private final Store store;
  private final Outside outside;

  public Consoles(Store store, Outside outside) {
    this.store = store;
    this.outside = outside;
  }

  /** An open console. Closing it ends a read that is under way. */
  public interface Session extends Closeable {
    /** Reads what the machine printed; blocks until there is something; -1 at the end. */
    int read(byte[] buffer) throws IOException;

    void write(byte[] bytes, int length) throws IOException;
  }

  /**
   * Opens the serial console of a machine.
   *
   * @throws ProblemException NOT_FOUND; CONFLICT if it does not run or has none; UNAVAILABLE if its
   *     hypervisor does not answer
   */
  public Session openSerial(String project, String name) {
    record Found(
        Resource<MachineSpec, MachineStatus> machine,
        Resource<HypervisorSpec, HypervisorStatus> hypervisor,
        String installation) {}
    Found found =
        store.read(tx -> {
          Resource<MachineSpec, MachineStatus> machine =
              tx.resources()
                  .find(Kind.MACHINE, project, name)
                  .orElseThrow(() -> Delete.notFound(Kind.MACHINE, project, name))
                  .as(MachineSpec.class, MachineStatus.class);
          String place = machine.status().hypervisor();
          if (place == null) {
            throw ProblemException.of(
                Problem.Type.CONFLICT, machine.title() + " is not placed yet");
          }
          return new Found(
              machine,
              Lookup.get(
                  tx,
                  Kind.HYPERVISOR,
                  project,
                  place,
                  HypervisorSpec.class,
                  HypervisorStatus.class),
              tx.installation());
        });
    Mark mark = new Mark(found.installation(), found.machine().uid(), found.machine().generation());
    try {
      SerialConsole.Session session =
          outside.call(
              found.hypervisor(),
              driver ->
                  driver
                      .serialConsole()
                      .orElseThrow(() ->
                          new DriverException(
                              io.millwright.driver.FaultKind.UNSUPPORTED,
                              "this hypervisor offers no serial console"))
                      .open(mark));
      return new Session() {
        @Override
        public int read(byte[] buffer) throws IOException {
          return session.read(buffer);
        }

        @Override
        public void write(byte[] bytes, int length) throws IOException {
          session.write(bytes, length);
        }

        @Override
        public void close() throws IOException {
          session.close();
        }
      };
    } catch (DriverException e) {
      Problem.Type type =
          e.kind() == io.millwright.driver.FaultKind.UNREACHABLE
              ? Problem.Type.UNAVAILABLE
              : Problem.Type.CONFLICT;
      throw ProblemException.of(type, e.forUser());
    }
  }
}
