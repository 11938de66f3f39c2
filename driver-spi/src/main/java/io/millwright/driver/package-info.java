/**
 * The boundary to the outside world.
 *
 * <p>A driver speaks to one kind of outside system. Its optional abilities are facets, and the
 * presence of a facet is the capability: core code asks for a facet and never for a driver's name.
 *
 * <p>The contract, which the shared contract test checks:
 *
 * <ul>
 *   <li>Every act is idempotent: done again, after a success whose answer was lost as well, it ends
 *       in the same state and reports {@link io.millwright.driver.Outcome.Done}.
 *   <li>Removing what is not there is done already.
 *   <li>Nothing is changed or removed whose {@link io.millwright.driver.Mark} does not show it to
 *       be ours; such an act fails with {@link io.millwright.driver.FaultKind#CONFLICT}.
 *   <li>A machine sees the models of disks, drives and cards that its definition says ({@link
 *       io.millwright.model.Devices}), and an observation tells them: with emulated ones a system
 *       without drivers of virtual hardware starts, reads its media and has a network.
 *   <li>A machine that runs is observed to have a disk until its guest has let go of it ({@link
 *       io.millwright.driver.HotPlug}): who sees it with nobody may give it to somebody else.
 *   <li>Failures are {@link io.millwright.driver.DriverException}s with the kind on which the retry
 *       policy hangs; a call that may have had its effect fails with {@code UNREACHABLE}.
 *   <li>A call may block; whoever calls sets a deadline and interrupts the thread. An interrupted
 *       call ends soon, with {@code UNREACHABLE} and the thread's interrupt flag set, or as if it
 *       had not been interrupted.
 *   <li>Closing a driver ends the calls and sessions that are under way, and every later act fails
 *       with {@code UNREACHABLE}.
 *   <li>Objects are safe for use by several threads.
 *   <li>Secrets never stand in an exception's message or in a log.
 * </ul>
 */
@org.jspecify.annotations.NullMarked
package io.millwright.driver;
