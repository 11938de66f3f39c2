package io.millwright.engine.port;

import java.math.BigDecimal;
import java.time.YearMonth;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** How long machines were there, and what that costs. */
public interface Showback {
  /**
   * What machines cost.
   *
   * @param currency three letters, such as EUR
   * @param sizes for an hour of a machine, by the name of its Size in the project shared; others of
   *     these cost nothing
   */
  record Prices(String currency, Map<String, BigDecimal> sizes) {
    public Prices {
      sizes = Map.copyOf(sizes);
    }
  }

  /**
   * What a project had of a size in a month.
   *
   * @param machines so many different ones
   * @param hours of all of them together
   * @param cost at the prices that were in force; null for a Size of the project's own, which has
   *     no price, though one of the same name may have one
   */
  record Line(
      String project, String size, long machines, BigDecimal hours, @Nullable BigDecimal cost) {}

  Prices prices();

  /**
   * Puts the prices in place from now on; what was before costs what it did.
   *
   * @throws io.millwright.model.ProblemException CONFLICT for another currency, once there was a
   *     price
   */
  void price(Prices prices);

  /**
   * A month, in UTC, up to now; sorted by project and size.
   *
   * @param project null for all
   * @param among the projects of which the asker may know, or null for all
   */
  List<Line> month(YearMonth month, @Nullable String project, @Nullable Set<String> among);
}
