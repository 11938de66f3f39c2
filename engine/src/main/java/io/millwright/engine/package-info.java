/**
 * Observe, plan, act: requests become declarations and operations, and reconcilers carry them out.
 *
 * <p>The folders stand on each other, the upper on the lower, but {@code access} and {@code port},
 * which name each other:
 *
 * <ul>
 *   <li>{@code Engine} puts all together, by hand.
 *   <li>{@code reconcile}: the loop. Each kind of resource with outside effects has a reconciler.
 *   <li>{@code request}: what people ask for, each a class of its own.
 *   <li>{@code machine}: a machine with all that it names, and what its first boot is told.
 *   <li>{@code image}: files of images and media; {@code watch}: who hears of what happens.
 *   <li>{@code outside}: the way to drivers and to other people's servers.
 *   <li>{@code access}: who may do what; {@code port}: what the engine needs of a database.
 * </ul>
 */
@org.jspecify.annotations.NullMarked
package io.millwright.engine;
