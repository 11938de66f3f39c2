package io.millwright.engine;

/**
 * Who asks.
 *
 * @param name of the token
 */
public record Caller(String name) {}
