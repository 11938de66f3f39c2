/**
 * The PostgreSQL that Millwright carries with it, for whoever has none of their own: the real
 * server, unpacked, initialised, started, adopted and stopped in one directory.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.store.embedded;
