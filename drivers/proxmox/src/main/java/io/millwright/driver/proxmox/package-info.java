/**
 * Machines of Proxmox VE, a single node or a cluster, over its REST API.
 *
 * <p>From the outside in: {@link io.millwright.driver.proxmox.ProxmoxProvider} opens a {@code
 * ProxmoxHypervisor}, which has one small class a facet. They look at one {@code Cluster}, the
 * listing that tells where everything is and whose it is, follow work by {@code Tasks}, and ask
 * through one {@code Api}, which knows about tokens and faults, and nothing of what is asked.
 * {@code Options} is the language in which Proxmox VE writes what a machine has.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.driver.proxmox;
