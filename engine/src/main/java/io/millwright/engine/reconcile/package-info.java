/**
 * Reconcilers: each is told only which resource to look at, observes, plans, and runs the next
 * steps, every one recorded before and after.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.engine.reconcile;
