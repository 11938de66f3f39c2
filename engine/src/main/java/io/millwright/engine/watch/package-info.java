/**
 * Who hears of what happens: watchers of lists and operations, and webhooks, which get it as
 * CloudEvents, signed, to where a project wants them.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.engine.watch;
