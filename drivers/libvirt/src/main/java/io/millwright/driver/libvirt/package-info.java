/**
 * QEMU/KVM machines by libvirt.
 *
 * <p>From the outside in: {@link io.millwright.driver.libvirt.LibvirtProvider} opens a {@code
 * LibvirtHypervisor}, which has one small class a facet. All of them ask through one {@code Line},
 * which knows about threads, deadlines and lost connections; it hands out a {@code Connection},
 * which knows about libvirt's handles and errors; and that calls {@code Libvirt}, the C functions.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.driver.libvirt;
