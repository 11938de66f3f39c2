/**
 * The people's door: resources, operations and events over HTTP.
 *
 * <p>One file a resource: {@code XxxParams} come in, {@code XxxView} goes out. What a request means
 * is decided in the backend; here it is read, authorised and answered.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.api;
