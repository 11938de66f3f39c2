/**
 * What the engine needs of a database, as small interfaces that {@code store} implements.
 *
 * <p>Everything is reached through a {@link io.millwright.engine.port.Tx}, so that nothing can be
 * written outside a transaction. Only the database's clock counts for leases and cool-downs.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.engine.port;
