/**
 * Outside worlds for tests: a simulated hypervisor, network services and image builder with faults
 * on request, the contract test that every hypervisor driver passes, and the real lab.
 *
 * <p>The simulation keeps the same contract as the real drivers, and is proven by the same test.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.driver.testkit;
