package io.millwright.store;

import io.millwright.engine.port.Journal;
import io.millwright.engine.port.Showback;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.math.BigDecimal;
import java.sql.Types;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.core.simple.JdbcClient.StatementSpec;

/** The time of machines, which a trigger writes, and prices. */
final class SqlShowback implements Showback {
  private final JdbcClient jdbc;

  SqlShowback(JdbcClient jdbc) {
    this.jdbc = jdbc;
  }

  @Override
  public Prices prices() {
    Map<String, BigDecimal> sizes = new TreeMap<>();
    jdbc.sql("SELECT DISTINCT ON (size) size, per_hour FROM price ORDER BY size, since DESC")
        .query(row -> {
          BigDecimal price = row.getBigDecimal("per_hour");
          if (price != null) {
            sizes.put(row.getString("size"), price.stripTrailingZeros());
          }
        });
    return new Prices(
        jdbc.sql("SELECT currency FROM price_list").query(String.class).single(), sizes);
  }

  @Override
  public void price(Prices prices) {
    // The row of the list is locked, so that two lists do not mix.
    String present =
        jdbc.sql("SELECT currency FROM price_list FOR UPDATE").query(String.class).single();
    if (!present.equals(prices.currency())) {
      if (jdbc.sql("SELECT EXISTS (SELECT FROM price)").query(Boolean.class).single()) {
        throw ProblemException.of(
            Problem.Type.CONFLICT,
            "hours that have passed were priced in %1$s, and would be told in %2$s without being"
                    .formatted(present, prices.currency())
                + " converted; give prices in "
                + present);
      }
      jdbc.sql("UPDATE price_list SET currency = :currency")
          .param("currency", prices.currency())
          .update();
    }
    Map<String, BigDecimal> before = prices().sizes();
    prices
        .sizes()
        .forEach((size, price) -> {
          BigDecimal old = before.get(size);
          if (old == null || old.compareTo(price) != 0) {
            put(size, price);
          }
        });
    before.keySet().stream()
        .filter(size -> !prices.sizes().containsKey(size))
        .forEach(size -> put(size, null));
    tell();
  }

  /** Everybody may see prices. */
  private void tell() {
    jdbc.sql("INSERT INTO journal (project, uid, name, change) VALUES ('', :uid, :name, 'NOTE')")
        .param("uid", Journal.OF_EVERYBODY)
        .param("name", Journal.OF_AN_ACT)
        .update();
  }

  private void put(String size, @Nullable BigDecimal price) {
    jdbc.sql(
            """
            INSERT INTO price (size, since, per_hour) VALUES (:size, clock_timestamp(), :price)
            """)
        .param("size", size)
        .param("price", price, Types.NUMERIC)
        .update();
  }

  @Override
  public List<Line> month(YearMonth month, @Nullable String project, @Nullable Set<String> among) {
    StringBuilder sql =
        new StringBuilder(
            """
            WITH span AS (
              SELECT CAST(:begin AS timestamptz) AS begins,
                     least(CAST(:end AS timestamptz), clock_timestamp()) AS ends),
            had AS (
              SELECT m.project, m.size, m.shared, m.machine, greatest(m.since, span.begins) AS since,
                     least(coalesce(m.until, 'infinity'), span.ends) AS until
              FROM machine_time m, span
              WHERE m.since < span.ends AND (m.until IS NULL OR m.until > CAST(:begin AS timestamptz))),
            priced AS (
              SELECT size, since, per_hour,
                     lead(since, 1, 'infinity') OVER (PARTITION BY size ORDER BY since) AS until
              FROM price)
            SELECT h.project, h.size, h.shared, count(DISTINCT h.machine) AS machines,
                   round(CAST(sum(extract(epoch FROM h.until - h.since)) / 3600 AS numeric), 2)
                     AS hours,
                   CASE WHEN h.shared
                     THEN round(CAST(coalesce(sum(c.cost), 0) AS numeric), 4) END AS cost
            FROM had h CROSS JOIN LATERAL (
              SELECT sum(extract(epoch FROM least(h.until, p.until) - greatest(h.since, p.since))
                         / 3600 * p.per_hour) AS cost
              FROM priced p
              WHERE p.size = h.size AND p.since < h.until AND p.until > h.since) c
            WHERE true\
            """);
    if (project != null) {
      sql.append(" AND h.project = :project");
    }
    if (among != null) {
      sql.append(" AND h.project = ANY (:among)");
    }
    sql.append(" GROUP BY h.project, h.size, h.shared ORDER BY h.project, h.size, h.shared DESC");
    StatementSpec statement =
        jdbc.sql(sql.toString())
            .param("begin", month.atDay(1).atStartOfDay().atOffset(ZoneOffset.UTC))
            .param("end", month.plusMonths(1).atDay(1).atStartOfDay().atOffset(ZoneOffset.UTC));
    if (project != null) {
      statement = statement.param("project", project);
    }
    if (among != null) {
      statement = statement.param("among", Columns.texts(among));
    }
    return statement
        .query((row, n) ->
            new Line(
                row.getString("project"),
                row.getString("size"),
                row.getLong("machines"),
                row.getBigDecimal("hours"),
                row.getBigDecimal("cost")))
        .list();
  }
}
