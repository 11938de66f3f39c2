package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.millwright.engine.port.Audit;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Who did what. */
@RestController
@RequestMapping("/api/v1")
@Tag(name = "audit", description = "Who did what.")
final class AuditApi {
  private final Backend backend;

  AuditApi(Backend backend) {
    this.backend = backend;
  }

  /**
   * Something that was done, or was not.
   *
   * @param seq its place in the chain
   * @param who a person, a token, a source or {@code anonymous}; of a person's token both names
   * @param as what {@code who} is: person, token, source, or nobody who has shown who they are
   * @param origin address from which it was asked for
   * @param call method and path
   * @param kind of what it is about, or empty
   * @param project or empty
   * @param name of what it is about, or empty
   * @param result {@code done}, {@code refused}, or the kind of the problem
   * @param detail why it was refused, or empty
   * @param hash of this row and all before it
   */
  record ActView(
      long seq,
      Instant at,
      String who,
      String as,
      String origin,
      String verb,
      String call,
      String kind,
      String project,
      String name,
      String result,
      String detail,
      String hash) {
    static ActView of(Audit.Row row) {
      Audit.Act a = row.act();
      return new ActView(
          row.seq(),
          row.at(),
          a.who(),
          kind(a.caller()),
          a.origin(),
          a.verb(),
          a.call(),
          a.kind(),
          a.project(),
          a.name(),
          a.result(),
          a.detail(),
          row.hash());
    }

    private static String kind(String caller) {
      return switch (caller.substring(0, Math.max(0, caller.indexOf(':')))) {
        case "user" -> "person";
        case "token" -> "token";
        case "source" -> "source";
        default -> "nobody";
      };
    }
  }

  /**
   * A part of the audit, newest first.
   *
   * @param next to be given as {@code before} for the following part; left out at the end
   */
  record AuditView(List<ActView> items, @Nullable Long next) {}

  /**
   * Whether the audit is as it was written.
   *
   * @param rows how many there are
   * @param seq place of the last one, or 0
   * @param head hash of the last one; noted elsewhere with its place, it shows later that nothing
   *     was rewritten or cut off
   * @param altered the first row that is not as it was written, or is gone; left out if there is
   *     none
   */
  record VerificationView(long rows, long seq, String head, @Nullable Long altered) {}

  private static final Pattern ROW = Pattern.compile("([0-9]{1,18}):([0-9a-f]{64})");

  private static final String WHO = "only what this one did, by whatever token of theirs";
  private static final String RESULT =
      "only what this became of: done, held, refused, or the kind of a problem, such as forbidden";
  private static final List<String> RESULTS =
      Stream.concat(
              Stream.of("done", "held", "refused"),
              Arrays.stream(Problem.Type.values()).map(Problem.Type::slug))
          .toList();
  private static final String BEFORE = "only what came before this place";

  @Operation(operationId = "listAudit", summary = "Tells who did what, newest first")
  @Needs(value = Verb.AUDIT, where = Needs.Where.HOUSE)
  @GetMapping("/audit")
  AuditView list(
      @Parameter(description = WHO) @RequestParam(required = false) @Nullable String who,
      @Parameter(description = RESULT) @RequestParam(required = false) @Nullable String result,
      @Parameter(description = Inputs.WORDS) @RequestParam(required = false) @Nullable String q,
      @RequestParam(defaultValue = "100") int limit,
      @Parameter(description = BEFORE) @RequestParam(required = false) @Nullable Long before) {
    return listed(null, who, result, q, limit, before);
  }

  @Operation(
      operationId = "listProjectAudit",
      summary = "Tells who did what in a project, newest first")
  @Needs(Verb.AUDIT)
  @GetMapping("/projects/{project}/audit")
  AuditView list(
      @PathVariable String project,
      @Parameter(description = WHO) @RequestParam(required = false) @Nullable String who,
      @Parameter(description = RESULT) @RequestParam(required = false) @Nullable String result,
      @Parameter(description = Inputs.WORDS) @RequestParam(required = false) @Nullable String q,
      @RequestParam(defaultValue = "100") int limit,
      @Parameter(description = BEFORE) @RequestParam(required = false) @Nullable Long before) {
    return listed(project, who, result, q, limit, before);
  }

  private AuditView listed(
      @Nullable String project,
      @Nullable String who,
      @Nullable String result,
      @Nullable String q,
      int limit,
      @Nullable Long before) {
    Inputs.limit(limit);
    Inputs.word("result", result, RESULTS);
    List<String> words = Inputs.words(q);
    List<Audit.Row> rows =
        backend.store().read(tx -> tx.audit().list(project, who, result, words, limit, before));
    return new AuditView(
        rows.stream().map(ActView::of).toList(), rows.size() < limit ? null : rows.getLast().seq());
  }

  @Operation(
      operationId = "verifyAudit",
      summary = "Computes the audit's chain of hashes anew",
      description = "And names the first row that was altered or taken out.")
  @Needs(value = Verb.AUDIT, where = Needs.Where.HOUSE)
  @GetMapping("/audit/verification")
  VerificationView verify(
      @Parameter(description = "a row as it was noted once, as SEQ:HASH; it has to be there still")
          @RequestParam(required = false)
          @Nullable String noted) {
    Audit.Noted row = noted == null ? null : noted(noted);
    Audit.Verdict verdict = Audit.verify(backend.store(), row, Audit.PART);
    return new VerificationView(verdict.rows(), verdict.seq(), verdict.head(), verdict.altered());
  }

  private static Audit.Noted noted(String text) {
    Matcher row = ROW.matcher(text);
    if (!row.matches()) {
      throw ProblemException.invalid(
          "noted", "must be SEQ:HASH, as it was told: a number, and 64 hex digits");
    }
    return new Audit.Noted(Long.parseLong(row.group(1)), row.group(2));
  }
}
