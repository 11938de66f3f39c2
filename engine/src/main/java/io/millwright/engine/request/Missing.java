package io.millwright.engine.request;

import io.millwright.engine.port.Resources;
import io.millwright.engine.port.Tx;
import io.millwright.model.Kind;
import io.millwright.model.Names;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.Selector;
import java.util.List;
import java.util.Map;

/** What is said of a resource that is not there. */
public final class Missing {
  /** Among so many names a near one is looked for. */
  private static final int MOST = 200;

  private Missing() {}

  /** That it is not there, and the name that was meant, if there is one like it. */
  public static ProblemException of(Tx tx, Kind kind, String project, String name) {
    List<String> names =
        tx
            .resources()
            .list(new Resources.Query(kind, project, Selector.ALL, Map.of(), MOST, null))
            .items()
            .stream()
            .map(Resource::name)
            .toList();
    return ProblemException.of(
        Problem.Type.NOT_FOUND,
        "there is no " + kind + " " + name + " in project " + project + Names.hint(name, names));
  }
}
