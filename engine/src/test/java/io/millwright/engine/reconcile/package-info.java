/** Tests of the parts of reconcilers that decide. */
@org.jspecify.annotations.NullUnmarked
package io.millwright.engine.reconcile;
