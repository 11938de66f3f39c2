@org.jspecify.annotations.NullMarked
package io.millwright.drivers.mmdebstrap;
