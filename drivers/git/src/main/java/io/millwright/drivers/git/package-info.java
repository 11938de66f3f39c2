/** Reads manifests out of Git repositories, without ever checking one out. */
@NullMarked
package io.millwright.drivers.git;

import org.jspecify.annotations.NullMarked;
