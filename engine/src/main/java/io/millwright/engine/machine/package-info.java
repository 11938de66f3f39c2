/**
 * A machine with all that it names: what it should be on its hypervisor, and what its installer or
 * its first boot is told.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.engine.machine;
