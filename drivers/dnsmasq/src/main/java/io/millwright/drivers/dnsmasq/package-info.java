/**
 * DHCP reservations and DNS names by dnsmasq.
 *
 * <p>dnsmasq is started by whoever owns the host, with {@code dhcp-hostsdir=DIR/dhcp} and {@code
 * hostsdir=DIR/hosts}; this driver puts one file a machine into each, and never restarts it. What
 * dnsmasq 2.90 (Debian 12) does of its own accord, found by experiment:
 *
 * <table>
 *   <caption>When a file in a watched directory is added, replaced or removed</caption>
 *   <tr><td></td><td>hostsdir</td><td>dhcp-hostsdir</td></tr>
 *   <tr><td>added</td><td>names answer at once</td><td>served at once, unless the address is
 *       reserved already: then the line is dropped, with a line in dnsmasq's log only</td></tr>
 *   <tr><td>replaced</td><td>old names go, new ones answer</td><td>new lines are added, old ones
 *       stay</td></tr>
 *   <tr><td>removed</td><td>names go</td><td>nothing: still served</td></tr>
 * </table>
 *
 * <p>So names need no signal at all, and reservations need SIGHUP when one was replaced or removed.
 * On SIGHUP dnsmasq reads everything again. That takes time with the square of the number of
 * reservations (1,000: 40 ms; 10,000: 1.7 s), during which it answers nobody, and signals that come
 * meanwhile queue up one by one: hence {@link io.millwright.drivers.dnsmasq.Daemon} spaces them.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.drivers.dnsmasq;
