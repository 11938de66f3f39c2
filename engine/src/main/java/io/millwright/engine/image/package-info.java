/** The disk images that the server keeps: fetched, checked, and named by their checksum. */
@org.jspecify.annotations.NullMarked
package io.millwright.engine.image;
