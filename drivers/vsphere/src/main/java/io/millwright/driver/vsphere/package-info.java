/**
 * vSphere machines, by a vCenter or a stand-alone ESXi host.
 *
 * <p>From the outside in: {@link io.millwright.driver.vsphere.VsphereProvider} opens a {@code
 * VsphereHypervisor}, which has one small class a facet. They find things by {@code Place}, follow
 * work by {@code Tasks}, and ask through one {@code Vim}: a client of the vim25 protocol that knows
 * about sessions and faults, and nothing of what is asked. A message is a tree of {@code Element}s;
 * their order is the schema's, which a real vCenter minds.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.driver.vsphere;
