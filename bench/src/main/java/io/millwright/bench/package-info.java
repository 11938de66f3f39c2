/** Benchmarks, each against its floor in the same run; started by {@code bench/run}. */
@NullMarked
package io.millwright.bench;

import org.jspecify.annotations.NullMarked;
