/**
 * The way to the outside world: open drivers, each behind a gate that bounds how many calls go
 * through at once and for how long.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.engine.outside;
