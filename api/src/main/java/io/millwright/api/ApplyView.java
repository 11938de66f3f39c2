package io.millwright.api;

import io.millwright.engine.access.ApprovalRule.Need;
import io.millwright.engine.request.Applied;
import io.millwright.model.Kind;
import io.millwright.model.manifest.Diff.Change;
import io.millwright.planner.Step;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * What an apply did, or would do.
 *
 * @param approval what has to be had before it is done, of a dry run; left out if nobody has to
 *     approve it
 */
record ApplyView(List<ItemView> items, @Nullable NeedView approval) {

  /**
   * What became of one resource.
   *
   * @param changes of its declaration
   * @param impact on a machine, of a dry run: create, in place, restart, rebuild, repair
   * @param destroys true if something is gone afterwards that cannot be made again
   * @param steps that would be taken, of a dry run; otherwise the operation has them
   * @param keeps what a rebuild leaves as it is, of a dry run
   * @param note what the plan of a dry run could not be made from; left out if all was seen
   * @param operation that carries it out; left out if there is nothing to carry out
   */
  record ItemView(
      Kind kind,
      String project,
      String name,
      Applied.Action action,
      List<ChangeView> changes,
      String impact,
      boolean destroys,
      List<StepView> steps,
      List<String> keeps,
      @Nullable String note,
      @Nullable UUID operation) {

    static ItemView of(Applied a, boolean dryRun) {
      return new ItemView(
          a.resource().kind(),
          a.resource().project(),
          a.resource().name(),
          a.action(),
          a.changes().stream().map(ChangeView::of).toList(),
          a.impact(),
          a.steps().stream().anyMatch(Step::destroys),
          a.steps().stream().map(s -> new StepView(s.title(), s.destroys())).toList(),
          a.keeps(),
          a.note(),
          // What a dry run began was rolled back.
          dryRun || a.operation() == null ? null : a.operation().uid());
    }
  }

  /**
   * One difference.
   *
   * @param path for example {@code spec.nics[0].ipv4}
   * @param before left out for what is new
   * @param after left out for what is gone
   */
  record ChangeView(String path, @Nullable JsonNode before, @Nullable JsonNode after) {
    static ChangeView of(Change c) {
      return new ChangeView(c.path(), c.before(), c.after());
    }
  }

  /**
   * A step that would be taken.
   *
   * @param title for people
   * @param destroys true if something is gone afterwards that cannot be made again
   */
  record StepView(String title, boolean destroys) {}

  /**
   * Approval that has to be had.
   *
   * @param people how many have to approve it
   * @param because why, in words
   */
  record NeedView(int people, List<String> because) {}

  /** The same with what has to be had before. */
  ApplyView needing(Map<String, Need> needs) {
    return needs.isEmpty()
        ? this
        : new ApplyView(
            items,
            new NeedView(
                needs.values().stream().mapToInt(Need::people).max().orElse(0),
                needs.values().stream().flatMap(n -> n.because().stream()).toList()));
  }

  static ApplyView of(List<Applied> applied, boolean dryRun) {
    return new ApplyView(applied.stream().map(a -> ItemView.of(a, dryRun)).toList(), null);
  }
}
