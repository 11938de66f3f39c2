/**
 * Observe, plan, act: requests from people become declarations and operations, and reconcilers
 * carry them out.
 *
 * <p>Each request is a class of its own ({@link io.millwright.engine.request.Apply}, {@link
 * io.millwright.engine.request.Delete}, ...). Each kind of resource that has outside effects has a
 * reconciler in {@code reconcile}. The outside world is reached through {@code outside}, the
 * database through {@code port}.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.engine;
