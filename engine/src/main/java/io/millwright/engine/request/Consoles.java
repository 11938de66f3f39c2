package io.millwright.engine.request;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.HypervisorDriver;
import io.millwright.driver.Mark;
import io.millwright.driver.Screen;
import io.millwright.driver.SerialConsole;
import io.millwright.engine.machine.Lookup;
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
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Opens consoles and screens of machines. */
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
   * What opens a machine's screen once.
   *
   * @param url where a viewer connects, straight to the hypervisor; a secret
   * @param protocol that is spoken there
   * @param thumbprint of the certificate that answers there, or null if it is like any other
   */
  public record Ticket(String url, String protocol, @Nullable String thumbprint) {
    /** Without what opens it. */
    @Override
    public String toString() {
      return "a ticket of " + protocol;
    }
  }

  /**
   * Opens the serial console of a machine.
   *
   * @throws ProblemException NOT_FOUND; CONFLICT if it does not run or has none; UNAVAILABLE if its
   *     hypervisor does not answer
   */
  public Session openSerial(String project, String name) {
    return session(
        at(
            project,
            name,
            (driver, mark) ->
                driver
                    .serialConsole()
                    .orElseThrow(() ->
                        new DriverException(
                            FaultKind.UNSUPPORTED, "this hypervisor offers no serial console"))
                    .open(mark)));
  }

  /**
   * Opens the screen of a machine, of which the server passes on the bytes of RFB.
   *
   * @throws ProblemException as from {@link #openSerial}
   */
  public Session openScreen(String project, String name) {
    return session(
        at(
            project,
            name,
            (driver, mark) ->
                driver
                    .vnc()
                    .orElseThrow(() ->
                        new DriverException(
                            FaultKind.UNSUPPORTED, "this hypervisor passes no screens on"))
                    .open(mark)));
  }

  private static Session session(SerialConsole.Session session) {
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
  }

  /**
   * Has the hypervisor make a ticket to a machine's screen.
   *
   * @return none if it is the server that passes the screen on, by {@link #openScreen}
   * @throws ProblemException as from {@link #openSerial}
   */
  public Optional<Ticket> screen(String project, String name) {
    Optional<Screen.Ticket> made =
        at(
            project,
            name,
            (driver, mark) -> {
              if (driver.screen().isEmpty() && driver.vnc().isEmpty()) {
                throw new DriverException(
                    FaultKind.UNSUPPORTED,
                    "this hypervisor shows no screens; open the serial console");
              }
              return driver.screen().isPresent()
                  ? Optional.of(driver.screen().get().ticket(mark))
                  : Optional.empty();
            });
    return made.map(t -> new Ticket(t.url().toString(), t.protocol(), t.thumbprint()));
  }

  /** What is done with a machine where it lives. */
  private interface Act<T> {
    T on(HypervisorDriver driver, Mark mark) throws DriverException;
  }

  private <T> T at(String project, String name, Act<T> act) {
    record Found(
        Resource<MachineSpec, MachineStatus> machine,
        Resource<HypervisorSpec, HypervisorStatus> hypervisor,
        String installation) {}
    Found found =
        store.read(tx -> {
          Resource<MachineSpec, MachineStatus> machine =
              tx.resources()
                  .find(Kind.MACHINE, project, name)
                  .orElseThrow(() -> Missing.of(tx, Kind.MACHINE, project, name))
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
      return outside.call(found.hypervisor(), driver -> act.on(driver, mark));
    } catch (DriverException e) {
      Problem.Type type =
          e.kind() == FaultKind.UNREACHABLE ? Problem.Type.UNAVAILABLE : Problem.Type.CONFLICT;
      throw ProblemException.of(type, e.forUser());
    }
  }
}
