@NullMarked
package io.millwright.drivers.git;

import org.jspecify.annotations.NullMarked;
