/** The server: everything put together by hand in {@link io.millwright.server.Main}. */
@org.jspecify.annotations.NullMarked
package io.millwright.server;
