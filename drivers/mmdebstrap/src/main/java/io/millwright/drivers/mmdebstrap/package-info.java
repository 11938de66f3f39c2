/** Golden Debian disks by mmdebstrap, from the apt sources of the machine itself. */
@org.jspecify.annotations.NullMarked
package io.millwright.drivers.mmdebstrap;
