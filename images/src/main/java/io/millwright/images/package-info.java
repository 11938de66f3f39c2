/**
 * From one typed description of a machine to what configures it: {@link
 * io.millwright.images.InstallSpec}, a {@link io.millwright.images.Renderer} for each way of
 * installing, and the media that carry the result.
 *
 * <p>Pure: nothing here reads a clock, the network or a file of the machine; the same input gives
 * the same bytes. Everything may be shared between threads.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.images;
