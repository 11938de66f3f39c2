/**
 * The database: the only place with SQL in it. Implements the ports of {@code
 * io.millwright.engine.port} on PostgreSQL 15 and newer.
 *
 * <p>{@link io.millwright.store.Database} opens it, {@link io.millwright.store.SqlStore} is the way
 * in, {@link io.millwright.store.WorkLoop} runs the reconcilers and {@link
 * io.millwright.store.Housekeeping} drops what is old. There is one small class for each port.
 */
@NullMarked
package io.millwright.store;

import org.jspecify.annotations.NullMarked;
