package io.millwright.engine.request;

import io.millwright.engine.machine.Lookup;
import io.millwright.engine.port.Projects;
import io.millwright.engine.port.Tx;
import io.millwright.model.Kind;
import io.millwright.model.Names;
import io.millwright.model.OfferSpec;
import io.millwright.model.PlainStatus;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.manifest.Draft;
import io.millwright.model.manifest.Form;
import java.util.List;
import java.util.Map;

/**
 * The catalogue. An order is nothing but an apply of what the offer's manifests say when they are
 * filled in: by the same rights, quotas and approvals as if whoever orders had written them.
 */
public final class Offers {
  private Offers() {}

  /**
   * What an order declares, in the project that orders.
   *
   * @param project that orders; the offer is looked for there, and then in the shared one
   * @param values by the names of the offer's parameters
   * @throws ProblemException NOT_FOUND, or INVALID with what is wrong with the values
   */
  public static List<Draft> order(Tx tx, String project, String name, Map<String, String> values) {
    Resource<OfferSpec, PlainStatus> offer =
        new Lookup(tx)
            .find(Kind.OFFER, project, name)
            .filter(o -> !o.deleting())
            .orElseThrow(() ->
                ProblemException.of(
                    Problem.Type.NOT_FOUND,
                    "there is no Offer "
                        + name
                        + " in project "
                        + project
                        + ", nor in project "
                        + Projects.SHARED))
            .as(OfferSpec.class, PlainStatus.class);
    String from = offer.project() + "/" + offer.name();
    return Form.fill(offer.spec(), values, offer.title()).stream()
        .map(draft -> draft.orProject(project).annotated(Names.ORDERED_FROM, from))
        .toList();
  }
}
