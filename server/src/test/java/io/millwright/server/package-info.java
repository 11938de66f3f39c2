/** Tests of the whole, with real PostgreSQL and simulated outside systems. */
@org.jspecify.annotations.NullUnmarked
package io.millwright.server;
