/**
 * Installation media: reading a vendor's ISO image, and making a machine's own out of it without
 * unpacking or copying it.
 *
 * <p>The vendor's image is indexed once by {@link io.millwright.media.IsoImage}. A {@link
 * io.millwright.media.Composer} then says what differs, and the result, a {@link
 * io.millwright.media.Composed}, is a list of pieces: ranges of the vendor's file, changed sectors,
 * and what was appended. It exists in memory only and is read like a file: over HTTP, into a copy,
 * or as a stream.
 *
 * <p>The same input gives the same bytes. Everything but a {@link io.millwright.media.Composer} may
 * be shared between threads.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.media;
