/** The planner against a model of the outside world that its own steps change. */
@org.jspecify.annotations.NullMarked
package io.millwright.planner;
