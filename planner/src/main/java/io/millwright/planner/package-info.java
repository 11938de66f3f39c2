/**
 * What to do: pure functions from what was declared and what was observed to a {@link
 * io.millwright.planner.Plan}.
 *
 * <p>No clock, no input or output and no chance in here. The same functions answer {@code
 * millwright plan}, the preview, the reconcilers and the tests.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.planner;
