/**
 * DHCP reservations and DNS names by dnsmasq.
 *
 * <p>Whoever owns the host starts two of them: one for DHCP, with {@code port=0} and {@code
 * dhcp-hostsdir=DIR/dhcp}, and one for DNS, with {@code hostsdir=DIR/hosts} and without any {@code
 * dhcp-range}. This driver puts one file a machine into each directory, and never restarts either.
 * Two, because a dnsmasq that does both answers for every name it has leased until the lease ends,
 * and nothing but D-Bus or the guest itself ends one early: a deleted machine's name would outlive
 * it. Leaving names out of the reservations and {@code dhcp-ignore-names} do not help: it then
 * takes a lease's name from the hosts file, unless that name's domain is not its own. With {@code
 * port=0} a lease is no name, and a guest cannot claim one; the host name is still told to the
 * guest. The one for DHCP has to tell guests of the one for DNS, by {@code
 * dhcp-option=option:dns-server,ADDRESS}.
 *
 * <p>What dnsmasq 2.90 (Debian 12) does of its own accord, found by experiment:
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
 * Names answer all the while, for the other one does not get the signal.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.drivers.dnsmasq;
