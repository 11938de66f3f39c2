package io.millwright.client;

import tools.jackson.databind.JsonNode;

/**
 * One event of a stream.
 *
 * @param name what it tells, such as {@code modified}; {@code message} if the server named nothing
 * @param id from where to go on after a break; empty if the stream cannot be resumed
 * @param data a missing node if there was none
 */
public record Event(String name, String id, JsonNode data) {}
