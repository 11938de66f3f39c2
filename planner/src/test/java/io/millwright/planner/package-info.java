/** Tests of the planner. */
@org.jspecify.annotations.NullUnmarked
package io.millwright.planner;
