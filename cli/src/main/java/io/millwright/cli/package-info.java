/**
 * The command line. It knows the server's API only.
 *
 * <p>One class a command. Start time is a feature here: a call should cost less than a quarter of a
 * second, so only the command that was asked for is set up, and nothing loads a class that it may
 * not need.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.cli;
