package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Showback.Line;
import io.millwright.engine.port.Showback.Prices;
import io.millwright.model.Names;
import io.millwright.model.ProblemException;
import io.millwright.model.manifest.Json;
import io.swagger.v3.oas.annotations.Hidden;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/** What machines cost, and what each project had. */
@RestController
@RequestMapping("/api/v1")
@Tag(name = "showback", description = "What machines cost, and what each project had.")
final class ShowbackApi {
  private static final BigDecimal MOST = new BigDecimal("1000000");
  private static final int DIGITS = 6;
  private static final int MOST_SIZES = 1000;

  private final Backend backend;

  ShowbackApi(Backend backend) {
    this.backend = backend;
  }

  /**
   * What machines cost.
   *
   * @param currency three letters, such as EUR
   * @param sizes for an hour of a machine, by the name of its Size in the project shared, such as
   *     0.02; others of these cost nothing, and a project's own Sizes have no price
   */
  record PricesView(String currency, Map<String, String> sizes) {
    static PricesView of(Prices p) {
      Map<String, String> sizes = new TreeMap<>();
      p.sizes().forEach((size, price) -> sizes.put(size, price.toPlainString()));
      return new PricesView(p.currency(), sizes);
    }
  }

  @Operation(operationId = "getPrices", summary = "Tells what machines cost")
  @Needs(value = Verb.SIGN_IN, where = Needs.Where.HANDLER)
  @GetMapping("/prices")
  PricesView prices() {
    return PricesView.of(backend.store().read(tx -> tx.showback().prices()));
  }

  @Operation(
      operationId = "putPrices",
      summary = "Says what machines cost from now on",
      description =
          "In place of what was said before; hours that have passed cost what they did, and so the"
              + " currency stays once there was a price: another one is answered with 409.")
  @Needs(value = Verb.LIMIT, where = Needs.Where.HOUSE)
  @PutMapping("/prices")
  PricesView price(@RequestBody Body body) {
    Prices prices = read(body);
    return PricesView.of(
        backend
            .store()
            .inTransaction(tx -> {
              tx.showback().price(prices);
              return tx.showback().prices();
            }));
  }

  private static Prices read(Body body) {
    JsonNode params;
    try {
      params = Json.mapper().readTree(body.bytes());
    } catch (JacksonException e) {
      throw ProblemException.invalid("", "must be JSON with currency and sizes");
    }
    for (String field : params.propertyNames()) {
      if (!List.of("currency", "sizes").contains(field)) {
        throw ProblemException.invalid(
            Names.isWord(field) ? field : Names.quote(field),
            "is no field of it; there are: currency, sizes");
      }
    }
    String currency = params.path("currency").asString("");
    if (!currency.matches("[A-Z]{3}")) {
      throw ProblemException.invalid("currency", "must be three letters, such as EUR");
    }
    JsonNode given = params.path("sizes");
    if (!given.isObject() || given.size() > MOST_SIZES) {
      throw ProblemException.invalid(
          "sizes", "must map names of at most " + MOST_SIZES + " Sizes to prices of an hour");
    }
    Map<String, BigDecimal> sizes = new TreeMap<>();
    given
        .properties()
        .forEach(p -> {
          if (!Names.isLabel(p.getKey())) {
            throw ProblemException.invalid(
                "sizes", Names.quote(p.getKey()) + " is no name of a Size");
          }
          sizes.put(p.getKey(), price(p.getKey(), p.getValue().asString("")));
        });
    return new Prices(currency, sizes);
  }

  private static BigDecimal price(String size, String text) {
    if (text.matches("[0-9]{1,7}(\\.[0-9]{1," + DIGITS + "})?")) {
      BigDecimal price = new BigDecimal(text);
      if (price.compareTo(MOST) <= 0) {
        return price;
      }
    }
    throw ProblemException.invalid(
        "sizes." + size, "must be 0 to " + MOST + " with at most " + DIGITS + " decimals");
  }

  /**
   * What a project had of a size.
   *
   * @param machines so many different ones
   * @param hours of all of them together, from declaring each until it was gone
   * @param cost at the prices that were in force; left out for a Size of the project's own, which
   *     has no price
   */
  record LineView(String project, String size, long machines, String hours, @Nullable String cost) {
    static LineView of(Line l) {
      BigDecimal cost = l.cost();
      return new LineView(
          l.project(),
          l.size(),
          l.machines(),
          l.hours().toPlainString(),
          cost == null ? null : cost.toPlainString());
    }
  }

  /**
   * A month.
   *
   * @param month in UTC, such as 2026-11; the present one up to now
   * @param total of all lines that have a price
   */
  record ShowbackView(String month, String currency, List<LineView> items, String total) {}

  @Operation(
      operationId = "getShowback",
      summary = "Tells what a project had in a month, and what that cost",
      description = "The project `-` stands for all. With `Accept: text/csv` as a table.")
  @Needs(value = Verb.VIEW, where = Needs.Where.PROJECTS)
  @GetMapping(path = "/projects/{project}/showback", produces = "application/json")
  ShowbackView showback(
      @PathVariable String project,
      @Parameter(description = "Such as 2026-11; the present one if not given.")
          @RequestParam(required = false)
          @Nullable String month) {
    String one = Inputs.projectOrAll(project);
    YearMonth wanted = month(month);
    record Found(String currency, List<Line> lines) {}
    Found found =
        backend
            .store()
            .read(tx ->
                new Found(
                    tx.showback().prices().currency(),
                    tx.showback().month(wanted, one, Callers.visible())));
    return new ShowbackView(
        wanted.toString(),
        found.currency(),
        found.lines().stream().map(LineView::of).toList(),
        found.lines().stream()
            .map(Line::cost)
            .filter(Objects::nonNull)
            .reduce(BigDecimal.ZERO, BigDecimal::add)
            .toPlainString());
  }

  /** The same as a table; nothing in it needs quotes, for names are labels. */
  @Hidden // the description has it with the other form
  @Needs(value = Verb.VIEW, where = Needs.Where.PROJECTS)
  @GetMapping(path = "/projects/{project}/showback", produces = "text/csv")
  ResponseEntity<byte[]> csv(
      @PathVariable String project, @RequestParam(required = false) @Nullable String month) {
    ShowbackView view = showback(project, month);
    StringBuilder out = new StringBuilder("month,project,size,machines,hours,cost,currency\r\n");
    for (LineView l : view.items()) {
      out.append(
          String.join(
              ",",
              view.month(),
              l.project(),
              l.size(),
              Long.toString(l.machines()),
              l.hours(),
              l.cost() == null ? "without price" : l.cost(),
              view.currency() + "\r\n"));
    }
    return ResponseEntity.ok()
        .header("Content-Type", "text/csv;charset=UTF-8")
        .header("Content-Disposition", "attachment; filename=\"showback-" + view.month() + ".csv\"")
        .body(out.toString().getBytes(StandardCharsets.UTF_8));
  }

  private YearMonth month(@Nullable String text) {
    if (text == null) {
      return YearMonth.now(ZoneOffset.UTC);
    }
    try {
      if (text.matches("2[0-9]{3}-[0-9]{2}")) {
        return YearMonth.parse(text);
      }
    } catch (DateTimeException e) {
      // said below
    }
    throw ProblemException.invalid("month", Names.quote(text) + " is no month, such as 2026-11");
  }
}
