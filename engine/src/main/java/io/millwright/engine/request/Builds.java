package io.millwright.engine.request;

import io.millwright.engine.access.Caller;
import io.millwright.engine.port.Tx;
import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import java.time.InstantSource;
import java.util.Optional;

/** Has images built anew, though nothing else is declared of them. */
public final class Builds {
  /** Who asks for what is built by schedule, in its operation. */
  public static final Caller SCHEDULE = new Caller("schedule");

  private final InstantSource clock;

  public Builds(InstantSource clock) {
    this.clock = clock;
  }

  /**
   * Begins a build.
   *
   * @return the operation; that which goes on, if it is being built already
   * @throws ProblemException NOT_FOUND; CONFLICT if it is being deleted; INVALID if it is not built
   */
  public Operation build(Tx tx, Caller caller, String project, String name) {
    Resource<ImageSpec, ImageStatus> image =
        tx.resources()
            .lock(Kind.IMAGE, project, name)
            .orElseThrow(() -> Missing.of(tx, Kind.IMAGE, project, name))
            .as(ImageSpec.class, ImageStatus.class);
    if (image.deleting()) {
      throw ProblemException.of(Problem.Type.CONFLICT, image.title() + " is being deleted");
    }
    if (image.spec().build() == null) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          image.title()
              + " is not built here; it has no spec.build, so apply it with another source"
              + " instead");
    }
    Optional<Operation> active = tx.operations().active(image.uid());
    return active.isPresent()
        ? active.get()
        : Begin.operation(tx, image, Operation.Verb.BUILD, caller.name(), clock);
  }
}
