/**
 * The words of Millwright as records and sealed types: resources, values, validation, problems.
 *
 * <p>Pure: nothing here reads a file, a clock or the network, and everything may be shared between
 * threads.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.model;
