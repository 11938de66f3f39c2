package io.millwright.model;

/**
 * One thing that is wrong with an input.
 *
 * @param field path of the field, for example {@code spec.nics[0].mac}; empty for the whole
 * @param message what is wrong and what would be right, one line
 */
public record Violation(String field, String message) {}
