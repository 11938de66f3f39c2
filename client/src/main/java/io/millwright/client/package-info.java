/**
 * What a program needs to speak with a Millwright server, and nothing that it does not.
 *
 * <p>{@code MillwrightApi} is generated from {@code openapi.json}. Answers are JSON trees, so that
 * a field that a newer server adds is passed on and not lost. Nothing here needs a JSON mapper or
 * the JDK's HttpClient to start: the command line pays for each class with every call.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.client;
