/** Tells others what happens: events as CloudEvents, signed, to where a project wants them. */
@org.jspecify.annotations.NullMarked
package io.millwright.engine.webhook;
